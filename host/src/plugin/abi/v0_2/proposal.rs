//! What a policy answers, from the guest's words to the domain's.

use super::policy_world::exports::switchboard::plugin::policy as abi;
use super::policy_world::switchboard::plugin::types;
use super::words::moment;
use crate::domain::item::Attribute;
use crate::domain::proposal::{Action, Destination, Escalation, Proposal, TimerRequest};

/// The proposals of one answer, in order.
pub(crate) fn raise_proposals(told: Vec<abi::ProposalResult>) -> Vec<Proposal> {
    told.into_iter().map(|proposal| Proposal { action: action(proposal.action), why: proposal.why }).collect()
}

/// A refusal as text.
pub(crate) fn raise_refusal(refusal: abi::Refusal) -> String {
    match refusal {
        abi::Refusal::InvalidCase(text) => format!("invalid case: {text}"),
        abi::Refusal::Other(text) => text,
    }
}

fn action(told: abi::ActionResult) -> Action {
    use abi::ActionResult as Told;
    match told {
        Told::Destination(place) => Action::Destination(destination(place)),
        Told::Priority(priority) => Action::Priority { priority: priority.into() },
        Told::Deadline(ms) => Action::Deadline { at: moment(ms) },
        Told::Timer(timer) => Action::Timer(TimerRequest {
            key: timer.key,
            due_at: moment(timer.due_at_ms),
            until_answered: timer.until_answered,
        }),
        Told::CancelTimer(key) => Action::CancelTimer { key },
        Told::Escalate(escalation) => Action::Escalate(Escalation {
            level: escalation.level,
            to: escalation.to.map(destination),
            reason: escalation.reason,
        }),
        Told::Tags(tags) => Action::Tags { tags },
        Told::Attribute(fact) => Action::Attribute { attribute: attribute(fact) },
        Told::Listening(listening) => Action::Listening { listening: listening.into() },
        Told::Intent(intent) => Action::Intent { intent },
        Told::Language(language) => Action::Language { language },
        Told::Note(text) => Action::Note { text },
        Told::Spam => Action::Spam,
        Told::Abstain => Action::Abstain,
    }
}

fn destination(told: abi::DestinationResult) -> Destination {
    Destination { department: told.department, queue: told.queue, assignee: told.assignee }
}

fn attribute(told: types::AttributeResult) -> Attribute {
    Attribute { key: told.key, value: told.value }
}
