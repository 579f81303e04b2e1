//! Atom (RFC 4287) and Google Alerts.

use switchboard_plugin_feed::FeedAdapter;
use switchboard_plugin_sdk::{Arrival, AttachmentSource, ItemKind, Visibility, testing};

use super::{attribute, item, items};

const FEED: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<feed xmlns="http://www.w3.org/2005/Atom" xmlns:thr="http://purl.org/syndication/thread/1.0" xml:lang="en">
  <id>urn:feed:1</id>
  <title type="html">Tea &amp;amp; Kettles</title>
  <link rel="self" href="https://blog.example.com/feed"/>
  <link href="https://blog.example.com/"/>
  <author><name>The Editors</name></author>
  <entry>
    <id>urn:entry:2</id>
    <title>Second</title>
    <link rel="alternate" href="/posts/2"/>
    <link rel="enclosure" type="audio/mpeg" title="Talk" href="https://blog.example.com/2.mp3"/>
    <published>2026-03-01T10:20:30+01:00</published>
    <updated>2026-03-01T12:00:00Z</updated>
    <author><name>Ada</name><email>Ada@Example.com</email></author>
    <category term="tea"/><category term="kettle" label="Kettles"/>
    <thr:in-reply-to ref="urn:entry:1"/>
    <summary>Short.</summary>
    <content type="html">&lt;p&gt;It &lt;b&gt;boils&lt;/b&gt;.&lt;/p&gt;&lt;p&gt;Slowly.&lt;/p&gt;</content>
  </entry>
  <entry xml:lang="de">
    <id>urn:entry:1</id>
    <title type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml">Erster <i>Text</i></div></title>
    <updated>2026-02-01T00:00:00Z</updated>
    <content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>Er <em>kocht</em> nicht.</p></div></content>
  </entry>
</feed>"#;

#[test]
fn entries_become_items_oldest_first() {
    let items = items(FEED);
    let ids: Vec<&str> = items.iter().map(|item| item.external_id.as_str()).collect();
    assert_eq!(ids, ["urn:entry:1", "urn:entry:2"]);
}

#[test]
fn an_entry_gives_its_facts() {
    let item = &items(FEED)[1];
    assert_eq!(item.kind, ItemKind::Post);
    assert_eq!(item.visibility, Visibility::Public);
    assert_eq!(item.subject.as_deref(), Some("Second"));
    assert_eq!(item.text, "It boils.\n\nSlowly.");
    assert_eq!(item.html.as_deref(), Some("<p>It <b>boils</b>.</p><p>Slowly.</p>"));
    assert_eq!(item.author.external_id, "ada@example.com");
    assert_eq!(item.author.name.as_deref(), Some("Ada"));
    assert_eq!(item.permalink.as_deref(), Some("https://blog.example.com/posts/2"));
    assert_eq!(item.occurred_at_ms, 1_772_356_830_000);
    assert_eq!(item.in_reply_to, ["urn:entry:1"]);
    assert_eq!(item.language.as_deref(), Some("en"));
    assert_eq!(attribute(item, "categories"), Some("tea, Kettles"));
    assert_eq!(attribute(item, "feed-title"), Some("Tea & Kettles"));
    let remote = AttachmentSource::Remote("https://blog.example.com/2.mp3".to_owned());
    assert_eq!(item.attachments[0].source, remote);
}

#[test]
fn xhtml_is_read_as_text_and_the_feed_stands_in() {
    let item = &items(FEED)[0];
    assert_eq!(item.subject.as_deref(), Some("Erster Text"));
    assert_eq!(item.text, "Er kocht nicht.");
    assert_eq!(item.author.name.as_deref(), Some("The Editors"));
    assert_eq!(item.language.as_deref(), Some("de"));
    assert_eq!(item.permalink, None);
}

#[test]
fn an_entry_may_stand_alone() {
    let entry =
        item(r#"<entry xmlns="http://www.w3.org/2005/Atom"><id>urn:x</id><title>Alone</title></entry>"#);
    assert_eq!(entry.external_id, "urn:x");
    assert_eq!(entry.text, "Alone");
}

#[test]
fn prefixes_and_forgotten_namespaces_do_not_matter() {
    let prefixed = item(
        r#"<a:feed xmlns:a="http://www.w3.org/2005/Atom"><a:entry><a:id>urn:x</a:id><a:title>T</a:title></a:entry></a:feed>"#,
    );
    assert_eq!(prefixed.subject.as_deref(), Some("T"));
    let bare = item("<feed><entry><id>urn:y</id><title>T</title></entry></feed>");
    assert_eq!(bare.subject.as_deref(), Some("T"));
}

#[test]
fn atom_03_is_read() {
    let old = item(
        r#"<feed version="0.3" xmlns="http://purl.org/atom/ns#"><entry><id>urn:x</id>
        <issued>2004-02-01T10:00:00Z</issued><content type="text/html" mode="escaped">&lt;b&gt;Hi&lt;/b&gt;</content>
        </entry></feed>"#,
    );
    assert_eq!(old.text, "Hi");
    assert_eq!(old.occurred_at_ms, 1_075_629_600_000);
}

const ALERT: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<feed xmlns="http://www.w3.org/2005/Atom">
  <id>tag:google.com,2005:reader/user/0417/state/com.google/alerts/4428</id>
  <title>Google Alert - Kettle</title>
  <link href="https://www.google.com/alerts/feeds/0417/4428" rel="self"/>
  <entry>
    <id>tag:google.com,2013:googlealerts/feed:8974</id>
    <title type="html">Why the &lt;b&gt;Kettle&lt;/b&gt; leaks</title>
    <link href="https://www.google.com/url?rct=j&amp;sa=t&amp;url=https://news.example.org/kettle%3Fid%3D1&amp;ct=ga"/>
    <published>2026-03-01T10:20:30Z</published>
    <content type="html">The &lt;b&gt;Kettle&lt;/b&gt; by Example leaks&amp;nbsp;...</content>
    <author><name></name></author>
  </entry>
</feed>"#;

#[test]
fn a_google_alert_leads_to_the_page_itself() {
    let alert = item(ALERT);
    assert_eq!(alert.kind, ItemKind::Alert);
    assert_eq!(alert.external_id, "tag:google.com,2013:googlealerts/feed:8974");
    assert_eq!(alert.permalink.as_deref(), Some("https://news.example.org/kettle?id=1"));
    assert_eq!(alert.subject.as_deref(), Some("Why the Kettle leaks"));
    assert_eq!(alert.text.replace('\u{a0}', " "), "The Kettle by Example leaks ...");
    assert_eq!(alert.author.external_id, "news.example.org");
}

#[test]
fn the_kind_can_be_set() {
    let inbox = testing::adapter::<FeedAdapter>(serde_json::json!({"kind": "mention"})).unwrap();
    let intake = inbox.receive(&testing::delivery(ALERT)).unwrap();
    let [Arrival::Item(item)] = &intake.arrivals[..] else { panic!("not one item") };
    assert_eq!(item.kind, ItemKind::Mention);
}
