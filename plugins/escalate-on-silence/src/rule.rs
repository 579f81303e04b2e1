//! Which level a waiting customer has reached, and when to look again.
//!
//! Nothing is remembered between calls: how long the customer waits and how far the conversation was
//! raised are facts of the case. So a lost or a repeated timer does no harm, and an answer ends it all.

use switchboard_plugin_sdk::{Action, Case, Occasion, Priority, Proposal, Status};

use crate::settings::{Level, Settings, When};

/// The one timer of this policy. Asking for it again moves it.
pub const TIMER: &str = "silence";

/// A level with its number, counted from 1.
type Numbered<'s> = (u8, &'s Level);

/// How long the customer waits, and what is known of the inbox's promises.
struct Silence {
    waited_ms: u64,
    since_ms: u64,
    warned: bool,
    breached: bool,
}

/// Judges a case; silent unless somebody waits.
pub fn proposals(settings: &Settings, occasion: &Occasion, case: &Case) -> Vec<Proposal> {
    let Some(silence) = Silence::of(occasion, case) else {
        return Vec::new();
    };
    let raised = case.conversation.escalation_level;
    let above = || numbered(settings).filter(|(number, _)| *number > raised);
    let reached: Vec<Numbered> = above().filter(|(_, level)| silence.has_reached(level.when)).collect();

    let mut proposals = Vec::new();
    if let Some(&(number, level)) = reached.last() {
        let reason = reason(number, level, &silence);
        proposals.extend(priority(&reached, &reason));
        proposals.push(escalation(number, level, reason));
    }
    let raised = reached.last().map_or(raised, |(number, _)| *number);
    proposals.extend(next_look(settings, raised, &silence));
    proposals
}

impl Silence {
    fn of(occasion: &Occasion, case: &Case) -> Option<Self> {
        if case.conversation.status == Status::Closed {
            return None;
        }
        let since_ms = case.conversation.waiting_since_ms?;
        let overdue = |due_at_ms: Option<u64>| due_at_ms.is_some_and(|due| due <= case.now_ms);
        let breached = matches!(occasion, Occasion::PromiseBreached(_))
            || case.inbox.promises.iter().any(|promise| overdue(promise.due_at_ms));
        Some(Self {
            waited_ms: case.now_ms.saturating_sub(since_ms),
            since_ms,
            // A broken promise needed no warning, but its levels are not below the warning's.
            warned: breached || matches!(occasion, Occasion::PromiseWarning(_)),
            breached,
        })
    }

    fn has_reached(&self, when: When) -> bool {
        match when {
            When::After(duration) => self.waited_ms >= duration.as_ms(),
            When::PromiseWarning => self.warned,
            When::PromiseBreached => self.breached,
        }
    }
}

fn numbered(settings: &Settings) -> impl Iterator<Item = Numbered<'_>> {
    (1..=9).zip(&settings.levels)
}

fn escalation(number: u8, level: &Level, reason: String) -> Proposal {
    let action = match &level.to {
        Some(to) => Action::escalate_to(number, to, &reason),
        None => Action::escalate(number, &reason),
    };
    action.because(reason)
}

/// The highest priority of all levels reached: one that was passed over still counts.
fn priority(reached: &[Numbered<'_>], reason: &str) -> Option<Proposal> {
    let priority: Priority = reached.iter().filter_map(|(_, level)| level.priority).max()?;
    Some(Action::Priority(priority).because(reason))
}

fn reason(number: u8, level: &Level, silence: &Silence) -> String {
    if let Some(reason) = &level.reason {
        return reason.clone();
    }
    let waited = whole_minutes(silence.waited_ms);
    let cause = match level.when {
        When::After(_) => "",
        When::PromiseWarning => ", and the promise is about to be broken",
        When::PromiseBreached => ", and the promise is broken",
    };
    format!("level {number}: nobody has answered for {waited}{cause}")
}

/// People read minutes; seconds only below one.
fn whole_minutes(ms: u64) -> String {
    let unit_ms = if ms < 60_000 { 1_000 } else { 60_000 };
    switchboard_plugin_sdk::Duration::from_ms(ms - ms % unit_ms).to_string()
}

/// Asks to be asked again when the next level above is reached by time.
fn next_look(settings: &Settings, raised: u8, silence: &Silence) -> Option<Proposal> {
    let (number, after) = numbered(settings).filter(|(number, _)| *number > raised).find_map(
        |(number, level)| match level.when {
            When::After(after) => Some((number, after)),
            When::PromiseWarning | When::PromiseBreached => None,
        },
    )?;
    let due_at_ms = silence.since_ms.saturating_add(after.as_ms());
    let timer = Action::timer_until_answered(TIMER, due_at_ms);
    Some(timer.because(format!("level {number} is reached after {after} without an answer")))
}
