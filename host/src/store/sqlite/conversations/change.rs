//! What a person does to a conversation.

use sqlx::SqliteConnection;

use crate::crash::{self, Point};
use crate::domain::case::Event;
use crate::domain::conversation::Conversation;
use crate::domain::ids::ConversationId;
use crate::domain::item::Direction;
use crate::store::sqlite::counts::{self, Change};
use crate::store::sqlite::error::Explain;
use crate::store::sqlite::events::EventRows;
use crate::store::sqlite::item_row::{ItemRows, NewItem};
use crate::store::sqlite::notes::NoteRows;
use crate::store::sqlite::rows::Rows;
use crate::store::sqlite::script::Script;
use crate::store::sqlite::search::Texts;
use crate::store::sqlite::{SqliteStore, audit, conversation_row, outbox, tags, timers};
use crate::store::{NewReply, PersonChange, StoreError, StoreResult};

pub(super) async fn carry_out(store: &SqliteStore, change: &PersonChange) -> StoreResult<Conversation> {
    let mut writer = store.writer.lock().await;
    let content = writer.books.next_content;
    let mut tx = writer.begin().await?;
    let after = write_conversation(change, &mut tx).await?;
    let texts = match &change.reply {
        Some(reply) => write_reply(reply, content, &mut tx).await?,
        None => Texts::default(),
    };
    let mut script = Script::default();
    if let Some(note) = &change.note {
        let mut notes = NoteRows::default();
        notes.add(note.id, after.id, &note.by, &note.text, note.at);
        notes.write(&mut script);
    }
    if change.ends_waiting {
        let mut ended = Rows::default();
        let _ = ended.row().int(after.id.0);
        timers::end_waiting(ended, &mut script);
    }
    write_event(change, after.id, &mut script)?;
    script.run(&mut tx).await?;
    audit::record(&change.audit, &mut tx).await?;
    crash::point(Point::ActWritten);
    tx.commit().await?;
    crash::point(Point::ActCommitted);
    if change.reply.is_some() {
        writer.books.next_content = content + 1;
        writer.books.arrivals += 1;
    }
    writer.books.unindexed.append(texts);
    Ok(after)
}

async fn write_conversation(
    change: &PersonChange,
    connection: &mut SqliteConnection,
) -> StoreResult<Conversation> {
    let id = change.conversation.id;
    let Some(before) = conversation_row::load([id], connection).await?.pop() else {
        return Err(StoreError::Missing(format!("conversation {id}")));
    };
    if before.revision != change.seen_revision {
        return Err(StoreError::Stale(format!("conversation {id}")));
    }
    let mut after = change.conversation.clone();
    after.revision = change.seen_revision + 1;
    let mut rows = Rows::default();
    conversation_row::push(&mut rows, &after)?;
    let mut script = Script::default();
    conversation_row::update(rows, &mut script);
    tags::replace(&before, &after, &mut script);
    script.run(connection).await.or_missing(|| place_of(&after))?;
    Ok(after)
}

fn place_of(conversation: &Conversation) -> String {
    match conversation.place {
        Some(place) => format!("queue {} in department {}", place.queue, place.department),
        None => "place of that kind".to_owned(),
    }
}

/// The external id of an answer is its outbox id until the channel gives it another.
async fn write_reply(
    reply: &NewReply,
    content: i64,
    connection: &mut SqliteConnection,
) -> StoreResult<Texts> {
    let recipient = outbox::recipient_of(reply, connection).await?;
    let mut item = reply.item.clone();
    item.external_id = reply.outbox.id.to_string();
    let mut items = ItemRows::default();
    items.add(
        &NewItem {
            id: reply.item_id,
            conversation: reply.outbox.conversation,
            inbox: reply.outbox.inbox,
            identity: None,
            delivery: None,
            direction: Direction::Outbound,
            received_at: reply.outbox.created_at,
            item: &item,
        },
        content,
    )?;
    let mut script = Script::default();
    let texts = items.write(&mut script);
    counts::change(&Change { items: 1, ..Change::default() }, &mut script);
    script.run(connection).await?;
    outbox::insert(&reply.outbox, recipient, connection).await?;
    Ok(texts)
}

fn write_event(change: &PersonChange, conversation: ConversationId, script: &mut Script) -> StoreResult<()> {
    let Some((id, occasion)) = &change.event else {
        return Ok(());
    };
    let event = Event { id: *id, occasion: occasion.clone(), at: change.audit.at, depth: 0 };
    let mut events = EventRows::default();
    events.add(&event, conversation, None)?;
    events.write(script);
    Ok(())
}
