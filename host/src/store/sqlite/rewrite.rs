//! The rows of a repository written once more, in plain batches: what storing them costs at least.
//!
//! For benchmarks alone. The tables, indexes, constraints, journal and synchronisation are those of
//! the real thing, and rows come from the program's memory by the same set-based statements, one a
//! table and batch. What is missing is everything around the rows: no look-ups, no de-duplication,
//! no second version of a row, and one transaction for what takes two.

use std::path::Path;
use std::sync::Arc;

use sqlx::sqlite::{SqliteColumn, SqliteRow};
use sqlx::{AssertSqlSafe, Column as _, Connection, Row as _, SqliteConnection, TypeInfo as _};

use super::SqliteStore;
use super::error::surprise;
use super::open::{StoreOptions, StorePath, writer_options};
use super::rows::{Row, Rows};
use super::search::indexed;
use crate::domain::clock::IdGenerator;
use crate::domain::item::Item;
use crate::store::StoreResult;

/// Items a transaction writes: as many as the real one does when there is much to do.
const BATCH: usize = 256;

/// What rows refer to, copied beforehand.
const NAMES: [&str; 4] = ["departments", "agents", "queues", "inboxes"];

/// Up to which ids the rows of a batch go.
#[derive(Clone, Copy, Default)]
struct Bounds {
    item: i64,
    conversation: i64,
    identity: i64,
    contact: i64,
    /// A conversation to whose items every contact is there: an earlier one may be joined by somebody
    /// who comes with a later batch.
    joined: i64,
}

/// A table with the column and the bound by which its rows fall into batches.
type Table = (&'static str, &'static str, fn(&Bounds) -> i64);

/// The tables of an item's way, parents first.
const TABLES: [Table; 11] = [
    ("deliveries", "id", |it| it.item),
    ("contacts", "id", |it| it.contact),
    ("identities", "id", |it| it.identity),
    ("conversations", "id", |it| it.conversation),
    ("items", "id", |it| it.item),
    ("item_revisions", "item", |it| it.item),
    ("thread_references", "conversation", |it| it.conversation),
    ("conversation_tags", "conversation", |it| it.conversation),
    ("participants", "conversation", |it| it.joined),
    ("timers", "conversation", |it| it.conversation),
    ("decisions", "id", |it| it.item),
];

/// Columns that hold much: handed over beside the rows, as the store does.
const LARGE: [&str; 4] = ["headers", "body", "content", "facts"];

/// A repository being written once more.
pub struct Rewrite {
    source: SqliteConnection,
    target: SqliteConnection,
    last_items: std::vec::IntoIter<i64>,
    written: Bounds,
    inserts: Vec<String>,
}

/// The rows of some items, in memory.
pub struct Batch {
    tables: Vec<Vec<Vec<Value>>>,
    /// Rows of `item_revisions` and what is to be found in them.
    search: Vec<(i64, String)>,
}

/// A value of a row.
enum Value {
    Null,
    Number(i64),
    Text(String),
    Large(Vec<u8>),
}

impl Rewrite {
    /// Makes an empty repository at `to`, with what the rows of `from` refer to.
    pub async fn prepare(from: &Path, to: &Path) -> StoreResult<Self> {
        let path = StorePath::File(to.to_owned());
        SqliteStore::open(path, Arc::new(IdGenerator::new(0))).await?.close().await?;
        let mut target = SqliteConnection::connect_with(&writer_options(to, StoreOptions::default())).await?;
        copy_names(from, &mut target).await?;
        let mut source =
            SqliteConnection::connect_with(&writer_options(from, StoreOptions::default())).await?;
        let mut inserts = Vec::new();
        for (table, ..) in TABLES {
            inserts.push(insert(table, &mut source).await?);
        }
        let last_items = Vec::new().into_iter();
        Ok(Self { source, target, last_items, written: Bounds::default(), inserts })
    }

    /// Reads which batches the items fall into that came since the last time; how many they are.
    ///
    /// Everything that belongs to them must be there, and nothing may be added to earlier ones.
    pub async fn look_again(&mut self) -> StoreResult<usize> {
        sort_tags(&mut self.source, self.written.conversation).await?;
        let ids: Vec<i64> = sqlx::query_scalar("SELECT id FROM items WHERE id > ? ORDER BY id")
            .bind(self.written.item)
            .fetch_all(&mut self.source)
            .await?;
        let last_items: Vec<i64> = ids.chunks(BATCH).filter_map(|it| it.last().copied()).collect();
        self.last_items = last_items.into_iter();
        Ok(ids.len())
    }

