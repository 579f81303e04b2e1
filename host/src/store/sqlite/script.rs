//! Statements that are run in one go.
//!
//! A connection has a thread of its own, so each statement that is waited for costs two changes of
//! threads: as much as writing a row. What writes a batch is therefore collected here and handed over
//! at once.

use futures::TryStreamExt;
use sqlx::{AssertSqlSafe, Either, Executor, SqliteConnection};

use super::error::{expect_rows, surprise};
use super::rows::{Rows, is_small};
use crate::store::StoreResult;

/// Statements that change rows, in their order.
#[derive(Default)]
pub(super) struct Script {
    sql: String,
    parameters: Vec<(String, Vec<u8>)>,
    expected: Vec<Expected>,
}

/// What a statement must do.
struct Expected {
    what: &'static str,
    /// How many rows it changes, where that is certain.
    rows: Option<usize>,
}

impl Script {
    /// Adds a statement that changes one row for each given; nothing if none is given.
    pub(super) fn each(&mut self, what: &'static str, sql: &str, rows: Rows) {
        let expected = Some(rows.len());
        self.add(Expected { what, rows: expected }, sql, rows);
    }

    /// Adds a statement that may find some of the rows done already.
    pub(super) fn any(&mut self, what: &'static str, sql: &str, rows: Rows) {
        self.add(Expected { what, rows: None }, sql, rows);
    }

    fn add(&mut self, expected: Expected, sql: &str, rows: Rows) {
        if rows.is_empty() {
            return;
        }
        // Parameters are counted throughout the script. `$n` is a name: with `?n`, every statement would
        // have all the parameters before its own as well, and have them bound.
        let first = 2 * self.parameters.len() + 1;
        let sql = sql.replace("?1", &format!("${first}")).replace("?2", &format!("${}", first + 1));
        self.sql.push_str(&sql);
        self.sql.push_str(";\n");
        self.parameters.push(rows.into_parameters());
        self.expected.push(expected);
    }

    /// Runs the statements.
    pub(super) async fn run(self, connection: &mut SqliteConnection) -> StoreResult<()> {
        if self.expected.is_empty() {
            return Ok(());
        }
        // Put together from this room's own texts alone.
        let is_kept = self.parameters.iter().all(|(json, heap)| is_small(json, heap));
        let query = sqlx::query(AssertSqlSafe(self.sql)).persistent(is_kept);
        let query = self.parameters.into_iter().fold(query, |it, (json, heap)| it.bind(json).bind(heap));
        let mut done = connection.fetch_many(query);
        for Expected { what, rows } in self.expected {
            match done.try_next().await? {
                Some(Either::Left(result)) => expect_rows(
                    what,
                    rows.unwrap_or(result.rows_affected() as usize),
                    result.rows_affected(),
                )?,
                Some(Either::Right(_)) | None => return Err(surprise(format!("{what}: no count of rows"))),
            }
        }
        Ok(())
    }
}
