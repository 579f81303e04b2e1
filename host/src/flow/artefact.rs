//! A release with settings gets its artefact: the kept one, a shared one, or one made now.
//!
//! What is kept is believed only under seal. What was changed, or made by another host or of something
//! else, is not loaded: it is made again and replaced.

use std::io;
use std::path::PathBuf;

use bytes::Bytes;
use serde_json::Value;
use tokio::sync::Mutex;

use super::{Flow, FlowError, delete_unused};
use crate::domain::activation::Activation;
use crate::domain::quota::Quota;
use crate::domain::release::PluginKind;
use crate::plugin::{Artefact, Inspected, MadeOf, Owner, PrepareFailure, Seal, settings_digest};
use crate::store::{ArtefactShelf, StoreError, StoreResult};

/// Stands where settings' digest would: an inspection has none.
const INSPECTED: &str = "inspected";

/// The name of the shelf's key within its folder.
const SHELF_KEY: &str = "key";

/// Whose seals are believed where.
pub struct Artefacts {
    seal: Seal,
    shelf: Option<(ArtefactShelf, Seal)>,
    /// Held while a kept artefact is looked at only to know that it is good: many preparations hold one such
    /// artefact in memory at a time, and not one each.
    looking: Mutex<()>,
}

/// What an artefact is wanted of.
#[derive(Clone, Copy)]
pub struct Wanted<'a> {
    /// On whose behalf.
    pub owner: Owner,
    /// Adapter or policy.
    pub kind: PluginKind,
    /// SHA-256 of the release, hexadecimal.
    pub digest: &'a str,
    /// A policy's settings. Adapters are prepared without.
    pub settings: &'a Value,
}

impl<'a> Wanted<'a> {
    /// What this activation runs.
    pub fn by(activation: &'a Activation) -> Self {
        let Activation { owner, kind, digest, settings, .. } = activation;
        Self { owner: *owner, kind: *kind, digest, settings }
    }
}

impl Artefacts {
    /// The repository's artefacts under this seal, and a folder of artefacts to share with other
    /// repositories, which has a key of its own.
    pub fn new(seal: Seal, shelf: Option<PathBuf>) -> io::Result<Self> {
        let shelf = match shelf {
            None => None,
            Some(folder) => {
                let shelf = ArtefactShelf::new(folder.clone())?;
                Some((shelf, Seal::kept_in(&folder.join(SHELF_KEY))?))
            }
        };
        Ok(Self { seal, shelf, looking: Mutex::default() })
    }
}

impl Flow {
    /// What an artefact is made of.
    pub fn made_of(&self, wanted: Wanted<'_>) -> MadeOf {
        let settings = match wanted.kind {
            PluginKind::Policy => settings_digest(wanted.settings),
            PluginKind::ChannelAdapter => String::new(),
        };
        let engine = self.plugins.fingerprint().to_owned();
        MadeOf { release: wanted.digest.to_owned(), settings, engine }
    }

    /// Makes the artefact of a version that is at work, even beyond its owner's quota, and keeps it; where it cannot be
    /// kept, it is given to be used as it is. A rule that works is not lost over either.
    pub(super) async fn remake_artefact(
        &self,
        wanted: Wanted<'_>,
    ) -> Result<Option<Artefact>, PrepareFailure> {
        let made_of = self.made_of(wanted);
        let artefact = self.make_artefact(wanted, &made_of).await?;
        if let Err(error) = self.keep_artefact(&made_of, wanted.owner, &artefact).await {
            let release = &made_of.release;
            tracing::warn!(%release, %error, "a compiled plugin could not be kept: it is used, and made again later");
            return Ok(Some(artefact));
        }
        Ok(None)
    }

    /// Makes and keeps the artefact of a version that is to take over, within its owner's quota.
    pub(super) async fn prepare_artefact(&self, wanted: Wanted<'_>) -> Result<(), PrepareFailure> {
        let made_of = self.made_of(wanted);
        if self.is_kept(&made_of).await? {
            return Ok(());
        }
        let artefact = self.make_artefact(wanted, &made_of).await?;
        let kept = self.keep_within_quota(&made_of, wanted.owner, artefact).await;
        kept.map_err(|error| match error {
            FlowError::OverQuota(over) => PrepareFailure::over_quota(&over),
            other => PrepareFailure::unavailable(other.to_string()),
        })
    }

    /// Keeps an artefact where its owner has room for it, after deleting what the owner does not use. What is
    /// refused is counted.
    pub(super) async fn keep_within_quota(
        &self,
        made_of: &MadeOf,
        owner: Owner,
        artefact: Artefact,
    ) -> Result<(), FlowError> {
        let (key, room) = (made_of.key(), self.quota(owner, Quota::ArtefactBytes));
        let sealed = self.sealed(made_of, artefact).await?;
        let put = || self.store.put_artefact(&key, owner, sealed.clone(), Some(room));
        let kept = match put().await {
            Err(StoreError::OverQuota(_)) => {
                delete_unused::make_room(self, owner).await?;
                put().await
            }
            other => other,
        };
        if let Err(StoreError::OverQuota(over)) = &kept {
            self.note_over_quota(over);
        }
        Ok(kept?)
    }

