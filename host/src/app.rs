//! The composition root: makes every part, connects them, starts and stops them.
//!
//! Called by `cli` and by tests; calls everybody.
//!
//! **Invariant:** the wall clock is read here and nowhere else.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use arc_swap::ArcSwap;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::inspection::{Inspection, Place};
use self::modes::Closed;
use crate::bundled::BUNDLED;
use crate::crash::{self, Point};
use crate::domain::clock::{Clock, IdGenerator};
use crate::domain::principal::Principal;
use crate::egress::Egress;
use crate::flow::artefact::Artefacts;
use crate::flow::liveness::STORING;
use crate::flow::pipeline::Pipeline;
use crate::flow::route::{Door, Judges};
use crate::flow::safe::Safe;
use crate::flow::{Flow, FlowError, Wake, catch_up, enable, ingest, publish};
use crate::plugin::digest::digest;
use crate::plugin::{PluginConfig, Plugins, Seal};
use crate::store::Store;
use crate::store::sqlite::{SqliteStore, StoreOptions, StorePath, Sync};
use crate::telemetry::Telemetry;
use crate::vault::{Cipher, KeySource};
use crate::worker::{self, Watch};

pub mod clock;
mod inspection;
pub mod memory;
mod modes;

/// The name of the file beside the repository that holds the key of its compiled plugins.
pub const ARTEFACT_KEY: &str = "artefact-key";

/// The name of the file beside the repository that holds the key of its secrets.
pub const SECRETS_KEY: &str = "secrets-key";

/// What an installation is made of.
pub struct Parts {
    /// Where the repository is.
    pub repository: StorePath,
    /// A folder of compiled plugins to share with other repositories.
    pub artefact_shelf: Option<PathBuf>,
    /// The sandbox's configuration.
    pub plugins: PluginConfig,
    /// Where the key that seals secrets comes from; beside the repository when absent.
    pub secrets_key: Option<KeySource>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The way out.
    pub egress: Arc<dyn Egress>,
}

/// The repository's file in its folder.
pub const REPOSITORY: &str = "switchboard.db";

/// The bootstrap admin's token, in the repository's folder.
pub const ADMIN_TOKEN: &str = "admin-token";

/// How a stop ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// Everything ended.
    Cleanly,
    /// Something did not end in time: what it was doing is not done, and the next start inspects the
    /// repository. Acknowledged writes are durable all the same.
    Late,
}

/// Makes the repository's folder if it is missing, and closes it to everybody but its owner.
pub fn prepare_folder(folder: &Path) -> std::io::Result<()> {
    let Closed { closed, left_open } = modes::close_to_others(folder, is_of_repository)?;
    let folder = folder.display();
    if closed > 0 {
        tracing::warn!(closed, %folder, "files of the repository were open to others and are closed");
    }
    if left_open > 0 {
        tracing::warn!(
            left_open,
            %folder,
            "files of the repository are open to others and belong to another user: have that one close them"
        );
    }
    Ok(())
}

/// The names of what the host keeps in its folder: the database with what SQLite and the lock have beside it
/// (which begin with its name), keys, the first token, artefacts.
fn is_of_repository(name: &str) -> bool {
    name.starts_with(REPOSITORY)
        || [ARTEFACT_KEY, SECRETS_KEY, ADMIN_TOKEN, "artefacts", "components"].contains(&name)
}

/// A running Switchboard.
pub struct App {
    /// Everything it can do.
    pub flow: Flow,
    watch: Watch,
    workers: TaskTracker,
    inspection: Inspection,
}

/// What is there before anything else.
struct Ground {
    store: Arc<dyn Store>,
    ids: Arc<IdGenerator>,
    seal: Seal,
    safe: Safe,
    watch: Watch,
}

