//! Which secrets there are, open and in memory.
//!
//! What one call may do with them is a [`Granted`], made for an inbox and the manifest of its adapter.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::Mutex;

use crate::domain::ids::{SecretId, SecretValueId};
use crate::domain::organisation::Inbox;
use crate::domain::release::Manifest;
use crate::domain::secret::Secret;
use crate::flow::FlowError;
use crate::store::{Store, StoredSecret};
use crate::vault::{Cipher, Granted, OpenSecret, SecretValue, Unreadable};

/// The secrets that there are.
pub struct Safe {
    cipher: Cipher,
    contents: ArcSwap<Contents>,
    /// Held while the secrets are read again, so that older ones never replace newer ones.
    refreshing: Mutex<()>,
}

#[derive(Default)]
struct Contents {
    by_name: HashMap<String, Arc<OpenSecret>>,
    unreadable: HashSet<SecretValueId>,
}

impl Safe {
    /// An empty safe; see [`Safe::refresh`].
    pub fn new(cipher: Cipher) -> Self {
        Self { cipher, contents: ArcSwap::default(), refreshing: Mutex::default() }
    }

    /// A value as it is kept.
    pub fn seal(
        &self,
        secret: SecretId,
        id: SecretValueId,
        value: &SecretValue,
    ) -> Result<Vec<u8>, Unreadable> {
        self.cipher.seal(&belongs_to(secret, id), value)
    }

    /// A digest that only this installation can make: what it was made of cannot be found by trying.
    pub fn fingerprint(&self, bytes: &[u8]) -> String {
        self.cipher.fingerprint(bytes)
    }

    /// What calls of this adapter for this inbox may do.
    pub fn granted(&self, manifest: &Arc<Manifest>, inbox: &Inbox) -> Granted {
        if inbox.secrets.is_empty() {
            return Granted::new(Arc::clone(manifest), Vec::new());
        }
        let contents = self.contents.load();
        let is_theirs = |secret: &Secret| secret.department.is_none_or(|it| it == inbox.department);
        let bound = inbox.secrets.iter().filter_map(|(name, stored)| {
            let open = contents.by_name.get(stored).filter(|open| is_theirs(&open.secret))?;
            Some((name.clone(), Arc::clone(open)))
        });
        Granted::new(Arc::clone(manifest), bound.collect())
    }

    /// Whether a value that counts could be opened.
    pub fn is_readable(&self, id: SecretValueId) -> bool {
        !self.contents.load().unreadable.contains(&id)
    }

    /// Reads the secrets again after they changed.
    pub async fn refresh(&self, store: &Arc<dyn Store>) -> Result<(), FlowError> {
        let _one_at_a_time = self.refreshing.lock().await;
        let mut contents = Contents::default();
        for stored in store.secrets().await? {
            self.open(stored, &mut contents);
        }
        self.contents.store(Arc::new(contents));
        Ok(())
    }

    fn open(&self, stored: StoredSecret, contents: &mut Contents) {
        let secret = stored.secret;
        let mut values = Vec::new();
        // Newest first: that is the one that is sent.
        for value in stored.values.iter().rev() {
            let Some(sealed) = &value.sealed else { continue };
            match self.cipher.open(&belongs_to(secret.id, value.facts.id), sealed) {
                Ok(value) => values.push(value),
                Err(error) => {
                    tracing::error!(
                        secret = %secret.name, value = %value.facts.id, %error,
                        "a secret's value cannot be used; start with the key it was sealed with, or set it anew"
                    );
                    contents.unreadable.insert(value.facts.id);
                }
            }
        }
        contents.by_name.insert(secret.name.clone(), Arc::new(OpenSecret { secret, values }));
    }
}

/// Under which name a value is sealed, so that it opens in its own place only.
fn belongs_to(secret: SecretId, value: SecretValueId) -> String {
    format!("{secret}/{value}")
}
