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

/// How many bytes of decisions one transaction stores, unless it stores only one: it must not hold the writer
/// long. An ordinary batch of 256 has less than one of them.
pub(in crate::store::sqlite) const BYTES_AT_ONCE: usize = 4 * 1024 * 1024;

pub(super) async fn commit(store: &SqliteStore, routed: &[Routed]) -> StoreResult<Vec<RouteCommit>> {
    let held = Held::new(store, routed.iter().map(|it| (it.claim.conversation, it.claim.fence)).collect());
    let mut answers = Vec::with_capacity(routed.len());
    while answers.len() < routed.len() {
        match commit_some(store, &routed[answers.len()..]).await {
            Ok(committed) => answers.extend(committed),
            Err(error) if answers.is_empty() => return Err(error),
            // What is committed is told of. The rest is claimed again, which fails in the same way if this lasts.
            Err(error) => {
                tracing::warn!(%error, "a part of a batch of decisions was not stored; its events wait");
                answers.resize(routed.len(), RouteCommit::Stale);
            }
        }
    }
    held.end().await;
    Ok(answers)
}

/// Carries out the first of these in one transaction, at least one.
async fn commit_some(store: &SqliteStore, routed: &[Routed]) -> StoreResult<Vec<RouteCommit>> {
    let mut writer = store.writer.lock().await;
    let mut tx = writer.begin().await?;
    let current = still_as_seen(store, routed, &mut tx).await?;
    let generations = decisions::generations_of(store, routed, &mut tx).await?;
    let (mut rows, mut answers) = (RoutedRows::default(), Vec::with_capacity(routed.len()));
    for (index, it) in routed.iter().enumerate() {
        if rows.bytes() >= BYTES_AT_ONCE {
            break;
        }
        answers.push(match current.contains(&index) {
            true => {
                rows.add(it, &generations, &store.ids)?;
                RouteCommit::Committed
            }
            false => RouteCommit::Stale,
        });
    }
    rows.write(&mut tx).await?;
    crash::point(Point::RouteWritten);
    tx.commit().await?;
    crash::point(Point::RouteCommitted);
    Ok(answers)
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

    fn bytes(&self) -> usize {
        self.conversations.bytes() + self.decisions.bytes()
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domain::decision::Remark;
    use crate::store::conformance::world::{World, inbound};
    use crate::store::sqlite::StorePath;

    #[tokio::test]
    async fn one_transaction_stores_so_many_bytes_of_decisions_and_no_more() {
        let ids = Arc::new(IdGenerator::new(1));
        let store = Arc::new(SqliteStore::open(StorePath::Temporary, Arc::clone(&ids)).await.unwrap());
        let world = World::found(store.clone(), ids).await;
        world.take((0..6).map(|it| inbound(&format!("m{it}"), &[]))).await;
        let mut routed: Vec<_> = world.claim().await.iter().map(|it| world.judged(it)).collect();
        let text = "n".repeat(BYTES_AT_ONCE / 4);
        for it in &mut routed {
            // As its own row, and in the decision.
            it.decision.outcome.notes = vec![Remark { by: "notes".into(), text: text.clone() }];
        }
        assert_eq!(commit_some(&store, &routed).await.unwrap().len(), 2);
        assert_eq!(commit_some(&store, &routed[5..]).await.unwrap().len(), 1);
    }
}
