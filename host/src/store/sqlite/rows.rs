//! Rows for set-based statements.
//!
//! A statement gets all rows of a batch in two parameters. `?1` is a JSON array with one array a
//! row, which `jsonb_each` walks (in binary form: `json_each` would write a row out as text, and have
//! it parsed again, for each of its values). `?2` holds the large values side by side: in JSON each of their
//! bytes would be escaped, parsed and copied several times; here a statement cuts them out with
//! `substr(?2, value ->> n, value ->> (n + 1))`.

use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::sqlite::SqliteRow;
use sqlx::{SqlSafeStr, SqliteConnection};

use super::error::expect_rows;
use crate::store::StoreResult;

/// Parameters of more bytes go with their statement, which is parsed anew the next time.
const KEPT_PARAMETERS_BYTES_MAX: usize = 512 * 1024;

/// The rows of one statement.
#[derive(Clone, Default)]
pub(super) struct Rows {
    json: String,
    heap: Vec<u8>,
    count: usize,
}

/// A row being written; it ends when this goes.
pub(super) struct Row<'a> {
    rows: &'a mut Rows,
    empty: bool,
}

impl Rows {
    /// A row for each of these ids.
    pub(super) fn of_ids(ids: &[i64]) -> Self {
        let mut rows = Self::default();
        for id in ids {
            let _ = rows.row().int(*id);
        }
        rows
    }

    /// Begins a row.
    pub(super) fn row(&mut self) -> Row<'_> {
        self.json.push_str(if self.count == 0 { "[[" } else { ",[" });
        self.count += 1;
        Row { rows: self, empty: true }
    }

    /// How many rows there are.
    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// How many bytes the large values have.
    pub(super) fn heap_bytes(&self) -> usize {
        self.heap.len()
    }

    /// How many bytes the parameters have.
    pub(super) fn bytes(&self) -> usize {
        self.json.len() + self.heap.len()
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The two parameters of a statement.
    pub(super) fn into_parameters(mut self) -> (String, Vec<u8>) {
        let heap = self.filled_heap();
        (self.json + "]", heap)
    }

    /// The large values. Of no bytes at all `substr` would make NULL instead of an empty text.
    fn filled_heap(&mut self) -> Vec<u8> {
        let mut heap = std::mem::take(&mut self.heap);
        if heap.is_empty() {
            heap.push(0);
        }
        heap
    }

    /// Runs a statement on the rows, if there are any; how many rows it changed.
    pub(super) async fn run(
        self,
        sql: impl SqlSafeStr,
        connection: &mut SqliteConnection,
    ) -> StoreResult<u64> {
        if self.is_empty() {
            return Ok(0);
        }
        let (json, heap) = self.into_parameters();
        let is_kept = is_small(&json, &heap);
        let done = sqlx::query(sql).bind(json).bind(heap).persistent(is_kept).execute(connection).await?;
        Ok(done.rows_affected())
    }

    /// Runs a statement that must change one row for each given.
    pub(super) async fn run_each(
        self,
        what: &str,
        sql: &'static str,
        connection: &mut SqliteConnection,
    ) -> StoreResult<()> {
        let expected = self.len();
        expect_rows(what, expected, self.run(sql, connection).await?)
    }

    /// Asks for what belongs to the rows, if there are any.
    pub(super) async fn fetch(
        self,
        sql: &'static str,
        connection: &mut SqliteConnection,
    ) -> StoreResult<Vec<SqliteRow>> {
        if self.is_empty() {
            return Ok(Vec::new());
        }
        Ok(sqlx::query(sql).bind(self.json + "]").fetch_all(connection).await?)
    }

    /// Asks for what belongs to the rows, if there are any. The statement gives all of it as one
    /// JSON array: handing rows over one by one costs more than most rows do.
    pub(super) async fn fetch_all_at_once<T: DeserializeOwned>(
        self,
        sql: &'static str,
        connection: &mut SqliteConnection,
    ) -> StoreResult<Vec<T>> {
        Ok(self.fetch_json(sql, connection).await?.unwrap_or_default())
    }

    /// Asks for what belongs to the rows, if there are any; the statement gives one JSON value.
    pub(super) async fn fetch_json<T: DeserializeOwned>(
        self,
        sql: &'static str,
        connection: &mut SqliteConnection,
    ) -> StoreResult<Option<T>> {
        if self.is_empty() {
            return Ok(None);
        }
        let found: String = sqlx::query_scalar(sql).bind(self.json + "]").fetch_one(connection).await?;
        Ok(Some(serde_json::from_str(&found)?))
    }
}

