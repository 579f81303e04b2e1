//! A long conversation with somebody who goes is shortened before it goes: some of its items, decisions and
//! remarks at a time, oldest first. Which of them go does not depend on the others.
//!
//! What is said of the conversation itself goes with what is left of it: who else wrote there is known then.

use sqlx::SqliteConnection;

use super::begun::{Begun, Shortened};
use super::{Done, Means, answers, decisions, deliveries, items, scope, work};
use crate::domain::erasure::Erased;
use crate::store::StoreResult;

/// Erases the next items, decisions and remarks, so many of each; notes in `from` how far it is.
pub(super) async fn carry_out(
    begun: &Begun,
    from: &mut Shortened,
    at_once: i64,
    means: &Means<'_>,
    connection: &mut SqliteConnection,
) -> StoreResult<Done> {
    let Means { at, erased_keys, .. } = *means;
    let items_to = next(NEXT_ITEMS, from.items_after, begun, from, at_once, connection).await?;
    let decisions_to = next(NEXT_DECISIONS, from.decisions_after, begun, from, at_once, connection).await?;
    let notes_to = next(NEXT_NOTES, from.notes_after, begun, from, at_once, connection).await?;
    scope::of_portion(begun.contact, from, items_to.last, connection).await?;
    let kept_answers = answers::erase(connection).await?;
    let deliveries = deliveries::erase(at, erased_keys, connection).await?;
    let decisions =
        decisions::erase_between(from.conversation, from.decisions_after, decisions_to.last, at, connection)
            .await?;
    let notes =
        work::erase_notes_between(from.conversation, from.notes_after, notes_to.last, connection).await?;
    let replies_cancelled = work::cancel_replies(connection).await?;
    work::erase_events_of_portion(connection).await?;
    let items = items::erase(at, erased_keys, connection).await?;
    // Whatever was judged on what it was is judged again.
    sqlx::query("UPDATE conversations SET revision = revision + 1 WHERE id = ?")
        .bind(from.conversation)
        .execute(connection)
        .await?;
    from.is_done = items_to.is_end && decisions_to.is_end && notes_to.is_end;
    (from.items_after, from.decisions_after, from.notes_after) =
        (items_to.last, decisions_to.last, notes_to.last);
    let erased = Erased {
        contacts: 0,
        conversations: 0,
        items: items.items,
        revisions: items.contents.len() as u64,
        replies_cancelled,
        notes,
        decisions,
        deliveries,
        kept_answers,
    };
    Ok(Done { erased, contents: items.contents })
}

/// Up to which id some go.
struct Portion {
    last: i64,
    /// Whether there were no more when the erasure began.
    is_end: bool,
}

const NEXT_ITEMS: &str = "SELECT count(*), max(id)
    FROM (SELECT id FROM items WHERE conversation = ? AND id > ? AND id <= ? ORDER BY id LIMIT ?)";

const NEXT_DECISIONS: &str = "SELECT count(*), max(id)
    FROM (SELECT id FROM decisions WHERE conversation = ? AND id > ? AND id <= ? ORDER BY id LIMIT ?)";

const NEXT_NOTES: &str = "SELECT count(*), max(id)
    FROM (SELECT id FROM notes WHERE conversation = ? AND id > ? AND id <= ? ORDER BY id LIMIT ?)";

async fn next(
    sql: &'static str,
    after: i64,
    begun: &Begun,
    from: &Shortened,
    at_once: i64,
    connection: &mut SqliteConnection,
) -> StoreResult<Portion> {
    let (count, last): (i64, Option<i64>) = sqlx::query_as(sql)
        .bind(from.conversation)
        .bind(after)
        .bind(begun.up_to)
        .bind(at_once)
        .fetch_one(connection)
        .await?;
    Ok(Portion { last: last.unwrap_or(after), is_end: count < at_once })
}
