//! How a decision takes effect on its conversation.

use super::conversation::Conversation;
use super::decision::Outcome;
use super::ids::{ActivationId, ConversationId};
use super::organisation::{Inbox, Place};
use super::promise::{self, Metric};
use super::time::Timestamp;
use super::timer::{Timer, TimerPurpose};

/// What a decision changes besides the conversation itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TimerChanges {
    /// Timers to set; one of the same purpose is replaced.
    pub set: Vec<Timer>,
    /// Timers to forget.
    pub cancel: Vec<(ConversationId, TimerPurpose)>,
}

/// Carries an outcome out: changes the conversation and says which timers change.
///
/// `depth` is the depth of the event that caused the decision.
pub fn apply(
    conversation: &mut Conversation,
    outcome: &Outcome,
    inbox: &Inbox,
    now: Timestamp,
    depth: u8,
) -> TimerChanges {
    if let Some(routing) = &outcome.routing {
        conversation.place = Some(keep_assignee(conversation.place, routing.place));
    }
    if let Some(escalation) = &outcome.escalation {
        conversation.escalation_level = escalation.level;
        if let Some(routing) = &escalation.to {
            conversation.place = Some(routing.place);
        }
    }
    apply_facts(conversation, outcome);
    conversation.updated_at = now;
    let mut timers = TimerChanges::default();
    policy_timers(conversation.id, outcome, depth, &mut timers);
    // Nothing is promised to spam. Where a person disagrees, the next decision starts the clock, which
    // then counts from when the customer wrote.
    if outcome.spam.is_none() {
        promise_timers(conversation, inbox, &mut timers);
    }
    timers
}

/// Being sent to the queue it is in already takes a conversation from nobody.
fn keep_assignee(present: Option<Place>, next: Place) -> Place {
    match present {
        Some(present) if present.queue == next.queue && next.assignee.is_none() => present,
        _ => next,
    }
}

fn apply_facts(conversation: &mut Conversation, outcome: &Outcome) {
    if let Some(priority) = outcome.priority {
        conversation.priority = priority;
    }
    if let Some(deadline) = outcome.deadline {
        conversation.deadline = Some(deadline);
    }
    if let Some(listening) = outcome.listening {
        conversation.listening = Some(listening);
    }
    if let Some(intent) = &outcome.intent {
        conversation.intent = Some(intent.clone());
    }
    if let Some(language) = &outcome.language {
        conversation.language = Some(language.clone());
    }
    conversation.tags.extend(outcome.tags.iter().cloned());
    conversation.attributes.extend(outcome.attributes.clone());
}

fn policy_timers(conversation: ConversationId, outcome: &Outcome, depth: u8, timers: &mut TimerChanges) {
    let purpose =
        |activation: ActivationId, key: &str| TimerPurpose::Policy { activation, key: key.to_owned() };
    timers.set.extend(outcome.timers.iter().map(|set| Timer {
        conversation,
        purpose: purpose(set.activation, &set.timer.key),
        due_at: set.timer.due_at,
        until_answered: set.timer.until_answered,
        depth,
    }));
    timers.cancel.extend(
        outcome.cancelled_timers.iter().map(|(activation, key)| (conversation, purpose(*activation, key))),
    );
}

/// The promise's clock is started by the first decision that finds it running and not yet set: the
/// deadline is kept at the promise's end unless a policy or a person wants it sooner.
fn promise_timers(conversation: &mut Conversation, inbox: &Inbox, timers: &mut TimerChanges) {
    let (Some(within), Some(since)) = (inbox.promise, conversation.waiting_since) else {
        return;
    };
    // One clock a wait: a second item of the same wait must not start it again.
    if !conversation.first_response_runs() || conversation.promise_started_for == Some(since) {
        return;
    }
    conversation.promise_started_for = Some(since);
    let due = promise::due(within, since);
    conversation.deadline = Some(conversation.deadline.map_or(due.breach_at, |it| it.min(due.breach_at)));
    let metric = Metric::FirstResponse;
    for (purpose, due_at) in [
        (TimerPurpose::PromiseWarning { metric }, due.warn_at),
        (TimerPurpose::PromiseBreach { metric }, due.breach_at),
    ] {
        timers.set.push(Timer {
            conversation: conversation.id,
            purpose,
            due_at,
            until_answered: true,
            depth: 0,
        });
    }
}
