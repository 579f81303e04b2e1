//! RSS in its versions.

use switchboard_plugin_sdk::testing::{self, With as _};
use switchboard_plugin_sdk::{Header, TaskError};

use super::{attribute, inbox, item, items, items_of, malformed};

fn channel(items: &str) -> String {
    format!(
        r#"<?xml version="1.0"?><rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"
        xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:atom="http://www.w3.org/2005/Atom"><channel>
        <title>News</title><link>https://news.example.com/</link><language>en-gb</language>
        <atom:link href="https://news.example.com/feed" rel="self"/>{items}</channel></rss>"#
    )
}

#[test]
fn an_item_gives_its_facts() {
    let item = item(&channel(
        r#"<item><title>Tea &amp; more</title><link>https://news.example.com/1</link>
        <guid isPermaLink="false">n-1</guid><pubDate>Sun, 01 Mar 2026 10:20:30 EST</pubDate>
        <author>ada@example.com (Ada Example)</author><category>tea</category>
        <enclosure url="/1.mp3" type="audio/mpeg" length="5"/>
        <description>Short &lt;b&gt;text&lt;/b&gt;</description>
        <content:encoded><![CDATA[<p>Long <b>text</b></p>]]></content:encoded></item>"#,
    ));
    assert_eq!(item.external_id, "https://news.example.com/ n-1");
    assert_eq!(item.subject.as_deref(), Some("Tea & more"));
    assert_eq!(item.text, "Long text");
    assert_eq!(item.permalink.as_deref(), Some("https://news.example.com/1"));
    assert_eq!(item.author.external_id, "ada@example.com");
    assert_eq!(item.author.name.as_deref(), Some("Ada Example"));
    assert_eq!(item.language.as_deref(), Some("en-gb"));
    assert_eq!(item.occurred_at_ms, 1_772_378_430_000);
    assert_eq!(attribute(&item, "categories"), Some("tea"));
    assert_eq!(item.attachments.len(), 1);
}

#[test]
fn a_guid_may_be_the_link_and_the_link_the_id() {
    let guid = item(&channel("<item><guid>https://news.example.com/2</guid><title>x</title></item>"));
    assert_eq!(guid.external_id, "https://news.example.com/2");
    assert_eq!(guid.permalink.as_deref(), Some("https://news.example.com/2"));
    let link = item(&channel("<item><link>https://news.example.com/3</link><title>x</title></item>"));
    assert_eq!(link.external_id, "https://news.example.com/3");
    let none = item(&channel("<item><title>x</title></item>"));
    assert!(none.external_id.starts_with("sha256:"));
    assert_eq!(none.author.name.as_deref(), Some("News"));
    assert_eq!(none.occurred_at_ms, testing::delivery("").received_at_ms);
}

#[test]
fn rss_1_has_its_items_beside_the_channel() {
    let items = items(
        r#"<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"
        xmlns:dc="http://purl.org/dc/elements/1.1/"><channel rdf:about="https://a.example/"><title>A</title>
        <link>https://a.example/</link></channel><item rdf:about="https://a.example/1"><title>One</title>
        <dc:creator>Bob</dc:creator><dc:date>2026-03-01T10:20Z</dc:date></item></rdf:RDF>"#,
    );
    assert_eq!(items.len(), 1);
    assert_eq!(items[0].external_id, "https://a.example/1");
    assert_eq!(items[0].author.name.as_deref(), Some("Bob"));
    assert_eq!(items[0].occurred_at_ms, 1_772_360_400_000);
}

#[test]
fn rss_091_is_read() {
    let old = item(
        "<rss version=\"0.91\"><channel><title>Old</title><item><title>T</title>\
         <description>D</description></item></channel></rss>",
    );
    assert_eq!(old.text, "D");
}

#[test]
fn dates_come_in_many_forms() {
    for (text, ms) in [
        ("Sun, 01 Mar 2026 10:20:30 GMT", 1_772_360_430_000_u64),
        ("Mon, 1 Mar 2026 10:20:30 +0000", 1_772_360_430_000),
        ("1 Mar 2026 10:20:30 Z", 1_772_360_430_000),
        ("2026-03-01T10:20:30Z", 1_772_360_430_000),
        ("2026-03-01 10:20:30", 1_772_360_430_000),
        ("2026-03-01", 1_772_323_200_000),
        ("soon", testing::delivery("").received_at_ms),
    ] {
        let item = item(&channel(&format!("<item><title>x</title><pubDate>{text}</pubDate></item>")));
        assert_eq!(item.occurred_at_ms, ms, "{text}");
    }
}

