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

/// A policy's timer whose event is not judged yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenTimer {
    /// The activation that asked.
    pub activation: ActivationId,
    /// The policy's name for it.
    pub key: String,
    /// Whether it was due already: then its event waits, and cannot be taken back.
    pub is_due: bool,
}

impl OpenTimer {
    /// A timer that runs for this; absent where that is no policy's.
    pub fn running(purpose: &TimerPurpose) -> Option<Self> {
        match purpose {
            TimerPurpose::PromiseWarning { .. } | TimerPurpose::PromiseBreach { .. } => None,
            TimerPurpose::Policy { activation, key } => {
                Some(Self { activation: *activation, key: key.clone(), is_due: false })
            }
        }
    }

    /// Whether it runs for this.
    pub fn is_of(&self, purpose: &TimerPurpose) -> bool {
        !self.is_due && Self::running(purpose).as_ref() == Some(self)
    }
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
