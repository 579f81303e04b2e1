//! Lines of JSON that a policy is asked about: whole questions, cases, or bare items.

use anyhow::Context;
use serde::Deserialize;
use serde_json::Value;

use crate::domain::case::{Case, ConversationView, Event, InboxView, Occasion};
use crate::domain::conversation::{PersonSet, Status};
use crate::domain::ids::{ConversationId, EventId};
use crate::domain::item::{Item, Visibility};
use crate::domain::proposal::Priority;

/// One question to a policy.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Question {
    pub(super) event: Event,
    pub(super) case: Case,
}

/// Every line's question, in order; empty lines are passed over. With one that is wrong, none is asked.
pub(super) fn read(lines: &[u8]) -> anyhow::Result<Vec<Question>> {
    let filled = |(_, line): &(usize, &[u8])| !line.trim_ascii().is_empty();
    let numbered = lines.split(|byte| *byte == b'\n').enumerate().filter(filled);
    let read = |(index, line)| {
        let mut question = question(line).with_context(|| format!("read line {}", index + 1))?;
        // As a host shows it.
        question.case.cut();
        Ok(question)
    };
    numbered.map(read).collect()
}

fn question(line: &[u8]) -> anyhow::Result<Question> {
    let mut value: Value = serde_json::from_slice(line)?;
    if value.get("case").is_some() {
        if value.get("event").is_none() {
            let case: Case = serde_json::from_value(value["case"].take()).context("read the case")?;
            return Ok(about(case));
        }
        return serde_json::from_value(value).context("read the event and the case");
    }
    if value.get("conversation").is_some() {
        return Ok(about(serde_json::from_value(value).context("read the case")?));
    }
    Ok(about(case_of(serde_json::from_value(value).context("read the item")?)))
}

/// The question that a new item raises.
fn about(case: Case) -> Question {
    let event = Event { id: EventId(1), occasion: Occasion::ItemReceived, at: case.now, depth: 0 };
    Question { event, case }
}

/// A new conversation around an item, in an inbox like any other.
fn case_of(item: Item) -> Case {
    let now = item.occurred_at;
    Case {
        now,
        conversation: ConversationView {
            id: ConversationId(1),
            status: Status::Open,
            priority: Priority::Normal,
            destination: None,
            tags: Vec::new(),
            attributes: Vec::new(),
            intent: None,
            listening: None,
            language: item.language.clone(),
            deadline: None,
            waiting_since: Some(now),
            opened_at: now,
            item_count: 1,
            reopened_count: 0,
            handed_over_count: 0,
            escalation_level: 0,
            person_set: PersonSet::default(),
        },
        inbox: InboxView {
            name: "try".into(),
            channel: channel_of(&item).into(),
            department: "try".into(),
            promises: Vec::new(),
        },
        item,
        history: Vec::new(),
        contact: None,
        earlier: Vec::new(),
    }
}

fn channel_of(item: &Item) -> &'static str {
    match item.visibility {
        Visibility::Private => "email",
        Visibility::Public => "web",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ITEM: &str = r#"{"external_id":"m1","kind":"email","visibility":"private","text":"hello","author":{"external_id":"ada@example.com"},"occurred_at":1000}"#;

    #[test]
    fn a_bare_item_becomes_a_case() {
        let lines = format!("{ITEM}\n\n{ITEM}\n");
        let questions = read(lines.as_bytes()).unwrap();
        assert_eq!(questions.len(), 2);
        assert_eq!(questions[0].case.item.text, "hello");
        assert_eq!(questions[0].event.occasion, Occasion::ItemReceived);
    }

    #[test]
    fn a_wrong_line_is_named() {
        let lines = format!("{ITEM}\n{{\"text\":1}}\n");
        let error = read(lines.as_bytes()).err().unwrap();
        assert!(format!("{error:#}").starts_with("read line 2"));
    }
}
