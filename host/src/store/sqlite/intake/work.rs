//! A batch, worked out in memory in the order things happened.

use std::collections::{HashMap, HashSet};

use sqlx::SqliteConnection;

use super::changes::Changes;
use super::early::EarlyChanges;
use super::entry::{Fresh, arrivals, with_storable_keys};
use super::known::{Known, KnownItem, key_of};
use super::people::People;
use super::place::OperatorPlaces;
use super::threads::{Threads, Working};
use super::transitions;
use super::write::{Brought, NewEvent, Writes};
use crate::domain::arrival::Arrival;
use crate::domain::case::{Event, Occasion};
use crate::domain::clock::IdGenerator;
use crate::domain::conversation::{Conversation, PersonSet, Status};
use crate::domain::ids::{ContactId, ConversationId, IdentityId, ItemId};
use crate::domain::item::{Direction, Item, StoredItem};
use crate::domain::proposal::Priority;
use crate::domain::threading::{Evidence, Reference};
use crate::domain::time::Timestamp;
use crate::store::sqlite::Books;
use crate::store::sqlite::erased_keys::{ErasedKeys, KeyKind};
use crate::store::sqlite::error::surprise;
use crate::store::sqlite::item_row::NewItem;
use crate::store::sqlite::recent::{Arrived, ITEM_BYTES_MAX};
use crate::store::sqlite::script::Script;
use crate::store::sqlite::search::Texts;
use crate::store::{AuditEntry, IntakeCommitted, IntakeEntry, StoreResult};

/// A batch being worked out.
pub(super) struct Work<'a> {
    pub(super) entries: &'a [IntakeEntry],
    pub(super) ids: &'a IdGenerator,
    keys: ErasedKeys,
    pub(super) known: Known,
    pub(super) threads: Threads,
    pub(super) writes: Writes,
    pub(super) changes: Changes,
    pub(super) early: EarlyChanges,
    pub(super) committed: Vec<IntakeCommitted>,
    pub(super) fresh: Vec<Fresh<'a>>,
    pub(super) people: People,
    places: OperatorPlaces,
    /// New items whose turn has come.
    seen: HashMap<Reference, KnownItem>,
}

/// What a batch did.
pub(super) struct Done {
    /// What became of each entry.
    pub(super) committed: Vec<IntakeCommitted>,
    /// The next free row of `item_revisions`.
    pub(super) next_content: i64,
    /// What is to be indexed.
    pub(super) texts: Texts,
    /// Whether a change of an item came that is not here.
    pub(super) any_unknown: bool,
    /// Whether changes are kept that came before their items.
    pub(super) any_early: bool,
    /// What the router will ask for.
    pub(super) arrived: Arrived,
    /// Who had deliveries read.
    pub(super) audits: Vec<AuditEntry>,
}

impl<'a> Work<'a> {
    /// Asks the repository for everything that the batch needs to know.
    pub(super) async fn prepare(
        entries: &'a [IntakeEntry],
        ids: &'a IdGenerator,
        books: &Books,
        connection: &mut SqliteConnection,
    ) -> StoreResult<Self> {
        let next_content = books.next_content;
        let mut known = Known::load(entries, &books.erased_keys, connection).await?;
        let mut committed = vec![IntakeCommitted::default(); entries.len()];
        let mut fresh = without_duplicates(entries, &known, ids, &mut committed);
        let mut people = People::load(&fresh, entries, connection).await?;
        for item in fresh.iter_mut().filter(|it| it.is_inbound()) {
            let entry = &entries[item.entry];
            let (channel, at) = (&entry.inbox.channel, entry.raw.received_at);
            item.author = Some(people.meet(channel, &item.item.author, at, ids));
        }
        known.load_crowded(&fresh, entries, connection).await?;
        let threads = Threads::load(&fresh, entries, &mut known, connection).await?;
        let places = OperatorPlaces::load(&fresh, entries, connection).await?;
        let changes = Changes::load(entries, &known, connection).await?;
        let early = EarlyChanges::load(&fresh, entries, books, connection).await?;
        let mut work = Self {
            entries,
            ids,
            keys: books.erased_keys.clone(),
            known,
            threads,
            writes: Writes::new(next_content),
            changes,
            early,
            committed,
            fresh,
            people,
            places,
            seen: HashMap::new(),
        };
        work.find_begun_by_echo(connection).await?;
        Ok(work)
    }

