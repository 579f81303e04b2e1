//! Claiming conversations with something to judge.

use sqlx::{Connection as _, SqliteConnection};

use super::case;
use crate::domain::case::{Event, Occasion};
use crate::domain::ids::{ConversationId, DepartmentId, EventId, ItemId};
use crate::domain::time::Timestamp;
use crate::store::sqlite::SqliteStore;
use crate::store::{CaseNeeds, Claim, ClaimedCase, StoreResult};

/// Claims that end with this, whatever becomes of the call that made it.
pub(super) struct Held<'a> {
    store: &'a SqliteStore,
    claims: Vec<(ConversationId, i64)>,
}

impl<'a> Held<'a> {
    pub(super) fn new(store: &'a SqliteStore, claims: Vec<(ConversationId, i64)>) -> Self {
        Self { store, claims }
    }

    /// Ends the claims after every look at the events that began earlier. Such a look may still see
    /// an event that is done by now, and must find it claimed.
    pub(super) async fn end(self) {
        let _order = self.store.claim_order.lock().await;
        drop(self);
    }

    /// Leaves the claims to the caller.
    fn keep(mut self) {
        self.claims.clear();
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let mut held = self.store.claims();
        for (conversation, fence) in &self.claims {
            held.end(*conversation, *fence);
        }
    }
}

/// A claim, and the item that its case is about.
pub(super) struct Claimed {
    pub(super) claim: Claim,
    pub(super) item: ItemId,
}

pub(super) async fn claim(
    store: &SqliteStore,
    department: DepartmentId,
    max: usize,
    needs: CaseNeeds,
) -> StoreResult<Vec<ClaimedCase>> {
    // The writer's connection, because it has at hand what it has just written; a reader begins with
    // an empty cache after every commit. One transaction, so that events and cases are of one moment.
    let mut writer = store.writer.lock().await;
    writer.heal().await?;
    let mut tx = writer.connection.begin().await?;
    let claimed = take(store, department, max, &mut tx).await?;
    let held = Held::new(store, claimed.iter().map(|it| (it.claim.conversation, it.claim.fence)).collect());
    let cases = case::load(store, claimed, needs, &mut tx).await?;
    tx.commit().await?;
    held.keep();
    Ok(cases)
}

/// An event as the file has it: its id, its conversation, its occasion, when, how deep, its item.
type Waiting = (i64, i64, Occasion, i64, u8, i64);

/// The departments that wait. The index is walked from one to the next, so that as many rows are read as
/// there are departments, however many events each has.
pub(super) async fn departments(store: &SqliteStore) -> StoreResult<Vec<DepartmentId>> {
    let found: Vec<i64> = sqlx::query_scalar(WAITING_DEPARTMENTS).fetch_all(&store.readers).await?;
    Ok(found.into_iter().map(DepartmentId).collect())
}

pub(in crate::store::sqlite) const WAITING_DEPARTMENTS: &str = "WITH RECURSIVE waiting (department) AS (
         SELECT min(department) FROM events WHERE is_next = 1
         UNION ALL
         SELECT (SELECT min(e.department) FROM events AS e WHERE e.is_next = 1 AND e.department > w.department)
         FROM waiting AS w
         WHERE w.department IS NOT NULL
     )
     SELECT department FROM waiting WHERE department IS NOT NULL";

/// Takes a department's oldest claimable events. Every conversation has one at most, and only those held
/// for the department already are passed over, so the limit bounds what is read.
///
/// They come as one value: a row of its own for each would cost more than the event.
async fn take(
    store: &SqliteStore,
    department: DepartmentId,
    max: usize,
    connection: &mut SqliteConnection,
) -> StoreResult<Vec<Claimed>> {
    let _order = store.claim_order.lock().await;
    let limit = max + store.claims().held_for(department);
    let waiting: String = sqlx::query_scalar(
        "SELECT json_group_array(json_array(id, conversation, json(occasion), at, depth, item))
         FROM (
             SELECT
                 e.id, e.conversation, e.occasion, e.at, e.depth,
                 coalesce(
                     e.item,
                     (
                         SELECT max(i.id)
                         FROM items AS i
                         WHERE
                             i.conversation = e.conversation AND i.direction = 'inbound'
                             AND i.erased_at IS NULL
                     ),
                     (SELECT max(i.id) FROM items AS i WHERE i.conversation = e.conversation)
                 ) AS item
             FROM events AS e
             WHERE e.is_next = 1 AND e.department = ?
             ORDER BY e.id
             LIMIT ?
         )",
    )
    .bind(department.0)
    .bind(limit as i64)
    .fetch_one(connection)
    .await?;
    let waiting: Vec<Waiting> = serde_json::from_str(&waiting)?;
    let mut claims = store.claims();
    let mut taken = Vec::with_capacity(max.min(waiting.len()));
    for (id, conversation, occasion, at, depth, item) in waiting {
        if taken.len() == max {
            break;
        }
        let conversation = ConversationId(conversation);
        if let Some(fence) = claims.take(conversation, department) {
            let event = Event { id: EventId(id), occasion, at: Timestamp::from_ms(at), depth };
            taken.push(Claimed { claim: Claim { event, conversation, fence }, item: ItemId(item) });
        }
    }
    Ok(taken)
}
