//! The repository is inspected before it is worked on, where the host before did not end in order.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::crash;
use crate::store::sqlite::StorePath;
use crate::store::{Findings, LastEnd, Store, StoreError, StoreResult};

/// How long a start waits for the inspection, which reads the whole file: enough for a hundred
/// megabytes or more that are at hand. Of a larger one the rest is inspected while the host works
/// already, and damage ends it.
const PATIENCE: Duration = Duration::from_millis(300);

/// An inspection, and what it came to.
pub(super) struct Inspection {
    verdict: Arc<OnceLock<Result<(), String>>>,
    beside: Option<JoinHandle<()>>,
}

impl Inspection {
    /// Inspects where that is called for. Fails when the repository is damaged; cancels `stop` when that
    /// comes out later.
    pub(super) async fn begin(
        store: &Arc<dyn Store>,
        place: Place,
        stop: CancellationToken,
    ) -> anyhow::Result<Self> {
        let verdict = Arc::new(OnceLock::new());
        if store.last_end() == LastEnd::Orderly {
            verdict.get_or_init(|| Ok(()));
            return Ok(Self { verdict, beside: None });
        }
        tracing::warn!("the host did not end in order the last time: the repository is inspected");
        let patience = crash::inspection_patience().unwrap_or(PATIENCE);
        let mut looking = tokio::spawn(look(Arc::clone(store), place));
        if let Ok(looked) = tokio::time::timeout(patience, &mut looking).await {
            looked.context("inspect the repository")?.map_err(anyhow::Error::msg)?;
            verdict.get_or_init(|| Ok(()));
            return Ok(Self { verdict, beside: None });
        }
        tracing::warn!("the repository is large: it is inspected further while the host works");
        let kept = Arc::clone(&verdict);
        let beside = tokio::spawn(async move {
            let looked = looking.await.unwrap_or_else(|error| Err(error.to_string()));
            if let Err(why) = &looked {
                tracing::error!("{why}");
                stop.cancel();
            }
            kept.get_or_init(|| looked);
        });
        Ok(Self { verdict, beside: Some(beside) })
    }

    /// Fails if the repository was found damaged.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        match self.verdict.get() {
            Some(Err(why)) => bail!("{why}"),
            Some(Ok(())) | None => Ok(()),
        }
    }

    /// Gives up what is not looked through yet; whether everything is and was whole.
    pub(super) async fn end(self) -> bool {
        if let Some(beside) = self.beside {
            beside.abort();
            let _ = beside.await;
        }
        matches!(self.verdict.get(), Some(Ok(())))
    }
}

/// Looks through it all; why nobody should work on it, where that is so.
async fn look(store: Arc<dyn Store>, place: Place) -> Result<(), String> {
    let began = Instant::now();
    let found = store.inspect().await.map_err(|error| place.explain(&error))?;
    let Findings { damage, stuck } = found;
    if !damage.is_empty() {
        return Err(place.is_damaged(&damage));
    }
    for what in stuck {
        tracing::error!("{what}: set it going again with POST /v1/conversations/{{id}}/ask-again");
    }
    let ms = began.elapsed().as_millis() as u64;
    tracing::info!(ms, "the repository was inspected and is whole");
    Ok(())
}

/// Where the repository is, for messages.
#[derive(Clone)]
pub(super) struct Place(Option<PathBuf>);

impl Place {
    pub(super) fn of(path: &StorePath) -> Self {
        match path {
            StorePath::File(file) => Self(Some(file.clone())),
            StorePath::Temporary => Self(None),
        }
    }

    /// The same, where opening may have found out.
    pub(super) fn explained<T>(&self, opened: StoreResult<T>) -> anyhow::Result<T> {
        match opened {
            Err(error @ StoreError::Damaged(_)) => bail!("{}", self.explain(&error)),
            other => other.context("open the repository"),
        }
    }

    fn explain(&self, error: &StoreError) -> String {
        match error {
            StoreError::Damaged(why) => self.is_damaged(std::slice::from_ref(why)),
            other => format!("the repository could not be inspected: {other}"),
        }
    }

    fn is_damaged(&self, found: &[String]) -> String {
        let file = self.0.as_ref().map_or_else(|| "(a temporary one)".into(), |it| it.display().to_string());
        format!(
            "the repository {file} is damaged, and nobody should work on it: {}\n\
             remedy: put a backup in its place (without the -wal and -shm files beside it); what can still be \
             read of it is printed by `sqlite3 {file} .recover`",
            found.join("; ")
        )
    }
}
