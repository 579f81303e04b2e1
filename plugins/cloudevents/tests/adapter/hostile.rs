//! Input that nobody would send in good faith, and the files of the conformance suite.

use std::path::Path;

use proptest::prelude::*;
use serde_json::json;
use switchboard_plugin_sdk::Header;

use super::{delivery, event, inbox, malformed, plain};

#[test]
fn deep_json_is_refused_in_bounded_depth() {
    let deep = "[".repeat(200_000);
    malformed(&delivery("application/json", deep.as_str()));
    malformed(&delivery("application/cloudevents+json", deep.as_str()));
    let within =
        format!(r#"{{"author": "u", "text": "Hi", "more": {}1{}}}"#, "[".repeat(5_000), "]".repeat(5_000));
    let _ = inbox().receive(&delivery("application/json", within));
}

#[test]
fn a_batch_of_too_many_is_refused() {
    let item = json!({"id": "1", "author": "u", "text": "Hi"});
    let full = plain(json!(vec![item.clone(); 1_000]));
    assert_eq!(inbox().receive(&full).unwrap().arrivals.len(), 1_000);
    let message = malformed(&plain(json!(vec![item; 1_001])));
    assert!(message.contains("more than 1000 elements"), "{message}");
}

#[test]
fn errors_stay_short_whatever_they_quote() {
    let long = "x".repeat(1_000_000);
    let in_data = event(json!({
        "specversion": "1.0", "id": "1", "source": "/s", "type": "t",
        "data": {"text": "Hi", "kind": long},
    }));
    assert!(malformed(&in_data).len() < 500);
    let in_type = event(json!({
        "specversion": "1.0", "id": "1", "source": "/s", "type": format!("org.switchboard.{long}"),
    }));
    assert!(super::unsupported(&in_type).len() < 500);
    let many = delivery(&format!("application/{long}"), "{}");
    assert!(super::unsupported(&many).len() < 500);
}

#[test]
fn the_requests_of_the_conformance_suite_are_read() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data/cloudevents-conformance/features/http-protocol-binding.feature");
    let Ok(feature) = std::fs::read_to_string(&path) else {
        println!("skipped: {} is absent", path.display());
        return;
    };
    let mut read = 0;
    for request in feature.split("\"\"\"").filter(|text| text.trim_start().starts_with("POST ")) {
        let lines: Vec<&str> = request.trim().lines().map(str::trim).collect();
        let blank = lines.iter().position(|line| line.is_empty()).unwrap();
        // The suite's data holds `message`; this adapter's word for it is `text`.
        let body = lines[blank..].join("\n").replace("\"message\"", "\"text\"");
        for content_type in ["application/json", "application/cloudevents+json"] {
            let mut sent = delivery(content_type, body.as_str());
            for (name, value) in lines[1..blank].iter().filter_map(|line| line.split_once(": ")) {
                if name.starts_with("ce-") {
                    sent.headers.push(Header::new(name, value));
                }
            }
            if let Ok(intake) = inbox().receive(&sent) {
                read += intake.arrivals.len();
                let super::Arrival::Item(item) = &intake.arrivals[0] else { panic!("not an item") };
                assert_eq!(item.text, "Hello World!");
                assert_eq!(item.external_id, "/mycontext/subcontext 1234-1234-1234");
            }
        }
    }
    println!("read {read} of the suite's requests");
    assert!(read >= 3, "{read}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_bytes_panic(body: Vec<u8>, content_type in "(application|text)/(json|cloudevents\\+json|cloudevents-batch\\+json|plain)") {
        let _ = inbox().receive(&delivery(&content_type, body));
    }

    #[test]
    fn no_headers_panic(name in "ce-[a-z]{0,12}", value: String, body in "[\\[\\]{}\":,a-z0-9]{0,60}") {
        let mut sent = delivery("application/json", body);
        sent.headers.push(Header::new("ce-specversion", "1.0"));
        sent.headers.push(Header::new(name, value));
        let _ = inbox().receive(&sent);
    }

    #[test]
    fn no_event_panics(id: String, time: String, data in "[\\[\\]{}\":,a-z0-9]{0,60}") {
        let body = format!(
            r#"{{"specversion":"1.0","id":{},"source":"/s","type":"t","time":{},"data":{data}}}"#,
            json!(id), json!(time),
        );
        let _ = inbox().receive(&delivery("application/cloudevents+json", body));
    }
}
