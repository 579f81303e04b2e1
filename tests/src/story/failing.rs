//! What is done with a conversation when a policy fails: decided without it, judged again later, or
//! given to the operator.

use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::guest::{Guest, Kind, TRAP};
use crate::support::reply::text;

/// How long an event waits, time after time.
const WAITS_MS: [i64; 3] = [10_000, 30_000, 90_000];

async fn failing(on_failure: &str, mode: &str) -> TestApp {
    let app = TestApp::staffed().await;
    app.upload(Guest::policy("judge", TRAP).component()).await.json(201);
    let activation =
        json!({ "plugin": "judge", "phase": "qualify", "rank": -1, "mode": mode, "on_failure": on_failure });
    assert_eq!(app.enable(activation).await["on_failure"], on_failure);
    app
}

async fn say(app: &TestApp) -> String {
    let conversation = app.say("a refund, please").await;
    app.settle().await;
    conversation
}

/// The verdict on the router's proposal to send it to the refunds.
fn verdict(decision: &Value) -> &str {
    let contributions = decision["contributions"].as_array().unwrap();
    let router = contributions.iter().find(|it| it["name"] == "keyword-router").unwrap();
    let to_refunds = router["proposals"].as_array().unwrap().iter().find(|it| it["kind"] == "destination");
    text(to_refunds.unwrap(), "/verdict")
}

#[tokio::test]
async fn skipping_is_what_happens_unless_somebody_says_otherwise() {
    let app = failing("skip", "active").await;
    let conversation = say(&app).await;
    assert_eq!(app.place(&conversation).await, "billing/refunds");
    let untold = app.get("/v1/activations/keyword-router").await.json(200);
    assert_eq!(untold["on_failure"], "skip");
}

#[tokio::test]
async fn parking_gives_the_conversation_to_the_operator_with_the_reason() {
    let app = failing("park", "active").await;
    let conversation = say(&app).await;
    assert_eq!(app.place(&conversation).await, "service/operator");
    let decision = app.decision(&conversation).await;
    assert_eq!(text(&decision, "/outcome/routing/why"), "the policy judge failed (trap)");
    assert_eq!(verdict(&decision), "parked");
    // What does not send it anywhere takes effect all the same.
    assert_eq!(decision["outcome"]["intent"], "refund");
}

#[tokio::test]
async fn parking_takes_a_conversation_from_nobody_who_decided() {
    let app = failing("skip", "active").await;
    let conversation = say(&app).await;
    let to = json!({ "to": { "department": "management" }, "summary": "theirs" });
    app.post(&format!("/v1/conversations/{conversation}/hand-off"), to).await.ok();
    app.patch("/v1/activations/judge", json!({ "on_failure": "park" })).await.json(202);
    let more = json!({ "id": "more", "in_reply_to": "said-0", "author": "u-1", "text": "a refund!" });
    assert_eq!(app.conversation_of(&app.tell(more).await), conversation);
    app.settle().await;
    assert_eq!(app.decisions(&conversation).await.len(), 2);
    assert_eq!(app.place(&conversation).await, "management/general");
}

#[tokio::test]
async fn a_failing_policy_in_shadow_parks_nothing() {
    let app = failing("park", "shadow").await;
    let conversation = say(&app).await;
    assert_eq!(app.place(&conversation).await, "billing/refunds");
}

#[tokio::test]
async fn retrying_waits_longer_each_time_and_ends_with_the_operator() {
    let app = failing("retry", "active").await;
    let conversation = say(&app).await;
    for wait_ms in WAITS_MS {
        app.advance_ms(wait_ms - 1).await;
        assert_eq!(app.decisions(&conversation).await.len(), 0, "it waits");
        app.advance_ms(1).await;
    }
    let decisions = app.decisions(&conversation).await;
    assert_eq!(decisions.len(), 1);
    assert_eq!(app.place(&conversation).await, "service/operator");
    assert!(
        text(&decisions[0], "/outcome/routing/why").contains("again and again (trap)"),
        "{}",
        decisions[0]
    );
    assert_eq!(decisions[0]["contributions"][0]["failure"]["name"], "trap");
    let metrics = app.get("/metrics").await.text();
    assert!(metrics.contains("switchboard_events_postponed_total 3"), "{metrics}");
    assert!(
        metrics.contains("switchboard_plugin_failures_total{plugin=\"judge\",failure=\"trap\"} 4"),
        "{metrics}"
    );
}

#[tokio::test]
async fn a_policy_that_works_again_judges_what_waited() {
    let app = failing("retry", "active").await;
    let conversation = say(&app).await;
    let good = Guest::proposing("judge", Kind::Abstain, "nothing to add").version("2.0.0");
    app.upload(good.component()).await.json(201);
    app.patch("/v1/activations/judge", json!({ "version": "2.0.0" })).await.json(202);
    app.settle().await;
    assert_eq!(app.decisions(&conversation).await.len(), 0, "it waits its time");
    app.advance_ms(WAITS_MS[0]).await;
    assert_eq!(app.place(&conversation).await, "billing/refunds");
    assert_eq!(app.decision(&conversation).await["contributions"][0].get("failure"), None);
}

#[tokio::test]
async fn nothing_overtakes_what_waits_and_nothing_else_waits_with_it() {
    let app = failing("skip", "active").await;
    app.patch("/v1/activations/judge", json!({ "on_failure": "retry" })).await.json(202);
    let first = app.tell(json!({ "id": "m-1", "author": "u-1", "text": "a refund" })).await;
    let conversation = app.conversation_of(&first);
    app.settle().await;
    let again = json!({ "id": "m-2", "in_reply_to": "m-1", "author": "u-1", "text": "a refund!" });
    assert_eq!(app.conversation_of(&app.tell(again).await), conversation);
    app.settle().await;
    assert_eq!(app.decisions(&conversation).await.len(), 0, "the second waits behind the first");
    app.patch("/v1/activations/judge", json!({ "on_failure": "skip" })).await.json(202);
    let other = say(&app).await;
    assert_eq!(app.place(&other).await, "billing/refunds");
    assert_eq!(app.decisions(&conversation).await.len(), 0);
    app.advance_ms(WAITS_MS[0]).await;
    let decisions = app.decisions(&conversation).await;
    assert_eq!(decisions.len(), 2);
    assert!(text(&decisions[0], "/event/id") < text(&decisions[1], "/event/id"));
}

#[tokio::test]
async fn a_restart_forgets_neither_the_wait_nor_how_often_it_was_judged() {
    let app = failing("retry", "active").await;
    let conversation = say(&app).await;
    app.advance_ms(WAITS_MS[0]).await;
    let app = app.restart_without_compiler().await;
    app.settle().await;
    assert_eq!(app.decisions(&conversation).await.len(), 0, "it still waits");
    app.advance_ms(WAITS_MS[1]).await;
    app.advance_ms(WAITS_MS[2]).await;
    assert_eq!(app.decisions(&conversation).await.len(), 1);
    assert_eq!(app.place(&conversation).await, "service/operator");
}

#[tokio::test]
async fn a_suspended_policy_is_decided_without_whatever_its_failures_would_mean() {
    let app = failing("park", "active").await;
    for _ in 0..5 {
        say(&app).await;
    }
    let conversation = say(&app).await;
    assert_eq!(app.place(&conversation).await, "billing/refunds");
}
