//! Several policies speak: one stands, and what contradicted it is written down.

use serde_json::json;

use crate::support::TestApp;
use crate::support::company::word_to;
use crate::support::reply::text;

#[tokio::test]
async fn two_policies_that_disagree_make_a_conflict_that_names_both() {
    let app = TestApp::company().await;
    let mut second = word_to("press-rules", "kettle", "communications");
    second["rank"] = json!(1);
    app.enable(word_to("billing-rules", "invoice", "billing")).await;
    app.enable(second).await;
    let conversation = app.say("The invoice of my kettle is wrong.").await;
    app.settle().await;
    assert_eq!(app.place(&conversation).await, "billing/general");

    let conflicts = app.decision(&conversation).await["conflicts"].clone();
    assert_eq!(conflicts.as_array().unwrap().len(), 1);
    assert_eq!(conflicts[0]["by"], "press-rules");
    assert_eq!(conflicts[0]["winner"], "billing-rules");
    assert_eq!(conflicts[0]["department"], "communications");
    let metrics = app.get("/metrics").await.text();
    assert!(metrics.contains("switchboard_conflicts_total 1"), "{metrics}");
}

#[tokio::test]
async fn the_rank_decides_who_speaks_first_and_can_be_changed() {
    let app = TestApp::company().await;
    app.enable(word_to("billing-rules", "invoice", "billing")).await;
    app.enable(word_to("press-rules", "kettle", "communications")).await;
    app.patch("/v1/activations/press-rules", json!({ "rank": -1 })).await.json(202);
    let conversation = app.say("The invoice of my kettle is wrong.").await;
    app.settle().await;
    assert_eq!(app.place(&conversation).await, "communications/general");
    assert_eq!(app.decision(&conversation).await["conflicts"][0]["by"], "billing-rules");
}

#[tokio::test]
async fn two_policies_that_agree_make_no_conflict() {
    let app = TestApp::company().await;
    app.enable(word_to("first-rules", "invoice", "billing")).await;
    app.enable(word_to("second-rules", "kettle", "billing")).await;
    let conversation = app.say("The invoice of my kettle is wrong.").await;
    app.settle().await;
    assert_eq!(app.decision(&conversation).await["conflicts"], json!([]));
}

#[tokio::test]
async fn a_policy_in_shadow_is_asked_and_recorded_and_changes_nothing() {
    let app = TestApp::company().await;
    let mut shadow = word_to("trial", "invoice", "billing");
    shadow["mode"] = json!("shadow");
    app.enable(shadow).await;
    let conversation = app.say("My invoice is wrong.").await;
    app.settle().await;
    assert_eq!(app.place(&conversation).await, "service/operator");
    let decision = app.decision(&conversation).await;
    let trial = &decision["contributions"][0];
    assert_eq!((text(trial, "/name"), text(trial, "/mode")), ("trial", "shadow"));
    assert_eq!(trial["proposals"][0]["verdict"], "shadow");
    assert_eq!(trial["proposals"][0]["department"], "billing");
}

#[tokio::test]
async fn a_disabled_policy_is_not_asked() {
    let app = TestApp::company().await;
    app.enable(word_to("billing-rules", "invoice", "billing")).await;
    app.patch("/v1/activations/billing-rules", json!({ "mode": "disabled" })).await.json(202);
    let conversation = app.say("My invoice is wrong.").await;
    app.settle().await;
    assert_eq!(app.decision(&conversation).await["contributions"], json!([]));
}
