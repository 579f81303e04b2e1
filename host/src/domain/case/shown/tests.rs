//! The cut of a case, by example and property.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::domain::case::HISTORY_MAX;
use crate::domain::proposal::Action;

fn case() -> Case {
    serde_json::from_value(json!({
        "now": 2_000,
        "item": {
            "external_id": "m1", "kind": "email", "visibility": "private", "text": "hello",
            "author": { "external_id": "ada@example.com" }, "occurred_at": 1_000,
        },
        "conversation": {
            "id": "cnv_0000000000001", "status": "open", "opened_at": 1_000, "item_count": 1,
        },
        "inbox": { "name": "support", "channel": "email", "department": "service" },
        "contact": { "id": "ctc_0000000000001" },
    }))
    .unwrap()
}

fn with(change: impl FnOnce(&mut Case)) -> Case {
    let mut case = case();
    change(&mut case);
    case.cut();
    case
}

const NEEDS: [CaseField; 2] = [CaseField::History, CaseField::Contact];

/// The largest case there is: every text and list is longer than what is shown of it.
fn huge() -> Case {
    let long = || "a\u{301}".repeat(100_000);
    let fact = || Attribute { key: long(), value: long() };
    let mut case = case();
    let item = &mut case.item;
    (item.text, item.external_id, item.author.external_id) = (long(), long(), long());
    for text in [&mut item.subject, &mut item.html, &mut item.quoted, &mut item.language, &mut item.permalink]
    {
        *text = Some(long());
    }
    (item.author.name, item.author.handle) = (Some(long()), Some(long()));
    item.in_reply_to = vec![long(); 100];
    item.attributes = vec![fact(); 100];
    let source = AttachmentSource::Remote { url: long() };
    item.attachments = vec![Attachment { name: Some(long()), media_type: long(), source }; 100];
    let conversation = &mut case.conversation;
    conversation.tags = vec![long(); 100];
    conversation.attributes =
        (0..100).map(|_| Attribute { key: "k".into(), value: "v".repeat(1_000) }).collect();
    (conversation.intent, conversation.language) = (Some(long()), Some(long()));
    conversation.destination =
        Some(Destination { department: long(), queue: Some(long()), assignee: Some(long()) });
    let past: PastItem = serde_json::from_value(json!({
        "direction": "inbound", "kind": "email", "author_name": long(), "text": long(), "occurred_at": 1,
    }))
    .unwrap();
    case.history = vec![past; HISTORY_MAX + 5];
    case.contact.as_mut().unwrap().name = Some(long());
    let proposal = Proposal { action: Action::Note { text: "n".repeat(1_000) }, why: "w".repeat(1_000) };
    case.earlier = vec![EarlierProposal { by: "one".into(), proposal }; 1_000];
    case
}

#[test]
fn largest_case_shown_is_within_its_documented_size() {
    let mut case = huge();
    case.cut();
    let bytes = case.bytes(&NEEDS);
    assert!(bytes < CASE_BYTES_MAX, "{bytes}");
    assert_eq!(case.item.text.len(), TEXT_BYTES_MAX);
}

#[test]
fn ordinary_case_is_shown_whole() {
    assert_eq!(with(|_| {}), case());
}

#[test]
fn long_text_is_cut_between_characters_and_marked() {
    let shown = with(|it| it.item.text = "ü".repeat(TEXT_BYTES_MAX));
    let text = &shown.item.text;
    assert!(text.ends_with(MARK) && text.len() <= TEXT_BYTES_MAX && text.len() > TEXT_BYTES_MAX - 4);
    let exact = with(|it| it.item.text = "x".repeat(TEXT_BYTES_MAX));
    assert_eq!(exact.item.text, "x".repeat(TEXT_BYTES_MAX));
}

#[test]
fn latest_items_of_a_long_history_are_shown() {
    let past = |text: &str| -> PastItem {
        serde_json::from_value(
            json!({ "direction": "inbound", "kind": "email", "text": text, "occurred_at": 1 }),
        )
        .unwrap()
    };
    let shown = with(|it| it.history = (0..12).map(|number| past(&number.to_string())).collect());
    let texts: Vec<_> = shown.history.iter().map(|it| it.text.as_str()).collect();
    assert_eq!(texts, ["2", "3", "4", "5", "6", "7", "8", "9", "10", "11"]);
}

#[test]
fn fields_that_a_policy_does_not_see_cost_it_nothing() {
    let case = with(|it| it.contact.as_mut().unwrap().name = Some("Ada".into()));
    assert_eq!(case.bytes(&[CaseField::Contact]), case.bytes(&[]) + 3);
}

#[test]
fn neutral_case_holds_nothing_that_anyone_said() {
    let mut case = huge();
    case.cut();
    let neutral = case.neutral();
    assert!(neutral.bytes(&NEEDS) < 2_000, "{}", neutral.bytes(&NEEDS));
}

proptest! {
    #[test]
    fn second_cut_changes_nothing(
        text in "\\PC{0,40}",
        times in 1_usize..4_000,
        labels in vec("\\PC{0,400}", 0..80),
        subject in option::of("\\PC{0,1200}"),
    ) {
        let shown = with(|it| {
            it.item.text = text.repeat(times);
            it.item.subject = subject;
            it.conversation.tags.clone_from(&labels);
            it.item.attributes = labels.into_iter().map(|it| Attribute { key: it.clone(), value: it }).collect();
        });
        let mut again = shown.clone();
        again.cut();
        prop_assert_eq!(again, shown);
    }
}
