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
use crate::domain::time::Timestamp;
use crate::store::StoreResult;

/// Whether what is at work is older than what is enabled, by the repository's word.
#[derive(Debug, Default)]
pub struct Behind {
    changes: AtomicU64,
    followed: AtomicU64,
    /// What changed last, in words.
    cause: Mutex<String>,
    left_out: Mutex<Option<LeftOut>>,
    /// Held by the one who makes artefacts that are missing.
    making: tokio::sync::Mutex<()>,
}

/// Plugins that could not be loaded for a reason of the host's own.
#[derive(Clone, Copy, Debug)]
struct LeftOut {
    try_again_at: Timestamp,
    /// How long to wait after that, should it be in vain.
    wait_ms: i64,
}

/// When to try again first; each time in vain, twice as long passes until the next.
const LEFT_OUT_WAIT_MS: i64 = 1_000;

/// And at most so long: trying may take compiling.
const LEFT_OUT_WAIT_MAX_MS: i64 = 600_000;

impl Flow {
    /// Departments, agents, queues or inboxes were changed so, and that is stored.
    pub(super) async fn names_changed(&self, change: impl FnOnce(&mut Directory)) {
        // One at a time, and never while they are being read.
        let _one_at_a_time = self.naming.lock().await;
        let mut directory = Directory::clone(&self.directory.load());
        change(&mut directory);
        self.directory.store(Arc::new(directory));
    }

    /// The same for what has no revision: it is stored and known with no other change of names in between, so that
    /// the value stored last is the one that memory has.
    pub(super) async fn change_names(
        &self,
        storing: impl Future<Output = StoreResult<()>>,
        change: impl FnOnce(&mut Directory),
    ) -> StoreResult<()> {
        let _one_at_a_time = self.naming.lock().await;
        storing.await?;
        let mut directory = Directory::clone(&self.directory.load());
        change(&mut directory);
        self.directory.store(Arc::new(directory));
        Ok(())
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

    /// Loads what is enabled, if that failed after it changed, or if something was left out that the host could not
    /// load for a reason of its own.
    pub(super) async fn follow_pipeline(&self) -> Result<(), FlowError> {
        if self.behind.is_to_be_loaded_again(self.now()) {
            self.refresh_pipeline("what could not be loaded is tried again").await?;
        }
        if let Some((change, cause)) = self.behind.ahead() {
            self.refresh_pipeline(&cause).await?;
            // A change that came meanwhile is followed by its own caller.
            self.behind.followed.fetch_max(change, Ordering::AcqRel);
        }
        Ok(())
    }
}

impl Behind {
    /// The right to make artefacts that are missing; none while another one does.
    pub(super) fn begin_making(&self) -> Option<tokio::sync::MutexGuard<'_, ()>> {
        self.making.try_lock().ok()
    }

    pub(super) fn change(&self, cause: &str) {
        *self.cause.lock().unwrap_or_else(PoisonError::into_inner) = cause.to_owned();
        self.changes.fetch_add(1, Ordering::AcqRel);
    }

    /// So many plugins were left out now.
    pub(super) fn left_out(&self, count: usize, now: Timestamp) {
        let mut left_out = self.left_out.lock().unwrap_or_else(PoisonError::into_inner);
        let wait_ms = left_out.map_or(LEFT_OUT_WAIT_MS, |it| it.wait_ms);
        *left_out = (count > 0).then(|| LeftOut {
            try_again_at: now.plus_ms(wait_ms),
            wait_ms: (wait_ms * 2).min(LEFT_OUT_WAIT_MAX_MS),
        });
    }

    fn is_to_be_loaded_again(&self, now: Timestamp) -> bool {
        let left_out = self.left_out.lock().unwrap_or_else(PoisonError::into_inner);
        left_out.is_some_and(|it| now >= it.try_again_at)
    }

    /// The last change that is not followed yet, and what it was.
    fn ahead(&self) -> Option<(u64, String)> {
        let change = self.changes.load(Ordering::Acquire);
        let is_ahead = change > self.followed.load(Ordering::Acquire);
        is_ahead.then(|| (change, self.cause.lock().unwrap_or_else(PoisonError::into_inner).clone()))
    }
}
