//! Which conversation an item belongs to.
//!
//! Every id that an item has or replies to is a *reference*, and any sender can write any id into one. A
//! reference therefore joins an item to a conversation only on evidence:
//!
//! | the reference leads to | an item of a contact joins | two conversations become one |
//! |---|---|---|
//! | a conversation with the same contact, or what the same contact wrote or named before | yes | if both are with the contact |
//! | an item that the company sent from here or began the conversation with, or that the channel vouches for: its recipients know its id | yes, the nearest | never |
//! | anything, on a channel that vouches for its threads | yes | yes |
//! | anything else | no: a suggestion for an agent | never |
//!
//! What an agent took apart is not merged again, nor are conversations whose labels or facts would be over a quota
//! together. An item of a writer without a name has no contact to be compared; what the company wrote joins the
//! nearest conversation that it replies to. Of two conversations that become one the older goes on.
//!
//! **Invariant:** how much a batch merges is bounded ([`Bounds`]); the rest becomes suggestions.

mod groups;

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use self::groups::Groups;
use super::ids::{ContactId, ConversationId, InboxId};

/// How many references of one item count: the nearest ones. A longer chain adds nothing, and its
/// length is in the hands of its writer.
pub const REFERENCES_MAX: usize = 64;

/// How many references of one delivery are looked up. Each costs some microseconds of the one writer:
/// 4,096 take a fraction of the 200 ms that a delivery may hold it.
pub const REFERENCES_OF_DELIVERY_MAX: usize = 4_096;

/// Counted in any case: the parent, and what stands in for it where it is missing.
const REFERENCES_MIN: usize = 4;

/// How many suggestions a batch adds to one conversation, and how many of one are shown: more than an
/// agent looks at.
pub const SUGGESTIONS_MAX: usize = 8;

/// How many references of each item count in a delivery of so many items.
pub fn nearest_of(items: usize) -> usize {
    (REFERENCES_OF_DELIVERY_MAX / items.max(1)).clamp(REFERENCES_MIN, REFERENCES_MAX)
}

/// An external id within an inbox.
pub type Reference = (InboxId, String);

/// Who wrote an item, as far as threading can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Writer {
    /// This contact, by the presence that the channel names.
    Contact(ContactId),
    /// A presence that stands for many people.
    Anonymous,
    /// The company.
    Company,
}

/// Why a reference leads to a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Evidence {
    /// This contact wrote the item there, or an item that names it.
    Contact(ContactId),
    /// The company sent the item there, and its recipients alone know the id. What a mail says of itself
    /// proves that only where it began the conversation.
    Sent,
    /// An item of a writer who proves nothing names it.
    Named,
}

/// Where a reference leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lead {
    /// The conversation.
    pub conversation: ConversationId,
    /// Why.
    pub evidence: Evidence,
}

/// What threading needs of a conversation that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// With whom it is.
    pub contact: ContactId,
    /// How many rows move with it: its items, and what else belongs to it once that was counted.
    pub rows: u32,
}

/// What the repository knows of a batch's references.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownThreads {
    /// Where each known reference leads.
    pub leads: HashMap<Reference, Vec<Lead>>,
    /// The conversations they lead to.
    pub conversations: HashMap<ConversationId, Standing>,
    /// Those of which an agent said that they are two, in either order.
    pub apart: HashSet<[ConversationId; 2]>,
    /// Those whose labels or facts would be over a quota together, in either order.
    pub over_quota: HashSet<[ConversationId; 2]>,
}

impl KnownThreads {
    /// Why these two stay two whatever items refer to them.
    fn keeps_apart(&self, one: ConversationId, other: ConversationId) -> Option<Unjoined> {
        let holds = |pairs: &HashSet<_>| pairs.contains(&[one, other]) || pairs.contains(&[other, one]);
        match (holds(&self.apart), holds(&self.over_quota)) {
            (true, _) => Some(Unjoined::Apart),
            (false, true) => Some(Unjoined::OverQuota),
            (false, false) => None,
        }
    }
}

