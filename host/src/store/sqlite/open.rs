//! Opening the file: the lock, the connections and their settings, the migrations.

use std::fs::{File, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, SqliteConnection};
use tempfile::TempDir;
use tokio::sync::Mutex;

use super::blobs::BlobFolder;
use super::claims::Claims;
use super::erased_keys::ErasedKeys;
use super::error::surprise;
use super::plugins::components::fill_in_owners;
use super::readers::Readers;
use super::search::Texts;
use super::{Books, SqliteStore, Writer, erase, upkeep};
use crate::crash::{self, Point};
use crate::domain::clock::IdGenerator;
use crate::domain::ids::ItemId;
use crate::domain::time::Timestamp;
use crate::store::{StoreError, StoreResult, UpkeepStore};

/// Embedded, and forward only.
static MIGRATIONS: Migrator = sqlx::migrate!("src/store/sqlite/migrations");

/// What one reader keeps of the file. Small, because the operating system caches the file too.
const READER_CACHE_KIB: u32 = 4 * 1024;

/// Statements a connection keeps prepared: all there are, with room to spare.
const STATEMENTS_MAX: usize = 256;

/// How long a reader waits while the write-ahead log is restarted. Writers never wait for one
/// another in SQLite, because there is one.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Behind so many bits an id carries the millisecond in which it was made; see [`IdGenerator`].
pub(super) const ID_MS_SHIFT: u32 = 21;

/// The folder beside the database that holds compiled plugins.
const ARTEFACTS: &str = "artefacts";

/// The folder beside the database that holds the components of releases.
const COMPONENTS: &str = "components";

/// Where the repository is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StorePath {
    /// In this file, made if it is not there.
    File(PathBuf),
    /// In a file of its own that goes with the store.
    Temporary,
}

/// What a commit waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sync {
    /// The disk: what was answered survives a loss of power.
    #[default]
    Full,
    /// Nothing. Only for measuring what the disk costs.
    Off,
}

/// How to work the file.
#[derive(Clone, Copy, Debug)]
pub struct StoreOptions {
    /// What a commit waits for.
    pub sync: Sync,
    /// What the writer keeps of the file, in KiB. Large enough for the upper levels of every index
    /// and the ends of every table; leaves of the scattered keys come from the operating system's
    /// cache, so memory does not grow with the repository.
    pub writer_cache_kib: u32,
    /// How many pages of 4 KiB the write-ahead log holds before it is carried over into the file.
    /// Pages that many batches change (the ends of tables) are then carried over once.
    pub checkpoint_pages: u32,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self { sync: Sync::Full, writer_cache_kib: 16 * 1024, checkpoint_pages: 8 * 1024 }
    }
}

impl SqliteStore {
    /// Opens the repository, with the settings that suit a host.
    ///
    /// `Unavailable` when another host has it open, or the file cannot be made, read or migrated; `Damaged`
    /// when it is not what was written.
    pub async fn open(path: StorePath, ids: Arc<IdGenerator>) -> StoreResult<Self> {
        Self::open_with(path, ids, StoreOptions::default()).await
    }

    /// Opens the repository with these settings.
    pub async fn open_with(
        path: StorePath,
        ids: Arc<IdGenerator>,
        options: StoreOptions,
    ) -> StoreResult<Self> {
        let (file, directory) = place(path)?;
        let lock = lock(&file)?;
        // SQLite gives what it has beside the file the file's own mode.
        owners_file(&file)?;
        let folder = |name: &str| BlobFolder::open(file.with_file_name(name), options.sync);
        let (artefacts, components) = (folder(ARTEFACTS)?, folder(COMPONENTS)?);
        let options = writer_options(&file, options);
        let mut connection = options.connect().await?;
        crash::point(Point::StoreLocked);
        check_version(&mut connection).await?;
        MIGRATIONS.run(&mut connection).await.map_err(not_migrated)?;
        crash::point(Point::StoreMigrated);
        fill_in_owners(&mut connection).await?;
        let last_end = upkeep::begin(&mut connection).await?;
        let next_content = continue_numbers(&mut connection, &ids).await?;
        let unindexed = Texts::load(&mut connection).await?;
        let erased_keys = ErasedKeys::load(&mut connection).await?;
        let any_early = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM early_changes)")
            .fetch_one(&mut connection)
            .await?;
        Ok(Self {
            writer: Mutex::new(Writer {
                connection,
                books: Books { next_content, unindexed, arrivals: 0, erased_keys, any_early },
                options,
            }),
            readers: Readers::new(&reader_options(&file)),
            claims: std::sync::Mutex::new(Claims::default()),
            recent: std::sync::Mutex::default(),
            claim_order: Mutex::default(),
            outbox_claims: std::sync::Mutex::default(),
            last_generations: std::sync::Mutex::default(),
            ids,
            last_end,
            is_damaged: AtomicBool::new(false),
            wiping: Mutex::default(),
            erased_at_once: erase::AtOnce::default(),
            wiped_pages_max: erase::WIPED_PAGES_MAX,
            artefacts,
            components,
            _lock: lock,
            _directory: directory,
        })
    }

    /// Ends in order: carries the write-ahead log over into the file and closes it. Nothing is lost without this:
    /// the next start is only slower.
    pub async fn close(self) -> StoreResult<()> {
        self.note_orderly_end().await?;
        self.readers.close().await;
        Ok(self.writer.into_inner().connection.close().await?)
    }
}

