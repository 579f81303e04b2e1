//! The rows of a repository written once more, in plain batches: what storing them costs at least.
//!
//! For benchmarks alone. The tables, indexes, journal and synchronisation are those of the real
//! thing; what is missing is everything around the rows: no look-ups, no de-duplication, no JSON, each
//! row written once in its final form.

use std::path::Path;
use std::sync::Arc;

use sqlx::{AssertSqlSafe, Connection, SqliteConnection};

use super::SqliteStore;
use super::error::surprise;
use super::open::{StoreOptions, StorePath, writer_options};
use crate::domain::clock::IdGenerator;
use crate::store::StoreResult;

/// Items a transaction writes: as many as the real one does when there is much to do.
const BATCH: i64 = 256;

/// Tables whose rows have ids from the common generator: a range of ids is a stretch of time.
const BY_ID: [&str; 7] =
    ["contacts", "identities", "conversations", "deliveries", "items", "decisions", "notes"];

/// Tables with rows of a conversation.
const BY_CONVERSATION: [&str; 3] = ["thread_references", "conversation_tags", "timers"];

/// A repository being written once more.
pub struct Rewrite {
    connection: SqliteConnection,
    batches: Vec<(i64, i64)>,
    /// How many items there are.
    pub items: i64,
}

impl Rewrite {
    /// Makes an empty repository at `to`, and reads which batches the rows of `from` fall into.
    pub async fn prepare(from: &Path, to: &Path) -> StoreResult<Self> {
        let path = StorePath::File(to.to_owned());
        SqliteStore::open(path, Arc::new(IdGenerator::new(0))).await?.close().await?;
        let options = writer_options(to, StoreOptions::default()).foreign_keys(false);
        let mut connection = SqliteConnection::connect_with(&options).await?;
        sqlx::query("ATTACH ?1 AS source")
            .bind(from.to_string_lossy().into_owned())
            .execute(&mut connection)
            .await?;
        // Sorted by conversation, so that a batch finds its rows without a scan.
        for table in BY_CONVERSATION {
            let copy = format!(
                "CREATE TEMP TABLE sorted_{table} AS SELECT * FROM source.{table};
                CREATE INDEX temp.sorted_{table}_index ON sorted_{table} (conversation)"
            );
            sqlx::raw_sql(AssertSqlSafe(copy)).execute(&mut connection).await?;
        }
        let ids: Vec<(i64,)> =
            sqlx::query_as("SELECT id FROM source.items ORDER BY id").fetch_all(&mut connection).await?;
        let items = ids.len() as i64;
        Ok(Self { connection, batches: ranges(&ids), items })
    }

    /// Writes every row.
    pub async fn write(&mut self) -> StoreResult<()> {
        let statements = statements();
        for (after, to) in &self.batches {
            let mut transaction = self.connection.begin_with("BEGIN IMMEDIATE").await?;
            for statement in &statements {
                sqlx::query(AssertSqlSafe(statement.as_str()))
                    .bind(after)
                    .bind(to)
                    .execute(&mut *transaction)
                    .await?;
            }
            transaction.commit().await?;
        }
        let (written,): (i64,) =
            sqlx::query_as("SELECT count(*) FROM main.items").fetch_one(&mut self.connection).await?;
        if written == self.items {
            Ok(())
        } else {
            Err(surprise(format!("{written} of {} items", self.items)))
        }
    }
}

/// Half-open ranges of ids that hold a batch of items each; the first begins and the last ends with
/// the repository.
fn ranges(ids: &[(i64,)]) -> Vec<(i64, i64)> {
    let mut after = 0;
    let mut ranges: Vec<_> = ids
        .chunks(BATCH as usize)
        .map(|chunk| {
            let to = chunk.last().map_or(after, |it| it.0);
            (std::mem::replace(&mut after, to), to)
        })
        .collect();
    if let Some(last) = ranges.last_mut() {
        last.1 = i64::MAX;
    }
    ranges
}

fn statements() -> Vec<String> {
    let by_id =
        |table| format!("INSERT INTO main.{table} SELECT * FROM source.{table} WHERE id > ?1 AND id <= ?2");
    let by_conversation = |table| {
        format!(
            "INSERT INTO main.{table} SELECT * FROM temp.sorted_{table} WHERE conversation > ?1 AND conversation <= ?2"
        )
    };
    let revisions = "INSERT INTO main.item_revisions
        SELECT revisions.* FROM source.items AS items
        JOIN source.item_revisions AS revisions ON revisions.item = items.id
        WHERE items.id > ?1 AND items.id <= ?2";
    let search = "INSERT INTO main.item_search (rowid, text)
        SELECT revisions.id, lower(revisions.content ->> '$.text') FROM source.items AS items
        JOIN source.item_revisions AS revisions ON revisions.item = items.id
        WHERE items.id > ?1 AND items.id <= ?2";
    BY_ID
        .into_iter()
        .map(by_id)
        .chain(BY_CONVERSATION.into_iter().map(by_conversation))
        .chain([revisions.to_owned(), search.to_owned()])
        .collect()
}
