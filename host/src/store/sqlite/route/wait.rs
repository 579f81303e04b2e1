//! Events that wait to be judged again.
//!
//! A waiting event stays the oldest of its conversation and is only not marked as its next one: so
//! nothing overtakes it. Rare, so each event has its own statements.

use sqlx::SqliteConnection;

use super::claim::Held;
use crate::domain::failure_policy::wait_ms;
use crate::domain::time::Timestamp;
use crate::store::sqlite::SqliteStore;
use crate::store::{Claim, Postponed, StoreResult};

pub(super) async fn postpone(
    store: &SqliteStore,
    claims: &[Claim],
    now: Timestamp,
) -> StoreResult<Vec<Postponed>> {
    let mut answers = Vec::with_capacity(claims.len());
    {
        let mut writer = store.writer.lock().await;
        let mut tx = writer.begin().await?;
        for claim in claims {
            let stands = store.claims().stands(claim.conversation, claim.fence);
            answers.push(match stands {
                true => postpone_one(claim, now, &mut tx).await?,
                false => Postponed::Stale,
            });
        }
        tx.commit().await?;
    }
    let ended = claims.iter().zip(&answers).filter(|(_, answer)| **answer != Postponed::OftenEnough);
    let ended = ended.map(|(claim, _)| (claim.conversation, claim.fence)).collect();
    Held::new(store, ended).end().await;
    Ok(answers)
}

async fn postpone_one(
    claim: &Claim,
    now: Timestamp,
    connection: &mut SqliteConnection,
) -> StoreResult<Postponed> {
    let event = claim.event.id.0;
    let known: Option<Option<i64>> = sqlx::query_scalar(
        "SELECT w.judged_in_vain
         FROM events AS e
         LEFT JOIN event_waits AS w ON w.event = e.id
         WHERE e.id = ? AND e.conversation = ?",
    )
    .bind(event)
    .bind(claim.conversation.0)
    .fetch_optional(&mut *connection)
    .await?;
    let Some(before) = known else { return Ok(Postponed::Stale) };
    let judged_in_vain = before.unwrap_or(0) + 1;
    let Some(wait_ms) = wait_ms(judged_in_vain.unsigned_abs() as usize) else {
        return Ok(Postponed::OftenEnough);
    };
    let due_at = now.plus_ms(wait_ms);
    sqlx::query(
        "INSERT INTO event_waits (event, judged_in_vain, due_at) VALUES (?, ?, ?)
         ON CONFLICT (event) DO UPDATE
         SET judged_in_vain = excluded.judged_in_vain, due_at = excluded.due_at",
    )
    .bind(event)
    .bind(judged_in_vain)
    .bind(due_at.as_ms())
    .execute(&mut *connection)
    .await?;
    sqlx::query("UPDATE events SET is_next = 0 WHERE id = ?").bind(event).execute(connection).await?;
    Ok(Postponed::Until(due_at))
}

/// How many waits one transaction ends at most: a policy that is away for a while has the events of a whole
/// flood wait until the same moment.
const ENDED_AT_ONCE: i64 = 256;

/// Marks some events whose wait is over as the next ones of their conversations; after the last of them, forgets
/// the waits of those that are done.
pub(super) async fn end(store: &SqliteStore, now: Timestamp) -> StoreResult<usize> {
    // Nearly always nothing waits: the writer is not kept from its work for that.
    let waits: bool = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM event_waits WHERE due_at <= ?)")
        .bind(now.as_ms())
        .fetch_one(&store.readers)
        .await?;
    if !waits {
        return Ok(0);
    }
    let mut writer = store.writer.lock().await;
    let mut tx = writer.begin().await?;
    let over: Vec<i64> = sqlx::query_scalar(
        "UPDATE event_waits SET due_at = NULL
         WHERE event IN (SELECT event FROM event_waits WHERE due_at <= ? ORDER BY due_at LIMIT ?)
         RETURNING event",
    )
    .bind(now.as_ms())
    .bind(ENDED_AT_ONCE)
    .fetch_all(&mut *tx)
    .await?;
    let ended = sqlx::query(
        "UPDATE events AS e
         SET is_next = 1
         WHERE e.id IN (SELECT value FROM json_each(?))
             AND e.id = (SELECT min(o.id) FROM events AS o WHERE o.conversation = e.conversation)",
    )
    .bind(serde_json::to_string(&over)?)
    .execute(&mut *tx)
    .await?;
    if over.len() < ENDED_AT_ONCE as usize {
        sqlx::query(
            "DELETE FROM event_waits
             WHERE due_at IS NULL AND NOT EXISTS (SELECT 1 FROM events AS e WHERE e.id = event_waits.event)",
        )
        .execute(&mut *tx)
        .await?;
    }
    tx.commit().await?;
    Ok(ended.rows_affected() as usize)
}

pub(super) async fn next(store: &SqliteStore) -> StoreResult<Option<Timestamp>> {
    let due: Option<i64> =
        sqlx::query_scalar("SELECT min(due_at) FROM event_waits").fetch_one(&store.readers).await?;
    Ok(due.map(Timestamp::from_ms))
}