/// What threading needs of an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThreadItem<'a> {
    /// Where it came in.
    pub inbox: InboxId,
    /// Its own external id.
    pub external_id: &'a str,
    /// What it answers, nearest first.
    pub in_reply_to: &'a [String],
    /// How many of these count.
    pub nearest: usize,
    /// Who wrote it.
    pub writer: Writer,
    /// Whether the channel itself says what it replies to.
    pub is_vouched: bool,
}

impl ThreadItem<'_> {
    /// Its references: itself, then the nearest it answers.
    pub fn references(&self) -> impl Iterator<Item = Reference> + '_ {
        std::iter::once(self.external_id).chain(self.answered()).map(|id| (self.inbox, id.to_owned()))
    }

    /// What a new conversation is known by: the farthest ancestor named, else the item itself.
    pub fn thread_key(&self) -> &str {
        self.answered().last().unwrap_or(self.external_id)
    }

    fn answered(&self) -> impl Iterator<Item = &str> {
        self.in_reply_to.iter().take(self.nearest).map(String::as_str).filter(|id| !id.is_empty())
    }

    /// What it proves about what it names.
    pub fn evidence(&self) -> Evidence {
        match self.writer {
            Writer::Contact(contact) => Evidence::Contact(contact),
            Writer::Anonymous | Writer::Company => Evidence::Named,
        }
    }

    /// Whether this lead to a conversation with that contact is good enough to join it.
    fn may_join(&self, evidence: Evidence, with: Option<ContactId>) -> bool {
        self.is_vouched
            || match self.writer {
                Writer::Contact(writer) => {
                    with == Some(writer)
                        || evidence == Evidence::Contact(writer)
                        || evidence == Evidence::Sent
                }
                Writer::Anonymous => evidence == Evidence::Sent,
                Writer::Company => true,
            }
    }

    /// Whether conversations with these contacts become one because this item replies to both.
    fn may_merge(&self, with: [Option<ContactId>; 2]) -> bool {
        let is_with = |writer| with.iter().all(|it| *it == Some(writer));
        self.is_vouched || matches!(self.writer, Writer::Contact(writer) if is_with(writer))
    }
}

/// Why an item that refers to a conversation did not join it, or did not merge it with its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unjoined {
    /// Its writer has no known part in it.
    Unproven,
    /// An agent said that the two are two.
    Apart,
    /// More would move than items move.
    TooLong,
    /// Labels or facts of both would be over a quota together.
    OverQuota,
}

/// How much one batch merges at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Conversations that end in others.
    pub merges: usize,
    /// Rows that move with them: items and what belongs to them. A conversation of more is never merged without
    /// an agent.
    pub rows: u64,
}

impl Default for Bounds {
    /// Moving 1,000 rows takes some tens of milliseconds of the writer.
    fn default() -> Self {
        Self { merges: 8, rows: 1_000 }
    }
}

/// Where the items of a batch belong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Threads {
    /// For each item, in order.
    pub assigned: Vec<Assigned>,
    /// Conversations that turn out to be one: the one that goes on, the one that ends in it.
    pub merges: Vec<(ConversationId, ConversationId)>,
    /// What an agent may want to merge.
    pub suggestions: Vec<Suggested>,
}

/// Where one item belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Assigned {
    /// To a conversation that exists.
    Existing(ConversationId),
    /// To a new one, shared by all items of the batch with the same number: the index of the first.
    New(usize),
}

/// A conversation that an item refers to and does not join.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Suggested {
    /// The item's index.
    pub item: usize,
    /// The conversation.
    pub other: Assigned,
    /// Why.
    pub why: Unjoined,
}

/// Finds the conversations of a batch of items, in their order.
///
/// `known` says where references lead already; it must hold every known reference of the items.
pub fn assign(items: &[ThreadItem<'_>], known: &KnownThreads, bounds: Bounds) -> Threads {
    let mut groups = Groups::new(known, bounds);
    let nodes: Vec<usize> = items.iter().enumerate().map(|(index, item)| groups.place(index, item)).collect();
    let assigned = nodes.iter().map(|node| groups.assigned(*node)).collect();
    let (merges, suggestions) = (groups.merges(), groups.suggestions(&nodes));
    Threads { assigned, merges, suggestions }
}

#[cfg(test)]
#[path = "threading/tests.rs"]
mod tests;
