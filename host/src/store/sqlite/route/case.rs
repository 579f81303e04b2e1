//! Loading everything a batch of cases needs, with a handful of queries.

use std::collections::HashMap;

use sqlx::{Row as _, SqliteConnection};

use super::claim::Claimed;
use crate::domain::case::{HISTORY_MAX, PastItem};
use crate::domain::contact::Contact;
use crate::domain::conversation::Conversation;
use crate::domain::ids::{ContactId, ConversationId, ItemId};
use crate::domain::item::StoredItem;
use crate::store::sqlite::error::surprise;
use crate::store::sqlite::rows::Rows;
use crate::store::sqlite::{contacts, conversation_row, item_row};
use crate::store::{CaseNeeds, ClaimedCase, HistoryEntry, StoreResult};

// The limit in the history's query; SQLite takes no column there.
const _: () = assert!(HISTORY_MAX == 10);

/// What was loaded, to be handed out.
struct Loaded {
    conversations: HashMap<ConversationId, Conversation>,
    items: HashMap<ItemId, StoredItem>,
    contacts: HashMap<ContactId, Contact>,
    history: HashMap<ItemId, Vec<HistoryEntry>>,
    other_open: HashMap<ConversationId, u32>,
}

pub(super) async fn load(
    claimed: Vec<Claimed>,
    needs: CaseNeeds,
    connection: &mut SqliteConnection,
) -> StoreResult<Vec<ClaimedCase>> {
    if claimed.is_empty() {
        return Ok(Vec::new());
    }
    let ids = claimed.iter().map(|it| it.claim.conversation);
    let conversations: HashMap<_, _> =
        conversation_row::load(ids, connection).await?.into_iter().map(|it| (it.id, it)).collect();
    let items = item_row::load(claimed.iter().map(|it| it.item), connection).await?;
    let contacts = contacts::load(conversations.values().map(|it| it.contact), connection).await?;
    let mut loaded = Loaded {
        conversations,
        items: items.into_iter().map(|it| (it.id, it)).collect(),
        contacts: contacts.into_iter().map(|it| (it.id, it)).collect(),
        history: HashMap::new(),
        other_open: HashMap::new(),
    };
    if needs.history {
        loaded.load_history(&claimed, connection).await?;
    }
    if needs.contact {
        loaded.load_other_open(connection).await?;
    }
    claimed.into_iter().map(|it| loaded.hand_out(it)).collect()
}

impl Loaded {
    /// Only conversations with more than one item have a history.
    async fn load_history(
        &mut self,
        claimed: &[Claimed],
        connection: &mut SqliteConnection,
    ) -> StoreResult<()> {
        let mut rows = Rows::default();
        for it in claimed {
            let conversation = it.claim.conversation;
            if self.conversations.get(&conversation).is_some_and(|it| it.item_count > 1) {
                let _ = rows.row().int(it.item.0).int(conversation.0);
            }
        }
        let sql = concat!(
            "SELECT ",
            item_row::item_columns!(),
            ", k.value ->> 0
             FROM jsonb_each(?1) AS k
             CROSS JOIN items AS i ON i.id IN (
                 SELECT p.id
                 FROM items AS p
                 WHERE p.conversation = k.value ->> 1 AND p.id < k.value ->> 0
                 ORDER BY p.id DESC
                 LIMIT 10
             )
             CROSS JOIN item_revisions AS r ON r.id = i.content
             ORDER BY i.id"
        );
        for row in rows.fetch(sql, connection).await? {
            let past = item_row::read(&row)?;
            let before = ItemId(row.try_get(11)?);
            self.history.entry(before).or_default().push(history_entry(past));
        }
        Ok(())
    }

    /// More than a thousand are not counted: a presence that stands for many people (an anonymous
    /// form) must not make each of its items dearer than the one before.
    async fn load_other_open(&mut self, connection: &mut SqliteConnection) -> StoreResult<()> {
        let mut rows = Rows::default();
        for conversation in self.conversations.values() {
            let _ = rows.row().int(conversation.id.0).int(conversation.contact.0);
        }
        let sql = "SELECT
                k.value ->> 0,
                (
                    SELECT count(*)
                    FROM (
                        SELECT 1
                        FROM conversations AS c
                        WHERE c.contact = k.value ->> 1 AND c.status = 'open' AND c.id <> k.value ->> 0
                        LIMIT 10
                    )
                )
            FROM jsonb_each(?1) AS k";
        for row in rows.fetch(sql, connection).await? {
            self.other_open.insert(ConversationId(row.try_get(0)?), row.try_get(1)?);
        }
        Ok(())
    }

    fn hand_out(&mut self, claimed: Claimed) -> StoreResult<ClaimedCase> {
        let Claimed { claim, item: id } = claimed;
        let missing = |what: &str| surprise(format!("{what} of event {} is not there", claim.event.id));
        let conversation =
            self.conversations.remove(&claim.conversation).ok_or_else(|| missing("the conversation"))?;
        let item = self.items.remove(&id).ok_or_else(|| missing("the item"))?;
        let contact =
            self.contacts.get(&conversation.contact).cloned().ok_or_else(|| missing("the contact"))?;
        Ok(ClaimedCase {
            item,
            history: self.history.remove(&id).unwrap_or_default(),
            contact,
            other_open_conversations: self.other_open.get(&conversation.id).copied().unwrap_or_default(),
            conversation,
            claim,
        })
    }
}

fn history_entry(past: StoredItem) -> HistoryEntry {
    HistoryEntry {
        item: past.id,
        revision: past.revision,
        view: PastItem {
            direction: past.direction,
            kind: past.item.kind,
            author_name: past.item.author.name,
            text: past.item.text,
            occurred_at: past.item.occurred_at,
        },
    }
}
