//! What the repository offers about departments, agents, queues, inboxes and tokens.

use async_trait::async_trait;

use super::error::StoreResult;
use super::page::AuditEntry;
use crate::domain::ids::TokenId;
use crate::domain::installation::InstallationSettings;
use crate::domain::organisation::{Agent, Department, Directory, Inbox, Queue};
use crate::domain::time::Timestamp;
use crate::domain::token::Token;

/// Whose inboxes may share the channel of a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChannelScope {
    /// Those of its department alone.
    Department,
    /// Those of all departments.
    Company,
}

/// Departments, agents, queues, inboxes, tokens.
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
    /// Adds an inbox; `Taken` if its channel is not within this scope, and `LookAlike` if one that is added for a
    /// department has a name that people take for that of another's inbox.
    async fn add_inbox(&self, inbox: &Inbox, scope: ChannelScope, audit: &AuditEntry) -> StoreResult<()>;
    /// Replaces an inbox whose revision is one less than the given one's.
    async fn change_inbox(&self, inbox: &Inbox, audit: &AuditEntry) -> StoreResult<()>;
    /// The installation's id, made with the repository: no other installation has it.
    async fn installation_id(&self) -> StoreResult<String>;
    /// What holds for the installation as a whole.
    async fn settings(&self) -> StoreResult<InstallationSettings>;
    /// Replaces it, if it is what was `seen`; `Stale` when it is not.
    async fn change_settings(
        &self,
        seen: &InstallationSettings,
        settings: &InstallationSettings,
        audit: &AuditEntry,
    ) -> StoreResult<()>;
    /// Every token that was ever made, oldest first.
    async fn tokens(&self) -> StoreResult<Vec<Token>>;
    /// Adds a token.
    async fn add_token(&self, token: &Token, audit: &AuditEntry) -> StoreResult<()>;
    /// Revokes a token that is not revoked yet; `Stale` when it is.
    async fn revoke_token(&self, id: TokenId, at: Timestamp, audit: &AuditEntry) -> StoreResult<()>;
}
