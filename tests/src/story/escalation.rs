//! Nobody answers, and time passes: the promise warns and breaks, silence is escalated.

use serde_json::{Value, json};

use crate::support::company::{PROMISE_MS, WARN_MS};
use crate::support::reply::text;
use crate::support::{HOUR_MS, MINUTE_MS, TestApp};

async fn waiting(app: &TestApp) -> String {
    let conversation = app.say("is anybody there?").await;
    app.settle().await;
    conversation
}

/// The kinds of event that were judged so far.
pub(super) async fn judged(app: &TestApp, conversation: &str) -> Vec<String> {
    let decisions = app.decisions(conversation).await;
    decisions.iter().map(|it| text(it, "/event/kind").to_owned()).collect()
}

/// The levels that fired so far.
pub(super) async fn levels(app: &TestApp, conversation: &str) -> Vec<Value> {
    let decisions = app.decisions(conversation).await;
    let fired = decisions.iter().map(|it| it["outcome"]["escalation"]["level"].clone());
    fired.filter(|level| !level.is_null()).collect()
}

#[tokio::test]
async fn a_promise_warns_before_it_breaks_and_each_is_an_event() {
    let app = TestApp::company().await;
    let conversation = waiting(&app).await;
    app.advance_ms(PROMISE_MS - WARN_MS - 1).await;
    assert_eq!(judged(&app, &conversation).await, ["item-received"]);
    app.advance_ms(1).await;
    assert_eq!(judged(&app, &conversation).await, ["item-received", "promise-warning"]);
    app.advance_ms(WARN_MS - 1).await;
    assert_eq!(judged(&app, &conversation).await.len(), 2);
    app.advance_ms(1).await;
    assert_eq!(judged(&app, &conversation).await, ["item-received", "promise-warning", "promise-breached"]);
    app.advance_ms(100 * HOUR_MS).await;
    assert_eq!(judged(&app, &conversation).await.len(), 3, "a promise breaks once");
}

#[tokio::test]
async fn silence_is_escalated_once_per_level() {
    let app = TestApp::staffed().await;
    let conversation = waiting(&app).await;
    app.advance_ms(30 * MINUTE_MS).await;
    assert_eq!(levels(&app, &conversation).await, [1]);
    assert_eq!(app.conversation(&conversation).await["priority"], "high");
    assert_eq!(app.place(&conversation).await, "service/operator");

    app.advance_ms(30 * MINUTE_MS).await;
    assert_eq!(levels(&app, &conversation).await, [1, 2]);
    assert_eq!(app.conversation(&conversation).await["priority"], "urgent");
    assert_eq!(app.place(&conversation).await, "service/leads");

    for _ in 0..3 {
        app.advance_ms(24 * HOUR_MS).await;
    }
    app.tell(json!({ "author": "u-1", "text": "another matter" })).await;
    app.settle().await;
    assert_eq!(levels(&app, &conversation).await, [1, 2]);
}

#[tokio::test]
async fn a_second_item_of_the_same_wait_does_not_start_the_clock_again() {
    let app = TestApp::staffed().await;
    let received = app.tell(json!({ "id": "m-1", "author": "u-1", "text": "hello?" })).await;
    let conversation = app.conversation_of(&received);
    app.settle().await;
    app.advance_ms(29 * MINUTE_MS).await;
    app.tell(json!({ "id": "m-2", "in_reply_to": "m-1", "author": "u-1", "text": "hello??" })).await;
    app.settle().await;
    assert_eq!(levels(&app, &conversation).await, Vec::<Value>::new());
    app.advance_ms(MINUTE_MS).await;
    assert_eq!(levels(&app, &conversation).await, [1]);
}

