//! A repository whose hosts die one after the other.

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clap::ValueEnum;
use fastrand::Rng;
use serde_json::json;
use switchboard::crash::Point;
use tempfile::TempDir;
use tokio::process::Command;

use super::cut::Shim;
use super::findings::{Figures, Findings};
use super::ledger::Ledger;
use super::receiver::Receiver;
use super::{load, place, rest, survival};
use crate::support::host::{Host, command_that_logs};

/// How long a host may live that is to die by itself.
const PATIENCE: Duration = Duration::from_secs(60);

/// SIGKILL.
const KILLED: i32 = 9;

/// How a host dies.
#[derive(Clone, Copy, Debug)]
pub enum Death {
    /// So long after it was ready.
    After(Duration),
    /// So long after it was started.
    WhileStarting(Duration),
    /// At its n-th passage of a point.
    At(Point, usize),
    /// In its n-th operation on a file of the repository, where a shim watches.
    InOperation(usize),
}

/// A repository, everybody who asks something of its hosts, and what was found.
pub struct Rig {
    folder: TempDir,
    token: String,
    flags: Vec<OsString>,
    receiver: Receiver,
    ledger: Arc<Mutex<Ledger>>,
    shim: Option<Shim>,
    rng: Rng,
    /// What was done and found so far.
    pub figures: Figures,
}

impl Rig {
    /// A company in a hurry; its hosts get these flags. With a shim, their power is cut when they die.
    pub async fn new(seed: u64, flags: &[&str], shim: Option<Shim>) -> Self {
        let folder = TempDir::new().unwrap();
        let token = place::furnish(folder.path()).await;
        let receiver = Receiver::open().await;
        let flags = flags.iter().map(OsString::from).collect();
        let (rng, ledger, figures) = (Rng::with_seed(seed), Arc::default(), Figures::default());
        let rig = Self { folder, token, flags, receiver, ledger, shim, rng, figures };
        rig.lead_replies().await;
        rig
    }

    /// Has replies go to the receiver, by a host that ends in order.
    async fn lead_replies(&self) {
        let mut host = Host::try_start(&mut self.ordinary(), &self.token).await.unwrap();
        let address = self.receiver.address;
        let change = json!({
            "settings": { "reply_url": format!("http://{address}/replies") },
            "reply_hosts": [address.to_string()],
        });
        let changed = host.caller().try_send("PATCH", "/v1/inboxes/chat", None, &change).await.unwrap();
        assert_eq!(changed.status(), 200);
        host.ask_to_stop();
        assert!(host.ended().await.success());
    }

    fn ordinary(&self) -> Command {
        // That one was killed is no news here.
        command_that_logs("error", self.folder.path())
    }

    /// A host lives and dies: it is asked after all that was answered before, and then kept busy.
    pub async fn live(&mut self, death: Death) {
        let mut command = self.ordinary();
        command.args(&self.flags);
        let die_at = if let Death::InOperation(operation) = death { Some(operation) } else { None };
        if let Death::At(point, passage) = death {
            let name = point.to_possible_value().unwrap();
            command.arg("--crash-at").arg(format!("{}:{passage}", name.get_name()));
        }
        if let Some(shim) = &self.shim {
            shim.watch(&mut command, self.folder.path(), die_at);
        }
        let ended = self.live_by(command, death).await;
        assert_eq!(ended.signal(), Some(KILLED), "{death:?}: {ended}");
        self.figures.kills += 1;
        if let Some(shim) = &self.shim {
            let unsynchronised = shim.cut(self.folder.path(), &mut self.rng);
            self.figures.cuts += 1;
            self.figures.with_loss += usize::from(!unsynchronised.is_empty());
            let itself = unsynchronised.iter().any(|it| it.ends_with("switchboard.db"));
            self.figures.while_carrying_over += usize::from(itself);
            // What was found before may be gone now.
            let mut ledger = self.ledger.lock().unwrap();
            let all: Vec<_> = ledger.items.keys().copied().collect();
            ledger.unchecked.extend(all);
        }
    }

    async fn live_by(&mut self, mut command: Command, death: Death) -> ExitStatus {
        let patience = if let Death::WhileStarting(moment) = death { moment } else { PATIENCE };
        let mut host = match Host::start_within(&mut command, &self.token, patience).await {
            Ok(host) => host,
            Err(ended) => return ended,
        };
        if matches!(death, Death::At(Point::Stopping, _)) {
            self.check(&host).await;
            host.ask_to_stop();
            return host.ended().await;
        }
        let moment = match death {
            Death::After(moment) => moment,
            // It was faster than that.
            Death::WhileStarting(_) => Duration::ZERO,
            Death::At(..) | Death::InOperation(_) => PATIENCE,
        };
        if self.check(&host).await {
            let (caller, ledger) = (host.caller().clone(), Arc::clone(&self.ledger));
            let _ = tokio::time::timeout(moment, load::load(&caller, &ledger)).await;
        }
        match death {
            Death::After(_) | Death::WhileStarting(_) => {
                host.kill().await;
                ExitStatus::from_raw(KILLED)
            }
            Death::At(..) | Death::InOperation(_) => host.ended().await,
        }
    }

    /// Whether the host lived long enough to be asked after everything.
    async fn check(&mut self, host: &Host) -> bool {
        let Ok(found) = survival::check(host.caller(), &self.ledger).await else { return false };
        self.figures.findings += found;
        true
    }

    /// One more host, which is left in peace until everything has come to rest.
    pub async fn rest(mut self) -> Figures {
        let mut host = Host::try_start(&mut self.ordinary(), &self.token).await.unwrap();
        {
            let mut ledger = self.ledger.lock().unwrap();
            let all: Vec<_> = ledger.items.keys().copied().collect();
            ledger.unchecked.extend(all);
        }
        assert!(self.check(&host).await, "nobody killed it");
        let ledger = std::mem::take(&mut *self.ledger.lock().unwrap());
        self.figures += rest::check(host.caller(), &ledger, || self.receiver.received()).await;
        self.figures.findings += place::verify_audit(self.folder.path()).await;
        host.ask_to_stop();
        assert!(host.ended().await.success());
        self.figures
    }

    /// What one more host finds missing or twice.
    pub async fn found(mut self) -> Findings {
        let host = Host::try_start(&mut self.ordinary(), &self.token).await.unwrap();
        assert!(self.check(&host).await, "nobody killed it");
        host.kill().await;
        self.figures.findings
    }
}
