//! Everything the demonstration has to tell: shown to people by [`super::show`], to machines as JSON.

use serde::Serialize;

use super::explain::Explained;
use super::prepare::Enabled;
use super::stopwatch::Step;
use super::take_in::Intake;

/// What happened.
#[derive(Serialize)]
pub struct Report {
    /// The plugins at work, in the order they are asked.
    pub plugins: Vec<Enabled>,
    /// What each inbox received.
    pub intake: Vec<Intake>,
    /// What waits where, after everything was routed.
    pub queues: Vec<QueueLoads>,
    /// What the decisions add up to.
    pub decisions: DecisionCounts,
    /// Some of them, explained.
    pub explained: Vec<Explained>,
    /// What no policy routed, the first few.
    pub operator: Vec<Said>,
    /// How one customer was answered.
    pub answer: Answered,
    /// What happened while nobody answered the others.
    pub silence: Vec<Moved>,
    /// One conversation that was escalated, explained.
    pub escalated: Option<Explained>,
    /// The time of each step.
    pub steps: Vec<Step>,
    /// The time altogether, in milliseconds.
    pub total_ms: f64,
}

/// A queue and what waits in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct QueueLoads {
    /// `department/queue`.
    pub path: String,
    /// What people call it.
    pub title: String,
    /// Conversations to answer now.
    pub urgent: u64,
    /// Before others.
    pub high: u64,
    /// In turn.
    pub normal: u64,
    /// When there is time.
    pub low: u64,
}

/// What decisions add up to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DecisionCounts {
    /// Decisions.
    pub made: usize,
    /// Of these, with two policies that contradict each other.
    pub with_conflict: usize,
    /// Of these, for the operator because no policy routed.
    pub to_operator: usize,
}

/// Somebody's words.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Said {
    /// Who.
    pub who: String,
    /// Where.
    pub inbox: String,
    /// What: the subject, or how the text begins.
    pub what: String,
}

/// How a customer was answered.
#[derive(Clone, Debug, Serialize)]
pub struct Answered {
    /// The conversation.
    pub conversation: String,
    /// The customer's words.
    pub customer: Said,
    /// Who answered.
    pub agent: String,
    /// What.
    pub text: String,
    /// The request that went to the channel.
    pub request: SentRequest,
    /// The conversation's status after it was closed.
    pub status: String,
    /// What was learned: the theme.
    pub theme: String,
}

/// A request that went to a channel.
#[derive(Clone, Debug, Serialize)]
pub struct SentRequest {
    /// Method.
    pub method: String,
    /// URL.
    pub url: String,
    /// The media type of its body.
    pub media_type: String,
    /// How its body begins.
    pub body: String,
}

/// The clock was moved, and what came of it.
#[derive(Clone, Debug, Serialize)]
pub struct Moved {
    /// By how many minutes.
    pub minutes: i64,
    /// What it shows now.
    pub now: String,
    /// Timers that fired.
    pub fired: usize,
    /// Conversations raised to each level, lowest first.
    pub escalated: Vec<(u8, usize)>,
}
