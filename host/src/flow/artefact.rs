//! A release with settings gets its artefact: the kept one, a shared one, or one made now.
//!
//! What is kept is believed only under seal. What was changed, or made by another host or of something
//! else, is not loaded: it is made again and replaced.

use std::io;
use std::path::PathBuf;

use serde_json::Value;

use super::Flow;
use crate::domain::activation::Activation;
use crate::domain::release::PluginKind;
use crate::plugin::{Artefact, Inspected, MadeOf, Owner, PrepareFailure, Seal, settings_digest};
use crate::store::{ArtefactShelf, StoreResult};

/// Stands where settings' digest would: an inspection has none.
const INSPECTED: &str = "inspected";

/// The name of the shelf's key within its folder.
const SHELF_KEY: &str = "key";

/// Whose seals are believed where.
pub struct Artefacts {
    seal: Seal,
    shelf: Option<(ArtefactShelf, Seal)>,
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
        Ok(Self { seal, shelf })
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

    /// The artefact of a release with settings.
    pub async fn artefact(&self, wanted: Wanted<'_>) -> Result<Artefact, PrepareFailure> {
        let made_of = self.made_of(wanted);
        match self.kept_artefact(&made_of).await? {
            Some(kept) => Ok(kept),
            None => self.make_artefact(wanted, &made_of).await,
        }
    }

    /// Keeps an artefact for later.
    pub async fn keep_artefact(&self, made_of: &MadeOf, artefact: &Artefact) -> StoreResult<()> {
        self.store.put_artefact(&made_of.key(), &self.artefacts.seal.close(made_of, artefact)).await
    }

    async fn kept_artefact(&self, made_of: &MadeOf) -> Result<Option<Artefact>, PrepareFailure> {
        let kept = self.store.artefact(&made_of.key()).await;
        let Some(kept) = kept.map_err(|error| PrepareFailure::unavailable(error.to_string()))? else {
            return Ok(None);
        };
        let opened = self.artefacts.seal.open(made_of, &kept);
        if opened.is_none() {
            self.refused("repository", made_of);
        }
        Ok(opened)
    }

    async fn make_artefact(&self, wanted: Wanted<'_>, made_of: &MadeOf) -> Result<Artefact, PrepareFailure> {
        let unavailable = |error: String| PrepareFailure::unavailable(error);
        let artefact = match self.shelved(made_of, |seal, bytes| seal.open(made_of, bytes)) {
            Some(shared) => shared,
            None => {
                let digest = wanted.digest;
                let component =
                    self.store.component(digest).await.map_err(|error| unavailable(error.to_string()))?;
                let component = component
                    .ok_or_else(|| unavailable(format!("the component {digest} is not in the repository")))?;
                let Wanted { owner, kind, settings, .. } = wanted;
                let made = self.plugins.prepare(owner, component.into(), kind, settings).await?;
                self.shelve(made_of, |seal| seal.close(made_of, &made));
                made
            }
        };
        self.keep_artefact(made_of, &artefact).await.map_err(|error| unavailable(error.to_string()))?;
        Ok(artefact)
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

    fn shelved<T>(&self, made_of: &MadeOf, open: impl FnOnce(&Seal, &[u8]) -> Option<T>) -> Option<T> {
        let (shelf, seal) = self.artefacts.shelf.as_ref()?;
        let opened = open(seal, &shelf.get(&made_of.key())?);
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
