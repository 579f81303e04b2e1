//! Which declared kind an event or a proposal belongs to.

use crate::types::{Action, EventKind, Occasion, ProposalKind};

impl Occasion {
    /// The kind a manifest declares for this.
    pub fn kind(&self) -> EventKind {
        match self {
            Self::ItemReceived => EventKind::ItemReceived,
            Self::ItemEdited => EventKind::ItemEdited,
            Self::ConversationReopened => EventKind::ConversationReopened,
            Self::PromiseWarning(_) => EventKind::PromiseWarning,
            Self::PromiseBreached(_) => EventKind::PromiseBreached,
            Self::TimerDue(_) => EventKind::TimerDue,
            Self::AskedByHand => EventKind::AskedByHand,
        }
    }
}

impl Action {
    /// The kind a manifest declares for this.
    pub fn kind(&self) -> ProposalKind {
        match self {
            Self::Destination(_) => ProposalKind::Destination,
            Self::Priority(_) => ProposalKind::Priority,
            Self::Deadline(_) => ProposalKind::Deadline,
            Self::Timer(_) => ProposalKind::Timer,
            Self::CancelTimer(_) => ProposalKind::CancelTimer,
            Self::Escalate(_) => ProposalKind::Escalate,
            Self::Tags(_) => ProposalKind::Tags,
            Self::Attribute(_) => ProposalKind::Attribute,
            Self::Listening(_) => ProposalKind::Listening,
            Self::Intent(_) => ProposalKind::Intent,
            Self::Language(_) => ProposalKind::Language,
            Self::Note(_) => ProposalKind::Note,
            Self::Spam => ProposalKind::Spam,
            Self::Abstain => ProposalKind::Abstain,
        }
    }
}
