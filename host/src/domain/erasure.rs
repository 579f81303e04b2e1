//! Erasing what is about a person.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ids::ContactId;
use super::time::Timestamp;

/// Why a person is erased, in the words of Article 17 (1) of the General Data Protection Regulation.
///
/// A choice and no text, because it is kept in the audit log, which holds nothing about persons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ErasureReason {
    /// What it was kept for is over (a).
    NoLongerNeeded,
    /// The person no longer agrees (b).
    ConsentWithdrawn,
    /// The person objects (c).
    Objection,
    /// It should not have been kept (d).
    Unlawful,
    /// The law demands it (e).
    LegalObligation,
    /// It is about a child and was collected on the internet (f).
    Child,
}

/// How much was erased.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Erased {
    /// People.
    pub contacts: u64,
    /// Conversations erased as a whole.
    pub conversations: u64,
    /// Items, the company's answers among them.
    pub items: u64,
    /// Texts of these items: each edit left one more.
    pub revisions: u64,
    /// Answers that will not be sent any more.
    pub replies_cancelled: u64,
    /// Remarks.
    pub notes: u64,
    /// Decisions, which can no longer be replayed.
    pub decisions: u64,
    /// Raw deliveries.
    pub deliveries: u64,
    /// Answers kept for requests that are sent again.
    pub kept_answers: u64,
}

impl Erased {
    /// Counts what was erased besides.
    pub fn add(&mut self, more: &Self) {
        let Self {
            contacts,
            conversations,
            items,
            revisions,
            replies_cancelled,
            notes,
            decisions,
            deliveries,
            kept_answers,
        } = more;
        self.contacts += contacts;
        self.conversations += conversations;
        self.items += items;
        self.revisions += revisions;
        self.replies_cancelled += replies_cancelled;
        self.notes += notes;
        self.decisions += decisions;
        self.deliveries += deliveries;
        self.kept_answers += kept_answers;
    }
}

/// The erasure of a contact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Erasure {
    /// Who.
    pub contact: ContactId,
    /// Since when nobody can read it; absent while some of it is still to be erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erased_at: Option<Timestamp>,
    /// Since when the disk does not hold it any more; absent while that is still to be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wiped_at: Option<Timestamp>,
    /// How much it was.
    pub erased: Erased,
}

/// How far the erasure of a contact is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Erasing {
    /// There is more to erase.
    More,
    /// Nobody can read any of it from now on.
    Ended(Erasure),
    /// Nobody could before already.
    Over(Erasure),
}

/// How far the disk is wiped of what was erased.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wiping {
    /// Nothing is left to be done for now.
    Done,
    /// There is more to do.
    More,
    /// Somebody still reads what the repository was before: try again later.
    Waiting,
    /// Nothing can be done: the file is too large to be wiped in place.
    TooLarge,
}