    /// Reads the next rows into memory; `None` when all are written.
    pub async fn take_batch(&mut self) -> StoreResult<Option<Batch>> {
        let Some(last_item) = self.last_items.next() else { return Ok(None) };
        let is_last = self.last_items.len() == 0;
        let (after, to) = (self.written, self.bounds(last_item, is_last).await?);
        self.written = to;
        let mut tables = Vec::new();
        for (table, column, bound) in TABLES {
            let sql = format!("SELECT * FROM {table} WHERE {column} > ? AND {column} <= ? ORDER BY {column}");
            let found = sqlx::query(AssertSqlSafe(sql)).bind(bound(&after)).bind(bound(&to));
            let found = found.fetch_all(&mut self.source).await?;
            tables.push(found.iter().map(values).collect::<StoreResult<_>>()?);
        }
        let search = self.texts(after.item, to.item).await?;
        Ok(Some(Batch { tables, search }))
    }

    /// What the items up to this one refer to; with the last of them, everything that is left.
    async fn bounds(&mut self, item: i64, is_last: bool) -> StoreResult<Bounds> {
        let before = self.written;
        if is_last {
            return self.everything().await;
        }
        let (conversation, identity): (i64, i64) = sqlx::query_as(
            "SELECT max(conversation, ?1), max(ifnull(identity, 0), ?2)
             FROM (
                 SELECT max(conversation) AS conversation, max(identity) AS identity
                 FROM items
                 WHERE id > ?3 AND id <= ?4
             )",
        )
        .bind(before.conversation)
        .bind(before.identity)
        .bind(before.item)
        .bind(item)
        .fetch_one(&mut self.source)
        .await?;
        let contact: Option<i64> =
            sqlx::query_scalar("SELECT max(contact) FROM identities WHERE id > ? AND id <= ?")
                .bind(before.identity)
                .bind(identity)
                .fetch_one(&mut self.source)
                .await?;
        let contact = before.contact.max(contact.unwrap_or(0));
        Ok(Bounds { item, conversation, identity, contact, joined: before.joined })
    }

    async fn everything(&mut self) -> StoreResult<Bounds> {
        let (item, conversation, identity, contact) = sqlx::query_as(
            "SELECT
                (SELECT max(max(id), (SELECT max(id) FROM decisions)) FROM items),
                (SELECT max(id) FROM conversations),
                (SELECT max(id) FROM identities),
                (SELECT max(id) FROM contacts)",
        )
        .fetch_one(&mut self.source)
        .await?;
        Ok(Bounds { item, conversation, identity, contact, joined: conversation })
    }

    async fn texts(&mut self, after: i64, to: i64) -> StoreResult<Vec<(i64, String)>> {
        let sql = "SELECT id, content FROM item_revisions WHERE item > ? AND item <= ? ORDER BY id";
        let found = sqlx::query(sql).bind(after).bind(to).fetch_all(&mut self.source).await?;
        let text = |row: &SqliteRow| -> StoreResult<(i64, String)> {
            let item: Item = serde_json::from_str(row.try_get(1)?)?;
            let id = row.try_get(0)?;
            // The new repository has beginnings alone.
            Ok((id, indexed(&item, id, i64::MIN)))
        };
        found.iter().map(text).collect()
    }

    /// Writes the rows in one transaction.
    pub async fn write(&mut self, batch: Batch) -> StoreResult<()> {
        let mut transaction = self.target.begin_with("BEGIN IMMEDIATE").await?;
        for (table, sql) in batch.tables.iter().zip(&self.inserts) {
            let mut rows = Rows::default();
            table.iter().for_each(|row| push(row, &mut rows));
            rows.run(AssertSqlSafe(sql.as_str()), &mut transaction).await?;
        }
        let search = "INSERT INTO item_search (rowid, text)
            SELECT value ->> 0, CAST(substr(?2, value ->> 1, value ->> 2) AS TEXT)
            FROM jsonb_each(?1)";
        let mut rows = Rows::default();
        for (row, text) in &batch.search {
            let _ = rows.row().int(*row).heap(text.as_bytes());
        }
        rows.run(search, &mut transaction).await?;
        Ok(transaction.commit().await?)
    }

