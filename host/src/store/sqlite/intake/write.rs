//! What a batch adds, one statement a table.

use sqlx::SqliteConnection;

use super::changes::Changes;
use super::merge;
use super::people::People;
use super::threads::Threads;
use crate::domain::case::Event;
use crate::domain::conversation::Conversation;
use crate::domain::ids::{ConversationId, IdentityId, ItemId, NoteId};
use crate::domain::item::Item;
use crate::domain::threading::Reference;
use crate::domain::time::Timestamp;
use crate::store::sqlite::counts;
use crate::store::sqlite::decisions::DecisionRows;
use crate::store::sqlite::deliveries::DeliveryRows;
use crate::store::sqlite::events::EventRows;
use crate::store::sqlite::item_row::{ItemRows, NewItem};
use crate::store::sqlite::notes::{NoteRows, SWITCHBOARD};
use crate::store::sqlite::rows::Rows;
use crate::store::sqlite::search::Texts;
use crate::store::sqlite::{conversation_row, timers};
use crate::store::{IntakeEntry, StoreResult};

/// Something to be judged that the batch brings.
pub(super) struct NewEvent {
    pub(super) event: Event,
    pub(super) conversation: ConversationId,
    pub(super) item: ItemId,
    /// The new item that it is about; absent where one changed that came earlier.
    pub(super) brought: Option<Brought>,
}

/// A new item to be judged.
pub(super) struct Brought {
    /// Its index among the new items.
    pub(super) index: usize,
    pub(super) identity: Option<IdentityId>,
    /// How many bytes it says.
    pub(super) bytes: usize,
}

/// The rows that a batch adds.
pub(super) struct Writes {
    next_content: i64,
    deliveries: DeliveryRows,
    items: ItemRows,
    references: Rows,
    /// What is to be judged later, in the order it happened.
    pub(super) events: Vec<NewEvent>,
    /// What was judged at the door.
    pub(super) decisions: DecisionRows,
    notes: NoteRows,
}

impl Writes {
    pub(super) fn new(next_content: i64) -> Self {
        Self {
            next_content,
            deliveries: DeliveryRows::default(),
            items: ItemRows::default(),
            references: Rows::default(),
            events: Vec::new(),
            decisions: DecisionRows::default(),
            notes: NoteRows::default(),
        }
    }

    pub(super) fn delivery(&mut self, entry: &IntakeEntry) -> StoreResult<()> {
        self.deliveries.add(entry)
    }

    /// A new item; how many bytes it says.
    pub(super) fn item(&mut self, item: &NewItem<'_>) -> StoreResult<usize> {
        let content = self.take_content();
        self.items.add(item, content)
    }

    /// A further revision; which row it becomes.
    pub(super) fn revision(&mut self, id: ItemId, revision: i64, item: &Item) -> StoreResult<i64> {
        let content = self.take_content();
        self.items.add_revision(id, revision, item, content)?;
        Ok(content)
    }

    fn take_content(&mut self) -> i64 {
        self.next_content += 1;
        self.next_content - 1
    }

    pub(super) fn reference(&mut self, reference: &Reference, conversation: ConversationId) {
        let _ = self.references.row().int(reference.0.0).text(&reference.1).int(conversation.0);
    }

    pub(super) fn note(&mut self, id: NoteId, conversation: ConversationId, text: &str, at: Timestamp) {
        self.notes.add(id, conversation, SWITCHBOARD, text, at);
    }

    /// Writes everything, in the order in which rows refer to one another; the next free row of
    /// `item_revisions`, and what is to be indexed. `written` gets the conversations as they are now that
    /// were not judged yet.
    pub(super) async fn carry_out(
        self,
        threads: Threads,
        people: People,
        changes: Changes,
        written: &mut Vec<Conversation>,
        connection: &mut SqliteConnection,
    ) -> StoreResult<(i64, Texts)> {
        let mut totals = self.deliveries.write(connection).await?;
        people.write(connection).await?;
        totals.items = self.items.items() as i64;
        totals.decisions = self.decisions.len() as i64;
        totals.conversations = write_conversations(threads, written, connection).await?;
        let texts = self.items.write(connection).await?;
        write_references(self.references, connection).await?;
        let mut events = EventRows::default();
        for it in &self.events {
            events.add(&it.event, it.conversation, Some(it.item))?;
        }
        events.write(connection).await?;
        self.decisions.write(connection).await?;
        self.notes.write(connection).await?;
        changes.write(connection).await?;
        counts::change(totals, connection).await?;
        Ok((self.next_content, texts))
    }
}

/// How many more conversations there are.
async fn write_conversations(
    threads: Threads,
    written: &mut Vec<Conversation>,
    connection: &mut SqliteConnection,
) -> StoreResult<i64> {
    let Threads { conversations, merges, .. } = threads;
    let (mut added, mut changed, mut answered) = (Rows::default(), Rows::default(), Rows::default());
    let mut touched: Vec<_> = conversations.into_values().filter(|it| it.touched).collect();
    // In the order of their ids, so that the table grows at its end.
    touched.sort_unstable_by_key(|it| it.conversation.id);
    for working in &mut touched {
        if working.is_new {
            conversation_row::push(&mut added, &working.conversation)?;
            continue;
        }
        working.conversation.revision += 1;
        conversation_row::push(&mut changed, &working.conversation)?;
        if working.answered {
            let _ = answered.row().int(working.conversation.id.0);
        }
    }
    let more = added.len() as i64 - merges.len() as i64;
    conversation_row::insert(added, connection).await?;
    conversation_row::update(changed, connection).await?;
    timers::end_waiting(answered, connection).await?;
    written.extend(touched.into_iter().filter(|it| !it.is_judged).map(|it| it.conversation));
    for merge in &merges {
        merge::carry_out(merge, connection).await?;
    }
    Ok(more)
}

/// A reference that another item of the batch named first stays that item's.
async fn write_references(rows: Rows, connection: &mut SqliteConnection) -> StoreResult<()> {
    let sql = "INSERT INTO thread_references (inbox, reference, conversation)
        SELECT value ->> 0, value ->> 1, value ->> 2 FROM jsonb_each(?1) WHERE true
        ON CONFLICT (inbox, reference) DO NOTHING";
    rows.run(sql, connection).await?;
    Ok(())
}
