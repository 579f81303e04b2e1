//! Limits of a proposal's content.

use crate::domain::proposal::{Action, Destination, Proposal, ProposalKind};
use crate::domain::time::Timestamp;
use crate::domain::visible_text::check_line;

/// The longest reason that is kept, in characters.
pub const WHY_CHARS_MAX: usize = 1_000;
/// The longest label, timer key, intent or language, in characters.
pub const LABEL_CHARS_MAX: usize = 64;
/// The longest attribute value or note, in characters.
pub const TEXT_CHARS_MAX: usize = 4_000;
/// The longest name in a destination, in characters: three times the longest that one can have.
pub const NAME_CHARS_MAX: usize = 200;
/// The most proposals that one policy may make for one case.
pub const PROPOSALS_MAX: usize = 64;
/// The most timers of one policy that one conversation may have at once: each may set as many again, so
/// without a bound one item could have a policy asked for ever.
pub const OPEN_TIMERS_MAX: usize = 32;
/// How far ahead a timer may be due, in days: ten years. What is further away is a mistake in the policy's
/// reckoning, and would never be seen to be one.
pub const TIMER_DAYS_MAX: i64 = 3_650;

/// The proposals that are valid by themselves and say something: what later policies are shown of them.
pub fn valid<'a>(
    declared: &'a [ProposalKind],
    proposals: &'a [Proposal],
    now: Timestamp,
) -> impl Iterator<Item = &'a Proposal> {
    proposals.iter().take(PROPOSALS_MAX).filter(move |it| {
        let kind = it.action.kind();
        kind != ProposalKind::Abstain && declared.contains(&kind) && broken_limit(it, now).is_none()
    })
}

/// Which limit of the contract a proposal breaks that is made at `now`.
pub fn broken_limit(proposal: &Proposal, now: Timestamp) -> Option<String> {
    let label = |what: &str, text: &str| {
        let wrong = check_line(text, LABEL_CHARS_MAX).err()?;
        Some(format!("{what} must have 1 to {LABEL_CHARS_MAX} characters and no control characters: {wrong}"))
    };
    let text = |what: &str, text: &str| {
        (text.chars().count() > TEXT_CHARS_MAX)
            .then(|| format!("{what} has more than {TEXT_CHARS_MAX} characters"))
    };
    let names = |destination: &Destination| {
        let is_long = |it: &&str| it.chars().count() > NAME_CHARS_MAX;
        destination
            .texts()
            .into_iter()
            .any(|it| is_long(&it))
            .then(|| format!("a destination's name has more than {NAME_CHARS_MAX} characters"))
    };
    if proposal.why.chars().count() > WHY_CHARS_MAX {
        return Some(format!("`why` has more than {WHY_CHARS_MAX} characters"));
    }
    match &proposal.action {
        Action::Timer(timer) if timer.due_at > now.plus_ms(TIMER_DAYS_MAX * 86_400_000) => {
            Some(format!("a timer must be due within {TIMER_DAYS_MAX} days"))
        }
        Action::Timer(timer) => label("a timer's key", &timer.key),
        Action::CancelTimer { key } => label("a timer's key", key),
        Action::Escalate(escalation) if !(1..=9).contains(&escalation.level) => {
            Some("an escalation's level must be 1 to 9".to_owned())
        }
        Action::Escalate(escalation) => text("an escalation's reason", &escalation.reason)
            .or_else(|| escalation.to.as_ref().and_then(names)),
        Action::Tags { tags } if tags.len() > 32 => Some("more than 32 tags at once".to_owned()),
        Action::Tags { tags } => tags.iter().find_map(|tag| label("a tag", tag)),
        Action::Attribute { attribute } => label("an attribute's key", &attribute.key)
            .or_else(|| text("an attribute's value", &attribute.value)),
        Action::Intent { intent } => label("an intent", intent),
        Action::Language { language } => label("a language", language),
        Action::Note { text: note } => text("a note", note),
        Action::Destination(destination) => names(destination),
        Action::Priority { .. }
        | Action::Deadline { .. }
        | Action::Listening { .. }
        | Action::Spam
        | Action::Abstain => None,
    }
}
