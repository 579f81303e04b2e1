//! Which conversations a batch's items belong to.

use std::collections::{HashMap, HashSet};

use sqlx::{Row as _, SqliteConnection};

use super::entry::Fresh;
use super::known::Known;
use crate::domain::conversation::Conversation;
use crate::domain::conversation::limits::ConversationLimits;
use crate::domain::ids::{ConversationId, DepartmentId, InboxId};
use crate::domain::merging::{self, BeforeMerge};
use crate::domain::threading::{self, Assigned, Bounds, KnownThreads, Reference, Suggested, ThreadItem};
use crate::domain::time::Timestamp;
use crate::store::sqlite::conversation_row;
use crate::store::sqlite::error::surprise;
use crate::store::sqlite::merges::{self, Merge};
use crate::store::sqlite::quotas;
use crate::store::sqlite::rows::Rows;
use crate::store::{IntakeEntry, StoreResult};

/// A conversation that the batch touches.
pub(super) struct Working {
    pub(super) conversation: Conversation,
    pub(super) is_new: bool,
    pub(super) touched: bool,
    /// The company wrote first: its customer is whoever answers.
    pub(super) begun_by_echo: bool,
    /// The customer got an answer.
    pub(super) answered: bool,
    /// What was decided at the door is in it.
    pub(super) is_judged: bool,
}

/// The conversations of a batch.
#[derive(Default)]
pub(super) struct Threads {
    /// For each new item, in order. `New` holds the index of the first item of its conversation.
    pub(super) assigned: Vec<Assigned>,
    /// Those that exist, and those that were begun.
    pub(super) conversations: HashMap<ConversationId, Working>,
    /// Those that were begun, by the index of their first item.
    begun: HashMap<usize, ConversationId>,
    pub(super) merges: Vec<Merge>,
    /// What new items refer to and do not join.
    pub(super) suggestions: Vec<Suggested>,
    /// Keys that conversations have to which no reference may lead, or that the batch uses already.
    taken_keys: HashSet<Reference>,
}

