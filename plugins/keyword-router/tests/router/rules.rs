use serde_json::{Value, json};
use switchboard_plugin_sdk::prelude::*;
use switchboard_plugin_sdk::testing::{self, With};

use super::ask;

fn holds(rule: Value, case: &Case) -> bool {
    let mut rule = rule;
    rule["name"] = json!("x");
    rule["priority"] = json!("high");
    !ask(json!({"rules": [rule]}), case).is_empty()
}

#[test]
fn any_all_and_none_are_combined() {
    let rule = json!({"any": ["a", "b"], "all": ["c", {"regex": "d+"}], "none": ["e"]});
    for (text, expected) in [
        ("a c d", true),
        ("b c ddd", true),
        ("c d", false),
        ("a b c", false),
        ("a c d e", false),
        ("", false),
    ] {
        assert_eq!(holds(rule.clone(), &testing::case(text)), expected, "{text}");
    }
    assert!(holds(json!({"none": ["e"]}), &testing::case("")));
}

#[test]
fn a_condition_looks_into_subject_and_text() {
    let case = testing::case("x").with(|case| case.item.subject = Some("Invoice".to_owned()));
    assert!(holds(json!({"any": ["invoice"]}), &case));
    assert!(holds(json!({"all": ["invoice", "x"]}), &case));
    assert!(!holds(json!({"any": [{"words": ["invoice"], "in": ["text"]}]}), &case));
}

#[test]
fn circumstances_are_asked_for() {
    let case = testing::case("x").with(|case| {
        case.item.visibility = Visibility::Public;
        case.item.kind = ItemKind::Mention;
        case.conversation.tags = vec!["vip".to_owned()];
        case.inbox.channel = "mastodon".to_owned();
    });
    for (rule, expected) in [
        (json!({"channels": ["email", "Mastodon"]}), true),
        (json!({"channels": ["email"]}), false),
        (json!({"kinds": ["mention"]}), true),
        (json!({"kinds": ["review", "direct-message"]}), false),
        (json!({"visibility": "public"}), true),
        (json!({"visibility": "private"}), false),
        (json!({"tagged": ["press", "vip"]}), true),
        (json!({"tagged": ["press"]}), false),
        (json!({}), true),
    ] {
        assert_eq!(holds(rule.clone(), &case), expected, "{rule}");
    }
}

#[test]
fn a_language_includes_its_regions() {
    let with_language = |item: Option<&str>, conversation: Option<&str>| {
        testing::case("").with(|case| {
            case.item.language = item.map(str::to_owned);
            case.conversation.language = conversation.map(str::to_owned);
        })
    };
    let german = json!({"languages": ["DE"]});
    assert!(holds(german.clone(), &with_language(Some("de"), None)));
    assert!(holds(german.clone(), &with_language(Some("de-AT"), Some("en"))));
    assert!(holds(german.clone(), &with_language(None, Some("de"))));
    assert!(!holds(german.clone(), &with_language(Some("den"), None)));
    assert!(!holds(german.clone(), &with_language(Some("en"), Some("de"))));
    assert!(!holds(german.clone(), &with_language(Some("d"), None)));
    assert!(!holds(german, &with_language(None, None)));
}

fn two_rules(mode: &str) -> Value {
    json!({"match": mode, "rules": [
        {"name": "refunds", "any": ["refund"], "destination": {"department": "billing", "queue": "refunds"},
         "intent": "refund", "tags": ["money"]},
        {"name": "anger", "any": ["lawyer"], "destination": {"department": "legal"},
         "priority": "urgent", "tags": ["angry"], "listening": "about-us"},
    ]})
}

#[test]
fn the_first_rule_that_holds_speaks() {
    let proposals = ask(two_rules("first"), &testing::case("Refund or my lawyer!"));
    let why = "rule `refunds`: `refund` in text";
    let expected = [
        Action::destination(Destination::department("billing").queue("refunds")),
        Action::intent("refund"),
        Action::tags(["money"]),
    ];
    assert_eq!(proposals, expected.map(|action| action.because(why)));
}

