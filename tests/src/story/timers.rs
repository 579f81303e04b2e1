//! A policy wants to be asked again: at odd moments, by too many timers, for ever.

use serde_json::{Value, json};

use crate::support::company::word_to;
use crate::support::reply::text;
use crate::support::timing::{Timers, setter};
use crate::support::{HOUR_MS, TestApp};

/// How many timers of one policy one conversation has.
const OPEN_MAX: u64 = 32;

/// A company with a policy that sets these timers, and a conversation that it was asked about.
async fn with_timers(timers: Timers) -> (TestApp, String) {
    let app = TestApp::company().await;
    app.enable(word_to("billing-rules", "invoice", "billing")).await;
    app.upload(setter("setter", timers).component()).await.json(201);
    app.enable(json!({ "plugin": "setter", "phase": "qualify", "mode": "active" })).await;
    let conversation = app.say("my invoice is wrong").await;
    (app, conversation)
}

/// What the policy proposed in a decision, with the verdicts.
fn proposed(decision: &Value) -> Vec<Value> {
    let contributions = decision["contributions"].as_array().unwrap();
    let setter = contributions.iter().find(|it| it["name"] == "setter").unwrap();
    setter["proposals"].as_array().unwrap().clone()
}

/// How often a timer was due, however long one waits.
async fn times_due(app: &TestApp, conversation: &str) -> usize {
    app.advance_ms(1_000 * HOUR_MS).await;
    let decisions = app.decisions(conversation).await;
    decisions.iter().filter(|it| text(it, "/event/kind") == "timer-due").count()
}

fn verdicts(decision: &Value) -> Vec<String> {
    proposed(decision).iter().map(|it| text(it, "/verdict").to_owned()).collect()
}

#[tokio::test]
async fn a_policy_that_has_itself_asked_for_ever_ends_with_the_operator() {
    for delay_ms in [0, -1] {
        let (app, conversation) = with_timers(Timers { count: 1, delay_ms, other_keys: false }).await;
        app.settle().await;
        let decisions = app.decisions(&conversation).await;
        let depths: Vec<_> = decisions.iter().map(|it| it["event"]["depth"].as_u64().unwrap()).collect();
        assert_eq!(depths, (0..=16).collect::<Vec<_>>(), "after {delay_ms} ms");
        let (last, asked) = decisions.split_last().unwrap();
        assert!(asked.iter().all(|it| verdicts(it) == ["applied"]), "{asked:?}");
        assert_eq!(text(&asked[0], "/outcome/routing/destination/department"), "billing");
        assert_eq!(last["contributions"], json!([]), "nobody is asked any more");
        assert!(text(last, "/outcome/routing/why").contains("causing one another"), "{last}");
        assert_eq!(app.place(&conversation).await, "service/operator");
        assert_eq!(times_due(&app, &conversation).await, 16);
    }
}

#[tokio::test]
async fn a_timer_that_nobody_would_live_to_see_is_refused_with_the_limit() {
    let timers = Timers { count: 1, delay_ms: 1_000_000_000_000_000_000, other_keys: false };
    let (app, conversation) = with_timers(timers).await;
    app.settle().await;
    let decision = app.decision(&conversation).await;
    let refused = &proposed(&decision)[0];
    assert_eq!(text(refused, "/verdict"), "invalid", "{refused}");
    assert!(text(refused, "/detail").contains("within 3650 days"), "{refused}");
    assert_eq!(app.place(&conversation).await, "billing/general", "what others say stands");
    assert_eq!(times_due(&app, &conversation).await, 0);
}

#[tokio::test]
async fn timers_that_set_timers_stay_under_their_bound() {
    let (app, conversation) = with_timers(Timers { count: 40, delay_ms: 0, other_keys: true }).await;
    switchboard::flow::route::route_batch(app.flow()).await.unwrap();
    let first = app.decision(&conversation).await;
    let refused: Vec<_> = proposed(&first).into_iter().filter(|it| it["verdict"] == "invalid").collect();
    assert_eq!(refused.len(), 8);
    assert!(text(&refused[0], "/detail").contains("more than 32 timers"), "{}", refused[0]);
    // Each that is judged makes room for one more, until they have caused one another for too long.
    let mut most = 0;
    loop {
        switchboard::flow::escalate::fire_due(app.flow()).await.unwrap();
        let waiting = app.flow().store.pending_events().await.unwrap();
        most = most.max(waiting);
        if switchboard::flow::route::route_batch(app.flow()).await.unwrap() == 0 {
            break;
        }
        assert!(waiting <= OPEN_MAX, "{waiting} wait at once");
    }
    assert_eq!(most, OPEN_MAX);
    assert_eq!(app.place(&conversation).await, "service/operator");
    let counts = app.get("/v1/counts").await.json(200);
    assert!(counts["decisions"].as_u64().unwrap() <= 1 + 16 * OPEN_MAX, "{counts}");
}
