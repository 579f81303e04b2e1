//! What the type of an event says.

use serde_json::{Value, json};
use switchboard_plugin_cloudevents::CloudEvents;
use switchboard_plugin_sdk::{Arrival, DeliveryState, testing};

use super::{event, item, malformed, received, unsupported};

fn of_type(kind: &str, data: Value) -> Value {
    json!({
        "specversion": "1.0", "id": "e-1", "source": "/chat", "type": kind,
        "time": "2026-03-01T10:20:30Z", "data": data,
    })
}

fn arrival(kind: &str, data: Value) -> Arrival {
    let mut arrivals = received(&event(of_type(kind, data)));
    assert_eq!(arrivals.len(), 1);
    arrivals.remove(0)
}

#[test]
fn edits_keep_what_they_do_not_name() {
    let Arrival::Edit(edit) = arrival("org.switchboard.edit", json!({"id": "m-1", "text": "new"})) else {
        panic!("not an edit")
    };
    assert_eq!(edit.external_id, "/chat m-1");
    assert_eq!(edit.text.as_deref(), Some("new"));
    assert_eq!(edit.subject, None);
    assert_eq!(edit.edited_at_ms, 1_772_360_430_000);
}

#[test]
fn deletions_name_their_item() {
    let Arrival::Deletion(deletion) = arrival("org.switchboard.deletion", json!({"id": "m-1"})) else {
        panic!("not a deletion")
    };
    assert_eq!(deletion.external_id, "/chat m-1");
    let nameless = event(of_type("org.switchboard.deletion", json!({})));
    assert!(malformed(&nameless).starts_with("data.id: missing"));
}

#[test]
fn statuses_say_how_far_an_answer_came() {
    let data = json!({"id": "m-1", "state": "read", "detail": "on a phone"});
    let Arrival::Status(status) = arrival("org.switchboard.status", data) else { panic!("not a status") };
    assert_eq!(status.state, DeliveryState::Read);
    assert_eq!(status.detail.as_deref(), Some("on a phone"));
    let stateless = event(of_type("org.switchboard.status", json!({"id": "m-1"})));
    assert!(malformed(&stateless).starts_with("data.state: missing"));
    let strange = event(of_type("org.switchboard.status", json!({"id": "m-1", "state": "lost"})));
    assert!(malformed(&strange).contains("lost"));
}

#[test]
fn echoes_are_the_companys_own_words() {
    let data = json!({"text": "We are on it", "in_reply_to": "m-1"});
    let Arrival::Echo(echo) = arrival("org.switchboard.echo", data) else { panic!("not an echo") };
    assert_eq!(echo.in_reply_to, ["/chat m-1"]);
}

#[test]
fn an_id_in_the_data_is_the_items() {
    let named = item(&event(of_type("org.switchboard.item", json!({"id": "m-1", "text": "Hi"}))));
    assert_eq!(named.external_id, "/chat m-1");
    let unnamed = item(&event(of_type("com.example.any", json!({"text": "Hi"}))));
    assert_eq!(unnamed.external_id, "/chat e-1");
}

#[test]
fn a_global_id_is_taken_as_it_is() {
    let data = json!({"text": "Hi", "in_reply_to": ["m-1", "/forum m-2"]});
    let item = item(&event(of_type("org.switchboard.item", data)));
    assert_eq!(item.in_reply_to, ["/chat m-1", "/forum m-2"]);
}

#[test]
fn foreign_types_mean_what_the_settings_say() {
    let inbox = testing::adapter::<CloudEvents>(json!({
        "event_types": {"com.example.heartbeat": "ignore", "com.example.changed": "edit"},
        "kind": "comment",
        "visibility": "public",
    }))
    .unwrap();
    let of = |kind: &str, data: Value| inbox.receive(&event(of_type(kind, data)));
    assert!(of("com.example.heartbeat", json!(1)).unwrap().arrivals.is_empty());
    let changed = of("com.example.changed", json!({"id": "1", "text": "x"})).unwrap();
    assert!(matches!(changed.arrivals[..], [Arrival::Edit(_)]));
}

#[test]
fn events_without_text_say_how_to_map_them() {
    let message = unsupported(&event(of_type("com.example.paid", json!({"amount": 5}))));
    assert!(message.contains("com.example.paid"), "{message}");
    assert!(message.contains("event_types"), "{message}");
}

#[test]
fn unknown_types_of_our_own_are_unsupported() {
    let message = unsupported(&event(of_type("org.switchboard.poke", json!({"text": "Hi"}))));
    assert!(message.starts_with("type: `org.switchboard.poke`"), "{message}");
}