    /// Fails unless everything was written.
    pub async fn finish(mut self) -> StoreResult<()> {
        for (table, ..) in TABLES {
            let sql = format!("SELECT count(*) FROM main.{table}");
            let count = |sql: &str| sqlx::query_scalar::<_, i64>(AssertSqlSafe(sql.to_owned()));
            let there: i64 = count(&sql).fetch_one(&mut self.source).await?;
            let written: i64 = count(&sql).fetch_one(&mut self.target).await?;
            if written != there {
                return Err(surprise(format!("{written} of {there} rows of {table}")));
            }
        }
        Ok(())
    }
}

async fn copy_names(from: &Path, target: &mut SqliteConnection) -> StoreResult<()> {
    let from = from.to_string_lossy().into_owned();
    sqlx::query("ATTACH ?1 AS source").bind(from).execute(&mut *target).await?;
    for table in NAMES {
        let sql = format!("INSERT INTO main.{table} SELECT * FROM source.{table}");
        sqlx::query(AssertSqlSafe(sql)).execute(&mut *target).await?;
    }
    sqlx::query("DETACH source").execute(target).await?;
    Ok(())
}

/// Tags have no index that begins with the conversation; one of this connection's own finds those of
/// later conversations.
async fn sort_tags(source: &mut SqliteConnection, after: i64) -> StoreResult<()> {
    sqlx::raw_sql(
        "DROP TABLE IF EXISTS temp.tags;
        DROP VIEW IF EXISTS temp.conversation_tags;
        CREATE TEMP TABLE tags AS SELECT * FROM main.conversation_tags LIMIT 0",
    )
    .execute(&mut *source)
    .await?;
    sqlx::query("INSERT INTO temp.tags SELECT * FROM main.conversation_tags WHERE conversation > ?")
        .bind(after)
        .execute(&mut *source)
        .await?;
    sqlx::raw_sql(
        "CREATE INDEX temp.tags_by_conversation ON tags (conversation);
        CREATE TEMP VIEW conversation_tags AS SELECT * FROM temp.tags",
    )
    .execute(source)
    .await?;
    Ok(())
}

/// The statement that inserts rows as [`push`] writes them.
async fn insert(table: &str, source: &mut SqliteConnection) -> StoreResult<String> {
    let columns: Vec<(String, String)> =
        sqlx::query_as("SELECT name, type FROM main.pragma_table_info(?) ORDER BY cid")
            .bind(table)
            .fetch_all(source)
            .await?;
    let mut place = 0;
    let values = columns.iter().map(|(name, kind)| {
        let at = place;
        let large = LARGE.contains(&name.as_str());
        place += if large { 2 } else { 1 };
        match (large, kind.as_str()) {
            (false, _) => format!("value ->> {at}"),
            (true, "BLOB") => format!("substr(?2, value ->> {at}, value ->> {})", at + 1),
            (true, _) => format!("CAST(substr(?2, value ->> {at}, value ->> {}) AS TEXT)", at + 1),
        }
    });
    let values: Vec<String> = values.collect();
    let names: Vec<&str> = columns.iter().map(|it| it.0.as_str()).collect();
    Ok(format!("INSERT INTO {table} ({}) SELECT {} FROM jsonb_each(?1)", names.join(", "), values.join(", ")))
}

fn values(row: &SqliteRow) -> StoreResult<Vec<Value>> {
    let value = |(index, column): (usize, &SqliteColumn)| -> StoreResult<Value> {
        Ok(if LARGE.contains(&column.name()) {
            Value::Large(row.try_get_unchecked(index)?)
        } else if column.type_info().name() == "TEXT" {
            row.try_get::<Option<String>, _>(index)?.map_or(Value::Null, Value::Text)
        } else {
            row.try_get::<Option<i64>, _>(index)?.map_or(Value::Null, Value::Number)
        })
    };
    row.columns().iter().enumerate().map(value).collect()
}

fn push(row: &[Value], rows: &mut Rows) {
    let mut written: Row<'_> = rows.row();
    for value in row {
        written = match value {
            Value::Null => written.opt_int(None),
            Value::Number(number) => written.int(*number),
            Value::Text(text) => written.text(text),
            Value::Large(bytes) => written.heap(bytes),
        };
    }
}
