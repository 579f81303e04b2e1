//! The repository: everything Switchboard remembers.
//!
//! Called by `flow`, `http` (for reading), `cli` and `app`; calls nobody but the domain's pure rules.
//! What the story needs is a set of small traits, one for each part of it; `sqlite` is the embedded implementation.
//!
//! **Invariant:** only this room knows `sqlx`.
//! **Invariant:** one method is one transaction; no transaction crosses the wall, and none is open
//! while a guest runs or a network answers.
//! **Invariant:** when a method that writes returns `Ok`, what it wrote survives a crash.
//! **Invariant:** the cost of a method on an item's path does not grow with the repository.

pub mod artefact_shelf;
mod audit_chain;
#[cfg(test)]
mod conformance;
mod conversation;
mod error;
mod idempotency;
mod ingest;
mod merge;
mod organisation;
mod outbox;
mod page;
mod personal;
mod plugins;
mod quota;
mod reading;
mod route;
mod secrets;
pub mod sqlite;
mod unread;
mod upkeep;

pub use crate::gate::NoTurn;
pub use artefact_shelf::ArtefactShelf;
pub use audit_chain::{AuditVerification, BrokenLink};
pub use conversation::{
    ConversationFilter, ConversationStore, Counts, NewReply, Note, PersonChange, QueueLoad, SearchHit,
};
pub use error::{StoreError, StoreResult};
pub use idempotency::{
    Claimed, IdempotencyStore, KEPT_ANSWERS_BYTES_MAX, KEYED_REQUESTS_MAX, KeptAnswer, KeyedRequest,
};
pub use ingest::{DoorJudge, IngestStore, IntakeCommitted, IntakeContent, IntakeEntry, IntakeOrigin};
pub use merge::{MergeByHand, MergeRefusal, MergeStore, MergeUndo, MergeUndone, Suggestion};
pub use organisation::{ChannelScope, OrganisationStore};
pub use outbox::{OutboxStore, OutboxWork, SendEnd};
pub use page::{AuditEntry, Page, PageRequest};
pub use personal::{EndedPage, PersonalDataStore, PurgedPage, Revision};
pub use plugins::{
    ACTIVATION_VERSIONS_MAX, ActivationAdded, ActivationRoom, GENERATIONS_KEPT, PluginStore, Published,
    ReleaseRoom, ReleaseVersion, Sweep, UsableRelease,
};
pub use quota::{QuotaChange, QuotaStore, QuotaUse};
pub use reading::{ReadClass, Reading};
pub use route::{CaseNeeds, Claim, ClaimedCase, HistoryEntry, Postponed, RouteCommit, RouteStore, Routed};
pub use secrets::{SecretStore, StoredSecret, StoredSecretValue};
pub use unread::{UnreadRoom, UnreadStore, unread_bytes};
pub use upkeep::{Findings, Indexing, LastEnd, UpkeepStore};

/// The whole repository.
pub trait Store:
    OrganisationStore
    + PluginStore
    + IngestStore
    + RouteStore
    + ConversationStore
    + MergeStore
    + OutboxStore
    + IdempotencyStore
    + SecretStore
    + UpkeepStore
    + PersonalDataStore
    + UnreadStore
    + QuotaStore
    + 'static
{
}

impl<T> Store for T where
    T: OrganisationStore
        + PluginStore
        + IngestStore
        + RouteStore
        + ConversationStore
        + MergeStore
        + OutboxStore
        + IdempotencyStore
        + SecretStore
        + UpkeepStore
        + PersonalDataStore
        + UnreadStore
        + QuotaStore
        + 'static
{
}
