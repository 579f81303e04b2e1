//! Judging at the door: what a batch brings is judged before it is written.
//!
//! An item and its decision are then one transaction: no event is written to be read and deleted
//! again, and a new conversation is written once, as the decision leaves it. The policies are asked
//! between reading and writing, while nobody is kept from the writer. What the batch was worked out
//! from may change meanwhile; then nothing of it is used, and the batch is taken in as if nobody had
//! judged.

use std::collections::{HashMap, HashSet};

use sqlx::{Connection as _, Row as _, SqliteConnection};

use super::end;
use super::work::Work;
use super::write::NewEvent;
use crate::domain::case::HISTORY_MAX;
use crate::domain::contact::Contact;
use crate::domain::conversation::{Conversation, Status};
use crate::domain::ids::{ContactId, ConversationId, EventId, ItemId};
use crate::domain::timer::OpenTimer;
use crate::store::sqlite::route::BYTES_AT_ONCE;
use crate::store::sqlite::rows::Rows;
use crate::store::sqlite::surroundings::OTHERS_MAX;
use crate::store::sqlite::{SqliteStore, Writer, contacts, decisions, surroundings};
use crate::store::{
    CaseNeeds, Claim, ClaimedCase, DoorJudge, HistoryEntry, IntakeCommitted, IntakeEntry, Routed, StoreError,
    StoreResult,
};

/// Nobody else can claim what is not written yet.
const NO_FENCE: i64 = 0;

/// How many events of one conversation are judged at once, one after the other; more wait.
const ROUNDS_MAX: usize = 4;

/// Judges and stores a batch whole; `None` when it has to be taken in the plain way, because what it was
/// worked out from has changed, or because one of its entries cannot be stored.
pub(super) async fn commit(
    store: &SqliteStore,
    entries: &[IntakeEntry],
    judge: &dyn DoorJudge,
) -> StoreResult<Option<Vec<IntakeCommitted>>> {
    let (mut work, arrivals, around) = match read(store, entries, judge.needs()).await {
        Ok(read) => read,
        Err(error @ (StoreError::Unavailable(_) | StoreError::Damaged(_))) => return Err(error),
        // Whichever entry is to blame is found the plain way.
        Err(_) => return Ok(None),
    };
    let decided = work.judge(around, judge).await;
    if decided.is_empty() {
        return Ok(None);
    }
    let mut writer = store.writer.lock().await;
    writer.heal().await?;
    let Writer { connection, books, .. } = &mut *writer;
    if books.arrivals != arrivals {
        return Ok(None);
    }
    let mut tx = connection.begin_with("BEGIN IMMEDIATE").await?;
    if work.is_outdated(&mut tx).await? {
        return Ok(None);
    }
    let generations = decisions::generations_of(store, &decided, &mut tx).await?;
    for routed in &decided {
        work.writes.decisions.add(routed, &routed.conversation, &generations, &store.ids)?;
    }
    let waiting = work.writes.events.len();
    let done = match work.carry_out(&mut tx).await {
        Ok(done) => done,
        Err(error @ (StoreError::Unavailable(_) | StoreError::Damaged(_))) => return Err(error),
        Err(_) => return Ok(None),
    };
    let committed = end(store, tx, books, done).await?;
    drop(writer);
    judge.committed(&decided, waiting);
    Ok(Some(committed))
}

/// Works the batch out; with it the count of arrivals that it was worked out at, and what its cases
/// need.
async fn read<'a>(
    store: &'a SqliteStore,
    entries: &'a [IntakeEntry],
    needs: CaseNeeds,
) -> StoreResult<(Work<'a>, u64, Around)> {
    let mut writer = store.writer.lock().await;
    let Writer { connection, books, .. } = &mut *writer;
    let arrivals = books.arrivals;
    // The writer's connection, because it has at hand what it has just written. Nobody else writes while
    // it is held, so what is read is of one moment without a transaction.
    let mut work = Work::prepare(entries, &store.ids, books, connection).await?;
    work.work_out()?;
    let around = Around::load(&work, needs, connection).await?;
    Ok((work, arrivals, around))
}