#[test]
fn a_later_rule_speaks_when_the_first_does_not_hold() {
    let proposals = ask(two_rules("first"), &testing::case("my LAWYER"));
    assert_eq!(proposals[0].action, Action::destination("legal"));
    assert!(proposals.iter().all(|proposal| proposal.why == "rule `anger`: `lawyer` in text"));
}

#[test]
fn all_rules_speak_and_the_earlier_one_counts() {
    let proposals = ask(two_rules("all"), &testing::case("Refund or my lawyer!"));
    let actions: Vec<Action> = proposals.into_iter().map(|proposal| proposal.action).collect();
    let expected = [
        Action::destination(Destination::department("billing").queue("refunds")),
        Action::intent("refund"),
        Action::tags(["money"]),
        Action::Listening(Listening::AboutUs),
        Action::Priority(Priority::Urgent),
        Action::tags(["angry"]),
    ];
    assert_eq!(actions, expected);
}

#[test]
fn a_reason_names_findings_and_circumstances() {
    let rule = json!({"name": "x", "all": ["a", "b"], "any": ["c"], "kinds": ["email"],
        "visibility": "private", "priority": "low"});
    let why = ask(json!({"rules": [rule]}), &testing::case("c b a")).remove(0).why;
    assert_eq!(why, "rule `x`: `a` in text, `b` in text, `c` in text; of kind email, private");

    let rule = json!({"name": "x", "channels": ["email"], "priority": "low"});
    let why = ask(json!({"rules": [rule]}), &testing::case("")).remove(0).why;
    assert_eq!(why, "rule `x`: on email");

    let rule = json!({"name": "x", "priority": "low"});
    let why = ask(json!({"rules": [rule]}), &testing::case("")).remove(0).why;
    assert_eq!(why, "rule `x`: nothing speaks against it");
}

#[test]
fn a_reason_stays_within_the_contract() {
    let words: Vec<String> = (0..9).map(|n| format!("{n}{}", "金".repeat(400))).collect();
    let channels: Vec<String> =
        (0..500).map(|n| format!("channel-{n}")).chain(["email".to_owned()]).collect();
    let rule = json!({"name": "n".repeat(64), "all": words, "channels": channels, "priority": "low"});
    let why = ask(json!({"rules": [rule]}), &testing::case(&words.join(" "))).remove(0).why;
    assert_eq!(why.chars().count(), 1_000);
}

#[test]
fn spam_is_said_with_the_rule_and_what_was_found() {
    let rule = json!({"name": "junk", "any": ["casino bonus"], "spam": true});
    let proposals = ask(json!({"rules": [rule]}), &testing::case("Your CASINO bonus waits"));
    assert_eq!(proposals, [Action::Spam.because("rule `junk`: `casino bonus` in text")]);
    let quiet = json!({"name": "x", "any": ["casino"], "tags": ["x"], "spam": false});
    let proposals = ask(json!({"rules": [quiet]}), &testing::case("casino"));
    assert_eq!(proposals.len(), 1);
    assert_eq!(proposals[0].action, Action::tags(["x"]));
}

#[test]
fn spam_is_said_once_after_what_still_counts_and_before_what_does_not() {
    let settings = json!({"match": "all", "rules": [
        {"name": "sales", "any": ["quote"], "destination": {"department": "sales"}, "intent": "sales"},
        {"name": "junk", "any": ["casino"], "spam": true, "tags": ["junk"], "priority": "low"},
        {"name": "worse", "any": ["bonus"], "spam": true, "listening": "to-us"},
    ]});
    let proposals = ask(settings, &testing::case("a quote for a casino bonus"));
    let actions: Vec<Action> = proposals.into_iter().map(|proposal| proposal.action).collect();
    let expected = [
        Action::intent("sales"),
        Action::Priority(Priority::Low),
        Action::tags(["junk"]),
        Action::Listening(Listening::ToUs),
        Action::Spam,
        Action::destination("sales"),
    ];
    assert_eq!(actions, expected);
}
