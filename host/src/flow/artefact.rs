//! A release with settings gets its artefact: the kept one, a shared one, or one made now.
//!
//! What is kept is believed only under seal. What was changed, or made by another host or of something
//! else, is not loaded: it is made again and replaced.

use std::io;
use std::path::PathBuf;

use bytes::Bytes;
use serde_json::Value;
use tokio::sync::Mutex;

use super::{Flow, delete_unused};
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

    /// The artefact of a version that is at work. It is made again where it is gone, even beyond its owner's quota: a rule
    /// that works is not lost over that.
    pub async fn artefact(&self, wanted: Wanted<'_>) -> Result<Artefact, PrepareFailure> {
        let made_of = self.made_of(wanted);
        if let Some(kept) = self.kept_artefact(&made_of).await? {
            return Ok(kept);
        }
        let artefact = self.make_artefact(wanted, &made_of).await?;
        let kept = self.keep_artefact(&made_of, wanted.owner, &artefact).await;
        kept.map_err(|error| PrepareFailure::unavailable(error.to_string()))?;
        Ok(artefact)
    }

    /// Makes and keeps the artefact of a version that is to take over, within its owner's quota.
    pub(super) async fn prepare_artefact(&self, wanted: Wanted<'_>) -> Result<(), PrepareFailure> {
        let made_of = self.made_of(wanted);
        if self.is_kept(&made_of).await? {
            return Ok(());
        }
        let artefact = self.make_artefact(wanted, &made_of).await?;
        let (key, room) = (made_of.key(), self.quota(wanted.owner, Quota::ArtefactBytes));
        let sealed = Bytes::from(self.artefacts.seal.close(&made_of, &artefact));
        drop(artefact);
        let put = || self.store.put_artefact(&key, wanted.owner, sealed.clone(), Some(room));
        let kept = match put().await {
            Err(StoreError::OverQuota(_)) => {
                let made = delete_unused::make_room(self, wanted.owner).await;
                made.map_err(|error| PrepareFailure::unavailable(error.to_string()))?;
                put().await
            }
            other => other,
        };
        kept.map_err(|error| match error {
            StoreError::OverQuota(over) => {
                self.note_over_quota(&over);
                PrepareFailure::over_quota(&over)
            }
            other => PrepareFailure::unavailable(other.to_string()),
        })
    }

    /// Keeps an artefact for later.
    pub async fn keep_artefact(
        &self,
        made_of: &MadeOf,
        owner: Owner,
        artefact: &Artefact,
    ) -> StoreResult<()> {
        let sealed = self.artefacts.seal.close(made_of, artefact);
        self.store.put_artefact(&made_of.key(), owner, sealed.into(), None).await
    }

    async fn is_kept(&self, made_of: &MadeOf) -> Result<bool, PrepareFailure> {
        let _one_at_a_time = self.artefacts.looking.lock().await;
        Ok(self.kept_artefact(made_of).await?.is_some())
    }

    async fn kept_artefact(&self, made_of: &MadeOf) -> Result<Option<Artefact>, PrepareFailure> {
        let kept = self.store.artefact(&made_of.key()).await;
        let Some(kept) = kept.map_err(|error| PrepareFailure::unavailable(error.to_string()))? else {
            return Ok(None);
        };
        let opened = self.artefacts.seal.open(made_of, &kept.into());
        if opened.is_none() {
            self.refused("repository", made_of);
        }
        Ok(opened)
    }

    async fn make_artefact(&self, wanted: Wanted<'_>, made_of: &MadeOf) -> Result<Artefact, PrepareFailure> {
        if let Some(shared) = self.shelved(made_of, |seal, bytes| seal.open(made_of, bytes)) {
            return Ok(shared);
        }
        let Wanted { owner, kind, settings, digest } = wanted;
        let made = self.plugins.prepare_late(owner, self.component(digest), kind, settings).await?;
        self.shelve(made_of, |seal| seal.close(made_of, &made));
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
    pub(super) fn remembered_inspection(&self, digest: &str) -> Option<Inspected> {
        let made_of = self.inspection_of(digest);
        self.shelved(&made_of, |seal, bytes| Inspected::open(seal, &made_of, bytes))
    }

    /// Has the shelf remember what an inspection found.
    pub(super) fn remember_inspection(&self, inspected: &Inspected) {
        let made_of = self.inspection_of(&inspected.digest);
        self.shelve(&made_of, |seal| inspected.close(seal, &made_of));
    }

    fn inspection_of(&self, digest: &str) -> MadeOf {
        let engine = self.plugins.fingerprint().to_owned();
        MadeOf { release: digest.to_owned(), settings: INSPECTED.to_owned(), engine }
    }

    fn shelved<T>(&self, made_of: &MadeOf, open: impl FnOnce(&Seal, &Bytes) -> Option<T>) -> Option<T> {
        let (shelf, seal) = self.artefacts.shelf.as_ref()?;
        let opened = open(seal, &shelf.get(&made_of.key())?.into());
        if opened.is_none() {
            self.refused("shelf", made_of);
        }
        opened
    }

    fn shelve(&self, made_of: &MadeOf, close: impl FnOnce(&Seal) -> Vec<u8>) {
        if let Some((shelf, seal)) = &self.artefacts.shelf {
            shelf.put(&made_of.key(), &close(seal));
        }
    }

    fn refused(&self, place: &'static str, made_of: &MadeOf) {
        let (release, engine) = (&made_of.release, &made_of.engine);
        tracing::warn!(%release, %engine, "a compiled plugin in the {place} is not what this host put there: it is made again");
        self.telemetry.artefact_refused(place);
    }
}
