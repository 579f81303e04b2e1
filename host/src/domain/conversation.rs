//! A conversation: everything said about one matter with one customer.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::case::{ConversationView, InboxView, PromiseView};
use super::ids::{ContactId, ConversationId, IdentityId, InboxId};
use super::item::Attribute;
use super::organisation::{Directory, Inbox, Place};
use super::promise::{self, Metric};
use super::proposal::{Listening, Priority};
use super::time::Timestamp;

pub mod limits;

/// Where a conversation stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Somebody has to act.
    #[default]
    Open,
    /// Waiting for the customer.
    Pending,
    /// Ended, with a disposition.
    Closed,
}

/// What a person has decided, and a policy therefore does not change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct PersonSet {
    /// Department, queue or assignee.
    pub destination: bool,
    /// Priority.
    pub priority: bool,
    /// Listening category.
    pub listening: bool,
    /// Intent.
    pub intent: bool,
    /// Language.
    pub language: bool,
}

/// What was learned when a conversation ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Disposition {
    /// What it was about, such as `late-delivery`.
    pub theme: String,
    /// What the customer liked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub liked: Option<String>,
    /// What the customer disliked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disliked: Option<String>,
    /// The root cause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// What is done about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
}

/// A conversation in the repository.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Conversation {
    /// Its id.
    pub id: ConversationId,
    /// Where it takes place.
    pub inbox: InboxId,
    /// Unique within the inbox: the external id it hangs together by.
    pub thread_key: String,
    /// With whom.
    pub contact: ContactId,
    /// The presence that replies go to.
    pub identity: IdentityId,
    /// The first subject seen.
    pub subject: Option<String>,
    /// Where it stands.
    pub status: Status,
    /// Where it is; absent until it is routed.
    pub place: Option<Place>,
    /// How soon it matters.
    pub priority: Priority,
    /// Its labels.
    pub tags: BTreeSet<String>,
    /// Its named facts.
    pub attributes: BTreeMap<String, String>,
    /// What the customer wants.
    pub intent: Option<String>,
    /// Which kind of listening it is.
    pub listening: Option<Listening>,
    /// BCP 47 tag of its language.
    pub language: Option<String>,
    /// By when it must be answered.
    pub deadline: Option<Timestamp>,
    /// Since when the customer waits.
    pub waiting_since: Option<Timestamp>,
    /// The wait whose promise has been put on the clock.
    pub promise_started_for: Option<Timestamp>,
    /// When a person first answered, since it was opened or reopened.
    pub first_answered_at: Option<Timestamp>,
    /// When it began.
    pub opened_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// How many items it has.
    pub item_count: u32,
    /// How often it was opened again.
    pub reopened_count: u32,
    /// How often people handed it to another queue.
    pub handed_over_count: u32,
    /// The highest level it was escalated to while the customer waits.
    pub escalation_level: u8,
    /// What a person has set.
    pub person_set: PersonSet,
    /// What was learned, once it is closed.
    pub disposition: Option<Disposition>,
    /// The conversation it was merged into.
    pub merged_into: Option<ConversationId>,
    /// Since when nothing is kept of what was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erased_at: Option<Timestamp>,
    /// Counts changes; every write is conditional on it.
    pub revision: i64,
}

impl Conversation {
    /// Whether the promise of a first answer still counts.
    pub fn first_response_runs(&self) -> bool {
        self.waiting_since.is_some() && self.first_answered_at.is_none() && self.status != Status::Closed
    }

    /// The bytes of all that is said of it.
    pub fn bytes(&self) -> usize {
        let optional = [&self.subject, &self.intent, &self.language];
        let learned = self.disposition.as_ref().map_or(0, |it| {
            let optional = [&it.liked, &it.disliked, &it.cause, &it.action];
            it.theme.len() + optional.into_iter().flatten().map(String::len).sum::<usize>()
        });
        self.thread_key.len()
            + optional.into_iter().flatten().map(String::len).sum::<usize>()
            + self.tags.iter().map(String::len).sum::<usize>()
            + self.attributes.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>()
            + learned
    }

    /// Takes out every word that came from the customer, or was said about one. Each field is named, so
    /// that a new one does not compile until somebody has decided.
    pub fn forget_words(&mut self) {
        let Self {
            id: _,
            inbox: _,
            thread_key,
            contact: _,
            identity: _,
            subject,
            status: _,
            place: _,
            priority: _,
            tags,
            attributes,
            intent,
            listening: _,
            language,
            deadline: _,
            waiting_since: _,
            promise_started_for: _,
            first_answered_at: _,
            opened_at: _,
            updated_at: _,
            item_count: _,
            reopened_count: _,
            handed_over_count: _,
            escalation_level: _,
            person_set: _,
            disposition,
            merged_into: _,
            erased_at: _,
            revision: _,
        } = self;
        thread_key.clear();
        (*subject, *intent, *language, *disposition) = (None, None, None, None);
        tags.clear();
        attributes.clear();
    }

    /// The conversation as a policy sees it.
    pub fn view(&self, directory: &Directory) -> ConversationView {
        ConversationView {
            id: self.id,
            status: self.status,
            priority: self.priority,
            destination: self.place.and_then(|place| directory.describe(place)),
            tags: self.tags.iter().cloned().collect(),
            attributes: self
                .attributes
                .iter()
                .map(|(key, value)| Attribute { key: key.clone(), value: value.clone() })
                .collect(),
            intent: self.intent.clone(),
            listening: self.listening,
            language: self.language.clone(),
            deadline: self.deadline,
            waiting_since: self.waiting_since,
            opened_at: self.opened_at,
            item_count: self.item_count,
            reopened_count: self.reopened_count,
            handed_over_count: self.handed_over_count,
            escalation_level: self.escalation_level,
            person_set: self.person_set,
        }
    }

    /// The inbox as a policy sees it while judging this conversation.
    pub fn inbox_view(&self, inbox: &Inbox, directory: &Directory) -> InboxView {
        let due_at = |within| match self.waiting_since {
            Some(since) if self.first_response_runs() => Some(promise::due(within, since).breach_at),
            _ => None,
        };
        InboxView {
            name: inbox.name.clone(),
            channel: inbox.channel.clone(),
            department: directory.department(inbox.department).map(|it| it.name.clone()).unwrap_or_default(),
            promises: inbox
                .promise
                .map(|it| PromiseView {
                    metric: Metric::FirstResponse,
                    within_ms: it.within_ms,
                    due_at: due_at(it),
                })
                .into_iter()
                .collect(),
        }
    }
}
