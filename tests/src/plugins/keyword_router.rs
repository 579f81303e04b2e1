//! Words and patterns.

use serde_json::{Value, json};
use switchboard::domain::case::shown::TEXT_BYTES_MAX;

use crate::support::TestApp;
use crate::support::samples;

/// Where a message goes under these rules, and with what.
async fn routed(rules: Value, item: Value) -> Value {
    let app = TestApp::company().await;
    let activation = json!({ "plugin": "keyword-router", "settings": rules, "mode": "active" });
    app.enable(activation).await;
    let conversation = app.conversation_of(&app.tell(item).await);
    app.settle().await;
    app.conversation(&conversation).await
}

#[tokio::test]
async fn a_rule_says_everything_it_can_say() {
    let rules = json!({ "rules": [{
        "name": "angry", "any": [{ "regex": "never again|charged (me )?twice" }], "none": ["newsletter"],
        "channels": ["web"], "kinds": ["direct-message"], "visibility": "private",
        "destination": { "department": "billing", "queue": "refunds", "assignee": "ben" },
        "priority": "urgent", "tags": ["angry", "money"], "intent": "complaint", "listening": "to-us",
    }] });
    let shown = routed(rules, json!({ "author": "u-1", "text": "You CHARGED ME TWICE!" })).await;
    let said = json!({
        "where": shown["destination"], "priority": shown["priority"], "tags": shown["tags"],
        "intent": shown["intent"], "listening": shown["listening"],
    });
    insta::with_settings!({ sort_maps => true }, {
        insta::assert_json_snapshot!(said, @r#"
        {
          "intent": "complaint",
          "listening": "to-us",
          "priority": "urgent",
          "tags": [
            "angry",
            "money"
          ],
          "where": {
            "assignee": "ben",
            "department": "billing",
            "queue": "refunds"
          }
        }
        "#);
    });
}

#[tokio::test]
async fn junk_goes_to_the_junk_queue_with_its_reason() {
    let app = TestApp::company().await;
    let rules = json!({ "match": "all", "rules": [
        { "name": "sales", "any": ["quote"], "destination": { "department": "billing" } },
        { "name": "junk", "any": ["casino bonus"], "spam": true, "tags": ["junk"] },
    ] });
    app.enable(
        json!({ "plugin": "keyword-router", "settings": rules, "phase": "qualify", "mode": "active" }),
    )
    .await;
    let conversation = app.say("A quote? No: a CASINO bonus!").await;
    app.settle().await;
    assert_eq!(app.place(&conversation).await, "service/junk");
    let decision = app.decision(&conversation).await;
    let outcome = &decision["outcome"];
    assert_eq!(outcome["spam"], "keyword-router");
    assert_eq!(outcome["routing"]["why"], "rule `junk`: `casino bonus` in text");
    assert_eq!(outcome["tags"], json!(["junk"]));
    let proposals = decision["contributions"][0]["proposals"].as_array().unwrap();
    let verdicts: Vec<_> = proposals.iter().map(|it| it["verdict"].as_str().unwrap()).collect();
    assert_eq!(verdicts, ["applied", "applied", "run-ended"], "{proposals:?}");
}

#[tokio::test]
async fn words_are_whole_and_found_in_every_script() {
    let rules = json!({ "rules": [
        { "name": "art", "any": ["art"], "destination": { "department": "management" } },
        { "name": "refund", "any": ["返金", "rückgabe"], "destination": { "department": "billing" } },
    ] });
    let app = TestApp::company().await;
    app.enable(json!({ "plugin": "keyword-router", "settings": rules, "mode": "active" })).await;
    for (words, place) in [
        ("a party", "service/operator"),
        ("modern ART.", "management/general"),
        ("ケトルの返金をお願いします", "billing/general"),
        ("Wo ist die RÜCKGABE?", "billing/general"),
    ] {
        let conversation = app.say(words).await;
        app.settle().await;
        assert_eq!(app.place(&conversation).await, place, "{words}");
    }
}

#[tokio::test]
async fn a_subject_and_an_attribute_can_be_asked_for() {
    let rules = json!({ "rules": [
        { "name": "list", "any": [{ "words": ["support@example.com"], "in": ["attributes.to"] }], "tags": ["direct"],
          "all": [{ "words": ["invoice"], "in": ["subject"] }], "destination": { "department": "billing" } },
    ] });
    let app = TestApp::company().await;
    app.enable(json!({ "plugin": "keyword-router", "settings": rules, "mode": "active" })).await;
    let take = async |id: &str, subject: &str| {
        let mail = samples::mail(id, subject, "see attached");
        let received = app.deliver("mail", "message/rfc822", mail).await.json(202);
        app.settle().await;
        app.place(&app.conversation_of(&received)).await
    };
    assert_eq!(take("k-1", "Invoice 7").await, "billing/general");
    assert_eq!(take("k-2", "Kettle").await, "service/operator");
}

#[tokio::test]
async fn fifty_kilobytes_are_searched_for_twenty_patterns_within_the_budget() {
    let rules: Vec<_> = (0..20)
        .map(|number| {
            json!({ "name": format!("rule-{number}"), "any": [{ "regex": format!("order\\s+#{number}\\d+x") }],
                    "destination": { "department": "management" } })
        })
        .chain([json!({ "name": "last", "any": ["refund"], "destination": { "department": "billing" } })])
        .collect();
    let words = "my order #9 is late ".repeat(2_500) + "refund";
    let shown = routed(json!({ "rules": rules }), json!({ "author": "u-1", "text": words })).await;
    assert_eq!(
        shown["destination"]["department"], "billing",
        "{}",
        shown["decisions"]["entries"][0]["contributions"]
    );
}

/// Texts that cost more to compare than plain ones: much to normalise, to fold, or to go through.
fn costly_texts() -> Vec<(&'static str, String)> {
    let filled = |pattern: &str| pattern.repeat(TEXT_BYTES_MAX / pattern.len());
    vec![
        ("plain words", filled("my order #9 is late ")),
        ("one word", filled("a")),
        ("capitals", filled("A")),
        ("combining marks in the wrong order", filled("a\u{301}\u{323}")),
        ("combining marks on one letter", format!("a{}", "\u{301}\u{323}".repeat(16_000))),
        ("letters that grow when they are folded", filled("\u{390}\u{149}\u{1E9E}\u{FB03}")),
        ("Hangul to compose", filled("\u{1112}\u{1161}\u{11AB}")),
        ("zero-width characters", filled("\u{200B}\u{200D}")),
        ("right to left", filled("\u{5E9}\u{5C1}\u{5B8}\u{202E}")),
        ("ideographs", filled("返金")),
        ("emoji in families", filled("\u{1F469}\u{200D}\u{1F469}\u{200D}\u{1F467}")),
        ("white space", filled("\u{2003}\n")),
        ("beginnings of what is sought", filled("order #1 refun ")),
    ]
}

#[tokio::test]
async fn keyword_router_has_fuel_for_every_text_of_the_largest_size() {
    let rules: Vec<_> = (0..200)
        .map(|number| {
            let any = match number % 2 {
                0 => json!([{ "words": [format!("refund {number}"), format!("rückgabe{number}")], "in": ["text", "quoted", "subject"] }]),
                _ => json!([{ "regex": format!("order\\s+#{number}\\d+x"), "in": ["text", "quoted"] }]),
            };
            json!({ "name": format!("rule-{number}"), "any": any, "tags": ["found"] })
        })
        .collect();
    let app = TestApp::company().await;
    let settings = json!({ "match": "all", "rules": rules });
    app.enable(json!({ "plugin": "keyword-router", "settings": settings, "mode": "active" })).await;
    for (name, words) in costly_texts() {
        let case = json!({
            "now": 1_000,
            "item": {
                "external_id": "m1", "kind": "email", "visibility": "private", "text": words, "quoted": words,
                "subject": words, "author": { "external_id": "u-1" }, "occurred_at": 1_000,
            },
            "conversation": { "id": "cnv_0000000000001", "status": "open", "opened_at": 1_000, "item_count": 1 },
            "inbox": { "name": "chat", "channel": "web", "department": "service" },
        });
        let decided = app.post("/v1/evaluate", json!({ "case": case })).await.json(200);
        let router = &decided["contributions"][0];
        println!("{name}: {} units of fuel", router["fuel"]);
        // On a busy machine the clock may come first.
        let failure = router["failure"]["name"].as_str().unwrap_or("none");
        assert!(["none", "deadline"].contains(&failure), "{name}: {router}");
    }
}