    /// Works the batch out, in the order things happened.
    pub(super) fn work_out(&mut self) -> StoreResult<()> {
        let mut next_fresh = 0;
        for (index, entry) in self.entries.iter().enumerate() {
            self.writes.delivery(entry, self.known.keep_of(entry))?;
            for (arrival_index, arrival) in arrivals(entry).iter().enumerate() {
                let is_next = |it: &Fresh<'_>| it.entry == index && it.arrival == arrival_index;
                if self.fresh.get(next_fresh).is_some_and(is_next) {
                    self.take_item(next_fresh)?;
                    self.take_early(next_fresh)?;
                    next_fresh += 1;
                } else {
                    self.take_change(index, arrival)?;
                    self.note_told_of(entry, arrival);
                }
            }
        }
        self.note_arrived();
        self.note_suggestions()
    }

    /// Keeps what new items refer to and did not join, for agents.
    fn note_suggestions(&mut self) -> StoreResult<()> {
        for suggested in std::mem::take(&mut self.threads.suggestions) {
            let (home, other) = (self.threads.of(suggested.item), self.threads.conversation(suggested.other));
            let fresh = &self.fresh[suggested.item];
            if let (Some(home), Some(other)) = (home, other) {
                let at = self.entries[fresh.entry].raw.received_at;
                self.writes.suggestion(home, other, fresh.id, (at, suggested.why))?;
            }
        }
        Ok(())
    }

    /// Remembers that a delivery tells of an item that another one brought, or will bring, so that it
    /// goes with it.
    fn note_told_of(&mut self, entry: &IntakeEntry, arrival: &Arrival) {
        let key = key_of(entry.inbox.id, arrival.external_id());
        if let Some(told_of) = self.find(&key) {
            self.writes.deliveries.told_of(entry.delivery, told_of.id);
        } else if !self.known.erased.contains(&key) {
            let digest = self.keys.digest(KeyKind::Item, key.0, &key.1);
            self.writes.deliveries.told_of_unknown(entry.delivery, &digest);
        }
    }

    /// Has new items found that were told of before they came.
    fn note_arrived(&mut self) {
        if !self.keys.any_unknown() && !self.writes.deliveries.any_unknown() {
            return;
        }
        for fresh in &self.fresh {
            let (inbox, external_id) = fresh.key(self.entries);
            self.writes.deliveries.arrived(fresh.id, &self.keys.digest(KeyKind::Item, inbox, &external_id));
        }
    }

    /// Whether the batch joins conversations or changes what came earlier.
    pub(super) fn changes_others(&self) -> bool {
        !self.threads.merges.is_empty() || !self.changes.is_empty()
    }

    /// Writes what was worked out.
    pub(super) async fn carry_out(self, connection: &mut SqliteConnection) -> StoreResult<Done> {
        let mut arrived = Arrived { changed_others: self.changes_others(), ..Arrived::default() };
        if !self.writes.events.is_empty() {
            let short = |it: &&NewEvent| it.brought.as_ref().is_some_and(|it| it.bytes <= ITEM_BYTES_MAX);
            arrived.items =
                self.writes.events.iter().filter(short).filter_map(|it| self.stored(it)).collect();
            arrived.contacts = self.people.contacts();
        }
        let audits = self.entries.iter().filter_map(|it| it.audit.clone()).collect();
        let any_unknown = self.writes.deliveries.any_unknown();
        let at = self.entries.iter().map(|it| it.raw.received_at).max().unwrap_or_default();
        let Self { threads, writes, changes, early, people, committed, ids, .. } = self;
        let (next_content, texts) =
            writes.carry_out(threads, people, changes, &mut arrived.conversations, connection).await?;
        let mut script = Script::default();
        let any_early = early.write(ids, at, &mut script)?;
        script.run(connection).await?;
        Ok(Done { committed, next_content, texts, any_unknown, any_early, arrived, audits })
    }

