//! Texts that wait to be indexed.
//!
//! What indexing costs is mostly per commit and piece: a text in a group of thousands costs half of
//! what it costs in a group of a hundred. So texts wait in memory, and in the file as what they are,
//! until a commit takes a whole group along.

use std::collections::HashSet;

use sqlx::{Row as _, SqliteConnection};

use super::searchable;
use crate::domain::item::Item;
use crate::store::StoreResult;
use crate::store::sqlite::error::expect_rows;
use crate::store::sqlite::rows::Rows;

/// How many texts a group has. A search looks through as many that are not indexed yet.
const GROUP: usize = 2_048;

/// A group of long texts is full sooner: it waits in memory.
const GROUP_BYTES: usize = 2 * 1024 * 1024;

/// Folded texts with their rows in `item_revisions`, in the order of the rows.
#[derive(Default)]
pub(in crate::store::sqlite) struct Texts {
    texts: Vec<(i64, String)>,
    bytes: usize,
}

impl Texts {
    /// Adds the text of a row.
    pub(in crate::store::sqlite) fn add(&mut self, row: i64, item: &Item) {
        let text = searchable(item);
        self.bytes += text.len();
        self.texts.push((row, text));
    }

    /// Adds those of later rows.
    pub(in crate::store::sqlite) fn append(&mut self, later: Self) {
        self.texts.extend(later.texts);
        self.bytes += later.bytes;
    }

    /// Takes out the texts of these rows.
    pub(in crate::store::sqlite) fn forget(&mut self, rows: &HashSet<i64>) {
        self.texts.retain(|(row, _)| !rows.contains(row));
        self.bytes = self.texts.iter().map(|(_, text)| text.len()).sum();
    }

    /// Whether a commit should take them along.
    pub(in crate::store::sqlite) fn are_enough(&self) -> bool {
        self.texts.len() >= GROUP || self.bytes >= GROUP_BYTES
    }

    /// Those that the file has and the index has not.
    pub(in crate::store::sqlite) async fn load(connection: &mut SqliteConnection) -> StoreResult<Self> {
        let sql = "SELECT id, content FROM item_revisions
            WHERE id > (SELECT indexed FROM search_progress)
            ORDER BY id";
        let mut texts = Self::default();
        for row in sqlx::query(sql).fetch_all(connection).await? {
            texts.add(row.try_get(0)?, &serde_json::from_str(row.try_get(1)?)?);
        }
        Ok(texts)
    }

    /// Indexes them.
    pub(in crate::store::sqlite) async fn index(&self, connection: &mut SqliteConnection) -> StoreResult<()> {
        let mut rows = Rows::default();
        for (row, text) in &self.texts {
            let _ = rows.row().int(*row).heap(text.as_bytes());
        }
        let sql = "INSERT INTO item_search (rowid, text)
            SELECT value ->> 0, CAST(substr(?2, value ->> 1, value ->> 2) AS TEXT)
            FROM jsonb_each(?1)";
        rows.run_each("texts indexed", sql, &mut *connection).await?;
        let last = self.texts.last().map(|it| it.0);
        let done = sqlx::query("UPDATE search_progress SET indexed = ifnull(?, indexed)").bind(last);
        expect_rows("marks of what is indexed", 1, done.execute(connection).await?.rows_affected())
    }
}