/// The oldest SQLite to work with: earlier ones can lose what was written when the write-ahead log is
/// restarted in the moment in which somebody carries it over (sqlite.org/wal.html, "The WAL-reset bug").
const SQLITE_MIN: [u32; 3] = [3, 51, 3];

/// The library is compiled in; this is for whoever builds with the system's own, or changes what it is
/// built with.
async fn check_version(connection: &mut SqliteConnection) -> StoreResult<()> {
    let version: String = sqlx::query_scalar("SELECT sqlite_version()").fetch_one(connection).await?;
    match is_recent(&version) {
        true => Ok(()),
        false => Err(StoreError::Unavailable(format!(
            "it is built with SQLite {version}, which can lose what was written; build it with 3.51.3 or later"
        ))),
    }
}

fn is_recent(version: &str) -> bool {
    let mut numbers = version.split('.').map(|it| it.parse::<u32>().unwrap_or_default());
    SQLITE_MIN.map(|_| numbers.next().unwrap_or_default()) >= SQLITE_MIN
}

fn not_migrated(error: MigrateError) -> StoreError {
    match error {
        MigrateError::Execute(cause) | MigrateError::ExecuteMigration(cause, _) => cause.into(),
        other => surprise(other.to_string()),
    }
}

fn place(path: StorePath) -> StoreResult<(PathBuf, Option<TempDir>)> {
    match path {
        StorePath::File(file) => Ok((file, None)),
        StorePath::Temporary => {
            let directory = TempDir::with_prefix("switchboard-").map_err(unavailable)?;
            Ok((directory.path().join("switchboard.db"), Some(directory)))
        }
    }
}

/// Opens a file, made for its owner alone if it is not there.
fn owners_file(path: &Path) -> StoreResult<File> {
    File::options().create(true).append(true).mode(0o600).open(path).map_err(unavailable)
}

/// Locks a file beside the database. The operating system frees it when the process ends, however
/// it ends. (The database itself cannot be locked so: SQLite takes its own locks on it.)
fn lock(database: &Path) -> StoreResult<File> {
    let mut path = database.as_os_str().to_owned();
    path.push(".lock");
    let file = owners_file(Path::new(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse(database.display().to_string())),
        Err(TryLockError::Error(error)) => Err(unavailable(error)),
    }
}

fn unavailable(error: std::io::Error) -> StoreError {
    StoreError::Unavailable(error.to_string())
}

fn base_options(file: &Path, cache_kib: u32) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(file)
        .busy_timeout(BUSY_TIMEOUT)
        .statement_cache_capacity(STATEMENTS_MAX)
        .foreign_keys(true)
        // A negative size is in KiB.
        .pragma("cache_size", format!("-{cache_kib}"))
        // No memory map: a failing disk would end the process by a signal instead of an error.
        .pragma("mmap_size", "0")
        .pragma("temp_store", "MEMORY")
        .disable_statement_logging()
}

pub(super) fn writer_options(file: &Path, options: StoreOptions) -> SqliteConnectOptions {
    let synchronous = match options.sync {
        Sync::Full => SqliteSynchronous::Full,
        Sync::Off => SqliteSynchronous::Off,
    };
    base_options(file, options.writer_cache_kib)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(synchronous)
        .pragma("wal_autocheckpoint", options.checkpoint_pages.to_string())
        // What is deleted or replaced is overwritten, so that what is erased is nowhere in the file.
        .pragma("secure_delete", "ON")
}

/// A connection that changes nothing.
pub(super) fn reader_options(file: &Path) -> SqliteConnectOptions {
    base_options(file, READER_CACHE_KIB).pragma("query_only", "ON")
}

/// Puts the id generator beyond every id that is kept, because the clock may stand earlier than it
/// did before the restart, and says which row of `item_revisions` comes next.
async fn continue_numbers(connection: &mut SqliteConnection, ids: &IdGenerator) -> StoreResult<i64> {
    let (last_id, last_content): (i64, i64) = sqlx::query_as(
        "SELECT
             max(
                 ifnull((SELECT max(id) FROM deliveries), 0),
                 ifnull((SELECT max(id) FROM items), 0),
                 ifnull((SELECT max(id) FROM contacts), 0),
                 ifnull((SELECT max(id) FROM identities), 0),
                 ifnull((SELECT max(id) FROM conversations), 0),
                 ifnull((SELECT max(id) FROM events), 0),
                 ifnull((SELECT max(id) FROM decisions), 0),
                 ifnull((SELECT max(id) FROM notes), 0),
                 ifnull((SELECT max(id) FROM outbox), 0),
                 ifnull((SELECT max(id) FROM audit), 0),
                 ifnull((SELECT max(id) FROM generations), 0)
             ),
             ifnull((SELECT max(id) FROM item_revisions), 0)",
    )
    .fetch_one(connection)
    .await?;
    if last_id > 0 {
        let _: ItemId = ids.next(Timestamp::from_ms((last_id >> ID_MS_SHIFT) + 1));
    }
    Ok(last_content + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sqlite_that_can_lose_what_was_written_is_refused() {
        for recent in ["3.51.3", "3.51.10", "3.52.0", "4.0.0", "3.53"] {
            assert!(is_recent(recent), "{recent}");
        }
        for old in ["3.51.2", "3.51", "3.50.4", "3.9.99", "2.99.99", "", "unknown"] {
            assert!(!is_recent(old), "{old}");
        }
    }
}
