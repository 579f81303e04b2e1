//! Adapters that have the host compute for them without an end.

use serde_json::json;

use super::aftermath::{ENDLESS, adapter_is_survived, goes_on};
use crate::support::TestApp;
use crate::support::guest::{CONTENT, DONE, Guest, LOOP};

/// Has a message of this length checked.
fn check(message_bytes: usize) -> String {
    format!(
        "(call $verify (i32.const {CONTENT}) (i32.const 7) (i32.const 1)
            (i32.const 1048576) (i32.const {message_bytes}) (i32.const {CONTENT}) (i32.const 7) (i32.const 600))"
    )
}

/// An adapter that has a short message checked a hundred times, and says as two digits how often that
/// was not too much.
fn counting() -> Guest {
    let body = format!(
        "(local $left i32) (local $checked i32) (local.set $left (i32.const 100))
         (loop $again
            {}
            (if (i32.ne (i32.load16_u (i32.const 600)) (i32.const 0x0301))
                (then (local.set $checked (i32.add (local.get $checked) (i32.const 1)))))
            (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
         (i32.store8 (i32.const 700) (i32.add (i32.const 48) (i32.div_u (local.get $checked) (i32.const 10))))
         (i32.store8 (i32.const 701) (i32.add (i32.const 48) (i32.rem_u (local.get $checked) (i32.const 10))))
         (i32.store8 (i32.const 512) (i32.const 1)) (i32.store8 (i32.const 516) (i32.const 1))
         (i32.store (i32.const 520) (i32.const 700)) (i32.store (i32.const 524) (i32.const 2))
         {DONE}",
        check(100)
    );
    let mut guest = Guest::adapter("hostile", &body).wanting_secret("signing", 1).verifying().pages(300);
    guest.put(0, b"signing");
    guest
}

#[tokio::test]
async fn thirty_two_checks_are_made_in_a_call_and_no_more() {
    let app = TestApp::company().await;
    app.upload(counting().component()).await.json(201);
    app.enable(json!({ "plugin": "hostile", "mode": "active" })).await;
    let secret = json!({ "name": "shared", "uses": ["verify"], "value": "a value that nobody guesses" });
    app.post("/v1/secrets", secret).await.json(201);
    let inbox = json!({
        "name": "odd", "department": "service", "adapter": "hostile", "access": "open",
        "secrets": { "signing": "shared" },
    });
    app.post("/v1/inboxes", inbox).await.json(201);
    let received = app.deliver("odd", "text/plain", "whatever").await.json(202);
    assert_eq!(received["reason"], "malformed: 32", "{received}");
    goes_on(&app).await;
}

#[tokio::test]
async fn a_storm_of_checks() {
    let storm = |message_bytes| {
        let body = LOOP.replace("(br $again)", &format!("{} (br $again)", check(message_bytes)));
        let mut guest = Guest::adapter("hostile", &body).wanting_secret("signing", 1).verifying().pages(300);
        guest.put(0, b"signing");
        guest
    };
    adapter_is_survived(storm(0), ENDLESS).await;
    adapter_is_survived(storm(8 << 20), ENDLESS).await;
}
