//! Guests whose answers are a trap for whoever reads them.

use serde_json::json;

use super::aftermath::{adapter_is_survived, goes_on, policy_is_survived};
use crate::support::TestApp;
use crate::support::guest::{DONE, Guest, answering_list, refusing};
use crate::support::reply::text;

const TOO_LARGE: &[&str] = &["output-too-large"];
const BAD: &[&str] = &["bad-output"];

#[tokio::test]
async fn a_hundred_thousand_reasons_that_are_one_megabyte() {
    // Proposals of 64 bytes from 2 MiB on; each says to abstain, for the reason at 1 MiB.
    let body = format!(
        "(local $at i32) (local $left i32)
         (memory.fill (i32.const 1048576) (i32.const 97) (i32.const 1048576))
         (local.set $at (i32.const 2097152)) (local.set $left (i32.const 100000))
         (loop $again
            (i32.store8 (local.get $at) (i32.const 13))
            (i32.store offset=56 (local.get $at) (i32.const 1048576))
            (i32.store offset=60 (local.get $at) (i32.const 1048576))
            (local.set $at (i32.add (local.get $at) (i32.const 64)))
            (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
         {}",
        answering_list(2 << 20, 100_000)
    );
    policy_is_survived(Guest::policy("hostile", &body).pages(200), TOO_LARGE).await;
}

#[tokio::test]
async fn a_list_of_two_thousand_million() {
    policy_is_survived(Guest::policy("hostile", &answering_list(4096, 1 << 31)), BAD).await;
}

#[tokio::test]
async fn an_adapters_list_of_two_thousand_million() {
    adapter_is_survived(Guest::adapter("hostile", &answering_list(4096, 1 << 31)), BAD).await;
}

#[tokio::test]
async fn a_text_that_is_none() {
    // 0xff begins no character in UTF-8.
    let body = format!("(i32.store (i32.const 600) (i32.const -1)) {}", refusing(600, 4));
    policy_is_survived(Guest::policy("hostile", &body), BAD).await;
}

#[tokio::test]
async fn a_text_beyond_the_memory() {
    policy_is_survived(Guest::policy("hostile", &refusing(0x7fff_0000, 100)), BAD).await;
}

#[tokio::test]
async fn an_answer_that_is_neither_yes_nor_no() {
    let neither = format!("(i32.store8 (i32.const 512) (i32.const 7)) {DONE}");
    policy_is_survived(Guest::policy("hostile", &neither), BAD).await;
}

#[tokio::test]
async fn a_proposal_of_a_kind_that_there_is_not() {
    let body = format!("(i32.store8 (i32.const 4096) (i32.const 200)) {}", answering_list(4096, 1));
    policy_is_survived(Guest::policy("hostile", &body), BAD).await;
}

#[tokio::test]
async fn an_answer_where_no_answer_can_be() {
    // Not a multiple of four.
    policy_is_survived(Guest::policy("hostile", "i32.const 513"), BAD).await;
}

#[tokio::test]
async fn a_refusal_of_sixty_megabytes() {
    // The memory there is all zeros, which are characters too.
    let body = refusing(1 << 20, 60_000_000);
    policy_is_survived(Guest::policy("hostile", &body).pages(960), TOO_LARGE).await;
}

#[tokio::test]
async fn a_refusal_of_a_megabyte_of_control_characters() {
    // The memory there is all zeros.
    let guest = Guest::policy("hostile", &refusing(2 << 20, 1 << 20));
    let app = TestApp::staffed().await;
    app.upload(guest.component()).await.json(201);
    app.enable(json!({ "plugin": "hostile", "phase": "qualify", "mode": "active" })).await;
    let conversation = app.say("hello").await;
    app.settle().await;
    let decision = app.decision(&conversation).await;
    let failed =
        decision["contributions"].as_array().unwrap().iter().find(|it| it["name"] == "hostile").unwrap();
    assert_eq!(failed["failure"]["name"], "refused");
    let detail = text(failed, "/failure/detail");
    assert!(detail.len() <= 4096 && detail.starts_with("\\u{0}\\u{0}"), "{detail}");
    policy_is_survived(guest, &["refused"]).await;
}

#[tokio::test]
async fn an_adapters_refusal_of_seventeen_megabytes() {
    adapter_is_survived(Guest::adapter("hostile", &refusing(1 << 20, 17 << 20)).pages(300), TOO_LARGE).await;
}

#[tokio::test]
async fn an_adapters_thousand_items_whose_texts_are_one() {
    // Arrivals of 192 bytes from 2 MiB on; the text of each is the megabyte at 1 MiB.
    let body = format!(
        "(local $at i32) (local $left i32)
         (memory.fill (i32.const 1048576) (i32.const 97) (i32.const 1048576))
         (local.set $at (i32.const 2097152)) (local.set $left (i32.const 1000))
         (loop $again
            (i32.store offset=100 (local.get $at) (i32.const 1048576))
            (i32.store offset=104 (local.get $at) (i32.const 1048576))
            (local.set $at (i32.add (local.get $at) (i32.const 192)))
            (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
         {}",
        answering_list(2 << 20, 1_000)
    );
    adapter_is_survived(Guest::adapter("hostile", &body), TOO_LARGE).await;
}

#[tokio::test]
async fn an_adapters_text_that_is_none() {
    let body = format!("(i32.store (i32.const 600) (i32.const -1)) {}", refusing(600, 4));
    adapter_is_survived(Guest::adapter("hostile", &body), BAD).await;
}

#[tokio::test]
async fn an_adapters_answer_that_is_neither_yes_nor_no() {
    let neither = format!("(i32.store8 (i32.const 512) (i32.const 7)) {DONE}");
    adapter_is_survived(Guest::adapter("hostile", &neither), BAD).await;
}

#[tokio::test]
async fn an_arrival_of_a_kind_that_there_is_not() {
    let body = format!("(i32.store8 (i32.const 4096) (i32.const 200)) {}", answering_list(4096, 1));
    adapter_is_survived(Guest::adapter("hostile", &body), BAD).await;
}

#[tokio::test]
async fn an_adapters_rejection_of_a_megabyte_of_control_characters() {
    let app = TestApp::staffed().await;
    app.upload(Guest::adapter("hostile", &refusing(2 << 20, 1 << 20)).component()).await.json(201);
    app.enable(json!({ "plugin": "hostile", "mode": "active" })).await;
    let inbox = json!({ "name": "odd", "department": "service", "adapter": "hostile", "access": "open" });
    app.post("/v1/inboxes", inbox).await.json(201);
    let received = app.deliver("odd", "text/plain", "whatever").await.json(202);
    assert_eq!(received["outcome"], "unparsed");
    let reason = text(&received, "/reason");
    assert!(reason.starts_with("malformed: \\u{0}\\u{0}"), "{} bytes", reason.len());
    assert!(reason.len() <= 4096 + "malformed: ".len(), "{} bytes", reason.len());
    goes_on(&app).await;
}
