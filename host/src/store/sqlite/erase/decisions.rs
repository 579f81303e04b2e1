//! Decisions and their receipts: they keep their places and say that they can no longer be replayed.

use std::collections::HashSet;

use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use super::origins::Walk;
use crate::domain::ids::{ConversationId, ItemId};
use crate::domain::time::Timestamp;
use crate::store::StoreResult;
use crate::store::sqlite::decisions::Read;
use crate::store::sqlite::rows::Rows;

/// How many decisions are read at once.
const AT_ONCE: i64 = 256;

/// What is written for some decisions.
#[derive(Default)]
struct Overwritten {
    contents: Rows,
    gone: Rows,
}

/// Overwrites every decision about a conversation that goes, or was with somebody who goes, and elsewhere
/// those that saw an item which goes, or what was derived from one. How many; and what was derived, for
/// each conversation.
pub(super) async fn erase(at: Timestamp, connection: &mut SqliteConnection) -> StoreResult<(u64, Walk)> {
    let items: Vec<i64> = sqlx::query_scalar("SELECT id FROM gone_items").fetch_all(&mut *connection).await?;
    let items: HashSet<ItemId> = items.into_iter().map(ItemId).collect();
    let mut walk = Walk::begin(connection).await?;
    let (mut erased, mut last) = (0, i64::MIN);
    loop {
        let rows = sqlx::query(
            "SELECT d.id, d.content, d.conversation
             FROM decisions AS d
             WHERE d.conversation IN (SELECT id FROM met_conversations) AND d.id > ?
             ORDER BY d.id
             LIMIT ?",
        )
        .bind(last)
        .bind(AT_ONCE)
        .fetch_all(&mut *connection)
        .await?;
        let Some(end) = rows.last() else { break };
        last = end.try_get(0)?;
        let mut overwritten = Overwritten::default();
        for row in &rows {
            overwritten.look_at(row, &items, at, &mut walk)?;
        }
        erased += overwritten.write(connection).await?;
    }
    walk.end();
    Ok((erased, walk))
}

impl Overwritten {
    fn look_at(
        &mut self,
        row: &SqliteRow,
        items: &HashSet<ItemId>,
        at: Timestamp,
        walk: &mut Walk,
    ) -> StoreResult<()> {
        let decision = Read::from_json(row.try_get(1)?)?;
        if decision.is_erased() {
            return Ok(());
        }
        let (seen, put_on) = decision.marks();
        if walk.goes(ConversationId(row.try_get(2)?), decision.at(), decision.saw(items), &seen, &put_on) {
            let id: i64 = row.try_get(0)?;
            let _ = self.contents.row().int(id).json(&decision.erase(at))?;
            let _ = self.gone.row().int(id);
        }
        Ok(())
    }

    async fn write(self, connection: &mut SqliteConnection) -> StoreResult<u64> {
        let erased = self.contents.len() as u64;
        let sql = "UPDATE decisions
            SET content = CAST(substr(?2, r.value ->> 1, r.value ->> 2) AS TEXT)
            FROM jsonb_each(?1) AS r
            WHERE decisions.id = r.value ->> 0";
        self.contents.run_each("decisions erased", sql, connection).await?;
        let sql = "INSERT INTO gone_decisions (id) SELECT value ->> 0 FROM jsonb_each(?1)";
        self.gone.run(sql, connection).await?;
        Ok(erased)
    }
}
