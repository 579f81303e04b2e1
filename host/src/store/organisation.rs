//! What the repository offers about departments, agents, queues and inboxes.

use async_trait::async_trait;

use super::error::StoreResult;
use super::page::AuditEntry;
use crate::domain::organisation::{Agent, Department, Directory, Inbox, Queue};

/// Departments, agents, queues, inboxes.
#[async_trait]
pub trait OrganisationStore: Send + Sync {
    /// Everything that has a name.
    async fn directory(&self) -> StoreResult<Directory>;
    /// Adds a department together with its first queues.
    async fn add_department(
        &self,
        department: &Department,
        queues: &[Queue],
        audit: &AuditEntry,
    ) -> StoreResult<()>;
    /// Adds an agent.
    async fn add_agent(&self, agent: &Agent, audit: &AuditEntry) -> StoreResult<()>;
    /// Adds a queue.
    async fn add_queue(&self, queue: &Queue, audit: &AuditEntry) -> StoreResult<()>;
    /// Adds an inbox.
    async fn add_inbox(&self, inbox: &Inbox, audit: &AuditEntry) -> StoreResult<()>;
    /// Replaces an inbox whose revision is one less than the given one's.
    async fn change_inbox(&self, inbox: &Inbox, audit: &AuditEntry) -> StoreResult<()>;
    /// The SHA-256 of the admin token, if one was made.
    async fn admin_token(&self) -> StoreResult<Option<String>>;
    /// Keeps the SHA-256 of the admin token.
    async fn set_admin_token(&self, sha256: &str, audit: &AuditEntry) -> StoreResult<()>;
}