impl Threads {
    /// Assigns the items and loads the conversations that exist.
    pub(super) async fn load(
        fresh: &[Fresh<'_>],
        entries: &[IntakeEntry],
        known: &mut Known,
        connection: &mut SqliteConnection,
    ) -> StoreResult<Self> {
        let items: Vec<ThreadItem<'_>> = fresh.iter().map(|it| it.thread_item(entries)).collect();
        let departments = entries.iter().map(|it| (it.inbox.id, it.inbox.department)).collect();
        let threading::Threads { assigned, merges, suggestions } =
            assign(&items, &departments, &mut known.threads, connection).await?;
        let taken_keys = taken_keys(&items, &assigned, connection).await?;
        let mut threads = Self { assigned, suggestions, taken_keys, ..Self::default() };
        threads.load_existing(&merges, connection).await?;
        let at = entries.iter().map(|it| it.raw.received_at).max().unwrap_or_default();
        for (older, younger) in merges {
            threads.merge(older, younger, at)?;
        }
        Ok(threads)
    }

    async fn load_existing(
        &mut self,
        merges: &[(ConversationId, ConversationId)],
        connection: &mut SqliteConnection,
    ) -> StoreResult<()> {
        let mut wanted: HashSet<ConversationId> =
            merges.iter().flat_map(|(older, younger)| [*older, *younger]).collect();
        wanted.extend(self.assigned.iter().filter_map(|it| match it {
            Assigned::Existing(id) => Some(*id),
            Assigned::New(_) => None,
        }));
        // One merged earlier leads to another; each is loaded once, so this ends.
        while !wanted.is_empty() {
            let mut next = HashSet::new();
            for conversation in conversation_row::load(wanted, connection).await? {
                next.extend(conversation.merged_into);
                self.conversations.insert(conversation.id, Working::loaded(conversation));
            }
            next.retain(|id| !self.conversations.contains_key(id));
            wanted = next;
        }
        Ok(())
    }

    fn merge(&mut self, older: ConversationId, younger: ConversationId, at: Timestamp) -> StoreResult<()> {
        let (older, younger) = (self.survivor(older), self.survivor(younger));
        if older == younger {
            return Ok(());
        }
        let [Some(old), Some(young)] = self.conversations.get_disjoint_mut([&older, &younger]) else {
            return Err(surprise("a conversation to be merged is not there"));
        };
        self.merges.push(Merge {
            before: BeforeMerge { older: old.conversation.clone(), younger: young.conversation.clone() },
            at,
        });
        merging::merge(&mut old.conversation, &mut young.conversation, at);
        old.touched = true;
        young.touched = true;
        Ok(())
    }

    /// The conversation that goes on for this one.
    pub(super) fn survivor(&self, mut id: ConversationId) -> ConversationId {
        while let Some(next) = self.conversations.get(&id).and_then(|it| it.conversation.merged_into) {
            id = next;
        }
        id
    }

    /// The conversation of the item with this index, if it was begun already.
    pub(super) fn of(&self, index: usize) -> Option<ConversationId> {
        self.conversation(self.assigned[index])
    }

    /// The conversation that was assigned, if it was begun already.
    pub(super) fn conversation(&self, assigned: Assigned) -> Option<ConversationId> {
        match assigned {
            Assigned::Existing(id) => Some(self.survivor(id)),
            Assigned::New(first) => self.begun.get(&first).copied(),
        }
    }

    /// What a new conversation is known by: a key that another one has proves nothing, so this one gets a key
    /// of its own then.
    pub(super) fn use_key(&mut self, id: ConversationId, item: &ThreadItem<'_>) -> String {
        let key = (item.inbox, item.thread_key().to_owned());
        match self.taken_keys.insert(key.clone()) {
            true => key.1,
            false => id.to_string(),
        }
    }

    /// The index of the item whose words a new conversation is with: the first that somebody
    /// outside wrote, else the first.
    pub(super) fn counterpart(&self, index: usize, fresh: &[Fresh<'_>]) -> usize {
        if fresh[index].is_inbound() {
            return index;
        }
        let mut mates = (index..fresh.len()).filter(|it| self.assigned[*it] == self.assigned[index]);
        mates.find(|it| fresh[*it].is_inbound()).unwrap_or(index)
    }

    /// Begins the conversation of the item with this index.
    pub(super) fn begin(&mut self, index: usize, working: Working) {
        let id = working.conversation.id;
        if let Assigned::New(first) = self.assigned[index] {
            self.begun.insert(first, id);
        }
        self.conversations.insert(id, working);
    }
}

impl Working {
    pub(super) fn loaded(conversation: Conversation) -> Self {
        Self {
            conversation,
            is_new: false,
            touched: false,
            begun_by_echo: false,
            answered: false,
            is_judged: false,
        }
    }
}

/// How often what merges would move is counted anew before nothing is merged at all. Each time some turn out to
/// be too much and others take their places.
const WEIGHINGS_MAX: usize = 4;

/// Assigns the items, so that merges move no more than their bounds, notes and all, and keep the quotas of labels
/// and facts.
async fn assign(
    items: &[ThreadItem<'_>],
    departments: &HashMap<InboxId, DepartmentId>,
    known: &mut KnownThreads,
    connection: &mut SqliteConnection,
) -> StoreResult<threading::Threads> {
    let mut weighed = HashSet::new();
    for _ in 0..WEIGHINGS_MAX {
        let threads = threading::assign(items, known, Bounds::default());
        if threads.merges.is_empty() {
            return Ok(threads);
        }
        let over_quota = over_quota(&threads.merges, departments, connection).await?;
        let mut grew = !over_quota.is_empty();
        known.over_quota.extend(over_quota);
        let met = threads.merges.iter().flat_map(|it| [it.0, it.1]);
        let new: Vec<_> = met.filter(|it| weighed.insert(*it)).collect();
        let apart = merges::apart(&weighed, connection).await?;
        grew |= apart.len() > known.apart.len();
        known.apart.extend(apart);
        for (conversation, rows) in merges::weights(&new, connection).await? {
            if let Some(standing) = known.conversations.get_mut(&conversation) {
                grew |= rows > standing.rows;
                standing.rows = rows;
            }
        }
        if !grew {
            return Ok(threads);
        }
    }
    Ok(threading::assign(items, known, Bounds { merges: 0, rows: 0 }))
}

/// Which of these merges would give a conversation more labels or facts than its department's quotas allow.
async fn over_quota(
    merges: &[(ConversationId, ConversationId)],
    departments: &HashMap<InboxId, DepartmentId>,
    connection: &mut SqliteConnection,
) -> StoreResult<Vec<[ConversationId; 2]>> {
    let met: HashSet<_> = merges.iter().flat_map(|it| [it.0, it.1]).collect();
    let loaded = conversation_row::load(met, connection).await?;
    let mut conversations: HashMap<_, _> = loaded.into_iter().map(|it| (it.id, it)).collect();
    let quotas = quotas::set(connection).await?;
    let mut over = Vec::new();
    for (older, younger) in merges {
        let [Some(old), Some(young)] = conversations.get_disjoint_mut([older, younger]) else { continue };
        let Some(department) = departments.get(&old.inbox) else { continue };
        let limits = ConversationLimits { quotas: &quotas, department: *department };
        if merging::join_marks(old, young, limits).is_err() {
            over.push([*older, *younger]);
        }
    }
    Ok(over)
}

/// Keys of new conversations that others have, to which no reference leads that may be followed.
async fn taken_keys(
    items: &[ThreadItem<'_>],
    assigned: &[Assigned],
    connection: &mut SqliteConnection,
) -> StoreResult<HashSet<Reference>> {
    let mut rows = Rows::default();
    for (index, item) in items.iter().enumerate() {
        if assigned[index] == Assigned::New(index) {
            let _ = rows.row().int(item.inbox.0).text(item.thread_key());
        }
    }
    let sql = "SELECT c.inbox, c.thread_key
        FROM jsonb_each(?1) AS k
        CROSS JOIN conversations AS c ON c.inbox = k.value ->> 0 AND c.thread_key = k.value ->> 1";
    let taken = rows.fetch(sql, connection).await?;
    taken.iter().map(|row| Ok((InboxId(row.try_get(0)?), row.try_get(1)?))).collect()
}
