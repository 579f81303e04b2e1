//! Releases, activations, generations, artefacts.

mod activations;
mod generations;
mod releases;
mod signing_keys;

use async_trait::async_trait;

use super::SqliteStore;
use crate::domain::activation::{Activation, ActivationVersion};
use crate::domain::generation::Generation;
use crate::domain::ids::{ActivationId, SigningKeyId};
use crate::domain::release::Release;
use crate::domain::signing::{Revocation, SigningKey};
use crate::domain::time::Timestamp;
use crate::store::{AuditEntry, Page, PageRequest, PluginStore, Published, StoreResult};

#[async_trait]
impl PluginStore for SqliteStore {
    async fn publish(
        &self,
        release: &Release,
        component: &[u8],
        audit: &AuditEntry,
    ) -> StoreResult<Published> {
        releases::publish(self, release, component, audit).await
    }

    async fn releases(&self, search: &str, page: PageRequest) -> StoreResult<Page<Release>> {
        releases::page(self, search, page).await
    }

    async fn plugin_names(&self, limit: u32) -> StoreResult<Vec<String>> {
        releases::names(self, limit).await
    }

    async fn versions(&self, name: &str) -> StoreResult<Vec<Release>> {
        releases::versions(self, name).await
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
        releases::component(self, digest).await
    }

    async fn put_artefact(&self, key: &str, bytes: &[u8]) -> StoreResult<()> {
        let mut writer = self.writer.lock().await;
        sqlx::query(
            "INSERT INTO artefacts (key, bytes) VALUES (?, ?)
             ON CONFLICT (key) DO UPDATE SET bytes = excluded.bytes",
        )
        .bind(key)
        .bind(bytes)
        .execute(&mut writer.connection)
        .await?;
        Ok(())
    }

    async fn artefact(&self, key: &str) -> StoreResult<Option<Vec<u8>>> {
        Ok(sqlx::query_scalar("SELECT bytes FROM artefacts WHERE key = ?")
            .bind(key)
            .fetch_optional(&mut *self.reader().await?)
            .await?)
    }

    async fn activations(&self) -> StoreResult<Vec<Activation>> {
        activations::all(self).await
    }

    async fn add_activation(&self, activation: &Activation, audit: &AuditEntry) -> StoreResult<()> {
        activations::add(self, activation, audit).await
    }

    async fn change_activation(
        &self,
        activation: &Activation,
        seen: Timestamp,
        audit: &AuditEntry,
    ) -> StoreResult<()> {
        activations::change(self, activation, seen, audit).await
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