impl App {
    /// Opens the repository (inspecting it, where the host before did not end in order), loads what is
    /// enabled, and takes up unfinished preparations. Nothing is worked on yet: see [`App::work`].
    pub async fn open(parts: Parts) -> anyhow::Result<Self> {
        let ids = Arc::new(IdGenerator::new(0));
        let seal = seal_of(&parts.repository)?;
        let safe = safe_with(parts.secrets_key.clone(), &parts.repository)?;
        let (place, stop) = (Place::of(&parts.repository), CancellationToken::new());
        let opened =
            SqliteStore::open_with(parts.repository.clone(), Arc::clone(&ids), store_options()).await;
        let store: Arc<dyn Store> = Arc::new(place.explained(opened)?);
        let inspection = Inspection::begin(&store, place, stop.clone()).await?;
        let ground = Ground { store: Arc::clone(&store), ids, seal, safe, watch: Watch::new(stop) };
        match Self::load(parts, ground).await {
            Ok((flow, workers, watch)) => Ok(Self { flow, watch, workers, inspection }),
            Err(error) => {
                // Nothing was begun: it ends in order.
                end(&*store, inspection).await;
                Err(error)
            }
        }
    }

    async fn load(parts: Parts, ground: Ground) -> anyhow::Result<(Flow, TaskTracker, Watch)> {
        let Ground { store, ids, seal, safe, watch } = ground;
        let plugins = Plugins::new(parts.plugins).context("start the sandbox")?;
        let artefacts =
            Artefacts::new(seal, parts.artefact_shelf).context("open the shelf of compiled plugins")?;
        let telemetry = Arc::new(Telemetry::default());
        let wake = Arc::new(Wake::default());
        let directory = store.directory().await.context("read the names")?;
        let directory = Arc::new(ArcSwap::from_pointee(directory));
        let pipeline = Arc::new(ArcSwap::from_pointee(Pipeline::default()));
        let judges = Judges {
            plugins: Arc::clone(&plugins),
            directory: Arc::clone(&directory),
            ids: Arc::clone(&ids),
            clock: Arc::clone(&parts.clock),
            telemetry: Arc::clone(&telemetry),
            times: Arc::default(),
            timers: Arc::default(),
        };
        let door = Arc::new(Door::new(judges, Arc::clone(&pipeline), Arc::clone(&wake)));
        let quarantine = ingest::Quarantine {
            store: Arc::clone(&store),
            ids: Arc::clone(&ids),
            clock: Arc::clone(&parts.clock),
            telemetry: Arc::clone(&telemetry),
        };
        let (intakes, commit_loop) = ingest::Committer::new(ingest::Storing {
            store: Arc::clone(&store),
            telemetry: Arc::clone(&telemetry),
            wake: Arc::clone(&wake),
            door: Arc::clone(&door),
            quarantine,
            liveness: Arc::clone(watch.liveness()),
        });
        let flow = Flow {
            store,
            plugins,
            egress: parts.egress,
            clock: parts.clock,
            ids,
            telemetry,
            pipeline,
            directory,
            keyring: Arc::default(),
            safe: Arc::new(safe),
            naming: Arc::default(),
            behind: Arc::default(),
            rates: Arc::default(),
            intakes,
            door,
            wake,
            tasks: TaskTracker::new(),
            liveness: Arc::clone(watch.liveness()),
            stop: watch.stop().clone(),
            retries: Arc::default(),
            preparations: Arc::new(enable::Preparations::until(watch.stop().clone())),
            artefacts: Arc::new(artefacts),
            refreshing: Arc::new(Mutex::new(())),
        };
        let workers = TaskTracker::new();
        // Where this fails, the flow goes and the commit loop ends with it, as it should.
        let failing = watch.stop().clone().drop_guard();
        watch.spawn(STORING, commit_loop, &workers);
        flow.keyring.load(&flow.store).await.context("read the tokens")?;
        flow.safe.refresh(&flow.store).await.context("read the secrets")?;
        catch_up::look_through_all(&flow);
        flow.refresh_pipeline("the host started").await.context("load what is enabled")?;
        flow.resume_preparations().await.context("take up preparations")?;
        crash::point(Point::AppOpened);
        failing.disarm();
        Ok((flow, workers, watch))
    }

    /// Publishes the bundled plugins that are not published yet, by the same way as all others. One whose name a
    /// department has, or whose quota is used up, keeps none of the others back.
    ///
    /// How many were new.
    pub async fn publish_bundled(&self) -> anyhow::Result<usize> {
        let mut new = 0;
        for (name, component) in BUNDLED {
            if self.flow.store.release(&digest(component)).await?.is_some() {
                continue;
            }
            let published =
                publish::publish(&self.flow, &Principal::system(), (*component).into(), None, None).await;
            match published {
                Ok(_) => new += 1,
                Err(error @ (FlowError::Conflict(_) | FlowError::OverQuota(_) | FlowError::Forbidden(_))) => {
                    tracing::error!(
                        "the marketplace misses the plugin `{name}` that comes with Switchboard: {error}"
                    );
                }
                Err(error) => {
                    return Err(error).with_context(|| format!("publish the bundled plugin {name}"));
                }
            }
        }
        Ok(new)
    }

