//! An agent merges two conversations.

use sqlx::SqliteConnection;

use super::{MOVED_MAX, Merge, weights};
use crate::domain::case::{Event, Occasion};
use crate::domain::conversation::Conversation;
use crate::domain::ids::{ConversationId, EventId};
use crate::domain::merging::{self, BeforeMerge};
use crate::domain::time::Timestamp;
use crate::store::sqlite::counts::{self, Change};
use crate::store::sqlite::events::EventRows;
use crate::store::sqlite::rows::Rows;
use crate::store::sqlite::script::Script;
use crate::store::sqlite::{SqliteStore, audit, conversation_row};
use crate::store::{MergeByHand, MergeRefusal, StoreError, StoreResult};

pub(super) async fn carry_out(
    store: &SqliteStore,
    merge: &MergeByHand,
) -> StoreResult<Result<Conversation, MergeRefusal>> {
    let mut writer = store.writer.lock().await;
    let mut tx = writer.begin().await?;
    let younger = load(merge.ends, &mut tx).await?;
    let older = load(merge.into, &mut tx).await?;
    for it in [&older, &younger] {
        if let Some(into) = it.merged_into {
            return Ok(Err(MergeRefusal::Merged(it.id, into)));
        }
    }
    if is_being_erased(&older, &younger, &mut tx).await? {
        return Ok(Err(MergeRefusal::BeingErased));
    }
    if weights(&[younger.id], &mut tx).await?.iter().any(|it| it.1 > MOVED_MAX) {
        return Ok(Err(MergeRefusal::TooLong(MOVED_MAX)));
    }
    let at = merge.audit.at;
    let before = BeforeMerge { older, younger };
    let (mut survivor, mut ended) = (before.older.clone(), before.younger.clone());
    merging::merge(&mut survivor, &mut ended, at);
    write([&mut survivor, &mut ended], &mut tx).await?;
    super::carry_out(&[Merge { before, at }], &mut tx).await?;
    let mut script = Script::default();
    counts::change(&Change { conversations: -1, ..Change::default() }, &mut script);
    ask_again(&[(merge.event, survivor.id)], at, &mut script)?;
    script.run(&mut tx).await?;
    audit::record(&merge.audit, &mut tx).await?;
    tx.commit().await?;
    writer.books.arrivals += 1;
    store.recent().clear();
    Ok(Ok(survivor))
}

/// A conversation as it was seen.
pub(super) async fn load(
    (id, seen): (ConversationId, i64),
    connection: &mut SqliteConnection,
) -> StoreResult<Conversation> {
    match conversation_row::load([id], connection).await?.pop() {
        None => Err(StoreError::Missing(format!("conversation {id}"))),
        Some(found) if found.revision != seen => Err(StoreError::Stale(format!("conversation {id}"))),
        Some(found) => Ok(found),
    }
}

/// Whether a writer of either conversation is being erased: the rows must not move meanwhile.
pub(super) async fn is_being_erased(
    one: &Conversation,
    other: &Conversation,
    connection: &mut SqliteConnection,
) -> StoreResult<bool> {
    let found = sqlx::query_scalar(
        "SELECT EXISTS (
             SELECT 1
             FROM begun_erasures AS b
             WHERE
                 b.contact IN (?1, ?2)
                 OR EXISTS (
                     SELECT 1
                     FROM participants AS p
                     WHERE p.contact = b.contact AND p.conversation IN (?3, ?4)
                 )
         )",
    )
    .bind(one.contact.0)
    .bind(other.contact.0)
    .bind(one.id.0)
    .bind(other.id.0)
    .fetch_one(connection)
    .await?;
    Ok(found)
}

/// Writes conversations, and counts their revisions up.
pub(super) async fn write(
    conversations: [&mut Conversation; 2],
    connection: &mut SqliteConnection,
) -> StoreResult<()> {
    let mut rows = Rows::default();
    for conversation in conversations {
        conversation.revision += 1;
        conversation_row::push(&mut rows, conversation)?;
    }
    let mut script = Script::default();
    conversation_row::update(rows, &mut script);
    script.run(connection).await
}

/// Has the policies asked about conversations once more.
pub(super) fn ask_again(
    events: &[(EventId, ConversationId)],
    at: Timestamp,
    script: &mut Script,
) -> StoreResult<()> {
    let mut rows = EventRows::default();
    for (id, conversation) in events {
        rows.add(&Event { id: *id, occasion: Occasion::AskedByHand, at, depth: 0 }, *conversation, None)?;
    }
    rows.write(script);
    Ok(())
}