    /// The new item that an event is about, as it will be kept.
    pub(super) fn stored(&self, event: &NewEvent) -> Option<StoredItem> {
        let Brought { index, identity, .. } = event.brought.as_ref()?;
        let fresh = &self.fresh[*index];
        let entry = &self.entries[fresh.entry];
        Some(StoredItem {
            cut: None,
            id: fresh.id,
            conversation: event.conversation,
            inbox: entry.inbox.id,
            identity: *identity,
            delivery: Some(entry.delivery),
            direction: fresh.direction,
            revision: 1,
            received_at: entry.raw.received_at,
            deleted_at: None,
            erased_at: None,
            item: fresh.item.clone().into_owned(),
        })
    }

    /// Loaded conversations that nobody outside has written in yet.
    async fn find_begun_by_echo(&mut self, connection: &mut SqliteConnection) -> StoreResult<()> {
        let candidates = self.threads.conversations.values().filter(|it| {
            let it = &it.conversation;
            it.waiting_since.is_none() && it.first_answered_at.is_none() && it.status == Status::Pending
        });
        let candidates: Vec<ConversationId> = candidates.map(|it| it.conversation.id).collect();
        for id in super::known::without_inbound(&candidates, connection).await? {
            if let Some(working) = self.threads.conversations.get_mut(&id) {
                working.begun_by_echo = true;
            }
        }
        Ok(())
    }

    fn take_item(&mut self, index: usize) -> StoreResult<()> {
        let conversation = self.threads.of(index).unwrap_or_else(|| self.begin(index));
        let fresh = &self.fresh[index];
        let author = fresh.author;
        let at = self.entries[fresh.entry].raw.received_at;
        let working = self
            .threads
            .conversations
            .get_mut(&conversation)
            .ok_or_else(|| surprise("an item's conversation is not there"))?;
        working.touched = true;
        let began = working.begun_by_echo;
        let occasion = match author {
            Some((identity, contact)) => {
                working.adopt(identity, contact);
                if working.conversation.contact != contact {
                    self.writes.participant(contact, conversation);
                }
                Some(transitions::take_inbound(&mut working.conversation, &fresh.item, at))
            }
            None => {
                working.take_echo(&fresh.item, at);
                None
            }
        };
        self.keep(index, conversation, author.map(|(identity, _)| identity), occasion, began)
    }

    /// Writes an item down with what follows from it. `began`: nobody outside wrote in its conversation before.
    fn keep(
        &mut self,
        index: usize,
        conversation: ConversationId,
        identity: Option<IdentityId>,
        occasion: Option<Occasion>,
        began: bool,
    ) -> StoreResult<()> {
        let fresh = &self.fresh[index];
        let entry = &self.entries[fresh.entry];
        let (id, at) = (fresh.id, entry.raw.received_at);
        let bytes = self.writes.item(&NewItem {
            id,
            conversation,
            inbox: entry.inbox.id,
            identity,
            delivery: Some(entry.delivery),
            direction: fresh.direction,
            received_at: at,
            item: &fresh.item,
        })?;
        let key = fresh.key(self.entries);
        let thread_item = fresh.thread_item(self.entries);
        // An item that is here is found by its own key.
        if fresh.direction == Direction::Outbound && (thread_item.is_vouched || began) {
            self.writes.reference(&key, Evidence::Sent, conversation);
        }
        for reference in thread_item.references() {
            let is_here = reference == key
                || self.known.items.contains_key(&reference)
                || self.seen.contains_key(&reference);
            if !is_here {
                self.writes.reference(&reference, thread_item.evidence(), conversation);
            }
        }
        if let Some(occasion) = occasion {
            let event = Event { id: self.ids.next(at), occasion, at, depth: 0 };
            let brought = Some(Brought { index, identity, bytes });
            self.writes.events.push(NewEvent { event, conversation, item: id, brought });
        }
        self.seen.insert(key, KnownItem { id, conversation, direction: fresh.direction });
        self.committed[fresh.entry].items.push((id, conversation));
        Ok(())
    }

    /// The presence behind the item with this index, which the company wrote.
    fn meet(&mut self, index: usize) -> (IdentityId, ContactId) {
        let fresh = &self.fresh[index];
        let entry = &self.entries[fresh.entry];
        self.people.meet(&entry.inbox.channel, &fresh.item.author, entry.raw.received_at, self.ids)
    }

