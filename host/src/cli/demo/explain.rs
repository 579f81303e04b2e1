//! A decision in words: who said what, why, and what became of it.

use serde::Serialize;

use super::report::Said;
use crate::domain::decision::{Contribution, Decision, Judged, Verdict};
use crate::domain::item::StoredItem;
use crate::domain::proposal::{Action, Destination};
use crate::domain::time::Timestamp;

/// The most characters of somebody's words that are shown.
const SAID_CHARS: usize = 90;

/// A decision in words.
#[derive(Clone, Debug, Serialize)]
pub struct Explained {
    /// What it shows.
    pub title: String,
    /// The customer's words.
    pub customer: Said,
    /// Where the conversation went.
    pub went_to: String,
    /// How soon it matters, where that was said.
    pub priority: Option<String>,
    /// Who said what, in the order they were asked.
    pub voices: Vec<Voice>,
}

/// What one policy said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Voice {
    /// The policy's activation.
    pub by: String,
    /// What it proposed.
    pub says: String,
    /// Why.
    pub why: String,
    /// What became of it.
    pub verdict: String,
    /// Whether it contradicted what stands.
    pub conflict: bool,
}

/// Puts a decision into words.
pub fn explain(title: &str, decision: &Decision, item: &StoredItem, inbox: &str) -> Explained {
    let outcome = &decision.outcome;
    let escalated_to = outcome.escalation.as_ref().and_then(|it| it.to.as_ref());
    let went_to = match escalated_to.or(outcome.routing.as_ref()) {
        Some(routing) => path(&routing.destination),
        None => "stays where it is".to_owned(),
    };
    Explained {
        title: title.to_owned(),
        customer: said(item, inbox),
        went_to,
        priority: outcome.priority.map(|it| word(&it)),
        voices: decision.contributions.iter().flat_map(voices).collect(),
    }
}

/// Who said what, in short.
pub fn said(item: &StoredItem, inbox: &str) -> Said {
    let author = &item.item.author;
    let who = author.name.as_ref().or(author.handle.as_ref()).unwrap_or(&author.external_id);
    let followers = author.followers.filter(|count| *count >= 10_000);
    let who = match followers {
        Some(count) => format!("{who} ({count} followers)"),
        None => who.clone(),
    };
    let what = item.item.subject.as_ref().unwrap_or(&item.item.text);
    let what = what.split_whitespace().collect::<Vec<_>>().join(" ");
    let short: String = what.chars().take(SAID_CHARS).collect();
    let what = if short.len() < what.len() { format!("{short}…") } else { short };
    Said { who, inbox: inbox.to_owned(), what }
}

/// What a policy said; proposals with the same reason and the same fate are one.
fn voices(contribution: &Contribution) -> Vec<Voice> {
    let mut voices: Vec<Voice> = Vec::new();
    for new in contribution.proposals.iter().map(|judged| voice(&contribution.name, judged)) {
        match voices.iter_mut().find(|it| it.why == new.why && it.verdict == new.verdict) {
            Some(same) => same.says = format!("{}, {}", same.says, new.says),
            None => voices.push(new),
        }
    }
    voices
}

fn voice(by: &str, judged: &Judged) -> Voice {
    let (verdict, conflict) = verdict(&judged.verdict);
    Voice {
        by: by.to_owned(),
        says: says(&judged.proposal.action),
        why: judged.proposal.why.clone(),
        verdict,
        conflict,
    }
}

fn verdict(verdict: &Verdict) -> (String, bool) {
    match verdict {
        Verdict::Applied => ("applied".to_owned(), false),
        Verdict::Lost { winner, conflict: true } => (format!("LOST to {winner}"), true),
        Verdict::Lost { winner, conflict: false } => (format!("{winner} said more"), false),
        Verdict::UnknownPlace { detail } | Verdict::Invalid { detail } => (detail.clone(), false),
        other => (word(other), false),
    }
}

/// The word that a value without content, or tagged by its verdict, is written as.
fn word(value: &impl Serialize) -> String {
    let value = serde_json::to_value(value).unwrap_or_default();
    let text = value.as_str().or_else(|| value["verdict"].as_str());
    text.unwrap_or_default().to_owned()
}

fn says(action: &Action) -> String {
    match action {
        Action::Destination(destination) => format!("to {}", path(destination)),
        Action::Priority { priority } => format!("priority {}", word(priority)),
        Action::Deadline { at } => format!("answer by {}", clock_time(*at)),
        Action::Timer(timer) => format!("ask me again on {}", day_and_time(timer.due_at)),
        Action::CancelTimer { key } => format!("forget timer {key}"),
        Action::Escalate(escalation) => match &escalation.to {
            Some(to) => format!("level {} to {}", escalation.level, path(to)),
            None => format!("level {}", escalation.level),
        },
        Action::Tags { tags } => format!("tags {}", tags.join(", ")),
        Action::Attribute { attribute } => format!("{} = {}", attribute.key, attribute.value),
        Action::Listening { listening } => format!("listening {}", word(listening)),
        Action::Intent { intent } => format!("intent {intent}"),
        Action::Language { language } => format!("language {language}"),
        Action::Note { text } => format!("note: {text}"),
        Action::Spam => "spam".to_owned(),
        Action::Abstain => "nothing".to_owned(),
    }
}

fn path(destination: &Destination) -> String {
    let queue = destination.queue.as_ref().map(|queue| format!("/{queue}")).unwrap_or_default();
    let assignee = destination.assignee.as_ref().map(|agent| format!(" ({agent})")).unwrap_or_default();
    format!("{}{queue}{assignee}", destination.department)
}

/// Hours and minutes of a moment, UTC.
pub fn clock_time(at: Timestamp) -> String {
    let text = at.to_string();
    text.get(11..16).unwrap_or(&text).to_owned()
}

/// Month, day, hours and minutes of a moment, UTC.
fn day_and_time(at: Timestamp) -> String {
    let text = at.to_string();
    text.get(5..16).unwrap_or(&text).replace('T', " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::proposal::{Escalation, Priority};

    #[test]
    fn proposals_are_told_in_words() {
        let leads =
            Destination { department: "leads".to_owned(), queue: None, assignee: Some("ruth".to_owned()) };
        assert_eq!(says(&Action::Priority { priority: Priority::Urgent }), "priority urgent");
        assert_eq!(says(&Action::Destination(leads.clone())), "to leads (ruth)");
        let escalation = Escalation { level: 2, to: Some(leads), reason: String::new() };
        assert_eq!(says(&Action::Escalate(escalation)), "level 2 to leads (ruth)");
        assert_eq!(says(&Action::Deadline { at: Timestamp::from_ms(0) }), "answer by 00:00");
    }

    #[test]
    fn a_lost_conflict_names_the_winner() {
        let lost = Verdict::Lost { winner: "support-words".to_owned(), conflict: true };
        assert_eq!(verdict(&lost), ("LOST to support-words".to_owned(), true));
        assert_eq!(verdict(&Verdict::KeptAsNote), ("kept-as-note".to_owned(), false));
    }
}
