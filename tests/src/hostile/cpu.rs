//! Guests that want the processor for themselves.

use serde_json::json;

use super::aftermath::{ENDLESS, adapter_is_survived, compiles_on, counted, goes_on, policy_is_survived};
use crate::support::TestApp;
use crate::support::guest::{DONE, Guest, LOOP, TRAP};
use crate::support::reply::text;

/// What loops without an end once the guest is armed.
const ARMED_LOOP: &str = "(if (global.get $armed) (then (loop $again (br $again))))";

#[tokio::test]
async fn a_policy_that_never_ends() {
    policy_is_survived(Guest::policy("hostile", LOOP), ENDLESS).await;
}

#[tokio::test]
async fn an_adapter_that_never_ends() {
    adapter_is_survived(Guest::adapter("hostile", LOOP), ENDLESS).await;
}

#[tokio::test]
async fn a_policy_that_traps() {
    policy_is_survived(Guest::policy("hostile", TRAP), &["trap"]).await;
}

/// Within what `describe` may use, so that it is published; more than any call may.
const BURNING_START: &str = "(func $start (local $left i32) (local.set $left (i32.const 100000000))
    (loop $again (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1))))))
    (start $start)";

#[tokio::test]
async fn an_adapters_start_that_burns_more_than_a_call_may_gets_no_inbox() {
    let app = TestApp::staffed().await;
    // What changes tables cannot be snapshotted, so it starts anew in every call.
    let fields = format!(
        "(table $table 1 funcref) (func (drop (table.grow $table (ref.null func) (i32.const 1)))) {BURNING_START}"
    );
    app.upload(Guest::adapter("hostile", DONE).with(&fields).component()).await.json(201);
    app.enable(json!({ "plugin": "hostile", "mode": "active" })).await;
    let inbox = json!({ "name": "web", "department": "service", "adapter": "hostile" });
    let problem = app.post("/v1/inboxes", inbox).await.problem(422);
    assert!(ENDLESS.iter().any(|it| text(&problem, "/detail").contains(it)), "{problem}");
    app.get("/v1/inboxes/web").await.problem(404);
    goes_on(&app).await;
}

#[tokio::test]
async fn a_policys_start_is_run_once_and_never_in_a_call() {
    let app = TestApp::company().await;
    app.upload(Guest::policy("slow-start", DONE).with(BURNING_START).component()).await.json(201);
    app.enable(json!({ "plugin": "slow-start", "mode": "active" })).await;
    let conversation = app.say("hello").await;
    app.settle().await;
    assert_eq!(app.decision(&conversation).await["contributions"][0].get("failure"), None);
    goes_on(&app).await;
}

#[tokio::test]
async fn a_start_that_recurses_without_end_is_not_published() {
    let start = "(func $start (call $start)) (start $start)";
    let app = TestApp::staffed().await;
    let problem = app.upload(Guest::policy("hostile", DONE).with(start).component()).await.problem(422);
    assert_eq!(problem["name"], "describe-failed");
    assert!(text(&problem, "/detail").contains("stack"), "{problem}");
    compiles_on(&app).await;
}

#[tokio::test]
async fn an_allocation_that_never_ends() {
    let guest = Guest::policy("hostile", DONE).allocating(ARMED_LOOP).armed();
    policy_is_survived(guest, ENDLESS).await;
}

#[tokio::test]
async fn a_post_return_that_never_ends() {
    let post_return =
        format!(r#"(func (export "cabi_post_switchboard:plugin/policy@0.2.0#evaluate") (param i32) {LOOP})"#);
    policy_is_survived(Guest::policy("hostile", DONE).with(&post_return), ENDLESS).await;
}

#[tokio::test]
async fn recursion_without_end() {
    let deeper = "(func $deeper (param i64) (result i64)
        (i64.add (call $deeper (i64.add (local.get 0) (i64.const 1))) (i64.const 1)))";
    let guest = Guest::policy("hostile", "(drop (call $deeper (i64.const 0))) i32.const 512").with(deeper);
    policy_is_survived(guest, &["stack"]).await;
}

#[tokio::test]
async fn filling_memory_over_and_over() {
    // One instruction that takes a millisecond: the clock stops what fuel hardly counts.
    let fill = "(loop $again (memory.fill (i32.const 1048576) (i32.const 1) (i32.const 4194304)) (br $again))
        unreachable";
    policy_is_survived(Guest::policy("hostile", fill), ENDLESS).await;
}

#[tokio::test]
async fn copying_memory_over_and_over() {
    let copy =
        "(loop $again (memory.copy (i32.const 1048576) (i32.const 1048577) (i32.const 4000000)) (br $again))
        unreachable";
    policy_is_survived(Guest::policy("hostile", copy), ENDLESS).await;
}

#[tokio::test]
async fn a_storm_of_calls_to_the_host() {
    let storm =
        "(loop $again (call $log (i32.const 0) (i32.const 4096) (i32.const 8)) (br $again)) unreachable";
    policy_is_survived(Guest::policy("hostile", storm).logging(), ENDLESS).await;
}

#[tokio::test]
async fn a_storm_of_long_lines_to_the_host() {
    let storm = "(loop $again (call $log (i32.const 0) (i32.const 1048576) (i32.const 1048576)) (br $again)) unreachable";
    policy_is_survived(Guest::policy("hostile", storm).logging(), ENDLESS).await;
}

#[tokio::test]
async fn a_hostile_policy_in_shadow_is_recorded_too() {
    let app = TestApp::company().await;
    let guest = Guest::policy("hostile", TRAP);
    app.upload(guest.component()).await.json(201);
    app.enable(json!({ "plugin": "hostile", "mode": "shadow" })).await;
    let conversation = app.say("hello").await;
    app.settle().await;
    let decision = app.decision(&conversation).await;
    assert_eq!(decision["contributions"][0]["failure"]["name"], "trap");
    assert_eq!(app.place(&conversation).await, "service/operator");
    assert_eq!(counted(&app, &guest, &["trap"]).await, 1);
    goes_on(&app).await;
}
