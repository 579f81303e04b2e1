//! What the repository offers about secrets: their values as they were sealed.

use async_trait::async_trait;

use super::error::StoreResult;
use super::page::AuditEntry;
use crate::domain::ids::SecretValueId;
use crate::domain::secret::{Secret, SecretValueFacts};
use crate::domain::time::Timestamp;

/// A secret with its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredSecret {
    /// What is known of it.
    pub secret: Secret,
    /// Its values, oldest first.
    pub values: Vec<StoredSecretValue>,
}

/// A value of a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredSecretValue {
    /// What is known of it.
    pub facts: SecretValueFacts,
    /// The sealed value; absent once it is retired.
    pub sealed: Option<Vec<u8>>,
}

/// Secrets.
#[async_trait]
pub trait SecretStore: Send + Sync {
    /// Every secret, by name.
    async fn secrets(&self) -> StoreResult<Vec<StoredSecret>>;
    /// Adds a secret with its first value.
    async fn add_secret(
        &self,
        secret: &Secret,
        value: &StoredSecretValue,
        audit: &AuditEntry,
    ) -> StoreResult<()>;
    /// Replaces what is known of a secret whose revision is one less than the given one's.
    async fn change_secret(&self, secret: &Secret, audit: &AuditEntry) -> StoreResult<()>;
    /// Adds a value to a secret whose revision is one less than the given one's.
    async fn add_secret_value(
        &self,
        secret: &Secret,
        value: &StoredSecretValue,
        audit: &AuditEntry,
    ) -> StoreResult<()>;
    /// Deletes a value that counts; `Stale` when it is deleted already.
    async fn retire_secret_value(
        &self,
        id: SecretValueId,
        at: Timestamp,
        audit: &AuditEntry,
    ) -> StoreResult<()>;
}
