//! What a policy may say.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::item::Attribute;
use super::time::Timestamp;

pub mod texts;

/// How soon somebody should answer.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Priority {
    /// When there is time.
    Low,
    /// In turn.
    #[default]
    Normal,
    /// Before others.
    High,
    /// Now.
    Urgent,
}

/// The four kinds of listening.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Listening {
    /// Said to us.
    ToUs,
    /// Said about us.
    AboutUs,
    /// Said about our industry.
    Industry,
    /// Said about features of related products.
    RelatedProducts,
}

/// Where a conversation goes: taken or left as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Destination {
    /// The department's name.
    pub department: String,
    /// The queue's name; absent for the department's first queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
    /// The name of an agent to assign at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignee: Option<String>,
}

/// A moment to be asked again.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct TimerRequest {
    /// Names the timer within the activation and the conversation.
    pub key: String,
    /// When it is due.
    pub due_at: Timestamp,
    /// Whether an answer by a person makes it pointless.
    #[serde(default)]
    pub until_answered: bool,
}

/// A conversation that must not wait any longer.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Escalation {
    /// 1 to 9; each fires once while the customer waits.
    pub level: u8,
    /// Who takes over; absent to stay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Destination>,
    /// What the people there are told.
    pub reason: String,
}

/// One thing that should happen.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Action {
    /// Send the conversation there.
    Destination(Destination),
    /// At least this priority.
    Priority {
        /// The priority.
        priority: Priority,
    },
    /// Answer by then.
    Deadline {
        /// The moment.
        at: Timestamp,
    },
    /// Ask this policy again.
    Timer(TimerRequest),
    /// Forget a timer.
    CancelTimer {
        /// Its key.
        key: String,
    },
    /// Raise the conversation to a level.
    Escalate(Escalation),
    /// Add labels.
    Tags {
        /// The labels.
        tags: Vec<String>,
    },
    /// Set a named fact.
    Attribute {
        /// The fact.
        attribute: Attribute,
    },
    /// Say which kind of listening it is.
    Listening {
        /// The kind.
        listening: Listening,
    },
    /// Say what the customer wants.
    Intent {
        /// What.
        intent: String,
    },
    /// Say which language it is.
    Language {
        /// BCP 47 tag.
        language: String,
    },
    /// Leave a remark.
    Note {
        /// The remark.
        text: String,
    },
    /// Send it to the junk queue.
    Spam,
    /// Nothing.
    Abstain,
}

/// The kinds of proposal, as a manifest declares them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "each case is the action of the same name")]
pub enum ProposalKind {
    Destination,
    Priority,
    Deadline,
    Timer,
    CancelTimer,
    Escalate,
    Tags,
    Attribute,
    Listening,
    Intent,
    Language,
    Note,
    Spam,
    Abstain,
}

impl Action {
    /// Which kind it is.
    pub fn kind(&self) -> ProposalKind {
        match self {
            Self::Destination(_) => ProposalKind::Destination,
            Self::Priority { .. } => ProposalKind::Priority,
            Self::Deadline { .. } => ProposalKind::Deadline,
            Self::Timer(_) => ProposalKind::Timer,
            Self::CancelTimer { .. } => ProposalKind::CancelTimer,
            Self::Escalate(_) => ProposalKind::Escalate,
            Self::Tags { .. } => ProposalKind::Tags,
            Self::Attribute { .. } => ProposalKind::Attribute,
            Self::Listening { .. } => ProposalKind::Listening,
            Self::Intent { .. } => ProposalKind::Intent,
            Self::Language { .. } => ProposalKind::Language,
            Self::Note { .. } => ProposalKind::Note,
            Self::Spam => ProposalKind::Spam,
            Self::Abstain => ProposalKind::Abstain,
        }
    }
}

/// One thing that should happen, and why.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Proposal {
    /// What.
    #[serde(flatten)]
    pub action: Action,
    /// Why, for people.
    pub why: String,
}
