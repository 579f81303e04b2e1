//! Totals, changed in the transaction that changes what they count.

use sqlx::Row as _;

use super::SqliteStore;
use super::rows::Rows;
use super::script::Script;
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

pub(super) fn change(change: &Change, script: &mut Script) {
    let mut rows = Rows::default();
    for (name, by) in [
        ("deliveries", change.deliveries),
        ("unparsed", change.unparsed),
        ("items", change.items),
        ("conversations", change.conversations),
        ("decisions", change.decisions),
    ] {
        if by != 0 {
            let _ = rows.row().text(name).int(by);
        }
    }
    let sql = "UPDATE totals SET count = count + r.value ->> 1
        FROM jsonb_each(?1) AS r
        WHERE totals.name = r.value ->> 0";
    script.each("totals changed", sql, rows);
}

pub(super) async fn read(store: &SqliteStore) -> StoreResult<Counts> {
    let mut counts = Counts::default();
    for row in sqlx::query("SELECT name, count FROM totals").fetch_all(&mut *store.reader().await?).await? {
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