impl Work<'_> {
    /// Has events judged, those of one conversation in their order, and takes over what was decided, as much as one
    /// transaction stores.
    async fn judge(&mut self, mut around: Around, judge: &dyn DoorJudge) -> Vec<Routed> {
        let mut decided = Vec::new();
        // Rare, and what is judged would depend on the order in which things are written.
        if self.changes_others() {
            return decided;
        }
        let mut bytes_left = BYTES_AT_ONCE;
        for _ in 0..ROUNDS_MAX {
            let cases = self.next_cases(&mut around);
            if cases.is_empty() {
                break;
            }
            let mut judged = judge.judge(cases).await;
            let decisions = judged.len();
            judged.truncate(fitting(&judged, &mut bytes_left));
            let is_full = judged.len() < decisions;
            self.take_over(&judged);
            around.take_over(&judged);
            decided.extend(judged);
            // The router decides about the others once more.
            if is_full {
                break;
            }
        }
        decided
    }

    /// The next event of each conversation for which nothing waits from before.
    fn next_cases(&self, around: &mut Around) -> Vec<ClaimedCase> {
        let mut events = Vec::new();
        let mut taken = HashSet::new();
        for event in self.writes.events.iter().filter(|it| !around.busy.contains(&it.conversation)) {
            if taken.insert(event.conversation) {
                events.push(event);
            }
        }
        // If one is left out, what comes after it in its conversation waits too.
        let asked = events.iter().map(|it| it.event.id).collect();
        let left_out = std::mem::replace(&mut around.asked, asked);
        events.retain(|it| !left_out.contains(&it.event.id));
        events.into_iter().filter_map(|it| self.case(it, around)).collect()
    }

    fn case(&self, event: &NewEvent, around: &Around) -> Option<ClaimedCase> {
        let conversation = self.threads.conversations.get(&event.conversation)?.conversation.clone();
        Some(ClaimedCase {
            claim: Claim { event: event.event.clone(), conversation: event.conversation, fence: NO_FENCE },
            item: self.stored(event)?,
            history: if around.needs.history { self.history(event, around) } else { Vec::new() },
            contact: around.contacts.get(&conversation.contact)?.0.clone(),
            other_open_conversations: around.others.get(&event.conversation).copied().unwrap_or_default(),
            open_timers: around.timers.get(&event.conversation).cloned().unwrap_or_default(),
            conversation,
        })
    }

    /// What the repository has of the conversation, and what the batch brought before the event.
    fn history(&self, event: &NewEvent, around: &Around) -> Vec<HistoryEntry> {
        let mut history = around.history.get(&event.item).cloned().unwrap_or_default();
        for (index, fresh) in self.fresh.iter().enumerate() {
            if fresh.id < event.item && self.threads.of(index) == Some(event.conversation) {
                let view = surroundings::past_item(fresh.direction, &fresh.item);
                history.push(HistoryEntry { item: fresh.id, revision: 1, view });
            }
        }
        history.split_off(history.len().saturating_sub(HISTORY_MAX))
    }

    /// Takes over what was decided; its events need not wait any more.
    fn take_over(&mut self, judged: &[Routed]) {
        for routed in judged {
            if let Some(working) = self.threads.conversations.get_mut(&routed.claim.conversation) {
                working.conversation.clone_from(&routed.conversation);
                working.is_judged = true;
            }
        }
        let done: HashSet<EventId> = judged.iter().map(|it| it.claim.event.id).collect();
        self.writes.events.retain(|it| !done.contains(&it.event.id));
    }

    /// Those of the events' conversations for which something waits already.
    async fn busy(&self, connection: &mut SqliteConnection) -> StoreResult<HashSet<ConversationId>> {
        let mut rows = Rows::default();
        for event in self.writes.events.iter().filter(|it| !self.is_new(it.conversation)) {
            let _ = rows.row().int(event.conversation.0);
        }
        let sql = "SELECT k.value ->> 0
            FROM jsonb_each(?1) AS k
            WHERE EXISTS (SELECT 1 FROM events AS e WHERE e.conversation = k.value ->> 0)";
        let found = rows.fetch(sql, connection).await?;
        found.iter().map(|row| Ok(ConversationId(row.try_get(0)?))).collect()
    }

    fn is_new(&self, conversation: ConversationId) -> bool {
        self.threads.conversations.get(&conversation).is_some_and(|it| it.is_new)
    }

    /// Whether a conversation that the batch goes on with has changed since it was read.
    async fn is_outdated(&self, connection: &mut SqliteConnection) -> StoreResult<bool> {
        let mut rows = Rows::default();
        for working in self.threads.conversations.values().filter(|it| !it.is_new) {
            let _ = rows.row().int(working.conversation.id.0).int(working.conversation.revision);
        }
        let sql = "SELECT 1
            FROM jsonb_each(?1) AS k
            WHERE NOT EXISTS (
                SELECT 1 FROM conversations AS c WHERE c.id = k.value ->> 0 AND c.revision = k.value ->> 1
            )
            LIMIT 1";
        Ok(!rows.fetch(sql, connection).await?.is_empty())
    }
}

