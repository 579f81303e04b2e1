//! What the repository offers about releases, activations, generations and artefacts.

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use bytes::Bytes;

use super::error::StoreResult;
use super::page::{AuditEntry, Page, PageRequest};
use crate::domain::activation::{Activation, ActivationVersion};
use crate::domain::generation::Generation;
use crate::domain::ids::{ActivationId, SigningKeyId};
use crate::domain::installation::InstallationSettings;
use crate::domain::quota::{Owner, QuotaLimit};
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

/// A version of a plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleaseVersion {
    /// The version.
    pub version: String,
    /// SHA-256 of the component, hexadecimal.
    pub digest: String,
    /// Whether the release was yanked.
    pub is_yanked: bool,
}

impl ReleaseVersion {
    /// Whether a caller means this release by what it says: the version or the digest.
    pub fn is_called(&self, name: &str) -> bool {
        self.version == name || self.digest == name
    }
}

/// How many versions of an activation are kept to roll back to.
pub const ACTIVATION_VERSIONS_MAX: i64 = 50;

/// How many generations are kept whether a decision names them or not: months of changes, by which an operator
/// finds what changed.
pub const GENERATIONS_KEPT: i64 = 1_000;

/// What a release's owner may have.
#[derive(Clone, Copy, Debug)]
pub struct ReleaseRoom {
    /// Releases whose component is kept.
    pub releases: QuotaLimit,
    /// Bytes of these components.
    pub bytes: QuotaLimit,
}

/// What an activation's owner may have.
#[derive(Clone, Copy, Debug)]
pub struct ActivationRoom {
    /// Activations.
    pub activations: QuotaLimit,
    /// Those of them that wait to be prepared.
    pub preparing: QuotaLimit,
}

/// Which unused files are deleted now.
#[derive(Clone, Copy, Debug)]
pub struct Sweep {
    /// The time: from now on a file counts as unused that is found so.
    pub now: Timestamp,
    /// What has been unused since then, or longer, is deleted.
    pub unused_before: Timestamp,
    /// Whose unused things are deleted at once, because their owner has no room left.
    pub at_once: Option<Owner>,
}

impl Sweep {
    /// Whether something of this owner that is unused since then is deleted.
    pub fn is_over(&self, unused_since: Timestamp, owner: Owner) -> bool {
        unused_since <= self.unused_before || self.at_once == Some(owner)
    }
}

/// What a release was when it was found to be usable. A write that depends on it writes nothing and is `Stale` if any
/// of this changed since: the release was yanked, its key revoked, or signatures are required now.
#[derive(Clone, Debug, PartialEq)]
pub struct UsableRelease {
    /// The release.
    pub release: Release,
    /// Every registration of the key that signed it, revoked ones too; none where it is not signed.
    pub keys: Vec<SigningKey>,
    /// What holds for the installation.
    pub settings: InstallationSettings,
}

/// What became of adding an activation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ActivationAdded {
    /// It is there.
    Added,
    /// Its adapter is enabled already; nothing was written.
    AdapterIsEnabled {
        /// The name of the activation that is there.
        name: String,
    },
}

