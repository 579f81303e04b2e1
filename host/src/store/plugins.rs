//! What the repository offers about releases, activations, generations and artefacts.

use async_trait::async_trait;

use super::error::StoreResult;
use super::page::{AuditEntry, Page, PageRequest};
use crate::domain::activation::{Activation, ActivationVersion};
use crate::domain::generation::Generation;
use crate::domain::ids::{ActivationId, SigningKeyId};
use crate::domain::release::Release;
use crate::domain::signing::{Revocation, SigningKey};
use crate::domain::time::Timestamp;

/// What became of publishing a release.
#[derive(Clone, Debug, PartialEq)]
pub enum Published {
    /// It is new.
    New,
    /// The same bytes were published before, as this release.
    Before(Box<Release>),
    /// Other bytes were published under that name and version: these.
    OtherBytes(Box<Release>),
    /// The name belongs to another owner, since this release.
    OtherOwner(Box<Release>),
    /// The name is taken for another one, which belongs to another owner since this release.
    LookAlike(Box<Release>),
}

/// Releases, activations, generations, artefacts.
#[async_trait]
pub trait PluginStore: Send + Sync {
    /// Publishes a release with its component. Writes nothing unless the answer is `New`.
    async fn publish(
        &self,
        release: &Release,
        component: &[u8],
        audit: &AuditEntry,
    ) -> StoreResult<Published>;
    /// Releases whose name or summary contains `search` (all when empty), newest first.
    async fn releases(&self, search: &str, page: PageRequest) -> StoreResult<Page<Release>>;
    /// The names of the plugins that were published last.
    async fn plugin_names(&self, limit: u32) -> StoreResult<Vec<String>>;
    /// All versions of a plugin, newest first.
    async fn versions(&self, name: &str) -> StoreResult<Vec<Release>>;
    /// One release by digest.
    async fn release(&self, digest: &str) -> StoreResult<Option<Release>>;
    /// Puts a release in the place of the one that was `seen`: where it stands and its signature may
    /// change, and nothing else. `Stale` if it changed meanwhile.
    async fn change_release(&self, release: &Release, seen: &Release, audit: &AuditEntry) -> StoreResult<()>;
    /// Keys whose signatures of releases count, revoked ones too, oldest first.
    async fn signing_keys(&self) -> StoreResult<Vec<SigningKey>>;
    /// Adds a key.
    async fn add_signing_key(&self, key: &SigningKey, audit: &AuditEntry) -> StoreResult<()>;
    /// Revokes a key that is not revoked yet; `Stale` when it is.
    async fn revoke_signing_key(
        &self,
        id: SigningKeyId,
        revocation: &Revocation,
        audit: &AuditEntry,
    ) -> StoreResult<()>;
    /// The bytes of a release's component.
    async fn component(&self, digest: &str) -> StoreResult<Option<Vec<u8>>>;
    /// Keeps an artefact, in the place of one that has this key already.
    async fn put_artefact(&self, key: &str, bytes: &[u8]) -> StoreResult<()>;
    /// An artefact by key.
    async fn artefact(&self, key: &str) -> StoreResult<Option<Vec<u8>>>;
    /// Every activation, disabled ones too, in the pipeline's order.
    async fn activations(&self) -> StoreResult<Vec<Activation>>;
    /// Adds an activation and its first version.
    async fn add_activation(&self, activation: &Activation, audit: &AuditEntry) -> StoreResult<()>;
    /// Replaces an activation whose `updated_at` is still `seen`; a `revision` not known yet is
    /// kept as a version too.
    async fn change_activation(
        &self,
        activation: &Activation,
        seen: Timestamp,
        audit: &AuditEntry,
    ) -> StoreResult<()>;
    /// The versions of an activation, newest first.
    async fn activation_versions(&self, activation: ActivationId) -> StoreResult<Vec<ActivationVersion>>;
    /// Adds the generation after the latest; `Stale` unless its number is the latest plus one.
    async fn add_generation(&self, generation: &Generation) -> StoreResult<()>;
    /// The latest generation.
    async fn latest_generation(&self) -> StoreResult<Option<Generation>>;
    /// The generation of this number.
    async fn generation(&self, number: i64) -> StoreResult<Option<Generation>>;
    /// Generations, newest first; pages by number.
    async fn generations(&self, page: PageRequest) -> StoreResult<Page<Generation>>;
}
