//! What the host accepts from a policy.

use std::fmt;

use crate::Policy;
use crate::types::{Action, EventKind, Proposal, ProposalKind, Refusal};

/// Why an evaluation came to nothing.
#[derive(Debug, Clone, PartialEq)]
pub enum Failure {
    /// The host never asks about an event that the policy did not declare.
    UndeclaredEvent(EventKind),
    /// A proposal of a kind that the policy did not declare.
    UndeclaredProposal(ProposalKind),
    /// A proposal that breaks the contract; says how.
    BadOutput(String),
    /// The policy refused.
    Refused(Refusal),
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UndeclaredEvent(kind) => write!(formatter, "{kind:?} is not in EVENTS"),
            Self::UndeclaredProposal(kind) => write!(formatter, "{kind:?} is not in PROPOSALS"),
            Self::BadOutput(problem) => formatter.write_str(problem),
            Self::Refused(refusal) => write!(formatter, "refused: {refusal:?}"),
        }
    }
}

impl std::error::Error for Failure {}

/// The longest reason, in characters; the contract's number.
const WHY_CHARACTERS_MAX: usize = 1_000;
/// The longest label or timer key, in characters; the contract's number.
const NAME_CHARACTERS_MAX: usize = 64;

pub(super) fn check<P: Policy>(proposal: &Proposal) -> Result<(), Failure> {
    let kind = proposal.action.kind();
    if !P::PROPOSALS.contains(&kind) {
        return Err(Failure::UndeclaredProposal(kind));
    }
    length("why", &proposal.why, WHY_CHARACTERS_MAX)?;
    match &proposal.action {
        Action::Destination(to) => length("department", &to.department, usize::MAX),
        Action::Timer(timer) => length("timer key", &timer.key, NAME_CHARACTERS_MAX),
        Action::CancelTimer(key) => length("timer key", key, NAME_CHARACTERS_MAX),
        Action::Tags(tags) => tags.iter().try_for_each(|tag| length("tag", tag, NAME_CHARACTERS_MAX)),
        Action::Escalate(escalation) if !(1..=9).contains(&escalation.level) => {
            Err(Failure::BadOutput(format!("level {} is not 1 to 9", escalation.level)))
        }
        _ => Ok(()),
    }
}

fn length(what: &str, text: &str, characters_max: usize) -> Result<(), Failure> {
    let characters = text.chars().count();
    if (1..=characters_max).contains(&characters) {
        return Ok(());
    }
    let problem = format!("a {what} of {characters} characters is not within the contract");
    Err(Failure::BadOutput(problem))
}
