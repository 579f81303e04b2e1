//! The clock is set: an hour on or back, as happens to machines. Nothing is lost and nothing is done twice.

use serde_json::json;

use super::escalation::{judged, levels};
use crate::support::company::PROMISE_MS;
use crate::support::{HOUR_MS, MINUTE_MS, Reply, TestApp};

#[tokio::test]
async fn an_hour_back_loses_no_item_and_fires_no_timer_twice() {
    let app = TestApp::staffed().await;
    let first = app.say("is anybody there?").await;
    app.settle().await;
    app.advance_ms(30 * MINUTE_MS).await;
    assert_eq!(levels(&app, &first).await, [1]);
    app.advance_ms(-HOUR_MS).await;
    let second = app.say("a refund, please").await;
    app.settle().await;
    assert_eq!(app.place(&second).await, "billing/refunds");
    // It lives through the same half hour once more, and what happened in it does not happen again.
    app.advance_ms(HOUR_MS).await;
    assert_eq!(levels(&app, &first).await, [1]);
    assert_eq!(judged(&app, &second).await[0], "item-received");
    app.advance_ms(PROMISE_MS).await;
    // Of levels that are reached at once the highest fires alone.
    for (conversation, fired) in [(&first, &[1, 2][..]), (&second, &[2])] {
        assert_eq!(levels(&app, conversation).await, fired);
        let judged = judged(&app, conversation).await;
        let count = |kind: &str| judged.iter().filter(|it| *it == kind).count();
        let once = ["item-received", "promise-warning", "promise-breached"].map(count);
        assert_eq!(once, [1, 1, 1], "{judged:?}");
    }
    let app = app.restart().await;
    app.advance_ms(-HOUR_MS).await;
    app.advance_ms(HOUR_MS).await;
    assert_eq!(levels(&app, &first).await, [1, 2]);
    assert_eq!(levels(&app, &second).await, [2]);
}

#[tokio::test]
async fn an_hour_on_fires_what_is_due_by_then_and_each_once() {
    let app = TestApp::staffed().await;
    let conversation = app.say("is anybody there?").await;
    // Nothing was routed yet when the clock was set.
    app.advance_ms(HOUR_MS).await;
    let at_once = judged(&app, &conversation).await;
    assert_eq!(at_once.iter().filter(|it| *it == "item-received").count(), 1, "{at_once:?}");
    app.advance_ms(-HOUR_MS).await;
    app.advance_ms(3 * HOUR_MS).await;
    assert_eq!(
        levels(&app, &conversation).await,
        [2],
        "of levels that are reached at once the highest fires"
    );
}

#[tokio::test]
async fn a_token_outlives_a_set_clock_and_expires_when_it_should() {
    let app = TestApp::company().await;
    let token = app.token_for(json!({ "role": "auditor", "expires_in_days": 1 })).await;
    let ask = async || app.ask_as(&token, "GET", "/v1/me", None).await.status.as_u16();
    for jump in [-HOUR_MS, HOUR_MS, HOUR_MS, -HOUR_MS] {
        app.clock.advance_ms(jump);
        assert_eq!(ask().await, 200);
    }
    app.clock.advance_ms(23 * HOUR_MS);
    assert_eq!(ask().await, 200);
    app.clock.advance_ms(HOUR_MS);
    assert_eq!(ask().await, 401);
}

#[tokio::test]
async fn what_was_done_under_a_key_is_not_done_again_when_the_clock_is_set() {
    let app = TestApp::company().await;
    let conversation = app.say("hello").await;
    app.settle().await;
    let path = format!("/v1/conversations/{conversation}/note");
    let note = json!({ "agent": "ada", "text": "a remark" }).to_string();
    let headers = [("content-type", "application/json"), ("idempotency-key", "k-1")];
    let ask = async || -> Reply { app.ask("POST", &path, &headers, note.clone()).await };
    let first = ask().await.json(200);
    for jump in [-HOUR_MS, 2 * HOUR_MS, -HOUR_MS] {
        app.clock.advance_ms(jump);
        let again = ask().await;
        assert_eq!(again.headers["idempotency-replayed"], "true");
        assert_eq!(again.json(200), first);
    }
    assert_eq!(app.conversation(&conversation).await["notes"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_set_clock_gives_no_caller_more_and_shuts_none_out() {
    let app = TestApp::company().await;
    let allowance = json!({ "requests_per_second": 2 });
    let token = app.token_for(json!({ "role": "admin", "allowance": allowance })).await;
    let ask = async || app.ask_as(&token, "GET", "/v1/me", None).await.status.as_u16();
    for jump in [-HOUR_MS, HOUR_MS] {
        assert_eq!([ask().await, ask().await, ask().await], [200, 200, 429]);
        app.clock.advance_ms(jump);
        if jump < 0 {
            assert_eq!(ask().await, 429, "a clock that goes back gives nothing away");
            app.clock.advance_ms(1_000);
        }
    }
    assert_eq!([ask().await, ask().await, ask().await], [200, 200, 429]);
}
