//! What the repository knows already of the external ids in a batch.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use sqlx::{Row as _, SqliteConnection};

use super::entry::{arrivals, storable};
use crate::domain::arrival::Arrival;
use crate::domain::ids::{ConversationId, InboxId, ItemId};
use crate::domain::item::Direction;
use crate::domain::threading::{REFERENCES_MAX, Reference};
use crate::store::sqlite::deliveries::Keep;
use crate::store::sqlite::erased_keys::ErasedKeys;
use crate::store::sqlite::rows::Rows;
use crate::store::{IntakeEntry, StoreResult};

/// An item that is in the repository.
#[derive(Clone, Copy)]
pub(super) struct KnownItem {
    pub(super) id: ItemId,
    pub(super) conversation: ConversationId,
    pub(super) direction: Direction,
}

/// What is known of a batch's external ids.
#[derive(Default)]
pub(super) struct Known {
    /// Items by their key.
    pub(super) items: HashMap<Reference, KnownItem>,
    /// Conversations by anything their items are or answer.
    pub(super) conversations: HashMap<Reference, ConversationId>,
    /// Items that were here and are erased.
    pub(super) erased: HashSet<Reference>,
}

impl Known {
    /// Looks everything up that the batch names.
    pub(super) async fn load(
        entries: &[IntakeEntry],
        erased_keys: &ErasedKeys,
        connection: &mut SqliteConnection,
    ) -> StoreResult<Self> {
        // Both at once: each statement costs a change of threads.
        let sql = "SELECT json_array(
                (
                    SELECT json_group_array(
                        json_array(i.inbox, i.external_id, i.id, i.conversation, i.direction)
                    )
                    FROM jsonb_each(?1) AS k
                    CROSS JOIN items AS i ON i.inbox = k.value ->> 0 AND i.external_id = k.value ->> 1
                ),
                (
                    SELECT json_group_array(json_array(t.inbox, t.reference, t.conversation))
                    FROM jsonb_each(?1) AS k
                    CROSS JOIN thread_references AS t
                        ON t.inbox = k.value ->> 0 AND t.reference = k.value ->> 1
                )
            )";
        type Item = (i64, String, i64, i64, Direction);
        type Named = (i64, String, i64);
        let named = named_in(entries);
        let found = rows_of(&named).fetch_json::<(Vec<Item>, Vec<Named>)>(sql, connection).await?;
        let (items, references) = found.unwrap_or_default();
        let keys = named.iter().map(|(inbox, key)| (*inbox, &**key));
        let erased = erased_keys.among(keys, connection).await?;
        let mut known = Self { erased, ..Self::default() };
        for (inbox, external_id, id, conversation, direction) in items {
            let (key, conversation) = ((InboxId(inbox), external_id), ConversationId(conversation));
            known.conversations.insert(key.clone(), conversation);
            known.items.insert(key, KnownItem { id: ItemId(id), conversation, direction });
        }
        for (inbox, reference, conversation) in references {
            let key = (InboxId(inbox), reference);
            known.conversations.entry(key).or_insert(ConversationId(conversation));
        }
        Ok(known)
    }

    /// What to keep of a delivery's bytes: nothing, if any of what it tells of is erased.
    pub(super) fn keep_of(&self, entry: &IntakeEntry) -> Keep {
        let is_erased = |it: &Arrival| self.erased.contains(&key_of(entry.inbox.id, it.external_id()));
        match !self.erased.is_empty() && arrivals(entry).iter().any(is_erased) {
            true => Keep::Nothing,
            false => Keep::Everything,
        }
    }
}

/// Those of the conversations in which nobody outside has written.
pub(super) async fn without_inbound(
    conversations: &[ConversationId],
    connection: &mut SqliteConnection,
) -> StoreResult<Vec<ConversationId>> {
    let mut rows = Rows::default();
    for conversation in conversations {
        let _ = rows.row().int(conversation.0);
    }
    let sql = "SELECT k.value ->> 0
        FROM jsonb_each(?1) AS k
        WHERE NOT EXISTS (
            SELECT 1 FROM items AS i WHERE i.conversation = k.value ->> 0 AND i.direction = 'inbound'
        )";
    let found = rows.fetch(sql, connection).await?;
    found.iter().map(|row| Ok(ConversationId(row.try_get(0)?))).collect()
}

/// An external id as it is stored.
type Named<'a> = (InboxId, Cow<'a, str>);

fn rows_of(named: &HashSet<Named<'_>>) -> Rows {
    let mut rows = Rows::default();
    for (inbox, external_id) in named {
        let _ = rows.row().int(inbox.0).text(external_id);
    }
    rows
}

/// Every external id that the batch names.
fn named_in(entries: &[IntakeEntry]) -> HashSet<Named<'_>> {
    let mut named = HashSet::new();
    for entry in entries {
        let inbox = entry.inbox.id;
        for arrival in arrivals(entry) {
            let _ = named.insert((inbox, storable(arrival.external_id())));
            if let Arrival::Item(item) | Arrival::Echo(item) = arrival {
                let references = item.in_reply_to.iter().take(REFERENCES_MAX);
                named.extend(references.map(|it| (inbox, storable(it))));
            }
        }
    }
    named
}

/// The key of an edit, a deletion or a status.
pub(super) fn key_of(inbox: InboxId, external_id: &str) -> Reference {
    (inbox, storable(external_id).into_owned())
}