#[tokio::test]
async fn an_answer_ends_the_silence() {
    let app = TestApp::staffed().await;
    let conversation = waiting(&app).await;
    app.advance_ms(10 * MINUTE_MS).await;
    let reply = json!({ "agent": "ada", "text": "I am." });
    app.post(&format!("/v1/conversations/{conversation}/reply"), reply).await.json(202);
    app.advance_ms(48 * HOUR_MS).await;
    assert_eq!(levels(&app, &conversation).await, Vec::<Value>::new());
    assert_eq!(judged(&app, &conversation).await, ["item-received"]);
}

#[tokio::test]
async fn after_an_answer_the_levels_count_from_the_start_again() {
    let app = TestApp::staffed().await;
    let received = app.tell(json!({ "id": "m-1", "author": "u-1", "text": "hello?" })).await;
    let conversation = app.conversation_of(&received);
    app.settle().await;
    app.advance_ms(30 * MINUTE_MS).await;
    let reply = json!({ "agent": "ada", "text": "yes?" });
    app.post(&format!("/v1/conversations/{conversation}/reply"), reply).await.json(202);
    app.advance_ms(HOUR_MS).await;
    app.tell(json!({ "id": "m-2", "in_reply_to": "m-1", "author": "u-1", "text": "my kettle leaks" })).await;
    app.settle().await;
    app.advance_ms(30 * MINUTE_MS).await;
    assert_eq!(levels(&app, &conversation).await, [1, 1]);
}

#[tokio::test]
async fn silence_is_escalated_once_even_across_restarts() {
    let app = TestApp::staffed().await;
    let conversation = waiting(&app).await;
    let app = app.restart().await;
    app.advance_ms(30 * MINUTE_MS).await;
    assert_eq!(levels(&app, &conversation).await, [1]);
    let app = app.restart().await;
    app.settle().await;
    assert_eq!(levels(&app, &conversation).await, [1]);
}

#[tokio::test]
async fn after_a_long_stop_only_the_highest_level_reached_fires() {
    let app = TestApp::staffed().await;
    let conversation = waiting(&app).await;
    let app = app.restart().await;
    app.advance_ms(24 * HOUR_MS).await;
    assert_eq!(levels(&app, &conversation).await, [2]);
    assert_eq!(app.place(&conversation).await, "service/leads");
}

#[tokio::test]
async fn an_inbox_without_a_promise_breaks_none() {
    let app = TestApp::company().await;
    app.patch("/v1/inboxes/chat", json!({ "promise": null })).await.json(200);
    let conversation = waiting(&app).await;
    app.advance_ms(100 * HOUR_MS).await;
    assert_eq!(judged(&app, &conversation).await, ["item-received"]);
}

#[tokio::test]
async fn junk_has_no_promise_until_a_person_takes_it_out() {
    let app = TestApp::staffed().await;
    app.enable(json!({
        "name": "junk", "plugin": "keyword-router", "phase": "qualify", "rank": -1, "mode": "active",
        "settings": { "rules": [{ "name": "pills", "any": ["pills"], "spam": true }] },
    }))
    .await;
    let conversation = app.say("cheap pills!").await;
    app.settle().await;
    app.advance_ms(100 * HOUR_MS).await;
    assert_eq!(judged(&app, &conversation).await, ["item-received"]);
    assert_eq!(app.place(&conversation).await, "service/junk");

    let shown = app.conversation(&conversation).await;
    assert!(shown["deadline"].is_null(), "{shown}");
    let hand_off = json!({ "to": { "department": "billing" }, "summary": "our own campaign" });
    app.post(&format!("/v1/conversations/{conversation}/hand-off"), hand_off).await.json(200);
    app.settle().await;
    let decisions = app.decisions(&conversation).await;
    let by_hand = &decisions[1];
    assert_eq!(text(by_hand, "/event/kind"), "asked-by-hand");
    assert_eq!(text(by_hand, "/contributions/0/proposals/0/verdict"), "superseded-by-person");
    assert!(by_hand["contributions"].as_array().unwrap().len() > 1, "the others were asked: {by_hand}");
    assert_eq!(levels(&app, &conversation).await, [2], "the promise was broken long ago");
}
