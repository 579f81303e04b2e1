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
const AT_ONCE: usize = 256;

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
    // All at once: put in order anew for each portion, many conversations would cost their square.
    let ids: Vec<i64> = sqlx::query_scalar(
        "SELECT d.id
         FROM met_conversations AS m
         CROSS JOIN decisions AS d ON d.conversation = m.id
         WHERE d.id > m.decisions_after
         ORDER BY d.id",
    )
    .fetch_all(&mut *connection)
    .await?;
    let mut erased = 0;
    for ids in ids.chunks(AT_ONCE) {
        let mut overwritten = Overwritten::default();
        for row in read(ids, connection).await? {
            overwritten.look_at(&row, &items, at, &mut walk)?;
        }
        erased += overwritten.write(connection).await?;
    }
    walk.end();
    Ok((erased, walk))
}

/// Overwrites every decision about a conversation after one id up to another; how many.
pub(super) async fn erase_between(
    conversation: i64,
    after: i64,
    to: i64,
    at: Timestamp,
    connection: &mut SqliteConnection,
) -> StoreResult<u64> {
    let sql = "SELECT id FROM decisions WHERE conversation = ? AND id > ? AND id <= ? ORDER BY id";
    let ids = sqlx::query_scalar(sql).bind(conversation).bind(after).bind(to);
    let ids: Vec<i64> = ids.fetch_all(&mut *connection).await?;
    let mut erased = 0;
    for ids in ids.chunks(AT_ONCE) {
        let mut overwritten = Overwritten::default();
        for row in read(ids, connection).await? {
            overwritten.erase(&row, at)?;
        }
        erased += overwritten.write(connection).await?;
    }
    Ok(erased)
}

/// Decisions of these ids, which are in their order.
async fn read(ids: &[i64], connection: &mut SqliteConnection) -> StoreResult<Vec<SqliteRow>> {
    let mut rows = Rows::default();
    for id in ids {
        let _ = rows.row().int(*id);
    }
    let sql = "SELECT d.id, d.content, d.conversation
        FROM jsonb_each(?1) AS k
        CROSS JOIN decisions AS d ON d.id = k.value ->> 0
        ORDER BY d.id";
    rows.fetch(sql, connection).await
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
            self.add(row.try_get(0)?, decision, at)?;
        }
        Ok(())
    }

    fn erase(&mut self, row: &SqliteRow, at: Timestamp) -> StoreResult<()> {
        let decision = Read::from_json(row.try_get(1)?)?;
        match decision.is_erased() {
            true => Ok(()),
            false => self.add(row.try_get(0)?, decision, at),
        }
    }

    fn add(&mut self, id: i64, decision: Read, at: Timestamp) -> StoreResult<()> {
        let _ = self.contents.row().int(id).json(&decision.erase(at))?;
        let _ = self.gone.row().int(id);
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