/// How many of these decisions are no more than is left, one after the other.
fn fitting(judged: &[Routed], bytes_left: &mut usize) -> usize {
    let fits = |it: &&Routed| {
        // The receipt has the conversation as it was.
        let rest = bytes_left.checked_sub(it.decision.bytes() + 2 * it.conversation.bytes());
        *bytes_left = rest.unwrap_or_default();
        rest.is_some()
    };
    judged.iter().take_while(fits).count()
}

/// What surrounds the cases of a batch.
#[derive(Default)]
struct Around {
    needs: CaseNeeds,
    /// Conversations for which something waits from before.
    busy: HashSet<ConversationId>,
    /// With whom, and whether they are new.
    contacts: HashMap<ContactId, (Contact, bool)>,
    /// What the repository has of each item's conversation.
    history: HashMap<ItemId, Vec<HistoryEntry>>,
    others: HashMap<ConversationId, u32>,
    /// What the policies are to be asked again about.
    timers: HashMap<ConversationId, Vec<OpenTimer>>,
    /// The events of the round before.
    asked: HashSet<EventId>,
}

impl Around {
    async fn load(work: &Work<'_>, needs: CaseNeeds, connection: &mut SqliteConnection) -> StoreResult<Self> {
        let contacts = work.people.contacts_by_id();
        let busy = work.busy(connection).await?;
        let mut around = Self { needs, busy, contacts, ..Self::default() };
        let judged: HashSet<ConversationId> = work.writes.events.iter().map(|it| it.conversation).collect();
        let conversations: Vec<&Conversation> = judged
            .iter()
            .filter_map(|it| work.threads.conversations.get(it))
            .map(|it| &it.conversation)
            .collect();
        let missing = conversations.iter().map(|it| it.contact);
        let missing: Vec<_> = missing.filter(|it| !around.contacts.contains_key(it)).collect();
        for contact in contacts::load(missing, connection).await? {
            around.contacts.insert(contact.id, (contact, false));
        }
        if needs.history {
            let items = work.writes.events.iter().filter(|it| !work.is_new(it.conversation));
            let items = items.map(|it| (it.item, it.conversation));
            around.history = surroundings::history(items, connection).await?;
        }
        if needs.timers {
            // For what is busy nothing is judged, so no event waits.
            let events = work.writes.events.iter().filter(|it| !work.is_new(it.conversation));
            let mut events: Vec<_> = events.map(|it| (it.conversation, it.event.id)).collect();
            events.dedup_by_key(|it| it.0);
            around.timers = surroundings::open_timers(events, connection).await?;
        }
        if needs.contact {
            around.count_others(work, &conversations, connection).await?;
        }
        Ok(around)
    }

    /// What is decided about an item of the batch holds for the next one of its conversation.
    fn take_over(&mut self, judged: &[Routed]) {
        if !self.needs.timers {
            return;
        }
        for routed in judged {
            let timers = self.timers.entry(routed.claim.conversation).or_default();
            let cancelled = routed.timers.cancel.iter().map(|(_, purpose)| purpose);
            for purpose in cancelled.chain(routed.timers.set.iter().map(|it| &it.purpose)) {
                timers.retain(|it| !it.is_of(purpose));
            }
            timers.extend(routed.timers.set.iter().filter_map(|it| OpenTimer::running(&it.purpose)));
        }
    }

    /// Counts the conversations that the repository has open, and those that the batch begins.
    async fn count_others(
        &mut self,
        work: &Work<'_>,
        conversations: &[&Conversation],
        connection: &mut SqliteConnection,
    ) -> StoreResult<()> {
        let is_known = |contact| self.contacts.get(&contact).is_some_and(|(_, is_new)| !is_new);
        let known = conversations.iter().filter(|it| is_known(it.contact)).map(|it| (it.id, it.contact));
        self.others = surroundings::other_open(known, connection).await?;
        let mut begun: HashMap<ContactId, u32> = HashMap::new();
        for working in work.threads.conversations.values() {
            if working.is_new && working.conversation.status == Status::Open {
                *begun.entry(working.conversation.contact).or_default() += 1;
            }
        }
        for it in conversations {
            let begun = begun.get(&it.contact).copied().unwrap_or(0);
            let more = begun.saturating_sub(u32::from(work.is_new(it.id)));
            if more > 0 {
                let others = self.others.entry(it.id).or_default();
                *others = (*others + more).min(OTHERS_MAX);
            }
        }
        Ok(())
    }
}
