use serde_json::json;
use switchboard_plugin_sdk::testing::{self, With};

use super::{ask, finds};

#[test]
fn words_match_whole_words_only() {
    assert!(finds(json!("refund"), "Refund, please!"));
    assert!(finds(json!("refund"), "(refund)"));
    assert!(!finds(json!("refund"), "refunds and prerefund and re-fund"));
    assert!(finds(json!("refund"), "refunds? No: refund."));
    assert!(!finds(json!("art"), "state_of_the_art"));
}

#[test]
fn phrases_match_across_any_white_space() {
    assert!(finds(json!("money back"), "I want my money\r\n  back"));
    assert!(!finds(json!("money back"), "moneyback"));
    assert!(finds(json!("  money\tback "), "money back"));
}

#[test]
fn case_and_composition_make_no_difference() {
    assert!(finds(json!("réclamation"), "RE\u{301}CLAMATION"));
    assert!(finds(json!("STRASSE"), "in der Straße"));
    assert!(finds(json!("ΤΙΜΟΛΟΓΙΟΣ"), "τιμολογιος"));
    assert!(finds(json!("жалоба"), "ЖАЛОБА!"));
    assert!(finds(json!("iptal"), "İPTAL"));
    assert!(!finds(json!("resume"), "re\u{301}sume\u{301}"));
}

#[test]
fn scripts_without_spaces_match_inside_the_text() {
    assert!(finds(json!("返金"), "すぐに返金してください"));
    assert!(finds(json!("退款"), "我要退款"));
    assert!(finds(json!("환불"), "환불을 원합니다"));
    assert!(finds(json!("คืนเงิน"), "ฉันต้องการคืนเงินครับ"));
    assert!(finds(json!("refund"), "すぐにrefundして"));
    assert!(!finds(json!("fund"), "すぐにrefundして"));
}

#[test]
fn marks_that_follow_a_letter_belong_to_the_word() {
    assert!(finds(json!("नमस्ते"), "नमस्ते।"));
    assert!(!finds(json!("नम"), "नमस्ते"));
    assert!(!finds(json!("שלום"), "שלוםה"));
}

#[test]
fn words_of_symbols_are_found_too() {
    assert!(finds(json!("🤬"), "why🤬why"));
    assert!(finds(json!("c++"), "I write C++."));
    assert!(finds(json!("#fail"), "so slow #FAIL"));
}

#[test]
fn patterns_ignore_case_unless_told() {
    assert!(finds(json!({"regex": r"order\s+#\d{4}"}), "My ORDER #4711"));
    assert!(!finds(json!({"regex": r"(?-i)order"}), "ORDER"));
    assert!(finds(json!({"regex": "straße"}), "STRAẞE"));
    assert!(finds(json!({"regex": "cafe\u{301}"}), "CAF\u{c9}"));
}

#[test]
fn word_boundaries_in_patterns_know_every_script() {
    let pattern = json!({"regex": r"\bÄrger\b"});
    assert!(finds(pattern.clone(), "nur ärger!"));
    assert!(!finds(pattern, "geärgert, Ärgernis"));
    let pattern = json!({"regex": r"\bcafe\b"});
    assert!(finds(pattern.clone(), "the cafe"));
    assert!(!finds(pattern.clone(), "the cafeé"));
    assert!(finds(pattern, "é cafe é"));
}

#[test]
fn patterns_too_large_for_a_common_table_are_found_all_the_same() {
    let large: Vec<_> = (0..12)
        .map(|number| json!({"regex": format!(r"start{number}.*middle{number}.*end{number}\w{{40}}")}))
        .collect();
    let settings = json!({"rules": [{"name": "x", "all": large, "priority": "high"}]});
    let word = "é".repeat(40);
    let text: String =
        (0..12).map(|number| format!("start{number} middle{number} end{number}{word} ")).collect();
    assert_eq!(ask(settings.clone(), &testing::case(&text)).len(), 1);
    let text = text.replace("middle7", "muddle7");
    assert!(ask(settings, &testing::case(&text)).is_empty());
}

#[test]
fn many_patterns_are_told_apart() {
    let any: Vec<_> = (0..300).map(|number| json!({"regex": format!(r"ticket-{number:03}\b")})).collect();
    let settings = json!({"rules": [{"name": "x", "any": any, "priority": "high"}]});
    for (text, label) in [("see ticket-007!", "007"), ("é ticket-299", "299")] {
        let why = ask(settings.clone(), &testing::case(text)).remove(0).why;
        assert_eq!(why, format!(r"rule `x`: `ticket-{label}\b` in text"));
    }
    assert!(ask(settings, &testing::case("ticket-300")).is_empty());
}

#[test]
fn empty_and_huge_texts_are_judged() {
    assert!(!finds(json!("refund"), ""));
    assert!(finds(json!({"regex": r"^\s*$"}), " \n"));
    let huge = format!("{} refund", "lorem ipsum 金 ".repeat(100_000));
    assert!(finds(json!("refund"), &huge));
    assert!(finds(json!({"regex": r"\brefund$"}), &huge));
}

#[test]
fn every_field_can_be_searched() {
    let case = testing::case("").with(|case| {
        case.item.subject = Some("sub ject".to_owned());
        case.item.quoted = Some("quo ted".to_owned());
        case.item.author.handle = Some("han-dle".to_owned());
        case.item.author.name = Some("na me".to_owned());
        case.item.author.external_id = "id@example.com".to_owned();
        let fact = |key: &str, value: &str| switchboard_plugin_sdk::Attribute {
            key: key.to_owned(),
            value: value.to_owned(),
        };
        case.item.attributes.push(fact("plan", "gold"));
        case.conversation.attributes.push(fact("plan", "silver"));
        case.conversation.attributes.push(fact("region", "north"));
    });
    for (field, word, holds) in [
        ("subject", "sub", true),
        ("quoted", "ted", true),
        ("author.handle", "han", true),
        ("author.name", "me", true),
        ("author.id", "example.com", true),
        ("attributes.plan", "gold", true),
        ("attributes.plan", "silver", false),
        ("attributes.region", "north", true),
        ("attributes.other", "north", false),
        ("text", "sub", false),
    ] {
        let any = [json!({"words": ["nothing", word], "in": [field]})];
        let settings = json!({"rules": [{"name": "x", "any": any, "priority": "low"}]});
        let proposals = ask(settings, &case);
        assert_eq!(!proposals.is_empty(), holds, "{field} {word}");
        if holds {
            assert_eq!(proposals[0].why, format!("rule `x`: `{word}` in {field}"));
        }
    }
}
