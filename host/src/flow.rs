//! The story, one verb a file.
//!
//! 1. [`ingest`]: a delivery comes in, its adapter reads it, and what it held is stored; only then is it
//!    answered. [`import`] takes in what was written before, [`retry`] reads a kept delivery once more.
//!    What is new is judged before it is stored, where that is quick enough.
//! 2. [`route`]: the policies judge a conversation's next event, their proposals are merged, and the
//!    result is carried out. [`evaluate`] does the same to a case that is only imagined.
//! 3. [`escalate`]: what is due becomes an event, judged like any other.
//! 4. [`converse`]: a person claims, remarks, replies, hands over, closes. [`deliver`] sends replies.
//! 5. [`publish`], [`enable`]: the rules change; [`pipeline`] is what is enabled now, [`artefact`] what
//!    it is made of. [`sign`] says who answers for a release, [`yank`] takes one back. [`suspend`] takes
//!    out what fails too often ([`health`]). [`organise`]: departments, agents, queues and inboxes change.
//!    [`settings`]: what holds for the whole installation does. [`quotas`]: how much one department may have.
//! 6. [`erase`] takes a person out, [`export`] hands out what is about one, [`purge`] keeps nothing
//!    longer than agreed, [`delete_unused`] keeps no plugin that nothing uses.
//! 7. [`overhear`] writes down what adapters say, [`safe`] keeps the secrets, [`keyring`] knows who asks,
//!    [`access`] what that caller may see, [`rate`] how often it may ask. [`follow`] and [`catch_up`] have
//!    memory follow what is stored.
//!
//! Called by `http`, `worker`, `app` and `cli`; calls `plugin`, `store`, `egress` and `vault`.
//!
//! **Invariant:** every verb that somebody outside can cause takes a
//! [`Principal`] or is the inbox's own door.
//! **Invariant:** no transaction is open while a guest runs or a network answers.

use std::sync::Arc;

use arc_swap::ArcSwap;
use serde_json::Value;
use tokio::sync::{Mutex, Notify};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::domain::allowance::Allowance;
use crate::domain::clock::{Clock, IdGenerator};
use crate::domain::organisation::Directory;
use crate::domain::principal::Principal;
use crate::domain::quota::ReachedLimit;
use crate::domain::time::Timestamp;
use crate::egress::Egress;
use crate::plugin::Plugins;
use crate::store::{AuditEntry, Store};
use crate::telemetry::Telemetry;

pub mod access;
pub mod artefact;
pub mod catch_up;
pub mod converse;
pub mod delete_unused;
pub mod deliver;
mod driving;
pub mod enable;
pub mod erase;
pub mod error;
pub mod escalate;
pub mod evaluate;
pub mod export;
pub mod follow;
pub mod health;
pub mod import;
pub mod index;
pub mod ingest;
pub mod keyring;
pub mod liveness;
pub mod organise;
mod overhear;
pub mod pipeline;
pub mod publish;
pub mod purge;
pub mod quotas;
pub mod rate;
pub mod retry;
pub mod route;
pub mod safe;
pub mod settings;
pub mod sign;
pub mod suspend;
pub mod yank;

pub use error::{FieldError, FlowError};

/// What every verb works with. Cheap to clone.
#[derive(Clone)]
pub struct Flow {
    /// The repository.
    pub store: Arc<dyn Store>,
    /// The sandbox.
    pub plugins: Arc<Plugins>,
    /// The way out.
    pub egress: Arc<dyn Egress>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// New identifiers.
    pub ids: Arc<IdGenerator>,
    /// What is measured.
    pub telemetry: Arc<Telemetry>,
    /// What is enabled now; replaced as a whole.
    pub pipeline: Arc<ArcSwap<pipeline::Pipeline>>,
    /// Everything that has a name; replaced as a whole.
    pub directory: Arc<ArcSwap<Directory>>,
    /// Who shows which token.
    pub keyring: Arc<keyring::Keyring>,
    /// Which secrets there are.
    pub safe: Arc<safe::Safe>,
    /// How often callers with a limit asked.
    pub rates: Arc<rate::Rates>,
    /// Where read deliveries wait for their common commit.
    pub intakes: ingest::Committer,
    /// Where new items are judged before they are stored, while the workers work.
    pub door: Arc<route::Door>,
    /// Who has something to do.
    pub wake: Arc<Wake>,
    /// What runs in the background; awaited when the host stops.
    pub tasks: TaskTracker,
    /// How the workers are.
    pub liveness: Arc<liveness::Liveness>,
    /// Cancelled when the host stops.
    pub stop: CancellationToken,
    /// Which versions of activations are being prepared.
    pub preparations: Arc<enable::Preparations>,
    /// Which deliveries are being read again.
    pub retries: Arc<retry::Retries>,
    /// Where compiled plugins are kept, and under which seals.
    pub artefacts: Arc<artefact::Artefacts>,
    /// Held while the names change or are read again, so that older ones never replace newer ones.
    pub naming: Arc<Mutex<()>>,
    /// Whether the pipeline is to be loaded anew.
    pub behind: Arc<follow::Behind>,
    /// Held while the pipeline is being replaced.
    pub refreshing: Arc<Mutex<()>>,
}

/// Rings when there may be work.
#[derive(Debug, Default)]
pub struct Wake {
    /// Events may wait to be routed.
    pub router: Notify,
    /// A timer may be due sooner than thought.
    pub timers: Notify,
    /// An answer may be due sooner than thought.
    pub outbox: Notify,
    /// The disk may hold what was erased, or an erasure be begun and not at its end.
    pub wipe: Notify,
}

impl Flow {
    /// The time now.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// An identifier never used before.
    pub fn id<Id: From<i64>>(&self) -> Id {
        self.ids.next(self.now())
    }

    /// An entry for the audit log: ids only, no names and no texts.
    pub fn audit(&self, principal: &Principal, action: &str, subject: &str, detail: Value) -> AuditEntry {
        AuditEntry {
            id: self.id(),
            at: self.now(),
            principal: principal.clone(),
            action: action.to_owned(),
            subject: subject.to_owned(),
            detail,
        }
    }

    /// Counts a request of this caller, and refuses it when there are too many.
    pub fn check_rate(&self, caller: i64, allowance: Allowance, of: &str) -> Result<(), FlowError> {
        let Some(per_second) = allowance.requests_per_second else { return Ok(()) };
        let taken = self.rates.take(caller, per_second, self.now());
        taken.map_err(|too_many| FlowError::TooMany {
            detail: format!("{of} takes {per_second} requests a second, and no more"),
            retry_after_ms: too_many.retry_after_ms,
            limit: ReachedLimit::full("requests-per-second", per_second.into(), "requests a second"),
            remedy: "send it again after the seconds in `retry-after`; an admin grants more in \
                     `allowance.requests_per_second`, of an inbox with PATCH /v1/inboxes/NAME and of a token with a new \
                     one from POST /v1/tokens",
        })
    }

    /// Has the next start inspect the repository where this was damage.
    pub fn note_damage(&self, error: &FlowError) {
        if matches!(error, FlowError::Damaged(_)) {
            self.store.note_damage();
        }
    }

    /// Reads the names again after they changed.
    pub async fn refresh_directory(&self) -> Result<(), FlowError> {
        let _one_at_a_time = self.naming.lock().await;
        let directory = self.store.directory().await?;
        self.directory.store(Arc::new(directory));
        Ok(())
    }
}
