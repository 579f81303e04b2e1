//! The three ways an event comes (HTTP Protocol Binding 1.0.2, section 3).

use serde_json::json;
use switchboard_plugin_sdk::testing::{self, With as _};
use switchboard_plugin_sdk::{Arrival, Delivery, Header};

use super::{attribute, delivery, event, inbox, item, malformed, received, unsupported};

fn sample() -> serde_json::Value {
    json!({
        "specversion": "1.0",
        "id": "4711",
        "source": "https://shop.example.com/chat",
        "type": "com.example.chat.message",
        "time": "2026-03-01T10:20:30.5Z",
        "subject": "room-7",
        "traceparent": "00-abc-01",
        "attempt": 2,
        "data": {"text": "Where is my parcel?", "author": {"id": "u-1", "name": "Ada"}},
    })
}

fn binary(headers: &[(&str, &str)], body: &[u8]) -> Delivery {
    testing::delivery(body).with(|delivery| {
        delivery.headers.push(Header::new("ce-specversion", "1.0"));
        delivery.headers.push(Header::new("ce-id", "4711"));
        delivery.headers.push(Header::new("ce-source", "/chat"));
        delivery.headers.push(Header::new("ce-type", "com.example.message"));
        for (name, value) in headers {
            delivery.headers.push(Header::new(*name, *value));
        }
    })
}

#[test]
fn a_structured_event_becomes_an_item() {
    let item = item(&event(sample()));
    assert_eq!(item.external_id, "https://shop.example.com/chat 4711");
    assert_eq!(item.text, "Where is my parcel?");
    assert_eq!(item.author.external_id, "u-1");
    assert_eq!(item.occurred_at_ms, 1_772_360_430_500);
    assert_eq!(attribute(&item, "ce-type"), Some("com.example.chat.message"));
    assert_eq!(attribute(&item, "ce-subject"), Some("room-7"));
    assert_eq!(attribute(&item, "ce-traceparent"), Some("00-abc-01"));
    assert_eq!(attribute(&item, "ce-attempt"), Some("2"));
}

#[test]
fn a_charset_parameter_does_not_change_the_mode() {
    let body = sample().to_string();
    let json = delivery("Application/CloudEvents+JSON; charset=\"utf-8\"", body.as_str());
    assert_eq!(item(&json).text, "Where is my parcel?");
    let other = delivery("application/cloudevents+json; charset=latin1", body);
    assert!(unsupported(&other).contains("send UTF-8"));
}

#[test]
fn a_batch_yields_its_events_in_order() {
    let mut second = sample();
    second["id"] = json!("4712");
    let batch = json!([sample(), second]).to_string();
    let ids: Vec<String> = received(&delivery("application/cloudevents-batch+json", batch))
        .into_iter()
        .map(|arrival| match arrival {
            Arrival::Item(item) => item.external_id,
            other => panic!("not an item: {other:?}"),
        })
        .collect();
    assert_eq!(ids, ["https://shop.example.com/chat 4711", "https://shop.example.com/chat 4712"]);
}

#[test]
fn an_empty_batch_brings_nothing() {
    assert!(received(&delivery("application/cloudevents-batch+json", "[]")).is_empty());
}

#[test]
fn the_same_id_of_two_sources_is_two_items() {
    let mut other = sample();
    other["source"] = json!("/forum");
    assert_ne!(item(&event(sample())).external_id, item(&event(other)).external_id);
}

#[test]
fn a_binary_event_takes_its_attributes_from_the_header() {
    let body = br#"{"text": "Hello", "author": "u-2"}"#;
    let item = item(&binary(
        &[
            ("content-type", "application/json"),
            ("ce-time", "2026-03-01T10:20:30Z"),
            ("ce-subject", "Euro%20%E2%82%AC%20%F0%9F%98%80"),
            ("ce-title", "\"a \\\"quoted\\\" word\""),
        ],
        body,
    ));
    assert_eq!(item.external_id, "/chat 4711");
    assert_eq!(item.text, "Hello");
    assert_eq!(item.occurred_at_ms, 1_772_360_430_000);
    assert_eq!(attribute(&item, "ce-subject"), Some("Euro € 😀"));
    assert_eq!(attribute(&item, "ce-title"), Some("a \"quoted\" word"));
}

