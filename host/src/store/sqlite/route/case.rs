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
use crate::store::sqlite::{SqliteStore, contacts, conversation_row, item_row};
use crate::store::{CaseNeeds, ClaimedCase, HistoryEntry, StoreResult};

// The limit in the history's query; SQLite takes no column there.
const _: () = assert!(HISTORY_MAX == 10);

/// What was loaded, to be handed out.
#[derive(Default)]
struct Loaded {
    conversations: HashMap<ConversationId, Conversation>,
    items: HashMap<ItemId, StoredItem>,
    contacts: HashMap<ContactId, Contact>,
    history: HashMap<ItemId, Vec<HistoryEntry>>,
    other_open: HashMap<ConversationId, u32>,
}

pub(super) async fn load(
    store: &SqliteStore,
    claimed: Vec<Claimed>,
    needs: CaseNeeds,
    connection: &mut SqliteConnection,
) -> StoreResult<Vec<ClaimedCase>> {
    if claimed.is_empty() {
        return Ok(Vec::new());
    }
    let mut loaded = Loaded::recently(store, &claimed);
    loaded.load_the_rest(&claimed, connection).await?;
    if needs.history {
        loaded.load_history(&claimed, connection).await?;
    }
    if needs.contact {
        loaded.load_other_open(connection).await?;
    }
    claimed.into_iter().map(|it| loaded.hand_out(it)).collect()
}

impl Loaded {
    /// What was taken in so recently that it need not be read.
    fn recently(store: &SqliteStore, claimed: &[Claimed]) -> Self {
        let mut recent = store.recent();
        let mut loaded = Self::default();
        for it in claimed {
            if let Some(conversation) = recent.take_conversation(it.claim.conversation) {
                loaded.contacts.extend(recent.contact(conversation.contact).map(|it| (it.id, it)));
                loaded.conversations.insert(conversation.id, conversation);
            }
            loaded.items.extend(recent.take_item(it.item).map(|it| (it.id, it)));
        }
        loaded
    }

    async fn load_the_rest(
        &mut self,
        claimed: &[Claimed],
        connection: &mut SqliteConnection,
    ) -> StoreResult<()> {
        let ids = claimed.iter().map(|it| it.claim.conversation);
        let missing: Vec<_> = ids.filter(|it| !self.conversations.contains_key(it)).collect();
        for conversation in conversation_row::load(missing, connection).await? {
            self.conversations.insert(conversation.id, conversation);
        }
        let ids = claimed.iter().map(|it| it.item);
        let missing: Vec<_> = ids.filter(|it| !self.items.contains_key(it)).collect();
        for item in item_row::load(missing, connection).await? {
            self.items.insert(item.id, item);
        }
        let ids = self.conversations.values().map(|it| it.contact);
        let missing: Vec<_> = ids.filter(|it| !self.contacts.contains_key(it)).collect();
        for contact in contacts::load(missing, connection).await? {
            self.contacts.insert(contact.id, contact);
        }
        Ok(())
    }

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
        let sql = "SELECT json_group_array(json_array(conversation, others))
            FROM (
                SELECT
                    k.value ->> 0 AS conversation,
                    (
                        SELECT count(*)
                        FROM (
                            SELECT 1
                            FROM conversations AS c
                            WHERE
                                c.contact = k.value ->> 1 AND c.status = 'open'
                                AND c.id <> k.value ->> 0
                            LIMIT 10
                        )
                    ) AS others
                FROM jsonb_each(?1) AS k
            )
            WHERE others > 0";
        for (conversation, others) in rows.fetch_all_at_once::<(i64, u32)>(sql, connection).await? {
            self.other_open.insert(ConversationId(conversation), others);
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
