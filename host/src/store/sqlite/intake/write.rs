//! What a batch adds, one statement a table.

use std::collections::HashMap;

use sqlx::SqliteConnection;

use super::changes::Changes;
use super::evidence;
use super::people::People;
use super::threads::{Threads, Working};
use crate::domain::case::Event;
use crate::domain::conversation::Conversation;
use crate::domain::ids::{ContactId, ConversationId, IdentityId, ItemId, NoteId};
use crate::domain::item::Item;
use crate::domain::threading::{Evidence, Reference, Unjoined};
use crate::domain::time::Timestamp;
use crate::store::sqlite::counts;
use crate::store::sqlite::decisions::DecisionRows;
use crate::store::sqlite::deliveries::{DeliveryRows, Keep};
use crate::store::sqlite::events::EventRows;
use crate::store::sqlite::item_row::{ItemRows, NewItem};
use crate::store::sqlite::notes::{NoteRows, SWITCHBOARD, Source};
use crate::store::sqlite::rows::Rows;
use crate::store::sqlite::script::Script;
use crate::store::sqlite::search::Texts;
use crate::store::sqlite::words::word;
use crate::store::sqlite::{conversation_row, merges, timers};
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
    pub(super) deliveries: DeliveryRows,
    items: ItemRows,
    references: Rows,
    suggestions: Rows,
    participants: Rows,
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
            suggestions: Rows::default(),
            participants: Rows::default(),
            events: Vec::new(),
            decisions: DecisionRows::default(),
            notes: NoteRows::default(),
        }
    }

    pub(super) fn delivery(&mut self, entry: &IntakeEntry, keep: Keep) -> StoreResult<()> {
        self.deliveries.add(entry, keep)
    }

    /// Somebody wrote in a conversation that is with somebody else.
    pub(super) fn participant(&mut self, contact: ContactId, conversation: ConversationId) {
        let _ = self.participants.row().int(contact.0).int(conversation.0);
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

    /// Something that is not here and is named in a conversation.
    pub(super) fn reference(
        &mut self,
        reference: &Reference,
        evidence: Evidence,
        conversation: ConversationId,
    ) {
        let row = self.references.row().int(reference.0.0).text(&reference.1);
        let _ = row.int(evidence::column(evidence)).int(conversation.0);
    }

    /// A conversation that an item refers to without joining it.
    pub(super) fn suggestion(
        &mut self,
        conversation: ConversationId,
        other: ConversationId,
        item: ItemId,
        (at, why): (Timestamp, Unjoined),
    ) -> StoreResult<()> {
        let row = self.suggestions.row().int(conversation.0).int(other.0).int(item.0).int(at.as_ms());
        let _ = row.text(&word(&why)?);
        Ok(())
    }

    /// A remark of the host's on an item.
    pub(super) fn note(
        &mut self,
        id: NoteId,
        item: ItemId,
        conversation: ConversationId,
        text: &str,
        at: Timestamp,
    ) {
        self.notes.add_from(Source::Item(item), id, conversation, SWITCHBOARD, text, at);
    }

    /// Writes everything, in the order in which rows refer to one another; the next free row of
    /// `item_revisions`, and what is to be indexed. `written` gets the conversations as they are now that
    /// were not judged yet.
    pub(super) async fn carry_out(
        mut self,
        threads: Threads,
        people: People,
        changes: Changes,
        written: &mut Vec<Conversation>,
        connection: &mut SqliteConnection,
    ) -> StoreResult<(i64, Texts)> {
        let mut script = Script::default();
        let told_of = self.deliveries.take_told_of();
        let mut totals = self.deliveries.write(&mut script, connection).await?;
        people.write(&mut script);
        totals.items = self.items.items() as i64;
        totals.decisions = self.decisions.len() as i64;
        let Threads { conversations, merges, .. } = threads;
        totals.conversations =
            write_conversations(conversations, written, &mut script)? - merges.len() as i64;
        if !merges.is_empty() {
            std::mem::take(&mut script).run(connection).await?;
        }
        merges::carry_out(&merges, connection).await?;
        let texts = self.items.write(&mut script);
        write_references(self.references, &mut script);
        merges::suggest(self.suggestions, &mut script);
        told_of.write(&mut script);
        write_participants(self.participants, &mut script);
        let mut events = EventRows::default();
        for it in &self.events {
            events.add(&it.event, it.conversation, Some(it.item))?;
        }
        events.write(&mut script);
        self.decisions.write(&mut script);
        self.notes.write(&mut script);
        changes.write(&mut script)?;
        counts::change(&totals, &mut script);
        script.run(connection).await?;
        Ok((self.next_content, texts))
    }
}

/// How many conversations were added.
fn write_conversations(
    conversations: HashMap<ConversationId, Working>,
    written: &mut Vec<Conversation>,
    script: &mut Script,
) -> StoreResult<i64> {
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
    let more = added.len() as i64;
    conversation_row::insert(added, script);
    conversation_row::update(changed, script);
    timers::end_waiting(answered, script);
    written.extend(touched.into_iter().filter(|it| !it.is_judged).map(|it| it.conversation));
    Ok(more)
}

fn write_participants(rows: Rows, script: &mut Script) {
    let sql = "INSERT INTO participants (contact, conversation)
        SELECT value ->> 0, value ->> 1 FROM jsonb_each(?1) WHERE true
        ON CONFLICT (contact, conversation) DO NOTHING";
    script.any("participants added", sql, rows);
}

/// A reference that its writer named before leads where it led.
fn write_references(rows: Rows, script: &mut Script) {
    let sql = "INSERT INTO thread_references (inbox, reference, contact, conversation)
        SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM jsonb_each(?1) WHERE true
        ON CONFLICT (inbox, reference, contact) DO NOTHING";
    script.any("references added", sql, rows);
}
