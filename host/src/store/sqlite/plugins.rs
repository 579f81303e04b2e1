//! Releases, activations, generations, artefacts.

mod activations;
mod artefacts;
pub(super) mod components;
mod generations;
mod releases;
mod signing_keys;

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use bytes::Bytes;

use self::activations::Planned;

use super::SqliteStore;
use crate::domain::activation::{Activation, ActivationVersion};
use crate::domain::generation::Generation;
use crate::domain::ids::{ActivationId, SigningKeyId};
use crate::domain::quota::{Owner, QuotaLimit};
use crate::domain::release::Release;
use crate::domain::signing::{Revocation, SigningKey};
use crate::domain::time::Timestamp;
use crate::store::{
    ActivationAdded, ActivationRoom, AuditEntry, Page, PageRequest, PluginStore, Published, ReleaseRoom,
    ReleaseVersion, StoreResult, Sweep, UsableRelease,
};

#[async_trait]
impl PluginStore for SqliteStore {
    async fn publish(
        &self,
        release: &Release,
        component: &Bytes,
        room: ReleaseRoom,
        audit: &AuditEntry,
    ) -> StoreResult<Published> {
        releases::publish(self, release, component, room, audit).await
    }

    async fn releases(&self, search: &str, page: PageRequest) -> StoreResult<Page<Release>> {
        releases::page(self, search, page).await
    }

    async fn plugin_names(&self, limit: u32) -> StoreResult<Vec<String>> {
        releases::names(self, limit).await
    }

    async fn versions(&self, name: &str) -> StoreResult<Vec<ReleaseVersion>> {
        releases::versions(self, name).await
    }

    async fn releases_of(&self, name: &str, page: PageRequest) -> StoreResult<Page<Release>> {
        releases::of_plugin(self, name, page).await
    }

    async fn release(&self, digest: &str) -> StoreResult<Option<Release>> {
        releases::by_digest(digest, &mut *self.reader().await?).await
    }

    async fn change_release(&self, release: &Release, seen: &Release, audit: &AuditEntry) -> StoreResult<()> {
        releases::change(self, release, seen, audit).await
    }

    async fn signing_keys(&self) -> StoreResult<Vec<SigningKey>> {
        signing_keys::all(self).await
    }

    async fn add_signing_key(&self, key: &SigningKey, audit: &AuditEntry) -> StoreResult<()> {
        signing_keys::add(self, key, audit).await
    }

    async fn revoke_signing_key(
        &self,
        id: SigningKeyId,
        revocation: &Revocation,
        audit: &AuditEntry,
    ) -> StoreResult<()> {
        signing_keys::revoke(self, id, revocation, audit).await
    }

    async fn component(&self, digest: &str) -> StoreResult<Option<Vec<u8>>> {
        components::get(self, digest).await
    }

    async fn put_artefact(
        &self,
        key: &str,
        owner: Owner,
        bytes: Bytes,
        room: Option<QuotaLimit>,
    ) -> StoreResult<()> {
        artefacts::put(self, key, owner, bytes, room).await
    }

    async fn artefact(&self, key: &str) -> StoreResult<Option<Vec<u8>>> {
        artefacts::get(self, key).await
    }

    async fn sweep_artefacts(&self, used: &HashMap<String, Owner>, sweep: Sweep) -> StoreResult<u64> {
        artefacts::sweep(self, used, sweep).await
    }

    async fn sweep_components(&self, used: &HashSet<String>, sweep: Sweep) -> StoreResult<u64> {
        components::sweep(self, used, sweep).await
    }

    async fn activations(&self) -> StoreResult<Vec<Activation>> {
        activations::all(self).await
    }

    async fn add_activation(
        &self,
        activation: &Activation,
        room: ActivationRoom,
        usable: &[UsableRelease],
        audit: &AuditEntry,
    ) -> StoreResult<ActivationAdded> {
        activations::add(self, activation, room, usable, audit).await
    }

    async fn change_activation(
        &self,
        activation: &Activation,
        seen: Timestamp,
        usable: &[UsableRelease],
        audit: &AuditEntry,
    ) -> StoreResult<()> {
        activations::change(self, activation, Planned { seen, usable, preparing: None }, audit).await
    }

    async fn plan_activation(
        &self,
        activation: &Activation,
        seen: Timestamp,
        usable: &[UsableRelease],
        preparing: QuotaLimit,
        audit: &AuditEntry,
    ) -> StoreResult<()> {
        let planned = Planned { seen, usable, preparing: Some(preparing) };
        activations::change(self, activation, planned, audit).await
    }

    async fn delete_activation(
        &self,
        activation: &Activation,
        seen: Timestamp,
        audit: &AuditEntry,
    ) -> StoreResult<()> {
        activations::delete(self, activation, seen, audit).await
    }

    async fn activation_version_page(
        &self,
        activation: ActivationId,
        page: PageRequest,
    ) -> StoreResult<Page<ActivationVersion>> {
        activations::version_page(self, activation, page).await
    }

    async fn sweep_generations(&self) -> StoreResult<u64> {
        generations::sweep(self).await
    }

    async fn activation_versions(&self, activation: ActivationId) -> StoreResult<Vec<ActivationVersion>> {
        activations::versions(self, activation).await
    }

    async fn add_generation(&self, generation: &Generation) -> StoreResult<()> {
        generations::add(self, generation).await
    }

    async fn latest_generation(&self) -> StoreResult<Option<Generation>> {
        generations::latest(self).await
    }

    async fn generation(&self, number: i64) -> StoreResult<Option<Generation>> {
        generations::by_number(self, number).await
    }

    async fn generations(&self, page: PageRequest) -> StoreResult<Page<Generation>> {
        generations::page(self, page).await
    }
}
