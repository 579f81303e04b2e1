//! The bundled adapters, as WebAssembly in their sandbox: whatever is delivered is read or refused.

use std::sync::Arc;

use fastrand::Rng;
use serde_json::json;
use switchboard::domain::delivery::{Header, RawDelivery};
use switchboard::domain::time::Timestamp;
use switchboard::vault::Granted;

use super::each_input;
use super::mutate::{changed, shown, stirred};
use crate::support::TestApp;
use crate::support::samples::{event, mail, mail_answer};

const RSS: &str = r#"<?xml version="1.0"?><rss version="2.0"><channel><title>News</title>
<link>https://news.example.com/</link><item><guid>n1</guid><title>A kettle &amp; more</title>
<link>https://news.example.com/1</link><pubDate>Mon, 02 Mar 2026 08:59:00 GMT</pubDate>
<description><![CDATA[<p>It <b>boils</b></p>]]></description></item></channel></rss>"#;

const ATOM: &str = r#"<feed xmlns="http://www.w3.org/2005/Atom"><id>urn:x</id><title>Blog</title>
<updated>2026-03-02T08:59:00Z</updated><entry><id>urn:x:1</id><title type="html">A &lt;i&gt;kettle&lt;/i&gt;</title>
<updated>2026-03-02T08:59:00Z</updated><author><name>Ann</name></author>
<link href="https://blog.example.com/1"/><content type="html">&lt;p&gt;text&lt;/p&gt;</content></entry></feed>"#;

fn multipart() -> String {
    let parts = "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>hi</p>\r\n\
        --b\r\nContent-Type: image/png; name=\"=?utf-8?B?YQ==?=\"\r\nContent-Transfer-Encoding: base64\r\n\
        Content-Disposition: attachment\r\n\r\nAAAA\r\n--b--\r\n";
    let whole = mail("m2", "=?utf-8?Q?a_=C3=A9?=", "x");
    let head = whole.split("Content-Type").next().unwrap_or_default();
    format!("{head}{parts}")
}

/// Has an adapter read changed samples, in deliveries that are changed too; it may refuse them, but not
/// fail.
async fn try_adapter(inbox: &str, types: &[&str], samples: &[String]) {
    let app = TestApp::company().await;
    let directory = app.flow().directory.load_full();
    let inbox = Arc::clone(directory.inbox_named(inbox).unwrap());
    let adapter = Arc::clone(app.flow().pipeline.load().adapter(&inbox.adapter).unwrap());
    let samples: Vec<Vec<u8>> = samples.iter().map(|it| it.clone().into_bytes()).collect();
    let mut found = 0;
    each_input(async |seed, mut rng| {
        let delivery = RawDelivery {
            method: METHODS[rng.usize(..METHODS.len()).min(rng.usize(..METHODS.len()))].to_owned(),
            path: perhaps(&["/hook", "/hook/7", "/%2e%2e/x"], &mut rng).unwrap_or_default(),
            query: perhaps(
                &["hub.mode=subscribe&hub.challenge=42&hub.topic=x", "a=%ff&a&=b&&", "q"],
                &mut rng,
            ),
            headers: headers(types, &mut rng),
            body: body(&samples, &mut rng),
            received_at: Timestamp::from_ms(1_800_000_000_000),
        };
        let call = adapter.adapter.receive(&inbox, &Granted::nothing(), &delivery);
        match call.result {
            Err(failure) => {
                let RawDelivery { method, path, query, headers, body, .. } = &delivery;
                let head = format!("{method} {path:?} {query:?} {headers:?}");
                panic!("seed {seed}: {failure:?} on {head}, b\"{}\"", shown(body));
            }
            Ok(Ok(intake)) => found += intake.arrivals.len(),
            Ok(Err(_)) => {}
        }
    })
    .await;
    assert!(found > 10, "whatever was delivered was nearly always refused: {found} arrivals");
}

