//! What was just taken in, kept in memory for the router, which asks for it next.
//!
//! Only to spare reading and parsing again what was written a moment ago; what is not here is read
//! from the file. A conversation may have changed since it was put here, as it may between a claim
//! and its commit: its revision tells, and the commit is refused. Items and contacts have no such
//! number, so whoever changes one empties all of this.

use std::collections::HashMap;

use crate::domain::contact::Contact;
use crate::domain::conversation::Conversation;
use crate::domain::ids::{ContactId, ConversationId, ItemId};
use crate::domain::item::StoredItem;

/// Things of a kind kept at most: as many as a few batches bring. Whoever is further behind reads the
/// file.
const KEPT_MAX: usize = 2_048;

/// A longer item is not kept here: all of them together take some megabytes.
pub(super) const ITEM_BYTES_MAX: usize = 8 * 1024;

/// What a batch brought.
#[derive(Default)]
pub(super) struct Arrived {
    pub(super) items: Vec<StoredItem>,
    pub(super) conversations: Vec<Conversation>,
    pub(super) contacts: Vec<Contact>,
    /// Whether it also changed what was there already.
    pub(super) changed_others: bool,
}

/// What was just taken in.
#[derive(Default)]
pub(super) struct Recent {
    items: HashMap<ItemId, StoredItem>,
    conversations: HashMap<ConversationId, Conversation>,
    contacts: HashMap<ContactId, Contact>,
}

impl Recent {
    /// Keeps what a committed batch brought.
    pub(super) fn keep(&mut self, arrived: Arrived) {
        let most = self.items.len().max(self.conversations.len()).max(self.contacts.len());
        if arrived.changed_others || most > KEPT_MAX {
            self.clear();
        }
        if arrived.changed_others {
            return;
        }
        self.items.extend(arrived.items.into_iter().map(|it| (it.id, it)));
        self.conversations.extend(arrived.conversations.into_iter().map(|it| (it.id, it)));
        self.contacts.extend(arrived.contacts.into_iter().map(|it| (it.id, it)));
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Hands an item out, once.
    pub(super) fn take_item(&mut self, id: ItemId) -> Option<StoredItem> {
        self.items.remove(&id)
    }

    /// Hands a conversation out, once: it will have changed when it is asked for again.
    pub(super) fn take_conversation(&mut self, id: ConversationId) -> Option<Conversation> {
        self.conversations.remove(&id)
    }

    /// A contact.
    pub(super) fn contact(&self, id: ContactId) -> Option<Contact> {
        self.contacts.get(&id).cloned()
    }
}
