//! What was derived from the items that go, in each conversation of the scope: worked out while its
//! decisions are gone through in their order. A decision that saw what was derived from such an item saw
//! the item; what a merged conversation brought with it counts from then on.

use std::collections::{HashMap, HashSet, VecDeque};

use sqlx::{Row as _, SqliteConnection};

use crate::domain::conversation::Conversation;
use crate::domain::ids::ConversationId;
use crate::domain::marks::{self, Mark, Origins};
use crate::domain::time::Timestamp;
use crate::store::StoreResult;
use crate::store::sqlite::conversation_row;

/// Conversations gone through.
pub(in crate::store::sqlite) struct Walk {
    /// Those that were with somebody who goes: whatever is said of them goes.
    whole: HashSet<ConversationId>,
    met: HashSet<ConversationId>,
    /// Not gone through yet, the earliest first.
    merges: VecDeque<Merge>,
    /// Gone through: what is found of the younger after that is the older's too.
    merged_into: HashMap<ConversationId, ConversationId>,
    origins: HashMap<ConversationId, Origins>,
}

struct Merge {
    at: Timestamp,
    older: ConversationId,
    /// As the older one was before, where that is kept.
    before: Option<Conversation>,
    younger: Conversation,
}

impl Walk {
    pub(super) async fn begin(connection: &mut SqliteConnection) -> StoreResult<Self> {
        let whole = "SELECT id FROM gone_conversations UNION ALL SELECT id FROM freed_conversations";
        let whole = ids(whole, connection).await?;
        let met = ids("SELECT id FROM met_conversations", connection).await?;
        let merges = merges(connection).await?;
        Ok(Self { whole, met, merges, merged_into: HashMap::new(), origins: HashMap::new() })
    }

    /// Whether a decision goes; what it put on its conversation counts in either case.
    pub(super) fn goes(
        &mut self,
        conversation: ConversationId,
        at: Timestamp,
        saw: bool,
        seen: &[Mark],
        put_on: &[Mark],
    ) -> bool {
        while self.merges.front().is_some_and(|it| it.at <= at) {
            self.merge_next();
        }
        let origins = self.origins.entry(conversation).or_default();
        let goes = saw || self.whole.contains(&conversation) || seen.iter().any(|it| origins.is_theirs(it));
        let mut next = Some(conversation);
        while let Some(id) = next {
            let origins = self.origins.entry(id).or_default();
            match goes {
                true => origins.add_theirs(put_on.iter().cloned()),
                false => origins.add_others(put_on.iter().cloned()),
            }
            next = self.merged_into.get(&id).copied();
        }
        goes
    }

    /// Nothing was decided after the last merges.
    pub(super) fn end(&mut self) {
        while !self.merges.is_empty() {
            self.merge_next();
        }
    }

    /// What was derived in a conversation, if anything was said of it.
    pub(super) fn of(&self, conversation: ConversationId) -> Option<&Origins> {
        self.origins.get(&conversation)
    }

    /// Conversations with others in which something was derived.
    pub(super) fn with_others(&self) -> impl Iterator<Item = (ConversationId, &Origins)> {
        self.origins.iter().filter(|(id, _)| !self.whole.contains(id)).map(|(id, it)| (*id, it))
    }

    fn merge_next(&mut self) {
        let Some(Merge { older, before, younger, .. }) = self.merges.pop_front() else { return };
        let of_younger = self.origins.remove(&younger.id).unwrap_or_default();
        let of_older = self.origins.entry(older).or_default();
        // What the older had of its own is not taken from it because the younger brought the same.
        let own = before.iter().flat_map(marks::of_conversation);
        let own: Vec<_> = own.filter(|it| !of_older.is_theirs(it)).collect();
        match self.whole.contains(&older) {
            true => of_older.add_theirs(own),
            false => of_older.add_others(own),
        }
        let brought = marks::of_conversation(&younger);
        if self.whole.contains(&younger.id) {
            of_older.add_theirs(brought);
        } else {
            let others = brought.into_iter().filter(|it| !of_younger.is_theirs(it));
            of_older.add_others(others.collect::<Vec<_>>());
        }
        of_older.join(&of_younger);
        let _ = self.merged_into.insert(younger.id, older);
        if self.met.contains(&younger.id) {
            let _ = self.origins.insert(younger.id, of_younger);
        }
    }
}

async fn ids(sql: &'static str, connection: &mut SqliteConnection) -> StoreResult<HashSet<ConversationId>> {
    let found: Vec<i64> = sqlx::query_scalar(sql).fetch_all(connection).await?;
    Ok(found.into_iter().map(ConversationId).collect())
}

/// Into conversations of the scope, from whatever others.
async fn merges(connection: &mut SqliteConnection) -> StoreResult<VecDeque<Merge>> {
    let rows = sqlx::query(
        "SELECT j.younger, j.older, j.at, j.undo ->> '$.older'
         FROM met_conversations AS m
         CROSS JOIN conversations AS o ON o.id = m.id
         CROSS JOIN conversation_merges AS j ON j.older = o.id
         ORDER BY j.at, j.younger DESC",
    )
    .fetch_all(&mut *connection)
    .await?;
    let mut younger = HashMap::new();
    let wanted = rows.iter().map(|it| it.try_get(0).map(ConversationId)).collect::<Result<Vec<_>, _>>()?;
    for conversation in conversation_row::load(wanted, connection).await? {
        younger.insert(conversation.id, conversation);
    }
    let mut merges = VecDeque::new();
    for row in &rows {
        let Some(younger) = younger.remove(&ConversationId(row.try_get(0)?)) else { continue };
        // An earlier erasure leaves nothing of it here.
        let before = row.try_get::<Option<&str>, _>(3)?.map(serde_json::from_str).transpose()?;
        let (older, at) = (ConversationId(row.try_get(1)?), Timestamp::from_ms(row.try_get(2)?));
        merges.push_back(Merge { at, older, before, younger });
    }
    Ok(merges)
}
