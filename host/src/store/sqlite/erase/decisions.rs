//! Decisions and their receipts: they keep their places and say that they can no longer be replayed.

use std::collections::HashSet;

use sqlx::{Row as _, SqliteConnection};

use crate::domain::ids::ItemId;
use crate::domain::time::Timestamp;
use crate::store::StoreResult;
use crate::store::sqlite::decisions::Read;
use crate::store::sqlite::rows::Rows;

/// How many decisions are read at once.
const AT_ONCE: i64 = 256;

/// Overwrites every decision about a conversation that goes, or was with somebody who goes, and elsewhere
/// those that saw an item which goes.
pub(super) async fn erase(at: Timestamp, connection: &mut SqliteConnection) -> StoreResult<u64> {
    let items: Vec<i64> = sqlx::query_scalar("SELECT id FROM gone_items").fetch_all(&mut *connection).await?;
    let items: HashSet<ItemId> = items.into_iter().map(ItemId).collect();
    let (mut erased, mut last) = (0, i64::MIN);
    loop {
        let rows = sqlx::query(
            "SELECT
                 d.id, d.content,
                 EXISTS (SELECT 1 FROM gone_conversations AS g WHERE g.id = d.conversation)
                     OR EXISTS (SELECT 1 FROM freed_conversations AS f WHERE f.id = d.conversation)
             FROM decisions AS d
             WHERE d.conversation IN (SELECT id FROM met_conversations) AND d.id > ?
             ORDER BY d.id
             LIMIT ?",
        )
        .bind(last)
        .bind(AT_ONCE)
        .fetch_all(&mut *connection)
        .await?;
        let Some(end) = rows.last() else { return Ok(erased) };
        last = end.try_get(0)?;
        let mut overwritten = Rows::default();
        for row in &rows {
            let decision = Read::from_json(row.try_get(1)?)?;
            let is_about_them: bool = row.try_get(2)?;
            if !decision.is_erased() && (is_about_them || decision.saw(&items)) {
                let _ = overwritten.row().int(row.try_get(0)?).json(&decision.erase(at))?;
            }
        }
        erased += overwritten.len() as u64;
        let sql = "UPDATE decisions
            SET content = CAST(substr(?2, r.value ->> 1, r.value ->> 2) AS TEXT)
            FROM jsonb_each(?1) AS r
            WHERE decisions.id = r.value ->> 0";
        overwritten.run_each("decisions erased", sql, connection).await?;
    }
}