    /// Keeps an artefact for later, whatever its owner's quota.
    pub async fn keep_artefact(
        &self,
        made_of: &MadeOf,
        owner: Owner,
        artefact: &Artefact,
    ) -> StoreResult<()> {
        let sealed = self.sealed(made_of, artefact.clone()).await?;
        self.store.put_artefact(&made_of.key(), owner, sealed, None).await
    }

    /// The artefact as it is kept. It is let go as soon as it is sealed: it may have a hundred megabytes.
    async fn sealed(&self, made_of: &MadeOf, artefact: Artefact) -> StoreResult<Bytes> {
        let (seal, made_of) = (self.artefacts.seal.clone(), made_of.clone());
        aside(move || seal.close(&made_of, &artefact).into()).await
    }

    async fn is_kept(&self, made_of: &MadeOf) -> Result<bool, PrepareFailure> {
        let _one_at_a_time = self.artefacts.looking.lock().await;
        Ok(self.kept_artefact(made_of).await?.is_some())
    }

    /// The artefact that is kept under this host's seal.
    pub async fn kept_artefact(&self, made_of: &MadeOf) -> Result<Option<Artefact>, PrepareFailure> {
        let kept = self.store.artefact(&made_of.key()).await;
        let Some(kept) = kept.map_err(|error| PrepareFailure::unavailable(error.to_string()))? else {
            return Ok(None);
        };
        let (seal, of) = (self.artefacts.seal.clone(), made_of.clone());
        let opened = aside(move || seal.open(&of, &kept.into())).await;
        let opened = opened.map_err(|error| PrepareFailure::unavailable(error.to_string()))?;
        if opened.is_none() {
            self.refused("repository", made_of);
        }
        Ok(opened)
    }

    async fn make_artefact(&self, wanted: Wanted<'_>, made_of: &MadeOf) -> Result<Artefact, PrepareFailure> {
        let open = |seal: &Seal, of: &MadeOf, bytes: &Bytes| seal.open(of, bytes);
        if let Some(shared) = self.shelved(made_of, open).await {
            return Ok(shared);
        }
        let Wanted { owner, kind, settings, digest } = wanted;
        let made = self.plugins.prepare_late(owner, self.component(digest), kind, settings).await?;
        let shelved = made.clone();
        self.shelve(made_of, move |seal, of| seal.close(of, &shelved)).await;
        Ok(made)
    }

    async fn component(&self, digest: &str) -> Result<Bytes, String> {
        match self.store.component(digest).await {
            Ok(Some(component)) => Ok(component.into()),
            Ok(None) => Err(format!("the component {digest} is not in the repository")),
            Err(error) => Err(error.to_string()),
        }
    }

    /// What an inspection of these bytes found, if the shelf remembers one under this engine.
    pub(super) async fn remembered_inspection(&self, digest: &str) -> Option<Inspected> {
        let open = |seal: &Seal, of: &MadeOf, bytes: &Bytes| Inspected::open(seal, of, bytes);
        self.shelved(&self.inspection_of(digest), open).await
    }

    /// Has the shelf remember what an inspection found.
    pub(super) async fn remember_inspection(&self, inspected: &Inspected) {
        let (made_of, inspected) = (self.inspection_of(&inspected.digest), inspected.clone());
        self.shelve(&made_of, move |seal, of| inspected.close(seal, of)).await;
    }

    fn inspection_of(&self, digest: &str) -> MadeOf {
        let engine = self.plugins.fingerprint().to_owned();
        MadeOf { release: digest.to_owned(), settings: INSPECTED.to_owned(), engine }
    }

    async fn shelved<T: Send + 'static>(
        &self,
        made_of: &MadeOf,
        open: impl FnOnce(&Seal, &MadeOf, &Bytes) -> Option<T> + Send + 'static,
    ) -> Option<T> {
        let (shelf, seal) = self.artefacts.shelf.clone()?;
        let of = made_of.clone();
        let opened = aside(move || shelf.get(&of.key()).map(|bytes| open(&seal, &of, &bytes.into())));
        let opened = opened.await.ok().flatten()?;
        if opened.is_none() {
            self.refused("shelf", made_of);
        }
        opened
    }

    async fn shelve(&self, made_of: &MadeOf, close: impl FnOnce(&Seal, &MadeOf) -> Vec<u8> + Send + 'static) {
        let Some((shelf, seal)) = self.artefacts.shelf.clone() else { return };
        let of = made_of.clone();
        // A shelf only spares compiling.
        let _ = aside(move || shelf.put(&of.key(), &close(&seal, &of))).await;
    }

    fn refused(&self, place: &'static str, made_of: &MadeOf) {
        let (release, engine) = (&made_of.release, &made_of.engine);
        tracing::warn!(%release, %engine, "a compiled plugin in the {place} is not what this host put there: it is made again");
        self.telemetry.artefact_refused(place);
    }
}

/// Does what takes tens of milliseconds for a large artefact on a thread on which no request waits.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> StoreResult<T> {
    tokio::task::spawn_blocking(work).await.map_err(|error| StoreError::Failed(Box::new(error)))
}
