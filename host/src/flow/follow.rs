//! Memory follows what is stored.
//!
//! Once a transaction is committed its change is done, and its caller is told so whatever fails afterwards: a
//! refusal would have it repeated, and a token that was just made would be lost. So no verb reads memory anew
//! by a function that can fail. Names and tokens are changed in memory as they were in the repository
//! ([`Flow::names_changed`], [`Keyring`](super::keyring::Keyring)); what takes reading and loading is done anew by
//! [`catch_up`](super::catch_up) where it fails at once.
//!
//! **Invariant:** nothing here that a verb calls after its commit fails.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::{Flow, FlowError};
use crate::domain::organisation::Directory;

/// Whether what is at work is older than what is enabled, by the repository's word.
#[derive(Debug, Default)]
pub struct Behind {
    changes: AtomicU64,
    followed: AtomicU64,
    /// What changed last, in words.
    cause: Mutex<String>,
}

impl Flow {
    /// Departments, agents, queues or inboxes were changed so, and that is stored.
    pub(super) async fn names_changed(&self, change: impl FnOnce(&mut Directory)) {
        // One at a time, and never while they are being read.
        let _one_at_a_time = self.naming.lock().await;
        let mut directory = Directory::clone(&self.directory.load());
        change(&mut directory);
        self.directory.store(Arc::new(directory));
    }

    /// What is enabled changed, and that is stored; `cause` says how, in words.
    pub(super) async fn pipeline_changed(&self, cause: &str) {
        self.behind.change(cause);
        if let Err(error) = self.follow_pipeline().await {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                cause,
                "what is enabled changed and could not be loaded; it is tried again"
            );
        }
    }

    /// Loads what is enabled, if that failed after it changed.
    pub(super) async fn follow_pipeline(&self) -> Result<(), FlowError> {
        if let Some((change, cause)) = self.behind.ahead() {
            self.refresh_pipeline(&cause).await?;
            // A change that came meanwhile is followed by its own caller.
            self.behind.followed.fetch_max(change, Ordering::AcqRel);
        }
        Ok(())
    }
}

impl Behind {
    fn change(&self, cause: &str) {
        *self.cause.lock().unwrap_or_else(PoisonError::into_inner) = cause.to_owned();
        self.changes.fetch_add(1, Ordering::AcqRel);
    }

    /// The last change that is not followed yet, and what it was.
    fn ahead(&self) -> Option<(u64, String)> {
        let change = self.changes.load(Ordering::Acquire);
        let is_ahead = change > self.followed.load(Ordering::Acquire);
        is_ahead.then(|| (change, self.cause.lock().unwrap_or_else(PoisonError::into_inner).clone()))
    }
}