/// Whether a statement with these parameters is kept for the next time: it keeps them too.
pub(super) fn is_small(json: &str, heap: &[u8]) -> bool {
    json.len() + heap.len() <= KEPT_PARAMETERS_BYTES_MAX
}

impl Row<'_> {
    fn comma(&mut self) -> &mut String {
        if !std::mem::take(&mut self.empty) {
            self.rows.json.push(',');
        }
        &mut self.rows.json
    }

    /// A number.
    pub(super) fn int(mut self, value: i64) -> Self {
        push_int(self.comma(), value);
        self
    }

    /// A number or nothing.
    pub(super) fn opt_int(mut self, value: Option<i64>) -> Self {
        match value {
            Some(value) => push_int(self.comma(), value),
            None => self.comma().push_str("null"),
        }
        self
    }

    /// A short text.
    pub(super) fn text(mut self, value: &str) -> Self {
        push_text(self.comma(), value);
        self
    }

    /// A short text or nothing.
    pub(super) fn opt_text(mut self, value: Option<&str>) -> Self {
        match value {
            Some(value) => push_text(self.comma(), value),
            None => self.comma().push_str("null"),
        }
        self
    }

    /// A large value: takes two places of the row, where it begins in `?2` (from 1) and its length.
    pub(super) fn heap(self, value: &[u8]) -> Self {
        let start = self.rows.heap.len();
        self.rows.heap.extend_from_slice(value);
        self.int(start as i64 + 1).int(value.len() as i64)
    }
}

impl Row<'_> {
    /// A large value as JSON, written where it stays: takes two places, as [`Row::heap`] does.
    ///
    /// After an error the rows are spoilt, and with them the statement.
    pub(super) fn json(self, value: &impl Serialize) -> StoreResult<Self> {
        let start = self.rows.heap.len();
        serde_json::to_writer(&mut self.rows.heap, value)?;
        let length = self.rows.heap.len() - start;
        Ok(self.int(start as i64 + 1).int(length as i64))
    }
}

impl Drop for Row<'_> {
    fn drop(&mut self) {
        self.rows.json.push(']');
    }
}

fn push_int(json: &mut String, value: i64) {
    json.push_str(itoa::Buffer::new().format(value));
}

/// SQLite ends a JSON string at NUL, so a key that holds one would lose its end; the replacement
/// character stands in for it, in what is stored and in what is looked up alike.
fn push_text(json: &mut String, value: &str) {
    json.push('"');
    let mut rest = value;
    while let Some(at) = rest.find(|c: char| c < ' ' || c == '"' || c == '\\') {
        json.push_str(&rest[..at]);
        push_escaped(json, rest.as_bytes()[at]);
        rest = &rest[at + 1..];
    }
    json.push_str(rest);
    json.push('"');
}

fn push_escaped(json: &mut String, byte: u8) {
    use std::fmt::Write;
    match byte {
        0 => json.push(char::REPLACEMENT_CHARACTER),
        b'"' => json.push_str("\\\""),
        b'\\' => json.push_str("\\\\"),
        _ => {
            // Writing to a String cannot fail.
            let _ = write!(json, "\\u{byte:04x}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_json_that_reads_back() {
        let mut rows = Rows::default();
        rows.row().int(-1).opt_int(None).text("a\"b\\c\n\u{1}é日").opt_text(None);
        rows.row().heap(b"xyz").heap(b"12");
        let read: serde_json::Value = serde_json::from_str(&(rows.json + "]")).unwrap();
        assert_eq!(read, serde_json::json!([[-1, null, "a\"b\\c\n\u{1}é日", null], [1, 3, 4, 2]]));
        assert_eq!(rows.heap, b"xyz12");
    }

    #[test]
    fn nul_is_replaced() {
        let mut rows = Rows::default();
        rows.row().text("a\0b");
        assert_eq!(rows.json, "[[\"a\u{fffd}b\"]");
    }
}
