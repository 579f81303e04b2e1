//! Everything about a person is handed out, piece by piece, so that no more than a piece is in memory: one
//! text, one delivery, or some records that hold none.
//!
//! What others wrote in the same conversations is theirs and is left out, and so are the bytes of
//! deliveries that told of others too.

mod shape;

use std::collections::{HashMap, HashSet, VecDeque};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::{Value, json};

pub use self::shape::{ContactExport, DeliveryExport, ItemExport};
use super::{Flow, FlowError, access};
use crate::domain::conversation::Conversation;
use crate::domain::ids::{ContactId, ConversationId, DeliveryId, ItemId};
use crate::domain::principal::Principal;
use crate::store::{AuditEntry, PageRequest};

/// Entries read at once.
const PAGE: u32 = 50;

/// The lists of an export, in its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Section {
    Conversations,
    Items,
    Notes,
    Replies,
    Decisions,
    Deliveries,
    Audit,
}

impl Section {
    const ALL: [Self; 7] = [
        Self::Conversations,
        Self::Items,
        Self::Notes,
        Self::Replies,
        Self::Decisions,
        Self::Deliveries,
        Self::Audit,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Conversations => "conversations",
            Self::Items => "items",
            Self::Notes => "notes",
            Self::Replies => "replies",
            Self::Decisions => "decisions",
            Self::Deliveries => "deliveries",
            Self::Audit => "audit",
        }
    }
}

