//! Moments at which a conversation is looked at again.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ids::{ActivationId, ConversationId};
use super::promise::Metric;
use super::time::Timestamp;

/// What a timer is for. Within one conversation each purpose has at most one timer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum TimerPurpose {
    /// A promise is about to be broken.
    PromiseWarning {
        /// Which.
        metric: Metric,
    },
    /// A promise is broken.
    PromiseBreach {
        /// Which.
        metric: Metric,
    },
    /// A policy wants to be asked again.
    Policy {
        /// The activation that asked.
        activation: ActivationId,
        /// The policy's name for it.
        key: String,
    },
}

/// A timer that runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Timer {
    /// The conversation it belongs to.
    pub conversation: ConversationId,
    /// What it is for.
    pub purpose: TimerPurpose,
    /// When it is due.
    pub due_at: Timestamp,
    /// Whether an answer by a person ends it.
    pub until_answered: bool,
    /// How many policy decisions caused one another up to the one that set it.
    pub depth: u8,
}
