//! Adapters that find too much in a delivery, or nothing at all.

use serde_json::{Value, json};
use switchboard::domain::arrival::ARRIVALS_MAX;

use super::aftermath::{adapter_is_survived, counted, goes_on};
use crate::support::TestApp;
use crate::support::guest::{CONTENT, DONE, Guest, answering_list};
use crate::support::reply::{entries, text};

const TOO_LARGE: &[&str] = &["output-too-large"];

/// An adapter that finds so many items gone, all of one id.
fn finding(arrivals: usize) -> Guest {
    // Each has 192 bytes: its kind, then from 8 on the id.
    let body = format!(
        "(local $at i32) (local $left i32)
         (local.set $at (i32.const 1048576)) (local.set $left (i32.const {arrivals}))
         (loop $again
            (i32.store8 (local.get $at) (i32.const 3))
            (i32.store offset=8 (local.get $at) (i32.const {CONTENT}))
            (i32.store offset=12 (local.get $at) (i32.const 4))
            (local.set $at (i32.add (local.get $at) (i32.const 192)))
            (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
         {}",
        answering_list(1 << 20, u32::try_from(arrivals).unwrap())
    );
    let mut guest = Guest::adapter("hostile", &body).pages(400);
    guest.put(0, b"gone");
    guest
}

/// What becomes of a delivery to an inbox of this adapter.
async fn delivered(app: &TestApp, guest: &Guest) -> Value {
    app.upload(guest.component()).await.json(201);
    app.enable(json!({ "plugin": "hostile", "mode": "active" })).await;
    let inbox = json!({ "name": "odd", "department": "service", "adapter": "hostile", "access": "open" });
    app.post("/v1/inboxes", inbox).await.json(201);
    app.deliver("odd", "text/plain", "whatever").await.json(202)
}

#[tokio::test]
async fn as_many_arrivals_as_may_be_are_accepted() {
    let app = TestApp::company().await;
    let received = delivered(&app, &finding(ARRIVALS_MAX)).await;
    assert_eq!(received["outcome"], "accepted", "{received}");
    goes_on(&app).await;
}

#[tokio::test]
async fn one_arrival_more_has_the_whole_delivery_refused_and_kept() {
    adapter_is_survived(finding(ARRIVALS_MAX + 1), TOO_LARGE).await;
    let app = TestApp::company().await;
    let received = delivered(&app, &finding(ARRIVALS_MAX + 1)).await;
    let reason = text(&received, "/reason");
    assert!(reason.contains("1001 arrivals") && reason.contains("1000"), "{received}");
    assert!(entries(&app.get("/v1/conversations").await.json(200)).is_empty(), "nothing of it is taken in");
}

#[tokio::test]
async fn a_hundred_thousand_arrivals() {
    adapter_is_survived(finding(100_000), TOO_LARGE).await;
}

#[tokio::test]
async fn a_delivery_in_which_nothing_is_found_is_kept_and_shown() {
    let app = TestApp::company().await;
    let guest = Guest::adapter("hostile", DONE);
    let received = delivered(&app, &guest).await;
    assert_eq!(received["outcome"], "unparsed");
    assert!(text(&received, "/reason").starts_with("nothing-found: "), "{received}");
    assert_eq!(counted(&app, &guest, &["nothing-found", "bad-output"]).await, 0, "the plugin did not fail");
    let kept = app.get("/v1/deliveries?outcome=unparsed").await.json(200);
    assert_eq!(entries(&kept).len(), 1, "{kept}");
    // It can be tried again, and is kept again.
    let again = app.post(&format!("/v1/deliveries/{}/retry", text(&received, "/delivery")), json!({})).await;
    assert_eq!(again.ok()["outcome"], "unparsed");
    goes_on(&app).await;
}

#[tokio::test]
async fn id_too_long_to_be_kept_leaves_its_delivery_unparsed() {
    let app = TestApp::company().await;
    let long = "x".repeat(4_097);
    for item in [
        json!({ "id": long, "author": "u-1", "text": "hello" }),
        json!({ "id": "one", "author": long, "text": "hello" }),
    ] {
        let received = app.tell(item).await;
        assert_eq!(received["outcome"], "unparsed", "{received}");
        assert!(text(&received, "/reason").contains("the most is 4096"), "{received}");
    }
    // A reference to nothing costs no item.
    let item = json!({ "id": "two", "author": "u-1", "text": "hello", "in_reply_to": [long] });
    assert_eq!(app.tell(item).await["outcome"], "accepted");
}
