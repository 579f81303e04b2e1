//! Reading for a request: for which caller, and what it may cost.
//!
//! The host's own work (workers, caches, deliveries) names no caller and reads with readers that no request
//! takes. What a request reads is bounded in time, and its caller has a share of the requests' readers.
//!
//! The caller goes along with the task, so that no verb of `flow` hands it on.

use crate::domain::caller::Caller;

/// How much a request may read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ReadClass {
    /// One thing, or a page of a list.
    #[default]
    List,
    /// A search: looks through many texts for few hits.
    Search,
    /// Much on purpose: an export, the verification of the audit log.
    Sweep,
    /// What a change needs to know.
    Act,
}

/// For whom a task reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The caller, whose share of the readers it takes.
    pub caller: Caller,
    /// How much it may read.
    pub class: ReadClass,
}

tokio::task_local! {
    static READING: Reading;
}

impl Reading {
    /// Has what the work reads count to this caller.
    pub async fn scope<T>(self, work: impl Future<Output = T>) -> T {
        READING.scope(self, work).await
    }

    /// For whom this task reads; nobody when it is the host's own work.
    pub fn current() -> Option<Self> {
        READING.try_with(|it| *it).ok()
    }
}
