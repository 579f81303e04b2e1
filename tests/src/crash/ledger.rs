//! What a host has answered, and what nobody knows of because it died before it answered.

use std::collections::{BTreeMap, BTreeSet};
use std::mem::take;

use serde_json::{Value, json};

/// A customer's item; what it says follows from its number.
pub type Number = usize;

/// Everything that was asked of the hosts of one repository.
#[derive(Debug, Default)]
pub struct Ledger {
    /// The next item's number.
    pub next: Number,
    /// Items that were answered, with their conversations; a host that answers too early names none.
    pub items: BTreeMap<Number, Option<String>>,
    /// Those that no restart has been asked about yet.
    pub unchecked: BTreeSet<Number>,
    /// Items whose answer did not come.
    pub items_in_doubt: Vec<Number>,
    /// Items that somebody shall reply to, with their conversations.
    pub to_reply: Vec<(Number, String)>,
    /// Replies that were answered, by the item they answer: their conversations.
    pub replies: BTreeMap<Number, String>,
    /// Replies whose answer did not come.
    pub replies_in_doubt: Vec<(Number, String)>,
}

/// What becomes of an item, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lot {
    /// It begins a conversation, and is replied to.
    RepliedTo,
    /// It goes on with an earlier one of those.
    GoesOn,
    /// It begins a conversation that nobody ever answers.
    Silent,
}

/// What becomes of it.
pub fn lot(number: Number) -> Lot {
    match number % 4 {
        0 => Lot::RepliedTo,
        2 => Lot::GoesOn,
        _ => Lot::Silent,
    }
}

/// As its channel delivers it.
pub fn item(number: Number) -> Value {
    let text = if number.is_multiple_of(3) { "I want a refund." } else { "My teapot leaks." };
    let mut item =
        json!({ "id": format!("i-{number}"), "author": format!("u-{}", number % 37), "text": text });
    if lot(number) == Lot::GoesOn {
        item["in_reply_to"] = format!("i-{}", number - 2).into();
    }
    item
}

/// The text of the reply to an item.
pub fn reply_text(number: Number) -> String {
    format!("This is the reply to i-{number}.")
}

impl Ledger {
    /// Takes the next number.
    pub fn draw(&mut self) -> Number {
        self.next += 1;
        self.next - 1
    }

    /// An item was answered; it may have been in doubt before.
    pub fn answered(&mut self, number: Number, conversation: Option<String>) {
        if let (Lot::RepliedTo, Some(conversation)) = (lot(number), &conversation) {
            self.to_reply.push((number, conversation.clone()));
        }
        self.items.insert(number, conversation);
        self.unchecked.insert(number);
    }

    /// Takes the items that are to be asked about.
    pub fn take_unchecked(&mut self) -> Vec<Number> {
        take(&mut self.unchecked).into_iter().collect()
    }
}
