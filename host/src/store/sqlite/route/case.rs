//! Loading everything a batch of cases needs, with a handful of queries.

use std::collections::HashMap;

use sqlx::SqliteConnection;

use super::claim::Claimed;
use crate::domain::contact::Contact;
use crate::domain::conversation::Conversation;
use crate::domain::ids::{ContactId, ConversationId, ItemId};
use crate::domain::item::StoredItem;
use crate::domain::timer::OpenTimer;
use crate::store::sqlite::error::surprise;
use crate::store::sqlite::{SqliteStore, contacts, conversation_row, item_row, surroundings};
use crate::store::{CaseNeeds, ClaimedCase, HistoryEntry, StoreResult};

/// How many bytes of items one batch reads, but for its first: policies are shown the beginning of each, and the
/// writer is held meanwhile.
const READ_BYTES_MAX: i64 = 32 * 1024 * 1024;

/// What was loaded, to be handed out.
#[derive(Default)]
struct Loaded {
    conversations: HashMap<ConversationId, Conversation>,
    items: HashMap<ItemId, StoredItem>,
    contacts: HashMap<ContactId, Contact>,
    history: HashMap<ItemId, Vec<HistoryEntry>>,
    other_open: HashMap<ConversationId, u32>,
    open_timers: HashMap<ConversationId, Vec<OpenTimer>>,
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
    let claimed = loaded.leave_out_what_is_too_much(store, claimed, connection).await?;
    loaded.load_the_rest(&claimed, connection).await?;
    if needs.history {
        loaded.load_history(&claimed, connection).await?;
    }
    if needs.contact {
        loaded.load_other_open(connection).await?;
    }
    if needs.timers {
        let events = claimed.iter().map(|it| (it.claim.conversation, it.claim.event.id));
        loaded.open_timers = surroundings::open_timers(events, connection).await?;
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

    /// Gives the claims back whose items are more than one batch reads, from the first of them on: they come
    /// with the next batch.
    async fn leave_out_what_is_too_much(
        &self,
        store: &SqliteStore,
        mut claimed: Vec<Claimed>,
        connection: &mut SqliteConnection,
    ) -> StoreResult<Vec<Claimed>> {
        let missing: Vec<i64> =
            claimed.iter().filter(|it| !self.items.contains_key(&it.item)).map(|it| it.item.0).collect();
        if missing.len() < 2 {
            return Ok(claimed);
        }
        let bytes = item_row::bytes(&missing, connection).await?;
        let (mut read, mut fitting) = (0, 0);
        for it in &claimed {
            read += bytes.get(&it.item).copied().unwrap_or_default();
            if read > READ_BYTES_MAX && fitting > 0 {
                break;
            }
            fitting += 1;
        }
        let mut claims = store.claims();
        for it in claimed.drain(fitting..) {
            claims.end(it.claim.conversation, it.claim.fence);
        }
        Ok(claimed)
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
        let has_history = |it: &&Claimed| {
            self.conversations.get(&it.claim.conversation).is_some_and(|it| it.item_count > 1)
        };
        let items = claimed.iter().filter(has_history).map(|it| (it.item, it.claim.conversation));
        self.history = surroundings::history(items, connection).await?;
        Ok(())
    }

    async fn load_other_open(&mut self, connection: &mut SqliteConnection) -> StoreResult<()> {
        let conversations = self.conversations.values().map(|it| (it.id, it.contact));
        self.other_open = surroundings::other_open(conversations, connection).await?;
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
            open_timers: self.open_timers.remove(&conversation.id).unwrap_or_default(),
            conversation,
            claim,
        })
    }
}
