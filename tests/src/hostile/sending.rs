//! Adapters that misbehave while somebody's answer is to go out.

use serde_json::json;

use super::aftermath::{ENDLESS, answer, answered, counted, goes_on, sending_is_survived};
use crate::support::TestApp;
use crate::support::guest::{DONE, Guest, LOOP, SENT, TRAP, filling, refusing, sending};
use crate::support::reply::text;

const TOO_LARGE: &[&str] = &["output-too-large"];

/// What an adapter may have remembered, and one byte more.
const TOO_MUCH_STATE: usize = (64 << 10) + 1;

fn beginning(begin: &str) -> Guest {
    Guest::adapter_that_answers("hostile", begin, SENT)
}

fn resuming(resume: &str) -> Guest {
    Guest::adapter_that_answers("hostile", &sending(4), resume)
}

#[tokio::test]
async fn an_answer_whose_beginning_never_ends() {
    sending_is_survived(beginning(LOOP), ENDLESS).await;
}

#[tokio::test]
async fn an_answer_whose_beginning_traps() {
    sending_is_survived(beginning(TRAP), &["trap"]).await;
}

#[tokio::test]
async fn an_answer_whose_beginning_takes_all_memory() {
    sending_is_survived(beginning(&filling()), &["memory"]).await;
}

#[tokio::test]
async fn an_answer_that_never_goes_on() {
    sending_is_survived(resuming(LOOP), ENDLESS).await;
}

#[tokio::test]
async fn an_answer_that_traps_when_it_goes_on() {
    sending_is_survived(resuming(TRAP), &["trap"]).await;
}

#[tokio::test]
async fn a_step_that_there_is_not() {
    let nowhere = format!("(i32.store8 (i32.const 520) (i32.const 9)) {DONE}");
    sending_is_survived(beginning(&nowhere), &["bad-output"]).await;
    sending_is_survived(resuming(&nowhere), &["bad-output"]).await;
}

#[tokio::test]
async fn a_state_of_more_than_may_be_remembered() {
    sending_is_survived(beginning(&sending(TOO_MUCH_STATE)), TOO_LARGE).await;
    sending_is_survived(resuming(&sending(TOO_MUCH_STATE)), TOO_LARGE).await;
}

#[tokio::test]
async fn as_much_state_as_may_be_is_remembered() {
    let app = TestApp::staffed().await;
    let conversation =
        answered(&app, &Guest::adapter_that_answers("hostile", &sending(TOO_MUCH_STATE - 1), SENT)).await;
    app.settle().await;
    assert_eq!(answer(&app, &conversation).await["state"], "sent");
}

#[tokio::test]
async fn an_answer_of_more_exchanges_than_may_be_is_parked() {
    let app = TestApp::staffed().await;
    let guest = resuming(&sending(4));
    let conversation = answered(&app, &guest).await;
    app.settle().await;
    let parked = answer(&app, &conversation).await;
    assert_eq!(parked["state"], "parked", "an agent decides: something may have arrived");
    assert!(text(&parked, "/last_error").contains("more than 16 exchanges"), "{parked}");
    assert_eq!(app.egress.sent().len(), 16);
    assert_eq!(counted(&app, &guest, &["trap", "bad-output", "output-too-large"]).await, 0);
    goes_on(&app).await;
}

#[tokio::test]
async fn a_reason_of_a_megabyte_is_cut() {
    // A task error of the same shape as a rejection, but at the place of a step.
    let body = refusing(2 << 20, 1 << 20)
        .replace("i32.const 516", "i32.const 520")
        .replace(
            "(i32.store (i32.const 520) (i32.const 2097152))",
            "(i32.store (i32.const 524) (i32.const 2097152))",
        )
        .replace(
            "(i32.store (i32.const 524) (i32.const 1048576))",
            "(i32.store (i32.const 528) (i32.const 1048576))",
        );
    let app = TestApp::staffed().await;
    let conversation = answered(&app, &beginning(&body)).await;
    app.settle().await;
    let failed = answer(&app, &conversation).await;
    assert_eq!(failed["state"], json!("failed"), "{}", failed["state"]);
    let error = text(&failed, "/last_error");
    assert!(error.starts_with("invalid: \\u{0}") && error.len() <= 4096 + 20, "{} bytes", error.len());
    goes_on(&app).await;
}
