//! Totals, changed in the transaction that changes what they count.

use sqlx::{Row as _, SqliteConnection};

use super::SqliteStore;
use super::error::expect_rows;
use crate::store::{Counts, StoreResult};

/// By how much totals change.
#[derive(Default)]
pub(super) struct Change {
    pub(super) deliveries: i64,
    pub(super) unparsed: i64,
    pub(super) items: i64,
    pub(super) conversations: i64,
    pub(super) decisions: i64,
}

pub(super) async fn change(change: Change, connection: &mut SqliteConnection) -> StoreResult<()> {
    let done = sqlx::query(
        "UPDATE totals
         SET count = count + CASE name
             WHEN 'deliveries' THEN ?1
             WHEN 'unparsed' THEN ?2
             WHEN 'items' THEN ?3
             WHEN 'conversations' THEN ?4
             WHEN 'decisions' THEN ?5
         END",
    )
    .bind(change.deliveries)
    .bind(change.unparsed)
    .bind(change.items)
    .bind(change.conversations)
    .bind(change.decisions)
    .execute(connection)
    .await?;
    expect_rows("totals changed", 5, done.rows_affected())
}

pub(super) async fn read(store: &SqliteStore) -> StoreResult<Counts> {
    let mut counts = Counts::default();
    for row in sqlx::query("SELECT name, count FROM totals").fetch_all(&store.readers).await? {
        let count = row.try_get::<i64, _>(1)?.unsigned_abs();
        match row.try_get::<&str, _>(0)? {
            "deliveries" => counts.deliveries = count,
            "unparsed" => counts.unparsed = count,
            "items" => counts.items = count,
            "conversations" => counts.conversations = count,
            "decisions" => counts.decisions = count,
            _ => {}
        }
    }
    Ok(counts)
}
