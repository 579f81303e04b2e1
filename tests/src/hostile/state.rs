//! Guests that want to leave something behind for the next case.

use std::sync::Arc;

use serde_json::json;
use switchboard::plugin::{Lane, Policy};

use super::aftermath::{all_slots_but_one, case, event, goes_on, policy, policy_is_survived};
use crate::support::TestApp;
use crate::support::guest::{DONE, Guest, answering_list, refusing};

/// How often writer and reader take turns.
const ALTERNATIONS: usize = 100_000;

/// Where the sentinel is left: in the image's pages, in fresh ones, and at the end of the memory.
const PLACES: [u32; 4] = [700, 70_000, 2 << 20, 5 * (1 << 20) - 4];

/// A number that no other byte of a guest makes up.
const SENTINEL: u32 = 0x5e17_1e15;

/// Leaves the sentinel everywhere it can: in memory, in a global, in memory grown for it.
fn writer() -> Guest {
    let writes: String =
        PLACES.map(|at| format!("(i32.store (i32.const {at}) (i32.const {SENTINEL}))")).concat();
    let grown = format!(
        "(i32.store (i32.shl (memory.grow (i32.const 1)) (i32.const 16)) (i32.const {SENTINEL}))
         (global.set $left_behind (i32.const {SENTINEL}))"
    );
    Guest::policy("writer", &format!("{writes} {grown} {DONE}"))
        .with("(global $left_behind (mut i32) (i32.const 0))")
}

/// Refuses if it finds the sentinel anywhere.
fn reader() -> Guest {
    let reads: String = PLACES.map(|at| found(&format!("(i32.load (i32.const {at}))"))).concat();
    let grown = found("(i32.load (i32.shl (memory.grow (i32.const 1)) (i32.const 16)))");
    let global = found("(global.get $left_behind)");
    Guest::policy("reader", &format!("{reads} {grown} {global} {DONE}"))
        .with("(global $left_behind (mut i32) (i32.const 0))")
}

fn found(value: &str) -> String {
    let refuse = refusing(4096, 0);
    format!("(if (i32.eq {value} (i32.const {SENTINEL})) (then {} return))", refuse)
}

async fn enabled(app: &TestApp, guest: &Guest) -> Policy {
    app.upload(guest.component()).await.json(201);
    app.enable(json!({ "plugin": guest.name(), "mode": "shadow" })).await;
    policy(app, guest.name())
}

#[tokio::test]
async fn what_one_guest_writes_another_never_reads_in_the_same_slot() {
    let app = TestApp::company().await;
    let (writer, reader) = (enabled(&app, &writer()).await, enabled(&app, &reader()).await);
    let hits = app.flow().plugins.executor().run(Lane::Trying(None), move || {
        let held = all_slots_but_one(&reader);
        let (event, case) = (event(), case());
        let turn = |_: &usize| {
            assert_eq!(writer.evaluate(&event, &case).result, Ok(Vec::new()));
            reader.evaluate(&event, &case).result != Ok(Vec::new())
        };
        let hits = (0..ALTERNATIONS).filter(turn).count();
        drop(held);
        hits
    });
    assert_eq!(hits.await.unwrap(), 0);
    goes_on(&app).await;
}

#[tokio::test]
async fn the_reader_would_find_what_was_left() {
    let both = format!(
        "{} {}",
        PLACES.map(|at| format!("(i32.store (i32.const {at}) (i32.const {SENTINEL}))")).concat(),
        PLACES.map(|at| found(&format!("(i32.load (i32.const {at}))"))).concat()
    );
    let app = TestApp::company().await;
    let policy = enabled(&app, &Guest::policy("both", &format!("{both} {DONE}"))).await;
    assert!(policy.evaluate(&event(), &case()).result.is_err());
}

#[tokio::test]
async fn a_panic_after_partial_proposals_leaves_nothing() {
    // The answer is complete in memory, and lines are written; then it traps.
    let body = format!(
        "(call $log (i32.const 1) (i32.const 1280) (i32.const 7))
         (drop (block (result i32) {})) unreachable",
        answering_list(4096, 1)
    );
    policy_is_survived(Guest::policy("hostile", &body).logging(), &["trap"]).await;
}

#[tokio::test]
async fn a_trap_spoils_no_other_thread() {
    let app = TestApp::staffed().await;
    let hostile = Arc::new(enabled(&app, &Guest::policy("hostile", "unreachable")).await);
    let honest = policy(&app, "keyword-router");
    let executor = app.flow().plugins.executor();
    let calls = (0..200).map(|_| {
        let (hostile, honest) = (Arc::clone(&hostile), honest.clone());
        executor.run(Lane::Trying(None), move || {
            assert!(hostile.evaluate(&event(), &case()).result.is_err());
            honest.evaluate(&event(), &case()).result
        })
    });
    let answers = futures::future::join_all(calls).await;
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]) && answers[0].as_ref().unwrap().is_ok());
    goes_on(&app).await;
}
