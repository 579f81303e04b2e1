//! How an attempt to send ended.

use std::borrow::Cow;

use sqlx::{Row as _, SqliteConnection};

use super::{outbox_columns, read};
use crate::crash::{self, Point};
use crate::domain::ids::{ItemId, OutboxId};
use crate::domain::outbox::{OutboxEntry, OutboxState};
use crate::domain::time::Timestamp;
use crate::store::sqlite::SqliteStore;
use crate::store::sqlite::erase::work::ERASED;
use crate::store::sqlite::erased_keys::KeyKind;
use crate::store::sqlite::error::expect_rows;
use crate::store::sqlite::intake::{SENT, settle_sent, storable};
use crate::store::sqlite::notes::{NoteRows, SWITCHBOARD, Source};
use crate::store::sqlite::script::Script;
use crate::store::sqlite::words::word;
use crate::store::{SendEnd, StoreError, StoreResult};

/// Records the end and frees the claim, also when recording fails: the attempt is over.
pub(super) async fn record(
    store: &SqliteStore,
    id: OutboxId,
    end: &SendEnd,
    now: Timestamp,
) -> StoreResult<()> {
    let done = write(store, id, end, now).await;
    let _order = store.claim_order.lock().await;
    store.outbox_claims().remove(&id);
    done
}

async fn write(store: &SqliteStore, id: OutboxId, end: &SendEnd, now: Timestamp) -> StoreResult<()> {
    let mut writer = store.writer.lock().await;
    let erased_keys = writer.books.erased_keys.clone();
    let mut tx = writer.begin().await?;
    let entry = write_in(store, id, end, now, &mut tx).await?;
    if let Some(external_id) = known_by(end)
        && is_erased(entry.item, &mut tx).await?
    {
        // The channel may show it once more, and is not to bring it back.
        erased_keys.keep(KeyKind::Item, entry.inbox, &external_id, &mut tx).await?;
    }
    crash::point(Point::ReplyWritten);
    tx.commit().await?;
    crash::point(Point::ReplyCommitted);
    writer.books.arrivals += 1;
    Ok(())
}

/// The same, in a transaction; the entry as it was.
pub(super) async fn write_in(
    store: &SqliteStore,
    id: OutboxId,
    end: &SendEnd,
    now: Timestamp,
    connection: &mut SqliteConnection,
) -> StoreResult<OutboxEntry> {
    let sql = concat!("SELECT ", outbox_columns!(), " FROM outbox WHERE id = ?");
    let row = sqlx::query(sql).bind(id.0).fetch_optional(&mut *connection).await?;
    let Some(entry) = row.as_ref().map(read).transpose()? else {
        return Err(StoreError::Missing(format!("answer {id}")));
    };
    // What the channel says of it may name the person.
    let end = if is_erased(entry.item, connection).await? { &without_words(end) } else { end };
    let (state, next_attempt_at, error) = match end {
        SendEnd::Sent(_) => (OutboxState::Sent, entry.next_attempt_at, None),
        SendEnd::Again { at, error } => (OutboxState::Queued, *at, Some(error)),
        SendEnd::Failed(reason) => (OutboxState::Failed, entry.next_attempt_at, Some(reason)),
        SendEnd::Parked(reason) => (OutboxState::Parked, entry.next_attempt_at, Some(reason)),
    };
    let done = sqlx::query(
        "UPDATE outbox
         SET state = ?, attempts = attempts + 1, next_attempt_at = ?, last_error = ?, begun_at = NULL
         WHERE id = ?",
    )
    .bind(word(&state)?)
    .bind(next_attempt_at.as_ms())
    .bind(error)
    .bind(id.0)
    .execute(&mut *connection)
    .await?;
    expect_rows("answers ended", 1, done.rows_affected())?;
    if let Some(external_id) = known_by(end) {
        rename(&entry, &external_id, connection).await?;
        settle_sent(&entry, &external_id, (&store.ids, now), connection).await?;
    }
    if let Some(text) = remark(end) {
        let mut notes = NoteRows::default();
        let source = Source::Item(entry.item);
        notes.add_from(source, store.ids.next(now), entry.conversation, SWITCHBOARD, &text, now);
        let mut script = Script::default();
        notes.write(&mut script);
        script.run(connection).await?;
    }
    Ok(entry)
}

/// The channel's id of what went out, as it is stored: what the channel shows of it later is looked for under
/// that. An empty one is none, and the item keeps the id it went out under.
fn known_by(end: &SendEnd) -> Option<Cow<'_, str>> {
    match end {
        SendEnd::Sent(Some(external_id)) if !external_id.is_empty() => Some(storable(external_id)),
        _ => None,
    }
}

async fn is_erased(item: ItemId, connection: &mut SqliteConnection) -> StoreResult<bool> {
    let sql = sqlx::query_scalar("SELECT erased_at IS NOT NULL FROM items WHERE id = ?");
    Ok(sql.bind(item.0).fetch_one(connection).await?)
}

/// How it ended for somebody who was erased while it was under way: it is not tried again.
fn without_words(end: &SendEnd) -> SendEnd {
    match end {
        SendEnd::Sent(_) => SendEnd::Sent(None),
        SendEnd::Again { .. } | SendEnd::Failed(_) | SendEnd::Parked(_) => SendEnd::Failed(ERASED.to_owned()),
    }
}

fn remark(end: &SendEnd) -> Option<String> {
    match end {
        SendEnd::Failed(reason) => Some(format!("An answer could not be sent: {reason}")),
        SendEnd::Parked(reason) => Some(format!("An answer waits for a person to decide: {reason}")),
        SendEnd::Sent(_) | SendEnd::Again { .. } => None,
    }
}

/// The item is known by the channel's id from now on, and still found by the one it went out under.
///
/// An echo may have been faster: then the echo keeps the id, and the item stays what it was.
async fn rename(
    entry: &OutboxEntry,
    external_id: &str,
    connection: &mut SqliteConnection,
) -> StoreResult<()> {
    let row = sqlx::query(
        "SELECT external_id, EXISTS (SELECT 1 FROM items WHERE inbox = ?1 AND external_id = ?2)
         FROM items
         WHERE id = ?3",
    )
    .bind(entry.inbox.0)
    .bind(external_id)
    .bind(entry.item.0)
    .fetch_one(&mut *connection)
    .await?;
    let (before, is_taken): (String, bool) = (row.try_get(0)?, row.try_get(1)?);
    if is_taken {
        return Ok(());
    }
    sqlx::query("UPDATE items SET external_id = ? WHERE id = ?")
        .bind(external_id)
        .bind(entry.item.0)
        .execute(&mut *connection)
        .await?;
    sqlx::query(
        "INSERT INTO thread_references (inbox, reference, contact, conversation)
         VALUES (?, ?, ?, ?)
         ON CONFLICT (inbox, reference, contact) DO NOTHING",
    )
    .bind(entry.inbox.0)
    .bind(before)
    .bind(SENT)
    .bind(entry.conversation.0)
    .execute(connection)
    .await?;
    Ok(())
}