/// A piece of an export.
#[derive(Debug)]
pub enum Piece {
    /// A field that is a whole value.
    Field(&'static str, Value),
    /// A list begins; its entries follow until the next list or the end.
    List(&'static str),
    /// Entries of the list.
    Entries(Vec<Value>),
    /// An entry of the list begins, whose last field is a list of this name; that one's entries follow
    /// until its end.
    Open(Value, &'static str),
    /// An entry of the list within the entry.
    Inner(Value),
    /// The list within the entry ends, and the entry.
    Close,
}

/// What is to be read next.
enum Step {
    Field(&'static str, Value),
    Begin(Section),
    Items(ConversationId, Option<i64>),
    Item(ItemId),
    RevisionAfter(ItemId, i64),
    Decisions(ConversationId, Option<i64>),
    Audit(Option<i64>),
    One(Section, ConversationId),
    Delivery(DeliveryId),
}

/// An export under way. In memory are ids, and what is read at a time.
pub struct Export {
    flow: Flow,
    contact: ContactId,
    /// Each with whether it is with the contact.
    conversations: Vec<(ConversationId, bool)>,
    /// The contact's items and the answers to them.
    items: HashSet<ItemId>,
    /// Deliveries that told of them, and how often.
    told_of: HashMap<DeliveryId, i64>,
    steps: VecDeque<Step>,
}

/// Begins to hand out everything about a contact; that it was is in the audit log from now on.
pub async fn export(flow: &Flow, principal: &Principal, id: ContactId) -> Result<Export, FlowError> {
    let (contact, identities) = access::contact(flow, principal, id).await?;
    if contact.erased_at.is_some() {
        return Err(FlowError::Gone(format!("contact {id} is erased; nothing is left to hand out")));
    }
    flow.store.record(&flow.audit(principal, "contact.export", &id.to_string(), Value::Null)).await?;
    let conversations = flow.store.conversations_about(id).await?;
    let steps = VecDeque::from([
        Step::Field("contact", json!(contact)),
        Step::Field("identities", json!(identities)),
        Step::Begin(Section::ALL[0]),
    ]);
    let (items, told_of) = (HashSet::new(), HashMap::new());
    Ok(Export { flow: flow.clone(), contact: id, conversations, items, told_of, steps })
}

impl Export {
    /// The next piece; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<Piece>, FlowError> {
        let Some(step) = self.steps.pop_front() else { return Ok(None) };
        Ok(Some(match step {
            Step::Field(name, value) => Piece::Field(name, value),
            Step::Begin(section) => self.begin(section),
            Step::Items(conversation, after) => self.items(conversation, after).await?,
            Step::Item(item) => self.item(item).await?,
            Step::RevisionAfter(item, revision) => self.revision_after(item, revision).await?,
            Step::Decisions(conversation, after) => self.decisions(conversation, after).await?,
            Step::Audit(after) => self.audit(after).await?,
            Step::One(section, conversation) => self.one(section, conversation).await?,
            Step::Delivery(delivery) => self.delivery(delivery).await?,
        }))
    }

    /// Plans a list, and the one after it.
    fn begin(&mut self, section: Section) -> Piece {
        let of_each = self.conversations.iter();
        match section {
            Section::Conversations | Section::Notes | Section::Replies => {
                self.steps.extend(of_each.map(|(id, _)| Step::One(section, *id)));
            }
            Section::Items => self.steps.extend(of_each.map(|(id, _)| Step::Items(*id, None))),
            Section::Decisions => self.steps.extend(of_each.map(|(id, _)| Step::Decisions(*id, None))),
            Section::Deliveries => {
                let mut told_of: Vec<_> = self.told_of.keys().copied().collect();
                told_of.sort_unstable();
                self.steps.extend(told_of.into_iter().map(Step::Delivery));
            }
            Section::Audit => self.steps.push_back(Step::Audit(None)),
        }
        let next = Section::ALL.iter().skip_while(|it| **it != section).nth(1);
        self.steps.extend(next.map(|it| Step::Begin(*it)));
        Piece::List(section.name())
    }

    async fn one(&self, section: Section, id: ConversationId) -> Result<Piece, FlowError> {
        let store = &self.flow.store;
        Ok(Piece::Entries(match section {
            Section::Notes => values(store.notes_about(self.contact, id).await?)?,
            Section::Replies => {
                let replies = store.outbox(id).await?;
                values(replies.into_iter().filter(|it| self.items.contains(&it.item)))?
            }
            _ => {
                let found = store.conversation(id).await?;
                let is_with_it = |it: &Conversation| it.contact == self.contact;
                values(found.map(|it| if is_with_it(&it) { it } else { bare(it) }))?
            }
        }))
    }

    async fn items(&mut self, id: ConversationId, after: Option<i64>) -> Result<Piece, FlowError> {
        let request = PageRequest { after, limit: PAGE };
        let page = self.flow.store.items_about(self.contact, id, request).await?;
        if page.next.is_some() {
            self.steps.push_front(Step::Items(id, page.next));
        }
        for item in page.entries.into_iter().rev() {
            self.steps.push_front(Step::Item(item));
        }
        Ok(Piece::Entries(Vec::new()))
    }

    async fn item(&mut self, id: ItemId) -> Result<Piece, FlowError> {
        let Some(item) = self.flow.store.item(id).await? else { return Ok(Piece::Entries(Vec::new())) };
        self.items.insert(id);
        for (delivery, times) in self.flow.store.deliveries_of(id).await? {
            *self.told_of.entry(delivery).or_default() += times;
        }
        self.steps.push_front(Step::RevisionAfter(id, 0));
        Ok(Piece::Open(value(item)?, "revisions"))
    }

    async fn revision_after(&mut self, item: ItemId, revision: i64) -> Result<Piece, FlowError> {
        let Some(found) = self.flow.store.revision_after(item, revision).await? else {
            return Ok(Piece::Close);
        };
        self.steps.push_front(Step::RevisionAfter(item, found.revision));
        Ok(Piece::Inner(value(found)?))
    }

    async fn decisions(&mut self, id: ConversationId, after: Option<i64>) -> Result<Piece, FlowError> {
        let request = PageRequest { after, limit: PAGE };
        let page = self.flow.store.decisions(Some(id), None, request).await?;
        if page.next.is_some() {
            self.steps.push_front(Step::Decisions(id, page.next));
        }
        Ok(Piece::Entries(values(page.entries.into_iter().filter(|it| self.items.contains(&it.item)))?))
    }

    async fn delivery(&self, id: DeliveryId) -> Result<Piece, FlowError> {
        let Some((delivery, raw)) = self.flow.store.raw_delivery(id).await? else {
            return Ok(Piece::Entries(Vec::new()));
        };
        let told_of = self.told_of.get(&id).copied().unwrap_or_default();
        let told_of_others = delivery.arrivals > told_of;
        let is_here = delivery.purged_at.is_none() && !told_of_others;
        let export = DeliveryExport {
            told_of_others,
            query: raw.query.filter(|_| is_here),
            headers: if is_here { raw.headers } else { Vec::new() },
            body_base64: is_here.then(|| STANDARD.encode(&raw.body)),
            delivery,
        };
        Ok(Piece::Entries(values([export])?))
    }

    /// The log has no index by what it is about; it is walked through once.
    async fn audit(&mut self, after: Option<i64>) -> Result<Piece, FlowError> {
        let page = self.flow.store.audit(PageRequest { after, limit: 4 * PAGE }).await?;
        if page.next.is_some() {
            self.steps.push_front(Step::Audit(page.next));
        }
        let is_about = |it: &AuditEntry| self.is_subject(&it.subject);
        Ok(Piece::Entries(values(page.entries.into_iter().filter(is_about))?))
    }

    fn is_subject(&self, subject: &str) -> bool {
        let conversation = subject.parse::<ConversationId>().ok();
        subject.parse::<ContactId>().is_ok_and(|it| it == self.contact)
            || conversation.is_some_and(|id| self.conversations.contains(&(id, true)))
            || subject.parse::<ItemId>().is_ok_and(|it| self.items.contains(&it))
    }
}

/// A conversation with somebody else: that it is there, and nothing about whom it is with.
fn bare(conversation: Conversation) -> Conversation {
    Conversation {
        thread_key: String::new(),
        subject: None,
        tags: Default::default(),
        attributes: Default::default(),
        intent: None,
        language: None,
        disposition: None,
        ..conversation
    }
}

fn values<T: Serialize>(entries: impl IntoIterator<Item = T>) -> Result<Vec<Value>, FlowError> {
    entries.into_iter().map(value).collect()
}

fn value(entry: impl Serialize) -> Result<Value, FlowError> {
    serde_json::to_value(entry).map_err(FlowError::failed)
}
