//! The embedded repository: one SQLite file, one host.
//!
//! One connection writes, each transaction taken at its beginning (`BEGIN IMMEDIATE`), so that
//! writers wait for one another here and never meet `SQLITE_BUSY`; a few connections read (see [`readers`]).
//! Statements are set-based: a batch is one statement a table, its rows handed over as JSON (see
//! [`rows`]). Because a file has one host, claims are kept in memory: a crash frees them.
//!
//! Ids grow with time, so tables grow at their end. Only the keys that come from outside (an item's
//! external id, a thread's key, a presence on a channel) are scattered, and each has one index.
//!
//! **Invariant:** no statement on an item's path reads more than the rows it names.
//! **Invariant:** totals change in the transaction that changes what they count.

mod audit;
mod blobs;
mod claims;
mod concern;
mod contacts;
mod conversation_row;
mod conversations;
mod counts;
mod decisions;
mod deliveries;
mod erase;
mod erased_keys;
mod error;
mod events;
mod heads;
mod idempotency;
mod intake;
mod item_row;
mod merges;
mod notes;
mod open;
mod organisation;
mod outbox;
mod paging;
mod personal;
mod plugins;
mod quotas;
mod readers;
mod recent;
mod retention;
mod rewrite;
mod route;
mod rows;
mod script;
mod search;
mod secrets;
mod surroundings;
mod tags;
#[cfg(test)]
mod tests;
mod timers;
mod tokens;
mod unread;
mod upkeep;
mod words;

use std::collections::HashSet;
use std::fs::File;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, PoisonError};

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, Sqlite, SqliteConnection, Transaction};
use tempfile::TempDir;
use tokio::sync::Mutex;

pub use self::audit::verify_file;
use self::blobs::BlobFolder;
use self::claims::Claims;
use self::decisions::Generations;
use self::erased_keys::ErasedKeys;
pub use self::open::{StoreOptions, StorePath, Sync};
use self::readers::Readers;
use self::recent::Recent;
pub use self::rewrite::Rewrite;
use self::search::Texts;
use super::{LastEnd, StoreResult};
use crate::domain::clock::IdGenerator;
use crate::domain::ids::OutboxId;

/// The repository in a SQLite file.
pub struct SqliteStore {
    writer: Mutex<Writer>,
    readers: Readers,
    claims: std::sync::Mutex<Claims>,
    recent: std::sync::Mutex<Recent>,
    /// Held while what can be claimed is looked at, and while claims end.
    claim_order: Mutex<()>,
    outbox_claims: std::sync::Mutex<HashSet<OutboxId>>,
    /// What the last decisions were made under.
    last_generations: std::sync::Mutex<Generations>,
    ids: Arc<IdGenerator>,
    /// How the host before this one ended.
    last_end: LastEnd,
    /// Whether it was seen that the file is damaged.
    is_damaged: AtomicBool,
    /// How far the disk is wiped; held during a step.
    wiping: Mutex<erase::disk::Progress>,
    /// How much of a contact goes in one transaction.
    erased_at_once: erase::AtOnce,
    /// How many pages a file may have to be wiped in place.
    wiped_pages_max: i64,
    /// Compiled plugins.
    artefacts: BlobFolder,
    /// The bytes of releases.
    components: BlobFolder,
    /// Held as long as the store lives: it keeps a second host away.
    _lock: File,
    /// Removes a temporary repository when the store goes.
    _directory: Option<TempDir>,
}

/// The connection that writes, and what only its holder may count.
struct Writer {
    connection: SqliteConnection,
    books: Books,
    /// How to connect again.
    options: SqliteConnectOptions,
}

/// What is counted beside the file, and changes only when a transaction has ended.
struct Books {
    /// The next row of `item_revisions`. Dense numbers keep the search index small: it stores the
    /// differences between rows.
    next_content: i64,
    /// What is in the file but not yet in the search index.
    unindexed: Texts,
    /// Counts the transactions that added items, people or names of items: whoever has worked
    /// something out from those sees here whether it still holds.
    arrivals: u64,
    /// External ids that were erased.
    erased_keys: ErasedKeys,
    /// Whether changes may be kept that came before their items.
    any_early: bool,
}

impl SqliteStore {
    fn claims(&self) -> std::sync::MutexGuard<'_, Claims> {
        // A panic cannot leave claims half changed.
        self.claims.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn recent(&self) -> std::sync::MutexGuard<'_, Recent> {
        // At worst something is missing here, which is then read from the file.
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn outbox_claims(&self) -> std::sync::MutexGuard<'_, HashSet<OutboxId>> {
        self.outbox_claims.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SqliteStore {
    fn last_generations(&self) -> Generations {
        // It is only ever replaced as a whole.
        self.last_generations.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn keep_generations(&self, generations: &Generations) {
        *self.last_generations.lock().unwrap_or_else(PoisonError::into_inner) = generations.clone();
    }
}

impl Writer {
    /// Begins a transaction that holds the file's write lock from its first statement.
    async fn begin(&mut self) -> StoreResult<Transaction<'_, Sqlite>> {
        self.heal().await?;
        Ok(self.connection.begin_with("BEGIN IMMEDIATE").await?)
    }

    /// Connects again where a transaction seems to be open that nobody holds.
    ///
    /// When the disk is full, or fails, SQLite ends a transaction by itself
    /// (sqlite.org/lang_transaction.html, "response to errors"); the driver then cannot roll it back, and
    /// would refuse every later one.
    async fn heal(&mut self) -> StoreResult<()> {
        if !self.connection.is_in_transaction() {
            return Ok(());
        }
        // A rollback may be on its way to the connection's thread: it is done before this is.
        self.connection.ping().await?;
        if self.connection.is_in_transaction() {
            tracing::warn!("the repository is connected to again after it could not write");
            self.connection = self.options.connect().await?;
        }
        Ok(())
    }
}
