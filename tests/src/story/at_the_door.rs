//! What comes in new is judged before it is stored, with the same result as if it had waited.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::guest::{Guest, LOOP, TRAP};
use crate::support::reply::text;

/// An app that judges at the door, as a host does whose workers work; however busy the machine is.
async fn open() -> TestApp {
    let app = TestApp::staffed().await;
    app.flow().door.open_with(Duration::from_secs(60));
    app
}

#[tokio::test]
async fn who_is_answered_is_routed_already() {
    let app = open().await;
    let conversation = app.say("I want a refund for the kettle.").await;
    assert_eq!(app.place(&conversation).await, "billing/refunds");
    assert_eq!(app.decisions(&conversation).await.len(), 1);
    assert_eq!(app.flow().store.pending_events().await.unwrap(), 0);
    app.settle().await;
    assert_eq!(app.decisions(&conversation).await.len(), 1, "it is not judged again");
}

/// A morning's items.
fn morning() -> [Value; 5] {
    let loud = json!({ "id": "u-9", "handle": "loud", "followers": 2_000_000 });
    [
        json!({ "id": "1", "author": "u-1", "text": "a refund, please" }),
        json!({ "id": "2", "author": "u-1", "in_reply_to": "1", "text": "and another refund" }),
        json!({ "id": "3", "author": loud, "kind": "mention", "visibility": "public", "text": "my kettle burns" }),
        json!({ "id": "4", "author": "u-2", "in_reply_to": "2", "text": "me too" }),
        json!({ "id": "5", "author": "u-2", "text": "Do you sell teapots?" }),
    ]
}

/// What was decided, without what no two runs have in common.
async fn decided(app: &TestApp) -> Vec<Value> {
    for item in morning() {
        app.tell(item).await;
        app.settle().await;
    }
    let mut decisions = app.get("/v1/decisions?limit=200").await.json(200)["entries"].clone();
    decisions.as_array_mut().unwrap().reverse();
    let mut found = Vec::new();
    for decision in decisions.as_array().unwrap() {
        let said: Vec<Value> = decision["contributions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| json!([it["name"], it["proposals"], it["fuel"], it["failure"]]))
            .collect();
        let mut outcome = decision["outcome"].clone();
        let routing = outcome["routing"].as_object_mut();
        routing.into_iter().for_each(|it| drop(it.remove("place")));
        for timer in outcome["timers"].as_array_mut().into_iter().flatten() {
            timer.as_object_mut().unwrap().remove("activation");
        }
        found.push(json!([outcome, said, decision["receipt"]["inbox"]]));
    }
    found
}

#[tokio::test]
async fn what_is_decided_is_the_same_at_the_door_and_behind_it() {
    let (at_the_door, behind_it) = (decided(&open().await).await, decided(&TestApp::staffed().await).await);
    assert_eq!(at_the_door.len(), 5);
    for (one, other) in at_the_door.iter().zip(&behind_it) {
        assert_eq!(one, other);
    }
}

#[tokio::test]
async fn promises_made_at_the_door_are_kept() {
    let app = open().await;
    let conversation = app.say("hello").await;
    let deadline = app.conversation(&conversation).await["deadline"].clone();
    assert!(deadline.is_string(), "{deadline}");
    app.advance_ms(48 * 3_600_000).await;
    assert!(app.conversation(&conversation).await["escalation_level"].as_u64().unwrap() > 0);
}

#[tokio::test]
async fn a_policy_to_be_waited_for_is_waited_for_behind_the_door() {
    let app = open().await;
    app.upload(Guest::policy("judge", TRAP).component()).await.json(201);
    app.enable(
        json!({ "plugin": "judge", "phase": "qualify", "rank": -1, "mode": "active", "on_failure": "retry" }),
    )
    .await;
    let conversation = app.say("a refund, please").await;
    assert_eq!(app.decisions(&conversation).await.len(), 0);
    app.settle().await;
    for wait_ms in [10_000, 30_000, 90_000] {
        assert_eq!(app.decisions(&conversation).await.len(), 0);
        app.advance_ms(wait_ms).await;
    }
    assert_eq!(app.place(&conversation).await, "service/operator");
}

#[tokio::test]
async fn a_policy_that_fails_at_the_door_costs_the_others_nothing_and_is_suspended() {
    let app = open().await;
    app.upload(Guest::policy("judge", TRAP).component()).await.json(201);
    app.enable(json!({ "plugin": "judge", "phase": "qualify", "rank": -1, "mode": "active" })).await;
    for _ in 0..6 {
        let conversation = app.say("a refund, please").await;
        assert_eq!(app.place(&conversation).await, "billing/refunds");
    }
    app.settle().await;
    let activation = app.get("/v1/activations/judge").await.json(200);
    assert_eq!(text(&activation, "/suspension/failure/name"), "trap");
}

#[tokio::test]
async fn policies_that_take_long_keep_nothing_from_being_judged_once() {
    let app = TestApp::staffed().await;
    app.flow().door.open();
    app.upload(Guest::policy("slow", LOOP).component()).await.json(201);
    app.enable(json!({ "plugin": "slow", "phase": "qualify", "rank": -1, "mode": "active" })).await;
    // Together, so that they are one batch, which has less time than they take.
    let said = futures::future::join_all((0..12).map(|_| app.say("a refund, please"))).await;
    app.settle().await;
    for conversation in said {
        assert_eq!(app.decisions(&conversation).await.len(), 1);
        assert_eq!(app.place(&conversation).await, "billing/refunds");
    }
}
