//! Cases and deliveries with sane defaults.
//!
//! Everything happens at one invented moment, [`NOW_MS`], in the inbox `post` of the department
//! `service`.

use crate::types::{
    Author, Case, CaseInbox, Contact, Conversation, Delivery, Event, Item, ItemKind, Metric, Occasion,
    Outbound, PersonSet, Priority, Promise, ReplyReceived, Status, Visibility,
};

/// 2026-03-02T09:00:00Z, a Monday morning.
pub const NOW_MS: u64 = 1_772_442_000_000;
/// What the sample inbox promises: one hour.
const PROMISE_MS: u64 = 3_600_000;

/// Changes a value in passing.
pub trait With: Sized {
    /// Hands the value to `change`, and back.
    #[must_use]
    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }
}

impl With for Case {}
impl With for Item {}
impl With for Event {}
impl With for Contact {}
impl With for Delivery {}
impl With for Outbound {}
impl With for ReplyReceived {}

/// An event of the sample moment.
pub fn event(occasion: Occasion) -> Event {
    Event { id: "event-1".to_owned(), occasion, at_ms: NOW_MS, depth: 0 }
}

/// A private mail with this text, and no more than that.
pub fn item(text: &str) -> Item {
    Item {
        external_id: "item-1".to_owned(),
        in_reply_to: Vec::new(),
        kind: ItemKind::Email,
        visibility: Visibility::Private,
        author: author(),
        subject: None,
        text: text.to_owned(),
        quoted: None,
        html: None,
        language: None,
        permalink: None,
        attachments: Vec::new(),
        occurred_at_ms: NOW_MS,
        automatic: None,
        attributes: Vec::new(),
    }
}

/// A case about a first mail with this text, just received and not yet routed.
pub fn case(text: &str) -> Case {
    Case {
        now_ms: NOW_MS,
        item: item(text),
        conversation: conversation(),
        inbox: CaseInbox {
            name: "post".to_owned(),
            channel: "email".to_owned(),
            department: "service".to_owned(),
            promises: vec![Promise {
                metric: Metric::FirstResponse,
                within_ms: PROMISE_MS,
                due_at_ms: Some(NOW_MS + PROMISE_MS),
            }],
        },
        history: Vec::new(),
        contact: None,
        earlier: Vec::new(),
    }
}

/// A person without any mark.
pub fn contact() -> Contact {
    Contact {
        id: "contact-1".to_owned(),
        name: Some("Ada Example".to_owned()),
        vip: false,
        other_open_conversations: 0,
    }
}

/// A `POST` of these bytes to the inbox's own address.
pub fn delivery(body: impl Into<Vec<u8>>) -> Delivery {
    Delivery {
        method: "POST".to_owned(),
        path: String::new(),
        query: None,
        headers: Vec::new(),
        body: body.into(),
        received_at_ms: NOW_MS,
    }
}

/// An answer to the sample item.
pub fn outbound(text: &str) -> Outbound {
    Outbound {
        idempotency_key: "reply-1".to_owned(),
        written_at_ms: NOW_MS,
        recipient: author(),
        in_reply_to: Some("item-1".to_owned()),
        references: vec!["item-1".to_owned()],
        subject: None,
        text: text.to_owned(),
        visibility: Visibility::Private,
        attributes: Vec::new(),
    }
}

/// What came back for a request: a status and nothing else.
pub fn reply_received(status: u16) -> ReplyReceived {
    ReplyReceived { status, headers: Vec::new(), body: Vec::new() }
}

fn author() -> Author {
    Author {
        external_id: "ada@example.com".to_owned(),
        handle: None,
        name: Some("Ada Example".to_owned()),
        followers: None,
        verified: false,
    }
}

fn conversation() -> Conversation {
    Conversation {
        id: "conversation-1".to_owned(),
        status: Status::Open,
        priority: Priority::Normal,
        destination: None,
        tags: Vec::new(),
        attributes: Vec::new(),
        intent: None,
        listening: None,
        language: None,
        deadline_ms: None,
        waiting_since_ms: Some(NOW_MS),
        opened_at_ms: NOW_MS,
        item_count: 1,
        reopened_count: 0,
        handed_over_count: 0,
        escalation_level: 0,
        person_set: PersonSet::empty(),
    }
}