    /// Starts the workers: routing, timers, replies. From now on what comes in is judged at once.
    pub fn work(&self) {
        self.flow.door.open();
        worker::start(&self.flow, &self.workers, &self.watch);
        let trimming = memory::give_back_free(Arc::clone(&self.flow.store), self.watch.stop().clone());
        self.watch.spawn("giving memory back", trimming, &self.workers);
    }

    /// Ends when somebody asked the installation to stop, or it cannot go on.
    pub fn stopping(&self) -> CancellationToken {
        self.watch.stop().clone()
    }

    /// Fails if the repository was found damaged while the host was at work, or somebody of it fell.
    pub fn check_whole(&self) -> anyhow::Result<()> {
        self.inspection.check()?;
        match self.watch.ended() {
            Some(why) => bail!("{why}; what was answered is kept: start the host again"),
            None => Ok(()),
        }
    }

    /// How long a stop waits for what works in the background: longer than a channel may take to respond to a
    /// reply under way. What is given up is done anew at the next start, or parked for an agent.
    pub const STOP_TIMEOUT: Duration = Duration::from_secs(25);

    /// Stops: what is under way is finished, unless it takes too long; what waits is kept for the next start.
    pub async fn stop(self) -> Stopped {
        self.watch.stop().cancel();
        // A preparation is made anew at the next start; an upload is told to come again.
        self.flow.plugins.stop_compiling();
        let stopped = tokio::time::timeout(Self::STOP_TIMEOUT, self.finish()).await;
        if stopped.is_err() {
            tracing::error!("something did not end in time: the next start inspects the repository");
            return Stopped::Late;
        }
        Stopped::Cleanly
    }

    async fn finish(self) {
        let Self { flow, workers, inspection, watch } = self;
        flow.tasks.close();
        flow.tasks.wait().await;
        let store = Arc::clone(&flow.store);
        // The commit loop ends with the last flow.
        drop(flow);
        workers.close();
        workers.wait().await;
        // Nobody knows what a panic left.
        if watch.ended().is_none() {
            end(&*store, inspection).await;
        }
    }
}

/// Notes that the host ended in order, where that is so.
async fn end(store: &dyn Store, inspection: Inspection) {
    // What was not inspected to its end is inspected again.
    if !inspection.end().await {
        return;
    }
    crash::point(Point::Stopping);
    if let Err(error) = store.note_orderly_end().await {
        tracing::warn!(%error, "that it ended in order could not be noted: the next start inspects");
    }
}

/// The safe for the repository's secrets.
fn safe_with(source: Option<KeySource>, repository: &StorePath) -> anyhow::Result<Safe> {
    let source = source.unwrap_or_else(|| match repository {
        StorePath::File(file) => KeySource::File(file.with_file_name(SECRETS_KEY)),
        StorePath::Temporary => KeySource::ThisProcess,
    });
    let key = source.key().context("the key that seals secrets")?;
    Ok(Safe::new(Cipher::new(&key).context("the key that seals secrets")?))
}

/// As every host works the file; tests see to it that they find out where one does not wait for the disk.
fn store_options() -> StoreOptions {
    let sync = if crash::waits_for_no_disk() { Sync::Off } else { Sync::Full };
    let ordinary = StoreOptions::default();
    let checkpoint_pages = crash::checkpoint_pages().unwrap_or(ordinary.checkpoint_pages);
    StoreOptions { sync, checkpoint_pages, ..ordinary }
}

/// The seal of the repository's compiled plugins: its key is made at the first start and kept beside
/// the database, because whoever can change one of them must not be able to make the other fit.
fn seal_of(repository: &StorePath) -> anyhow::Result<Seal> {
    match repository {
        StorePath::File(file) => {
            let key = file.with_file_name(ARTEFACT_KEY);
            Seal::kept_in(&key).with_context(|| format!("read or make the key {}", key.display()))
        }
        StorePath::Temporary => Seal::of_this_process().context("make a key"),
    }
}
