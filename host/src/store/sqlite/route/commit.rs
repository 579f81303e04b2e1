//! The commit of a batch of decisions.

use std::collections::HashSet;

use sqlx::{Row as _, SqliteConnection};

use super::claim::Held;
use crate::crash::{self, Point};
use crate::domain::clock::IdGenerator;
use crate::store::sqlite::counts::{self, Change};
use crate::store::sqlite::decisions::{self, DecisionRows, Generations};
use crate::store::sqlite::rows::Rows;
use crate::store::sqlite::script::Script;
use crate::store::sqlite::{SqliteStore, conversation_row, events};
use crate::store::{RouteCommit, Routed, StoreResult};

pub(super) async fn commit(store: &SqliteStore, routed: &[Routed]) -> StoreResult<Vec<RouteCommit>> {
    let held = Held::new(store, routed.iter().map(|it| (it.claim.conversation, it.claim.fence)).collect());
    let current = {
        let mut writer = store.writer.lock().await;
        let mut tx = writer.begin().await?;
        let current = still_as_seen(store, routed, &mut tx).await?;
        let generations = decisions::generations_of(store, routed, &mut tx).await?;
        let mut rows = RoutedRows::default();
        for (index, it) in routed.iter().enumerate() {
            if current.contains(&index) {
                rows.add(it, &generations, &store.ids)?;
            }
        }
        rows.write(&mut tx).await?;
        crash::point(Point::RouteWritten);
        tx.commit().await?;
        crash::point(Point::RouteCommitted);
        current
    };
    held.end().await;
    let answer = |index| if current.contains(&index) { RouteCommit::Committed } else { RouteCommit::Stale };
    Ok((0..routed.len()).map(answer).collect())
}

/// Which of the batch were judged on what still holds: the claim stands, the event waits, the
/// conversation is the one that was seen.
async fn still_as_seen(
    store: &SqliteStore,
    routed: &[Routed],
    connection: &mut SqliteConnection,
) -> StoreResult<HashSet<usize>> {
    let mut rows = Rows::default();
    let mut current = HashSet::new();
    {
        let claims = store.claims();
        for (index, it) in routed.iter().enumerate() {
            if claims.stands(it.claim.conversation, it.claim.fence) {
                current.insert(index);
                let row = rows.row().int(index as i64).int(it.claim.conversation.0);
                let _ = row.int(it.seen_revision).int(it.claim.event.id.0);
            }
        }
    }
    // Asks for those that changed: most batches have none.
    let sql = "SELECT k.value ->> 0
        FROM jsonb_each(?1) AS k
        WHERE NOT EXISTS (
            SELECT 1
            FROM conversations AS c
            CROSS JOIN events AS e
            WHERE
                c.id = k.value ->> 1 AND c.revision = k.value ->> 2
                AND e.id = k.value ->> 3 AND e.conversation = c.id
        )";
    for row in rows.fetch(sql, connection).await? {
        current.remove(&(row.try_get::<i64, _>(0)? as usize));
    }
    Ok(current)
}

/// What a batch of judged events writes.
#[derive(Default)]
struct RoutedRows {
    conversations: Rows,
    decisions: DecisionRows,
    events: Rows,
}

impl RoutedRows {
    fn add(&mut self, routed: &Routed, generations: &Generations, ids: &IdGenerator) -> StoreResult<()> {
        let mut after = routed.conversation.clone();
        after.revision = routed.seen_revision + 1;
        conversation_row::push(&mut self.conversations, &after)?;
        let _ = self.events.row().int(routed.claim.event.id.0).int(after.id.0);
        self.decisions.add(routed, &after, generations, ids)
    }

    async fn write(self, connection: &mut SqliteConnection) -> StoreResult<()> {
        let totals = Change { decisions: self.decisions.len() as i64, ..Change::default() };
        let mut script = Script::default();
        conversation_row::update(self.conversations, &mut script);
        // Before the decisions: a timer may be set again by the judgement of its own event.
        events::finish(self.events, &mut script);
        self.decisions.write(&mut script);
        counts::change(&totals, &mut script);
        script.run(connection).await
    }
}
