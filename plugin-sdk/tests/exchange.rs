//! What adapters share: the answers of other sides, and ids for what has none.

use switchboard_plugin_sdk::prelude::*;
use switchboard_plugin_sdk::testing::{self, With as _};

fn refused(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Outcome {
    let reply = testing::reply_received(status).with(|reply| {
        reply.headers = headers.iter().map(|(name, value)| Header::new(*name, *value)).collect();
        reply.body = body.to_vec();
    });
    Outcome::of_refusal(&reply)
}

#[test]
fn what_passes_is_tried_again_after_a_minute() {
    for status in [408, 425, 429, 500, 503, 599] {
        assert_eq!(refused(status, &[], b""), Outcome::RetryAfter(60_000), "{status}");
    }
}

#[test]
fn the_other_side_says_how_long_to_wait() {
    let sent = ("date", "Mon, 02 Mar 2026 09:00:00 GMT");
    for (headers, expected_ms) in [
        (vec![("retry-after", "120")], 120_000),
        (vec![("retry-after", " 0 ")], 0),
        (vec![("retry-after", "86401")], 86_400_000),
        (vec![("retry-after", "99999999999999999999")], 60_000),
        (vec![("retry-after", "soon")], 60_000),
        (vec![("retry-after", "-5")], 60_000),
        (vec![sent, ("retry-after", "Mon, 02 Mar 2026 09:00:30 GMT")], 30_000),
        (vec![sent, ("retry-after", "Monday, 02-Mar-26 09:00:31 GMT")], 31_000),
        (vec![sent, ("retry-after", "Mon Mar  2 09:00:32 2026")], 32_000),
        (vec![sent, ("retry-after", "Mon, 02 Mar 2026 08:00:00 GMT")], 60_000),
        (vec![sent, ("retry-after", "Fri, 31 Dec 9999 23:59:59 GMT")], 86_400_000),
        // A date means nothing to who has no clock.
        (vec![("retry-after", "Mon, 02 Mar 2026 09:00:30 GMT")], 60_000),
    ] {
        assert_eq!(refused(503, &headers, b""), Outcome::RetryAfter(expected_ms), "{headers:?}");
    }
}

#[test]
fn what_stays_is_final_and_says_why() {
    assert_eq!(refused(422, &[], b" no such chat\n"), Outcome::Failed("answered 422: no such chat".into()));
    assert_eq!(refused(404, &[], b""), Outcome::Failed("answered 404: no reason given".into()));
    let Outcome::Failed(long) = refused(400, &[], "ü".repeat(1_000).as_bytes()) else { panic!("not final") };
    assert_eq!(long, format!("answered 400: {}", "ü".repeat(150)));
    let Outcome::Failed(cut) = refused(400, &[], format!("a{}", "ü".repeat(1_000)).as_bytes()) else {
        panic!("not final")
    };
    assert!(cut.ends_with('\u{fffd}'), "{cut}");
}

#[test]
fn a_new_address_is_told() {
    let moved = refused(301, &[("location", "https://example.org/")], b"");
    let told = "answered 301 and points to https://example.org/; set that address instead";
    assert_eq!(moved, Outcome::Failed(told.to_owned()));
    let Outcome::Failed(lost) = refused(302, &[], b"") else { panic!("not final") };
    assert!(lost.contains("points to nowhere"), "{lost}");
}

#[test]
fn success_is_two_hundred_and_something() {
    for (status, success) in [(199, false), (200, true), (299, true), (300, false)] {
        assert_eq!(testing::reply_received(status).is_success(), success, "{status}");
    }
}

#[test]
fn the_first_field_of_a_name_counts_without_the_space_around_it() {
    let delivery = testing::delivery("").with(|delivery| {
        delivery.headers = vec![
            Header::new("x-one", " a \t"),
            Header::new("x-one", "b"),
            Header::new("content-type", "text/plain"),
        ];
    });
    assert_eq!(delivery.header("x-one"), Some("a"));
    assert_eq!(delivery.header("content-type"), Some("text/plain"));
    assert_eq!(delivery.header("x-two"), None);
}

#[test]
fn the_same_content_has_the_same_id() {
    // FIPS 180-2, appendix B.1.
    let of_abc = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(content_id(b"abc"), of_abc);
    assert_ne!(content_id(b"abc "), of_abc);
}