    /// Begins the conversation of the item with this index.
    fn begin(&mut self, index: usize) -> ConversationId {
        let counterpart = self.threads.counterpart(index, &self.fresh);
        let (identity, contact) = match self.fresh[counterpart].author {
            Some(author) => author,
            None => self.meet(counterpart),
        };
        let fresh = &self.fresh[index];
        let entry = &self.entries[fresh.entry];
        let at = entry.raw.received_at;
        let id = self.ids.next(at);
        let conversation = Conversation {
            id,
            inbox: entry.inbox.id,
            thread_key: self.threads.use_key(id, &fresh.thread_item(self.entries)),
            contact,
            identity,
            subject: None,
            status: Status::Open,
            place: None,
            priority: Priority::default(),
            tags: Default::default(),
            attributes: Default::default(),
            intent: None,
            listening: None,
            language: None,
            deadline: None,
            waiting_since: None,
            promise_started_for: None,
            first_answered_at: None,
            opened_at: at,
            updated_at: at,
            item_count: 0,
            reopened_count: 0,
            handed_over_count: 0,
            escalation_level: 0,
            person_set: PersonSet::default(),
            disposition: None,
            merged_into: None,
            erased_at: None,
            revision: 1,
        };
        let begun_by_echo = !fresh.is_inbound();
        let mut working =
            Working { is_new: true, touched: true, begun_by_echo, ..Working::loaded(conversation) };
        if begun_by_echo {
            working.conversation.place = self.places.of(entry.inbox.operator_queue);
        }
        self.threads.begin(index, working);
        id
    }

    /// What a new item says.
    pub(super) fn arrived_item(&self, id: ItemId) -> Option<&Item> {
        self.fresh.iter().find(|it| it.id == id).map(|it| it.item.as_ref())
    }

    /// An item of this key that is known or has arrived.
    pub(super) fn find(&self, key: &Reference) -> Option<KnownItem> {
        let mut found = self.known.items.get(key).or_else(|| self.seen.get(key)).copied()?;
        found.conversation = self.threads.survivor(found.conversation);
        Some(found)
    }
}

impl Working {
    /// Whoever answers what the company began is its customer.
    fn adopt(&mut self, identity: IdentityId, contact: ContactId) {
        if std::mem::take(&mut self.begun_by_echo) {
            self.conversation.identity = identity;
            self.conversation.contact = contact;
        }
    }

    fn take_echo(&mut self, item: &Item, at: Timestamp) {
        if self.begun_by_echo {
            transitions::begin_with_echo(&mut self.conversation, item, at);
        } else {
            transitions::take_echo(&mut self.conversation, item, at);
            self.answered = true;
        }
    }
}

/// The batch's items and echoes that are not in the repository, each once.
fn without_duplicates<'a>(
    entries: &'a [IntakeEntry],
    known: &Known,
    ids: &IdGenerator,
    committed: &mut [IntakeCommitted],
) -> Vec<Fresh<'a>> {
    let mut seen: HashSet<Reference> = HashSet::new();
    let mut all = Vec::new();
    for (entry_index, entry) in entries.iter().enumerate() {
        for (arrival_index, arrival) in arrivals(entry).iter().enumerate() {
            let (item, direction) = match arrival {
                Arrival::Echo(item) if entry.is_authentic => (item, Direction::Outbound),
                // Words that anybody may have put into the company's mouth wait for an answer as all others do.
                Arrival::Item(item) | Arrival::Echo(item) => (item, Direction::Inbound),
                Arrival::Edit(_) | Arrival::Deletion(_) | Arrival::Status(_) => continue,
            };
            let id: ItemId = ids.next(entry.raw.received_at);
            let item = with_storable_keys(item, id);
            let author = None;
            let fresh = Fresh { entry: entry_index, arrival: arrival_index, direction, id, item, author };
            let key = fresh.key(entries);
            let is_here = known.items.contains_key(&key) || known.erased.contains(&key);
            if is_here || !seen.insert(key) {
                committed[entry_index].duplicates += 1;
            } else {
                all.push(fresh);
            }
        }
    }
    all
}
