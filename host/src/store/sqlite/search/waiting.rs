//! Texts that wait to be indexed.
//!
//! What indexing costs is mostly per commit and piece: a text in a group of hundreds costs half of what it costs
//! alone. So texts wait in memory, and in the file as what they are, until there is a group of them.
//!
//! **Invariant:** the texts in memory are those that come first of all that wait.

use std::collections::{HashSet, VecDeque};
use std::time::{Duration, Instant};

use sqlx::{Row as _, SqliteConnection};

use super::{beginning, fold};
use crate::domain::item::Item;
use crate::store::StoreResult;
use crate::store::sqlite::error::expect_rows;
use crate::store::sqlite::rows::Rows;

/// How many texts a group has. A search looks through as many that are not indexed yet.
const GROUP: usize = 2_048;

/// A group of long texts is full sooner.
const GROUP_BYTES: usize = 2 * 1024 * 1024;

/// How many bytes wait in memory; what comes behind them waits in the file.
const KEPT_BYTES_MAX: usize = 8 * 1024 * 1024;

/// How many bytes of items are read at once from the file, unless one has more.
const READ_BYTES_MAX: i64 = 8 * 1024 * 1024;

/// How long one transaction indexes: all others wait for the writer meanwhile.
const TIME_MAX: Duration = Duration::from_millis(50);

/// How many bytes are indexed before the time is looked at.
const PORTION_BYTES: usize = 16 * 1024;

/// Texts with their rows in `item_revisions`, in the order of the rows.
#[derive(Default)]
pub(in crate::store::sqlite) struct Texts {
    texts: VecDeque<(i64, String)>,
    bytes: usize,
    /// Whether the file has more, behind these.
    has_more: bool,
}

impl Texts {
    /// Adds the text of a row.
    pub(in crate::store::sqlite) fn add(&mut self, row: i64, item: &Item) {
        self.push(row, beginning(item));
    }

    fn push(&mut self, row: i64, text: String) {
        self.has_more |= self.bytes + text.len() > KEPT_BYTES_MAX;
        if !self.has_more {
            self.bytes += text.len();
            self.texts.push_back((row, text));
        }
    }

    /// Adds those of later rows.
    pub(in crate::store::sqlite) fn append(&mut self, later: Self) {
        later.texts.into_iter().for_each(|(row, text)| self.push(row, text));
        self.has_more |= later.has_more;
    }

    /// Takes out the texts of these rows.
    pub(in crate::store::sqlite) fn forget(&mut self, rows: &HashSet<i64>) {
        self.texts.retain(|(row, _)| !rows.contains(row));
        self.bytes = self.texts.iter().map(|(_, text)| text.len()).sum();
    }

    /// Takes out the first ones, which are indexed.
    pub(in crate::store::sqlite) fn take_out(&mut self, indexed: usize) {
        self.bytes -= self.texts.drain(..indexed).map(|(_, text)| text.len()).sum::<usize>();
    }

    /// Whether they are a group.
    pub(in crate::store::sqlite) fn are_enough(&self) -> bool {
        self.texts.len() >= GROUP || self.bytes >= GROUP_BYTES || self.has_more
    }

    /// Whether all that wait do so in the file.
    pub(in crate::store::sqlite) fn wait_in_file(&self) -> bool {
        self.texts.is_empty() && self.has_more
    }

    /// The first of those that the file has and the index has not.
    pub(in crate::store::sqlite) async fn load(connection: &mut SqliteConnection) -> StoreResult<Self> {
        let sql = "SELECT id, octet_length(content) FROM item_revisions
            WHERE id > (SELECT indexed FROM search_progress)
            ORDER BY id
            LIMIT ?";
        let sizes: Vec<(i64, i64)> =
            sqlx::query_as(sql).bind(GROUP as i64 + 1).fetch_all(&mut *connection).await?;
        let mut read = 0;
        let fits = |(_, bytes): &&(i64, i64)| {
            let is_first = read == 0;
            read += bytes.max(&1);
            is_first || read <= READ_BYTES_MAX
        };
        let rows: Vec<i64> = sizes.iter().take(GROUP).take_while(fits).map(|it| it.0).collect();
        let sql = "SELECT r.id, r.content
            FROM jsonb_each(?1) AS k
            CROSS JOIN item_revisions AS r ON r.id = k.value ->> 0
            ORDER BY r.id";
        let mut texts = Self::default();
        for row in Rows::of_ids(&rows).fetch(sql, connection).await? {
            texts.add(row.try_get(0)?, &serde_json::from_str(row.try_get(1)?)?);
        }
        texts.has_more |= rows.len() < sizes.len();
        Ok(texts)
    }

    /// Indexes the first of them, one at least, for as long as others may wait; how many.
    pub(in crate::store::sqlite) async fn index(
        &self,
        connection: &mut SqliteConnection,
    ) -> StoreResult<usize> {
        let (began, mut done) = (Instant::now(), 0);
        while done < self.texts.len() && (done == 0 || began.elapsed() < TIME_MAX) {
            let (mut rows, mut bytes) = (Rows::default(), 0);
            for (row, text) in self.texts.range(done..) {
                if bytes > 0 && bytes + text.len() > PORTION_BYTES {
                    break;
                }
                bytes += text.len().max(1);
                done += 1;
                let _ = rows.row().int(*row).heap(fold(text).as_bytes());
            }
            let sql = "INSERT INTO item_search (rowid, text)
                SELECT value ->> 0, CAST(substr(?2, value ->> 1, value ->> 2) AS TEXT)
                FROM jsonb_each(?1)";
            rows.run_each("texts indexed", sql, &mut *connection).await?;
        }
        let last = done.checked_sub(1).and_then(|it| self.texts.get(it)).map(|it| it.0);
        let marked = sqlx::query("UPDATE search_progress SET indexed = ifnull(?, indexed)").bind(last);
        expect_rows("marks of what is indexed", 1, marked.execute(connection).await?.rows_affected())?;
        Ok(done)
    }
}
