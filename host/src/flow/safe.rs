//! Which secrets there are, open and in memory.
//!
//! What one call may do with them is a [`Granted`], made for an inbox and the manifest of its adapter.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex as StdMutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::Mutex;

use crate::domain::ids::{DeliveryId, InboxId, SecretId, SecretValueId};
use crate::domain::organisation::Inbox;
use crate::domain::release::Manifest;
use crate::domain::secret::Secret;
use crate::flow::FlowError;
use crate::store::{Store, StoreResult, StoredSecret};
use crate::vault::{Cipher, Granted, OpenSecret, OpenValue, SecretValue, Unreadable};

/// How long a caller whose change is stored waits for it to be read: longer than a reading takes, shorter than
/// readers may be occupied by others.
const READ_TIMEOUT: Duration = Duration::from_secs(2);

/// The secrets that there are.
pub struct Safe {
    cipher: Arc<Cipher>,
    contents: ArcSwap<Contents>,
    /// Held while the secrets are read again, so that older ones never replace newer ones.
    refreshing: Mutex<()>,
    /// Whether they could not be read again after they changed.
    is_behind: AtomicBool,
    /// Inboxes whose unread deliveries may show what is known as a secret only now.
    to_look_through: StdMutex<BTreeSet<InboxId>>,
}

#[derive(Clone, Default)]
struct Contents {
    by_name: HashMap<String, Arc<OpenSecret>>,
}

impl Safe {
    /// An empty safe; see [`Safe::refresh`].
    pub fn new(cipher: Cipher) -> Self {
        Self {
            cipher: Arc::new(cipher),
            contents: ArcSwap::default(),
            refreshing: Mutex::default(),
            is_behind: AtomicBool::default(),
            to_look_through: StdMutex::default(),
        }
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

    /// What calls of this adapter for this inbox may do when something is sent.
    pub fn granted(&self, manifest: &Arc<Manifest>, inbox: &Inbox) -> Granted {
        Granted::new(Some(Arc::clone(manifest)), self.bound(inbox))
    }

    /// What the call that reads this delivery may do; whether the adapter is there or not, the same is
    /// hidden from it and from what is kept.
    pub fn granted_to_read(
        &self,
        delivery: DeliveryId,
        manifest: Option<&Arc<Manifest>>,
        inbox: &Inbox,
    ) -> Granted {
        Granted::new(manifest.map(Arc::clone), self.bound(inbox)).reading(delivery, &self.cipher)
    }

    /// The inbox's names for secrets, with those that its department may use.
    fn bound(&self, inbox: &Inbox) -> Vec<(String, Arc<OpenSecret>)> {
        if inbox.secrets.is_empty() {
            return Vec::new();
        }
        let contents = self.contents.load();
        let is_theirs = |secret: &Secret| secret.department.is_none_or(|it| it == inbox.department);
        let bound = inbox.secrets.iter().filter_map(|(name, stored)| {
            let open = contents.by_name.get(stored).filter(|open| is_theirs(&open.secret))?;
            Some((name.clone(), Arc::clone(open)))
        });
        bound.collect()
    }

    /// Whether a value that counts could be opened.
    pub fn is_readable(&self, id: SecretValueId) -> bool {
        let contents = self.contents.load();
        let value = contents.by_name.values().flat_map(|open| &open.values).find(|it| it.id == id);
        value.is_none_or(OpenValue::is_readable)
    }

    /// Reads the secrets again after they changed.
    pub async fn refresh(&self, store: &Arc<dyn Store>) -> Result<(), FlowError> {
        self.refresh_from(store.secrets()).await
    }

    /// The same, where the change is stored already and so is done: what cannot be read now is read
    /// later, by [`Safe::catch_up`].
    pub async fn follow(&self, store: &Arc<dyn Store>) {
        let why = match tokio::time::timeout(READ_TIMEOUT, self.refresh(store)).await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no reader was free in time".to_owned(),
        };
        tracing::error!(why, "the secrets changed and could not be read again; it is tried again");
    }

    /// Reads the secrets again, if that failed after they changed.
    pub async fn catch_up(&self, store: &Arc<dyn Store>) -> Result<(), FlowError> {
        match self.is_behind.load(Ordering::Acquire) {
            true => self.refresh(store).await,
            false => Ok(()),
        }
    }

