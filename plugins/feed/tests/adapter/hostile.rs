//! Feeds that nobody would send in good faith.

use proptest::prelude::*;
use switchboard_plugin_sdk::testing;

use super::{inbox, item, malformed};

#[test]
fn depth_is_bounded() {
    assert!(malformed(&"<rss>".repeat(100_000)).contains("deeper than 100"));
    let deep_json = format!("{{\"items\": {}", "[".repeat(100_000));
    malformed(&deep_json);
}

#[test]
fn entities_of_a_document_type_are_not_expanded() {
    let laughs = r#"<!DOCTYPE rss [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>
        <rss><channel><item><title>&b;</title></item></channel></rss>"#;
    assert_eq!(item(laughs).text, "&b;");
}

#[test]
fn long_and_deep_markup_ends() {
    for markup in ["&lt;div&gt;".repeat(10_000), "&lt;b&gt;x".repeat(10_000)] {
        let feed = format!("<rss><channel><item><description>{markup}</description></item></channel></rss>");
        let _ = item(&feed);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_bytes_panic(body: Vec<u8>) {
        let _ = inbox().receive(&testing::delivery(body));
    }

    #[test]
    fn no_xml_panics(body in "<(rss|feed|rdf:RDF)>(<(channel|item|entry|title|link|a:id|guid|pubDate)( href=\"[a-z:/]{0,8}\")?/?>|</(channel|item|entry|title)>|&[a-z#0-9]{0,4};?|<!\\[CDATA\\[|\\]\\]>|\u{e4}|x){0,20}") {
        let _ = inbox().receive(&testing::delivery(body));
    }

    #[test]
    fn no_date_panics(date: String) {
        let _ = switchboard_plugin_feed::date::parse(&date);
    }

    #[test]
    fn no_declaration_panics(encoding in "[a-z0-9\"'= \u{e4}-]{0,30}") {
        let body = format!("<?xml version=\"1.0\" encoding={encoding}?><rss/>");
        let _ = inbox().receive(&testing::delivery(body));
    }
}