/// Releases, activations, generations, artefacts.
#[async_trait]
pub trait PluginStore: Send + Sync {
    /// Publishes a release with its component, within this room. Writes nothing unless it returns `New`;
    /// but where the component of the same release was deleted, it is kept again, together with the signature that
    /// came along.
    async fn publish(
        &self,
        release: &Release,
        component: &Bytes,
        room: ReleaseRoom,
        audit: &AuditEntry,
    ) -> StoreResult<Published>;
    /// Releases whose name or summary contains `search` (all when empty), newest first.
    async fn releases(&self, search: &str, page: PageRequest) -> StoreResult<Page<Release>>;
    /// The names of the plugins that were published last.
    async fn plugin_names(&self, limit: u32) -> StoreResult<Vec<String>>;
    /// What tells the versions of a plugin apart, newest first. There are as many as were ever published, so the
    /// releases themselves are read one by one or in pages.
    async fn versions(&self, name: &str) -> StoreResult<Vec<ReleaseVersion>>;
    /// The releases of a plugin, newest first.
    async fn releases_of(&self, name: &str, page: PageRequest) -> StoreResult<Page<Release>>;
    /// One release by digest.
    async fn release(&self, digest: &str) -> StoreResult<Option<Release>>;
    /// Puts a release in the place of the one that was `seen`: where it stands and its signature may
    /// change, and nothing else. `Stale` if it changed meanwhile.
    async fn change_release(&self, release: &Release, seen: &Release, audit: &AuditEntry) -> StoreResult<()>;
    /// Keys whose signatures of releases count, revoked ones too, oldest first.
    async fn signing_keys(&self) -> StoreResult<Vec<SigningKey>>;
    /// Adds a key; `Taken` if its department, or the company, has registered it already.
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
    /// Keeps an artefact that counts to this owner, in the place of one that has this key already; within the
    /// room where one is given.
    async fn put_artefact(
        &self,
        key: &str,
        owner: Owner,
        bytes: Bytes,
        room: Option<QuotaLimit>,
    ) -> StoreResult<()>;
    /// An artefact by key.
    async fn artefact(&self, key: &str) -> StoreResult<Option<Vec<u8>>>;
    /// Deletes artefacts that have been unused for long enough, `used` being the keys of those in use and to
    /// whom each counts; how many.
    async fn sweep_artefacts(&self, used: &HashMap<String, Owner>, sweep: Sweep) -> StoreResult<u64>;
    /// Deletes components of releases that are yanked and have been unused for long enough, `used` being the
    /// digests of those in use; how many. The releases stay, so that no version ever has other bytes.
    async fn sweep_components(&self, used: &HashSet<String>, sweep: Sweep) -> StoreResult<u64>;
    /// Every activation, disabled ones too, in the pipeline's order.
    async fn activations(&self) -> StoreResult<Vec<Activation>>;
    /// Adds an activation and its first version, within this room, if its release is still usable. Writes nothing
    /// unless it returns `Added`.
    async fn add_activation(
        &self,
        activation: &Activation,
        room: ActivationRoom,
        usable: &[UsableRelease],
        audit: &AuditEntry,
    ) -> StoreResult<ActivationAdded>;
    /// Replaces an activation whose `updated_at` is still `seen`; a `revision` not known yet is
    /// kept as a version too. `Stale` as well where one of these releases is not usable any more.
    async fn change_activation(
        &self,
        activation: &Activation,
        seen: Timestamp,
        usable: &[UsableRelease],
        audit: &AuditEntry,
    ) -> StoreResult<()>;
    /// The same for a caller's change: one that has the activation wait to be prepared is refused where its
    /// owner has no room for that.
    async fn plan_activation(
        &self,
        activation: &Activation,
        seen: Timestamp,
        usable: &[UsableRelease],
        preparing: QuotaLimit,
        audit: &AuditEntry,
    ) -> StoreResult<()>;
    /// Deletes an activation whose `updated_at` is still `seen`, with its versions.
    async fn delete_activation(
        &self,
        activation: &Activation,
        seen: Timestamp,
        audit: &AuditEntry,
    ) -> StoreResult<()>;
    /// The last [`ACTIVATION_VERSIONS_MAX`] versions of an activation, newest first.
    async fn activation_versions(&self, activation: ActivationId) -> StoreResult<Vec<ActivationVersion>>;
    /// The same, in pages.
    async fn activation_version_page(
        &self,
        activation: ActivationId,
        page: PageRequest,
    ) -> StoreResult<Page<ActivationVersion>>;
    /// Deletes generations before the last [`GENERATIONS_KEPT`] that no decision can name; how many.
    async fn sweep_generations(&self) -> StoreResult<u64>;
    /// Adds the generation after the latest; `Stale` unless its number is the latest plus one.
    async fn add_generation(&self, generation: &Generation) -> StoreResult<()>;
    /// The latest generation.
    async fn latest_generation(&self) -> StoreResult<Option<Generation>>;
    /// The generation of this number.
    async fn generation(&self, number: i64) -> StoreResult<Option<Generation>>;
    /// Generations, newest first; pages by number.
    async fn generations(&self, page: PageRequest) -> StoreResult<Page<Generation>>;
}
