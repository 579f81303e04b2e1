//! JSON that is no event.

use serde_json::json;
use switchboard_plugin_sdk::{Arrival, AttachmentSource, Automatic, ItemKind, Visibility, testing};

use super::{attribute, delivery, item, malformed, plain, received, unsupported};

#[test]
fn every_field_of_a_record_is_read() {
    let item = item(&plain(json!({
        "id": 42,
        "kind": "review",
        "visibility": "public",
        "author": {
            "id": "u-1", "handle": "@ada", "name": "Ada", "followers": 1200, "verified": true
        },
        "subject": "Three stars",
        "text": "Nice, but late.",
        "quoted": "> before",
        "html": "<p>Nice, but late.</p>",
        "in_reply_to": ["40", 41],
        "language": "en",
        "permalink": "https://shop.example.com/reviews/42",
        "occurred_at": 1_772_360_430_000_u64,
        "automatic": "bulk",
        "attachments": [{"name": "box.jpg", "media_type": "image/jpeg", "url": "https://example.com/box.jpg"}],
        "attributes": {"stars": 3, "product": "kettle"},
    })));
    assert_eq!(item.external_id, "42");
    assert_eq!(item.kind, ItemKind::Review);
    assert_eq!(item.visibility, Visibility::Public);
    assert_eq!(item.author.handle.as_deref(), Some("ada"));
    assert_eq!(item.author.followers, Some(1200));
    assert!(item.author.verified);
    assert_eq!(item.subject.as_deref(), Some("Three stars"));
    assert_eq!(item.in_reply_to, ["40", "41"]);
    assert_eq!(item.occurred_at_ms, 1_772_360_430_000);
    assert_eq!(item.automatic, Some(Automatic::Bulk));
    assert_eq!(attribute(&item, "stars"), Some("3"));
    let [file] = item.attachments.as_slice() else { panic!("one attachment: {:?}", item.attachments) };
    let remote = AttachmentSource::Remote("https://example.com/box.jpg".to_owned());
    assert_eq!(file.source, remote);
}

#[test]
fn a_short_record_is_private_and_of_now() {
    let item = item(&plain(json!({"author": "u-1", "text": "Hi", "language": "", "extra": []})));
    assert_eq!(item.kind, ItemKind::DirectMessage);
    assert_eq!(item.visibility, Visibility::Private);
    assert_eq!(item.language, None);
    assert_eq!(item.occurred_at_ms, testing::delivery("").received_at_ms);
}

#[test]
fn a_record_without_id_has_a_stable_one() {
    let first = item(&plain(json!({"author": "u-1", "text": "Hi"})));
    let again = item(&plain(json!({"author": "u-1", "text": "Hi"})));
    let other = item(&plain(json!({"author": "u-2", "text": "Hi"})));
    assert!(first.external_id.starts_with("sha256:"));
    assert_eq!(first.external_id, again.external_id);
    assert_ne!(first.external_id, other.external_id);
}

#[test]
fn a_missing_content_type_is_taken_for_json() {
    let bare = testing::delivery(r#"{"id": "1", "author": "u", "text": "Hi"}"#);
    assert_eq!(item(&bare).external_id, "1");
}

#[test]
fn an_array_holds_records_and_events_alike() {
    let arrivals = received(&plain(json!([
        {"id": "1", "author": "u", "text": "a"},
        {"specversion": "1.0", "id": "2", "source": "/s", "type": "t", "data": {"text": "b"}},
    ])));
    let ids: Vec<&str> = arrivals
        .iter()
        .map(|arrival| match arrival {
            Arrival::Item(item) => item.external_id.as_str(),
            other => panic!("not an item: {other:?}"),
        })
        .collect();
    assert_eq!(ids, ["1", "/s 2"]);
}

#[test]
fn what_is_missing_is_named() {
    let no_text = plain(json!([{"id": "1", "author": "u"}]));
    assert_eq!(malformed(&no_text), "[0].text: missing");
    let no_author = plain(json!({"id": "1", "text": "Hi"}));
    assert_eq!(malformed(&no_author), "author: missing");
    let empty_id = plain(json!({"id": "", "author": "u", "text": "Hi"}));
    assert!(malformed(&empty_id).starts_with("id: "));
}

#[test]
fn broken_json_names_line_and_column() {
    let message = malformed(&delivery("application/json", "{\n  \"text\": \"Hi\",\n  oops}"));
    assert!(message.contains("line 3 column 3"), "{message}");
}

#[test]
fn a_bad_time_is_named() {
    let message = malformed(&plain(json!({"author": "u", "text": "Hi", "occurred_at": "noon"})));
    assert!(message.starts_with("occurred_at: not an RFC 3339 time"), "{message}");
    let message = malformed(&plain(json!({"author": "u", "text": "Hi", "occurred_at": -5})));
    assert!(message.starts_with("occurred_at: "), "{message}");
}

#[test]
fn other_content_is_unsupported() {
    assert!(unsupported(&delivery("text/html", "<p>")).contains("text/html"));
    let form = delivery("application/x-www-form-urlencoded", "text=Hi");
    assert!(unsupported(&form).contains("application/x-www-form-urlencoded"));
}

#[test]
fn bodies_that_are_no_objects_are_malformed() {
    for body in ["", "  ", "7", "\"text\"", "null", "tru"] {
        malformed(&delivery("application/json", body));
    }
}
