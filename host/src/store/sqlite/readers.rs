//! Connections that read: some for the host's own work, and others for requests, which callers share.
//!
//! **Invariant:** a request never takes a reader of the host's own work, and no owner of tokens takes all readers
//! of requests, however many tokens it has. A request's use of a reader ends by itself.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sqlx::pool::{PoolConnection, PoolOptions};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Sqlite, SqliteConnection, SqlitePool};

use super::SqliteStore;
use crate::gate::{Gate, GateLimits, NoTurn, Pass};
use crate::store::reading::Reading;
use crate::store::{ReadClass, StoreError, StoreResult};

/// Readers for the host's own work: workers, caches, deliveries. More than the executor's threads ask for at
/// once would only add memory: each may keep [`READER_CACHE_KIB`](super::open).
const WORK_MAX: u32 = 4;

/// Readers for requests. One token has three of them at most, and a department four, or as many as are free.
const REQUESTS: GateLimits = GateLimits {
    name: "readers",
    unit: "database readers",
    units: 8,
    share: 3,
    wait: Duration::from_secs(5),
};

/// Of these, for searches, which compute all the time: a list never waits for more than two of them, and one
/// owner keeps one processor busy.
const SEARCHES: GateLimits = GateLimits {
    name: "searches",
    unit: "database readers for searches",
    units: 2,
    share: 1,
    wait: Duration::from_secs(5),
};

/// Of these, for exports and verifications. They wait longer: there are few, and none is urgent.
const SWEEPS: GateLimits = GateLimits {
    name: "sweeps",
    unit: "database readers for exports and verifications",
    units: 1,
    share: 1,
    wait: Duration::from_secs(30),
};

/// How long a list or a search may use a reader: a thousand times what an indexed page takes.
const USE_MAX: Duration = Duration::from_secs(5);

/// The same for what reads much on purpose, and for what a change needs to know.
const LONG_USE_MAX: Duration = Duration::from_secs(60);

/// After how many steps of SQLite's machine it is looked whether the time is over: a fraction of a millisecond.
const STEPS_BETWEEN_CHECKS: i32 = 10_000;

/// The readers of a repository.
pub(super) struct Readers {
    work: SqlitePool,
    requests: SqlitePool,
    all: Gate,
    searches: Gate,
    sweeps: Gate,
}

/// A reader, until this goes.
pub(super) struct Reader {
    connection: PoolConnection<Sqlite>,
    /// Has SQLite end what this one still computes.
    ended: Option<Arc<AtomicBool>>,
    /// Until when a request may use it.
    until: Option<Instant>,
    _turns: (Option<Pass>, Option<Pass>),
}

impl Readers {
    /// Readers connect when they are first needed, and stay: a connection that was closed would have to
    /// read the schema and prepare every statement again.
    pub(super) fn new(options: &SqliteConnectOptions) -> Self {
        let pool = |connections_max| {
            PoolOptions::new()
                .max_connections(connections_max)
                .idle_timeout(None)
                .max_lifetime(None)
                .test_before_acquire(false)
                .connect_lazy_with(options.clone())
        };
        Self {
            work: pool(WORK_MAX),
            requests: pool(REQUESTS.units as u32),
            all: Gate::new(REQUESTS),
            searches: Gate::new(SEARCHES),
            sweeps: Gate::new(SWEEPS),
        }
    }

    /// Ends them.
    pub(super) async fn close(&self) {
        self.work.close().await;
        self.requests.close().await;
    }

    async fn for_work(&self) -> StoreResult<Reader> {
        let connection = self.work.acquire().await?;
        Ok(Reader { connection, ended: None, until: None, _turns: (None, None) })
    }

    /// A reader that this request may use for so long.
    pub(super) async fn for_request(&self, reading: Reading, use_max: Duration) -> StoreResult<Reader> {
        let narrow = match reading.class {
            ReadClass::List | ReadClass::Act => None,
            ReadClass::Search => Some(&self.searches),
            ReadClass::Sweep => Some(&self.sweeps),
        };
        let narrow = match narrow {
            Some(gate) => Some(gate.enter(reading.caller, 1).await?),
            None => None,
        };
        let turn = self.all.enter(reading.caller, 1).await?;
        let mut connection = self.requests.acquire().await?;
        let (ended, until) = (Arc::new(AtomicBool::new(false)), Instant::now() + use_max);
        let is_over = Arc::clone(&ended);
        connection.lock_handle().await?.set_progress_handler(STEPS_BETWEEN_CHECKS, move || {
            !is_over.load(Ordering::Relaxed) && Instant::now() < until
        });
        Ok(Reader { connection, ended: Some(ended), until: Some(until), _turns: (narrow, Some(turn)) })
    }
}

fn use_max(class: ReadClass) -> Duration {
    match class {
        ReadClass::List | ReadClass::Search => USE_MAX,
        ReadClass::Sweep | ReadClass::Act => LONG_USE_MAX,
    }
}

impl SqliteStore {
    /// A reader for whoever this task reads for.
    pub(super) async fn reader(&self) -> StoreResult<Reader> {
        match Reading::current() {
            Some(reading) => self.readers.for_request(reading, use_max(reading.class)).await,
            None => self.readers.for_work().await,
        }
    }

    /// A reader for what is kept in memory for all. A change that renews it waits for nobody's lists: it is done
    /// already.
    pub(super) async fn renewing_reader(&self) -> StoreResult<Reader> {
        match Reading::current() {
            Some(Reading { class: ReadClass::Act, .. }) | None => self.readers.for_work().await,
            Some(reading) => self.readers.for_request(reading, use_max(reading.class)).await,
        }
    }
}

impl Reader {
    /// Fails when its time is over: for loops that compute between their statements.
    pub(super) fn check_time(&self) -> StoreResult<()> {
        match self.until.is_some_and(|until| Instant::now() >= until) {
            true => Err(StoreError::TooCostly),
            false => Ok(()),
        }
    }
}

impl Deref for Reader {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        &self.connection
    }
}

impl DerefMut for Reader {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        // A caller that went away in the middle leaves a statement that computes on: it ends now, so that
        // the next one does not wait for it.
        if let Some(ended) = &self.ended {
            ended.store(true, Ordering::Relaxed);
        }
    }
}

impl From<NoTurn> for StoreError {
    fn from(no_turn: NoTurn) -> Self {
        Self::Busy(no_turn)
    }
}