/// A sample as it is now and then, or changed: as bytes, or where it is JSON in its values alone, so that
/// what it means is looked at.
fn body(samples: &[Vec<u8>], rng: &mut Rng) -> Vec<u8> {
    let sample = &samples[rng.usize(..samples.len())];
    match (rng.u8(..4), serde_json::from_slice(sample)) {
        (0, _) => sample.clone(),
        (1, Ok(document)) => stirred(&document, rng).to_string().into_bytes(),
        _ => changed(samples, rng),
    }
}

/// The method of most deliveries first.
const METHODS: [&str; 5] = ["POST", "PUT", "GET", "OPTIONS", "BREW"];

/// Fields of the header that adapters look at, and values that say something there.
const FIELDS: [(&str, &str); 11] = [
    ("ce-specversion", "1.0"),
    ("ce-id", "e-%41"),
    ("ce-source", "https://shop.example.com"),
    ("ce-type", "com.example.comment"),
    ("ce-time", "2026-03-02T08:59:00Z"),
    ("ce-comexampleextension", "\"quoted \\\" value\""),
    ("link", "<https://blog.example.com/>; rel=self, <https://hub.example.com/>; rel=\"hub\""),
    ("x-hub-signature", "sha256=00"),
    ("webhook-request-origin", "shop.example.com"),
    ("content-encoding", "gzip"),
    ("date", "Mon, 02 Mar 2026 08:59:00 GMT"),
];

/// One of these, changed; more often nothing.
fn perhaps(values: &[&str], rng: &mut Rng) -> Option<String> {
    (rng.u8(..4) == 0).then(|| said(values[rng.usize(..values.len())], rng))
}

/// A value as it is or changed, but text.
fn said(value: &str, rng: &mut Rng) -> String {
    match rng.bool() {
        true => value.to_owned(),
        false => String::from_utf8_lossy(&changed(&[value.as_bytes().to_vec()], rng)).into_owned(),
    }
}

/// The media type in most deliveries, and further fields in some.
fn headers(types: &[&str], rng: &mut Rng) -> Vec<Header> {
    let field = |name: &str, value: String| Header { name: name.to_owned(), value };
    let mut headers = Vec::new();
    let media_type = types[rng.usize(..types.len())];
    match rng.u8(..8) {
        0 => {}
        1 => headers.push(field("content-type", said(media_type, rng))),
        _ => headers.push(field("content-type", media_type.to_owned())),
    }
    let further = if rng.u8(..4) == 0 { rng.usize(..FIELDS.len()) } else { 0 };
    for _ in 0..further {
        let (name, value) = FIELDS[rng.usize(..FIELDS.len())];
        headers.push(field(name, said(value, rng)));
    }
    headers
}

#[tokio::test]
async fn whatever_is_delivered_as_an_event_is_read_or_refused() {
    let samples = [
        event("e1", "com.example.comment", json!({ "author": "u-1", "text": "hello" })).to_string(),
        json!([event("e2", "com.example.chat", json!({ "id": "i", "text": "é日本" }))]).to_string(),
        json!({ "id": "i-1", "author": { "external_id": "u", "followers": 7 }, "text": "plain", "in_reply_to": ["i-0"] })
            .to_string(),
    ];
    let types = [
        "application/json",
        "application/cloudevents+json",
        "application/cloudevents-batch+json",
        "text/plain",
    ];
    try_adapter("chat", &types, &samples).await;
}

#[tokio::test]
async fn whatever_is_delivered_as_a_mail_is_read_or_refused() {
    let samples = [
        mail("m1", "the kettle", "It does not boil."),
        mail_answer("m3", "m1", "> It\r\n\r\nIt does."),
        multipart(),
    ];
    try_adapter("mail", &["message/rfc822"], &samples).await;
}

#[tokio::test]
async fn whatever_is_delivered_as_a_feed_is_read_or_refused() {
    let json = json!({
        "version": "https://jsonfeed.org/version/1.1", "title": "F",
        "items": [{ "id": "1", "url": "https://f.example.com/1", "content_html": "<p>a</p>",
            "date_published": "2026-03-02T08:59:00Z" }],
    });
    let samples = [RSS.to_owned(), ATOM.to_owned(), json.to_string()];
    let types = ["application/rss+xml", "application/atom+xml", "application/feed+json", "text/xml"];
    try_adapter("alerts", &types, &samples).await;
}
