//! What is signed, and what is not signed with it.

use ring::hmac;
use serde_json::{Value, json};
use switchboard_plugin_cloudevents::CloudEvents;
use switchboard_plugin_sdk::testing::{self, AdapterUnderTest, With as _};
use switchboard_plugin_sdk::{Delivery, Header, Rejection};

use super::delivery;

const KEY: &[u8] = b"what both sides know";

fn signed_inbox(signature: &Value) -> AdapterUnderTest<CloudEvents> {
    testing::adapter(json!({ "signature": signature }))
        .expect("these settings are fine")
        .with_secret("signing", KEY)
}

fn signed(delivery: Delivery) -> Delivery {
    let code = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, KEY), &delivery.body);
    let hex: String = code.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    delivery.with(|it| it.headers.push(Header::new("x-hub-signature-256", format!("sha256={hex}"))))
}

fn with_fields(delivery: Delivery, fields: &[&str]) -> Delivery {
    delivery.with(|it| it.headers.extend(fields.iter().map(|name| Header::new(*name, "1.0"))))
}

const ALL: [&str; 4] = ["ce-specversion", "ce-id", "ce-source", "ce-type"];

#[test]
fn a_signed_body_is_not_dressed_as_another_event() {
    let inbox = signed_inbox(&json!({ "scheme": "github" }));
    let record = json!({ "author": "u-1", "text": "hello" }).to_string();
    let plain = || signed(delivery("application/json", record.clone()));
    assert_eq!(inbox.receive(&plain()).expect("it is signed").arrivals.len(), 1);
    for fields in [&ALL[..], &["ce-id"], &["ce-extension"]] {
        match inbox.receive(&with_fields(plain(), fields)) {
            Err(Rejection::Unauthentic(why)) => assert!(why.contains("structured"), "{why}"),
            other => panic!("{fields:?}: {other:?}"),
        }
    }
    let structured =
        json!({ "specversion": "1.0", "id": "1", "source": "/s", "type": "t", "data": { "text": "hello" } });
    let structured = signed(delivery("application/cloudevents+json", structured.to_string()));
    assert_eq!(inbox.receive(&structured).expect("it is signed").arrivals.len(), 1);
}

#[test]
fn beside_a_token_events_come_in_any_mode() {
    let inbox = signed_inbox(&json!({ "scheme": "token", "header": "x-gitlab-token" }));
    let record = json!({ "author": "u-1", "text": "hello" }).to_string();
    let shown = with_fields(delivery("application/json", record), &ALL)
        .with(|it| it.headers.push(Header::new("x-gitlab-token", String::from_utf8_lossy(KEY))));
    assert_eq!(inbox.receive(&shown).expect("it is believed").arrivals.len(), 1);
}

#[test]
fn what_the_host_keeps_to_itself_is_no_place_for_a_signature() {
    for header in ["Authorization", "cookie", "X-Switchboard-Token"] {
        for scheme in ["token", "hmac"] {
            let settings = json!({ "signature": { "scheme": scheme, "header": header } });
            let errors = testing::adapter::<CloudEvents>(settings).expect_err("nobody would ever see it");
            assert_eq!(errors[0].pointer, "/signature/header", "{errors:?}");
        }
    }
}