#[test]
fn binary_text_is_the_items_text() {
    let item = item(&binary(&[("content-type", "text/plain")], "Grüße".as_bytes()));
    assert_eq!(item.text, "Grüße");
    assert_eq!(item.author.external_id, "/chat", "the source stands for nobody");
}

#[test]
fn binary_data_of_another_type_is_unsupported() {
    let delivery = binary(&[("content-type", "image/png")], b"\x89PNG");
    assert!(unsupported(&delivery).contains("image/png"));
}

#[test]
fn a_percent_encoding_that_is_no_utf8_names_the_header() {
    let delivery = binary(&[("ce-subject", "%ff%fe")], b"{}");
    assert!(malformed(&delivery).starts_with("header ce-subject: "));
}

#[test]
fn base64_data_is_decoded() {
    let mut json = sample();
    json.as_object_mut().unwrap().remove("data");
    json["data_base64"] = json!("eyJ0ZXh0IjoiSGkifQ==");
    assert_eq!(item(&event(json.clone())).text, "Hi");
    json["datacontenttype"] = json!("text/plain");
    json["data_base64"] = json!("SGkgdGhlcmU=");
    assert_eq!(item(&event(json.clone())).text, "Hi there");
    json["data_base64"] = json!("SGk*");
    assert!(malformed(&event(json)).starts_with("data_base64: "));
}

#[test]
fn a_string_as_data_is_the_text() {
    let mut json = sample();
    json["datacontenttype"] = json!("text/plain");
    json["data"] = json!("Just words");
    assert_eq!(item(&event(json)).text, "Just words");
}

#[test]
fn an_attribute_that_is_null_is_absent() {
    let mut json = sample();
    json["subject"] = json!(null);
    json["time"] = json!(null);
    let item = item(&event(json));
    assert_eq!(attribute(&item, "ce-subject"), None);
    assert_eq!(item.occurred_at_ms, testing::delivery("").received_at_ms);
}

#[test]
fn missing_attributes_are_named() {
    for name in ["id", "source", "type", "specversion"] {
        let mut json = sample();
        json.as_object_mut().unwrap().remove(name);
        let message = malformed(&event(json));
        assert!(message.starts_with(name), "{message}");
    }
}

#[test]
fn an_older_version_is_unsupported() {
    let mut json = sample();
    json["specversion"] = json!("0.3");
    assert!(unsupported(&event(json)).contains("version 0.3"));
}

#[test]
fn other_encodings_of_events_are_unsupported() {
    let xml = delivery("application/cloudevents+xml", "<event/>");
    assert!(unsupported(&xml).contains("application/cloudevents+xml"));
}

#[test]
fn an_error_in_a_batch_names_the_element_and_the_field() {
    let mut bad = sample();
    bad["data"]["author"] = json!({"id": "u", "followers": "many"});
    let batch = json!([sample(), bad]).to_string();
    let message = malformed(&delivery("application/cloudevents-batch+json", batch));
    assert!(message.starts_with("[1].data.author"), "{message}");
    assert!(message.contains("many"), "{message}");
}

#[test]
fn only_post_delivers() {
    let get = event(sample()).with(|delivery| delivery.method = "GET".to_owned());
    assert!(unsupported(&get).contains("method GET"));
}

#[test]
fn settings_are_checked() {
    let errors = testing::adapter::<switchboard_plugin_cloudevents::CloudEvents>(json!({
        "reply_url": "ftp://example.com"
    }))
    .unwrap_err();
    assert_eq!(errors[0].pointer, "/reply_url");
    assert!(inbox().receive(&event(sample())).is_ok());
}