    /// A value counts no more from now on, whether the secrets can be read again or not.
    pub async fn forget(&self, name: &str, id: SecretValueId) {
        let _one_at_a_time = self.refreshing.lock().await;
        let mut contents = Contents::clone(&self.contents.load());
        if let Some(open) = contents.by_name.get_mut(name) {
            Arc::make_mut(open).values.retain(|it| it.id != id);
        }
        self.contents.store(Arc::new(contents));
    }

    /// Remembers inboxes whose unread deliveries are to be looked through.
    pub fn look_through(&self, inboxes: impl IntoIterator<Item = InboxId>) {
        self.to_look_through.lock().unwrap_or_else(PoisonError::into_inner).extend(inboxes);
    }

    /// Takes the inboxes over that are to be looked through.
    pub fn take_to_look_through(&self) -> BTreeSet<InboxId> {
        std::mem::take(&mut self.to_look_through.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn refresh_from(
        &self,
        read: impl Future<Output = StoreResult<Vec<StoredSecret>>>,
    ) -> Result<(), FlowError> {
        let _one_at_a_time = self.refreshing.lock().await;
        // Whoever is cancelled meanwhile leaves it so.
        self.is_behind.store(true, Ordering::Release);
        let mut contents = Contents::default();
        for stored in read.await? {
            self.open(stored, &mut contents);
        }
        self.contents.store(Arc::new(contents));
        self.is_behind.store(false, Ordering::Release);
        Ok(())
    }

    fn open(&self, stored: StoredSecret, contents: &mut Contents) {
        let secret = stored.secret;
        // Newest first: that is the one that is sent.
        let values = stored.values.iter().rev().filter_map(|value| {
            let (id, sealed) = (value.facts.id, value.sealed.as_ref()?);
            let opened = self.cipher.open(&belongs_to(secret.id, id), sealed).inspect_err(|error| {
                tracing::error!(
                    secret = %secret.name, value = %id, %error,
                    "a secret's value cannot be used; start with the key it was sealed with, or set it anew"
                );
            });
            Some(OpenValue::new(id, opened.ok()))
        });
        let values = values.collect();
        contents.by_name.insert(secret.name.clone(), Arc::new(OpenSecret { secret, values }));
    }
}

/// Under which name a value is sealed, so that it opens in its own place only.
fn belongs_to(secret: SecretId, value: SecretValueId) -> String {
    format!("{secret}/{value}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::secret::{SecretUse, SecretValueFacts};
    use crate::domain::time::Timestamp;
    use crate::store::{StoreError, StoredSecretValue};

    fn stored(safe: &Safe) -> StoredSecret {
        let at = Timestamp::from_ms(0);
        let secret = Secret {
            id: SecretId(1),
            name: "webhook".to_owned(),
            department: None,
            uses: vec![SecretUse::Verify],
            hosts: vec![],
            created_at: at,
            revision: 1,
        };
        let value = |id: i64| {
            let facts = SecretValueFacts { id: SecretValueId(id), created_at: at, retired_at: None };
            let sealed = safe.seal(secret.id, facts.id, &SecretValue::new(b"a long value".to_vec()));
            StoredSecretValue { facts, sealed: Some(sealed.unwrap()) }
        };
        StoredSecret { values: vec![value(2), value(3)], secret }
    }

    fn counting(safe: &Safe) -> Vec<i64> {
        safe.contents.load().by_name["webhook"].values.iter().map(|it| it.id.0).collect()
    }

    #[tokio::test]
    async fn what_cannot_be_read_again_is_read_later_and_what_was_retired_counts_no_more() {
        let safe = Safe::new(Cipher::new(&[7; 32]).unwrap());
        let mut secrets = vec![stored(&safe)];
        safe.refresh_from(async { Ok(secrets.clone()) }).await.unwrap();
        assert_eq!(counting(&safe), [3, 2]);
        safe.forget("webhook", SecretValueId(2)).await;
        let failed = safe.refresh_from(async { Err(StoreError::Unavailable("full".to_owned())) }).await;
        assert!(failed.is_err() && safe.is_behind.load(Ordering::Acquire));
        assert_eq!(counting(&safe), [3], "the retired one is gone, the other stays");
        secrets[0].values.remove(0);
        safe.refresh_from(async { Ok(secrets) }).await.unwrap();
        assert!(!safe.is_behind.load(Ordering::Acquire));
        assert_eq!(counting(&safe), [3]);
    }
}
