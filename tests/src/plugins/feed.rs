//! Feeds and search alerts, delivered by push.

use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::reply::text;

const RSS: &str = r#"<?xml version="1.0"?><rss version="2.0"><channel><title>Kettle Blog</title>
<link>https://blog.example.com/</link>
<item><title>Kettles compared</title><link>https://blog.example.com/1</link><guid>post-1</guid>
<description>The kettle of Example Inc. is &lt;b&gt;loud&lt;/b&gt;.</description>
<pubDate>Mon, 02 Mar 2026 08:00:00 GMT</pubDate></item>
<item><title>More kettles</title><link>https://blog.example.com/2</link><guid>post-2</guid>
<description>Quieter ones.</description></item></channel></rss>"#;

const ATOM: &str = r#"<?xml version="1.0" encoding="utf-8"?><feed xmlns="http://www.w3.org/2005/Atom">
<title>Notes</title><id>urn:example:notes</id><updated>2026-03-02T08:00:00Z</updated>
<entry><id>urn:example:note-1</id><title>A kettle</title><updated>2026-03-02T08:00:00Z</updated>
<author><name>Grace</name></author><link href="https://notes.example.org/1"/>
<content type="html">&lt;p&gt;It whistles.&lt;/p&gt;</content></entry></feed>"#;

const JSON_FEED: &str = r#"{"version": "https://jsonfeed.org/version/1.1", "title": "Notes",
"items": [{"id": "n-1", "url": "https://notes.example.org/1", "content_text": "A quiet kettle.",
"date_published": "2026-03-02T08:00:00Z"}]}"#;

async fn take(app: &TestApp, content_type: &str, feed: &str) -> Value {
    app.deliver("alerts", content_type, feed.to_owned()).await.json(202)
}

async fn item(app: &TestApp, received: &Value, index: usize) -> Value {
    app.get(&format!("/v1/items/{}", text(received, &format!("/items/{index}/item")))).await.json(200)
}

#[tokio::test]
async fn every_entry_of_an_rss_feed_is_an_item() {
    let app = TestApp::company().await;
    let received = take(&app, "application/rss+xml", RSS).await;
    assert_eq!(received["items"].as_array().unwrap().len(), 2, "{received}");
    let mut texts = [item(&app, &received, 0).await, item(&app, &received, 1).await];
    texts.sort_by_key(|it| text(it, "/subject").to_owned());
    assert_eq!(text(&texts[0], "/subject"), "Kettles compared");
    assert!(text(&texts[0], "/text").contains("is loud."), "{}", texts[0]);
    assert_eq!(texts[0]["permalink"], "https://blog.example.com/1");
    assert_eq!(texts[0]["occurred_at"], "2026-03-02T08:00:00.000Z");
    assert_eq!(texts[0]["visibility"], "public");
}

#[tokio::test]
async fn every_entry_of_an_atom_feed_is_an_item() {
    let app = TestApp::company().await;
    let received = take(&app, "application/atom+xml", ATOM).await;
    let item = item(&app, &received, 0).await;
    assert_eq!(text(&item, "/subject"), "A kettle");
    assert!(text(&item, "/text").contains("It whistles."), "{item}");
    assert_eq!(item["author"]["name"], "Grace");
}

#[tokio::test]
async fn every_entry_of_a_json_feed_is_an_item() {
    let app = TestApp::company().await;
    let received = take(&app, "application/feed+json", JSON_FEED).await;
    assert_eq!(item(&app, &received, 0).await["text"], "A quiet kettle.");
}

#[tokio::test]
async fn a_feed_that_comes_again_brings_only_what_is_new() {
    let app = TestApp::company().await;
    take(&app, "application/rss+xml", RSS).await;
    let longer = RSS.replace("</channel>", "<item><title>Third</title><guid>post-3</guid></item></channel>");
    let received = take(&app, "application/rss+xml", &longer).await;
    assert_eq!(received["items"].as_array().unwrap().len(), 1);
    assert_eq!(received["duplicates"], 2);
}

#[tokio::test]
async fn what_is_no_feed_is_kept() {
    let app = TestApp::company().await;
    for body in ["", "<html><body>404</body></html>", "<rss><channel>", "{}"] {
        let received = take(&app, "application/xml", body).await;
        assert_eq!(received["outcome"], "unparsed", "{body:?}: {received}");
    }
}

#[tokio::test]
async fn an_entity_bomb_does_no_harm() {
    let app = TestApp::company().await;
    let mut bomb = String::from("<?xml version=\"1.0\"?><!DOCTYPE rss [<!ENTITY a \"kettle\">");
    for (name, of) in ["b", "c", "d", "e", "f", "g", "h"].iter().zip(["a", "b", "c", "d", "e", "f", "g"]) {
        bomb += &format!("<!ENTITY {name} \"{}\">", format!("&{of};").repeat(10));
    }
    bomb += "]><rss version=\"2.0\"><channel><title>x</title><item><title>&h;</title><guid>1</guid></item></channel></rss>";
    take(&app, "application/rss+xml", &bomb).await;
    assert_eq!(app.get("/healthz").await.json(200), json!({ "status": "ok" }));
}

/// Some markup of five kilobytes.
fn article() -> String {
    let paragraph = "<p>The <b>Gannet 2</b> boils &amp; <a href=\"https://example.com/tea?a=1&amp;b=2\">whistles</a>, \
        but its lid sits <i>loose</i>: what a pity for so nice a kettle!</p>\n";
    paragraph.repeat(5_000 / paragraph.len() + 1)
}

#[tokio::test]
async fn a_thousand_entries_of_markup_are_read_escaped_or_not() {
    let app = TestApp::company().await;
    let escaped =
        article().replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
    for (name, content) in [("cdata", format!("<![CDATA[{}]]>", article())), ("escaped", escaped)] {
        let entries: String = (0..1_000)
            .map(|number| {
                format!("<item><guid>{name}-{number}</guid><title>{number}</title><description>{content}</description></item>")
            })
            .collect();
        let feed = format!("<rss version=\"2.0\"><channel><title>Tea</title>{entries}</channel></rss>");
        assert!(feed.len() > 5_000_000);
        let received = take(&app, "application/rss+xml", &feed).await;
        assert_eq!(received["items"].as_array().map(Vec::len), Some(1_000), "{}", received["reason"]);
        let item = app.get(&format!("/v1/items/{}", text(&received, "/items/0/item"))).await.json(200);
        assert!(text(&item, "/text").starts_with("The Gannet 2 boils & whistles, but its lid"), "{item}");
        assert_eq!(text(&item, "/html").trim(), article().trim());
    }
}
