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

/// Bytes of everything that is kept: what comes beside an item (facts of its conversation) has bounds of its own
/// that are much larger than usual.
const BYTES_MAX: usize = 16 * 1024 * 1024;

/// A longer item is not kept here.
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
    /// Of everything below.
    bytes: usize,
    items: HashMap<ItemId, StoredItem>,
    conversations: HashMap<ConversationId, Conversation>,
    contacts: HashMap<ContactId, Contact>,
}

impl Recent {
    /// Keeps what a committed batch brought.
    pub(super) fn keep(&mut self, arrived: Arrived) {
        let most = self.items.len().max(self.conversations.len()).max(self.contacts.len());
        let bytes = arrived.bytes();
        if arrived.changed_others || most > KEPT_MAX || self.bytes + bytes > BYTES_MAX {
            self.clear();
        }
        if arrived.changed_others || bytes > BYTES_MAX {
            return;
        }
        self.bytes += bytes;
        for item in arrived.items {
            let before = self.items.insert(item.id, item);
            self.forget(before.map(|it| item_bytes(&it)));
        }
        for conversation in arrived.conversations {
            let before = self.conversations.insert(conversation.id, conversation);
            self.forget(before.map(|it| conversation_bytes(&it)));
        }
        for contact in arrived.contacts {
            let before = self.contacts.insert(contact.id, contact);
            self.forget(before.map(|it| contact_bytes(&it)));
        }
    }

    fn forget(&mut self, bytes: Option<usize>) {
        self.bytes = self.bytes.saturating_sub(bytes.unwrap_or_default());
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Hands an item out, once.
    pub(super) fn take_item(&mut self, id: ItemId) -> Option<StoredItem> {
        let item = self.items.remove(&id);
        self.forget(item.as_ref().map(item_bytes));
        item
    }

    /// Hands a conversation out, once: it will have changed when it is asked for again.
    pub(super) fn take_conversation(&mut self, id: ConversationId) -> Option<Conversation> {
        let conversation = self.conversations.remove(&id);
        self.forget(conversation.as_ref().map(conversation_bytes));
        conversation
    }

    /// A contact.
    pub(super) fn contact(&self, id: ContactId) -> Option<Contact> {
        self.contacts.get(&id).cloned()
    }
}

impl Arrived {
    fn bytes(&self) -> usize {
        self.items.iter().map(item_bytes).sum::<usize>()
            + self.conversations.iter().map(conversation_bytes).sum::<usize>()
            + self.contacts.iter().map(contact_bytes).sum::<usize>()
    }
}

fn item_bytes(item: &StoredItem) -> usize {
    size_of::<StoredItem>() + item.item.bytes()
}

fn conversation_bytes(conversation: &Conversation) -> usize {
    size_of::<Conversation>() + conversation.bytes()
}

fn contact_bytes(contact: &Contact) -> usize {
    size_of::<Contact>() + contact.name.as_ref().map_or(0, String::len)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::Timestamp;

    fn contact(id: i64, name_bytes: usize) -> Contact {
        Contact {
            id: ContactId(id),
            name: Some("n".repeat(name_bytes)),
            vip: false,
            created_at: Timestamp::from_ms(0),
            erased_at: None,
        }
    }

    fn of(contacts: Vec<Contact>) -> Arrived {
        Arrived { contacts, ..Arrived::default() }
    }

    #[test]
    fn what_is_kept_is_bounded_in_bytes() {
        let mut recent = Recent::default();
        let third = BYTES_MAX / 3;
        for id in 0..2 {
            recent.keep(of(vec![contact(id, third)]));
        }
        assert_eq!(recent.contacts.len(), 2);
        recent.keep(of(vec![contact(2, third)]));
        assert_eq!(recent.contacts.len(), 1, "the earlier ones made way");
        recent.keep(of((3..7).map(|id| contact(id, third)).collect()));
        assert!(recent.contacts.is_empty(), "a batch that is too large by itself is not kept");
        assert_eq!(recent.bytes, 0);
    }

    #[test]
    fn what_comes_again_counts_once() {
        let mut recent = Recent::default();
        for _ in 0..10 {
            recent.keep(of(vec![contact(1, BYTES_MAX / 3)]));
        }
        assert_eq!((recent.contacts.len(), recent.bytes), (1, contact_bytes(&contact(1, BYTES_MAX / 3))));
    }
}