#[test]
fn html_entities_and_loose_ampersands_are_survived() {
    let item = item(&channel("<item><title>Caf&eacute; & Tea &#8211; &lt;3</title></item>"));
    assert_eq!(item.subject.as_deref(), Some("Café & Tea – <3"));
}

#[test]
fn references_are_resolved_wherever_they_stand() {
    for (written, read) in [
        ("a &lt;i&gt;b&lt;/i&gt; &quot;c&apos;", "a b \"c'"),
        ("&#252;&#xDF;&amp;eacute;", "üßé"),
        ("&amp;amp; <![CDATA[<b>&amp;</b>]]> &lt;br/&gt;x", "& &\nx"),
        ("<!-- &lt; -->&amp;lt;", "<"),
        ("<![CDATA[a]]> &amp; b<br/> &amp;<i/>&amp; c", "a & b && c"),
        (
            "&a-very-long-name-that-nobody-would-ever-give-to-an-entity;",
            "&a-very-long-name-that-nobody-would-ever-give-to-an-entity;",
        ),
    ] {
        assert_eq!(
            item(&channel(&format!("<item><description>{written}</description></item>"))).text,
            read,
            "{written}"
        );
    }
}

#[test]
fn behind_references_an_error_still_names_its_place() {
    let feed = "<rss><channel><title>a &amp;\n&lt; b</title>\n<item></channel></rss>";
    let message = malformed(feed);
    assert!(message.contains("line 3 column 7"), "{message}");
}

#[test]
fn a_feed_in_another_encoding_is_decoded() {
    let mut body = b"<?xml version='1.0' encoding='iso-8859-1'?><rss><channel><item><title>Gr".to_vec();
    body.extend(b"\xfc\xdfe</title></item></channel></rss>");
    assert_eq!(items_of(&testing::delivery(body))[0].text, "Grüße");
    let mut header =
        testing::delivery(&b"<rss><channel><item><title>\xfc</title></item></channel></rss>"[..]);
    header.headers.push(Header::new("content-type", "text/xml; charset=windows-1252"));
    assert_eq!(items_of(&header)[0].text, "ü");
}

#[test]
fn links_that_are_no_pages_are_left_out() {
    let item = item(&channel("<item><title>x</title><link>javascript:alert(1)</link></item>"));
    assert_eq!(item.permalink, None);
}

#[test]
fn the_newest_thousand_are_taken_and_the_rest_is_said() {
    let many: String = (0..1_005)
        .map(|number| {
            format!(
                "<item><guid>urn:{number}</guid><title>x</title><pubDate>2026-01-01T00:{:02}:{:02}Z</pubDate></item>",
                number / 60, number % 60
            )
        })
        .collect();
    let items = items(&channel(&many));
    assert_eq!(items.len(), 1_000);
    assert_eq!(items[0].external_id, "urn:5");
    assert_eq!(items[999].external_id, "urn:1004");
    let lines = testing::logged();
    assert!(lines.iter().any(|(_, line)| line.contains("left 5 out")), "{lines:?}");
}

#[test]
fn what_is_no_feed_is_named() {
    for (body, found) in [
        ("", "the body is empty"),
        ("<!DOCTYPE html><html></html>", "HTML page"),
        ("<html><body>", "HTML page"),
        ("<opml version='2.0'></opml>", "<opml>"),
        ("hello", "neither XML nor"),
        ("{\"a\": 1}", "without `items`"),
        ("{\"items\": [", "line 1 column"),
        ("<rss><channel></rss>", "line 1 column"),
        ("<rss>\n<channel>", "line 2 column 10"),
    ] {
        let message = malformed(body);
        assert!(message.contains(found), "{body}: {message}");
    }
}

#[test]
fn an_empty_feed_brings_nothing() {
    assert!(items(&channel("")).is_empty());
}

#[test]
fn a_feed_cannot_be_answered() {
    let error = inbox().reply(testing::outbound("Hi").with(|_| {})).unwrap_err();
    assert!(matches!(error, TaskError::Unsupported(message) if message.contains("permalink")));
}
