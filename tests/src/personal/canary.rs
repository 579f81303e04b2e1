//! Somebody of whom every kind of text is in the repository, each with a word of its own.

use std::fs;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::guest::{Guest, Kind};
use crate::support::reply::text;

/// What the reason of a policy quotes.
pub const REASON: &str = "quokka-quotes-the-reason";

/// A person of whom everything is known.
pub struct Person {
    /// Begins every word of the person.
    pub name: &'static str,
    /// On the channel `web`.
    pub contact: String,
    /// The person's conversation there.
    pub conversation: String,
    /// The delivery that brought it.
    pub delivery: String,
}

/// Every kind of text that comes from a person or is about one. The delivery's query, header and a file's
/// content are in its bytes alone.
const KINDS: [&str; 24] = [
    "id",
    "address",
    "handle",
    "person",
    "subject",
    "text",
    "quoted",
    "html",
    "file",
    "fileurl",
    "permalink",
    "fact",
    "query",
    "header",
    "edited",
    "note",
    "reply",
    "queued",
    "echo",
    "tag",
    "theme",
    "thread",
    "repeated",
    "handover",
];

impl Person {
    /// The person's word of this kind.
    pub fn word(&self, kind: &str) -> String {
        word(self.name, kind)
    }

    /// All words of the person.
    pub fn words(&self) -> Vec<String> {
        KINDS.iter().map(|kind| self.word(kind)).collect()
    }
}

fn word(name: &str, kind: &str) -> String {
    assert!(KINDS.contains(&kind), "{kind}");
    format!("{name}-{kind}-word")
}

/// What the channel tells, as a CloudEvent.
fn event(id: &str, kind: &str, data: Value) -> Value {
    json!({
        "specversion": "1.0", "id": id, "source": "https://shop.example.com",
        "type": format!("org.switchboard.{kind}"), "datacontenttype": "application/json", "data": data,
    })
}

/// What the person said first.
pub fn first_words(name: &str) -> Value {
    let word = |kind| word(name, kind);
    event(
        &format!("{name}-event"),
        "item",
        json!({
            "id": word("id"), "in_reply_to": [word("thread")],
            "author": { "id": word("address"), "handle": word("handle"), "name": word("person") },
            "subject": word("subject"), "text": word("text"), "quoted": word("quoted"),
            "html": format!("<p>{}</p>", word("html")),
            "permalink": format!("https://shop.example.com/{}", word("permalink")),
            "attachments": [{
                "name": word("file"), "media_type": "image/png",
                "url": format!("https://files.example.com/{}", word("fileurl")),
            }],
            "attributes": { "order": word("fact") },
        }),
    )
}

/// Delivers an event, with a query and a header of the person's.
pub async fn tell(app: &TestApp, name: &str, event: &Value) -> Value {
    let mut request = Request::post(format!("/in/chat?note={}", word(name, "query")))
        .header("content-type", "application/cloudevents+json")
        .header("x-note", word(name, "header"));
    if let Some(token) = app.channel_token.get() {
        request = request.header("x-switchboard-token", token);
    }
    app.send(request.body(Full::new(Bytes::from(event.to_string()))).unwrap()).await.json(202)
}

/// A policy quotes what it saw.
pub async fn with_quoting_policy(app: &TestApp) {
    app.upload(Guest::proposing_like_a_quote("quoter", Kind::Abstain, REASON).component()).await.json(201);
    app.enable(json!({ "plugin": "quoter", "phase": "qualify", "mode": "active" })).await;
}

/// A person writes, edits it, is answered, remarked on, and written of in every place there is.
pub async fn whole_story(app: &TestApp, name: &'static str) -> Person {
    app.vouch().await;
    let word = |kind| word(name, kind);
    let first = tell(app, name, &first_words(name)).await;
    app.settle().await;
    let conversation = app.conversation_of(&first);
    let id = word("id");
    tell(app, name, &event("e", "edit", json!({ "id": id, "text": word("edited") }))).await;
    let mut again = first_words(name);
    again["data"]["language"] = json!(word("repeated"));
    assert_eq!(tell(app, name, &again).await["duplicates"], 1);
    let echo = json!({
        "id": format!("{name}-echo"), "in_reply_to": [id], "text": word("echo"),
        "author": { "id": "shop", "name": "Example Shop" },
    });
    tell(app, name, &event("o", "echo", echo)).await;
    app.settle().await;
    answered(app, name, &conversation).await;
    let shown = app.conversation(&conversation).await;
    let contact = text(&shown, "/contact/id").to_owned();
    let delivery = text(&first, "/delivery").to_owned();
    Person { name, contact, conversation, delivery }
}

/// What agents do, one answer of theirs still waiting.
async fn answered(app: &TestApp, name: &str, conversation: &str) {
    let word = |kind| word(name, kind);
    let act = async |verb: &str, body: Value| {
        let path = format!("/v1/conversations/{conversation}/{verb}");
        let key = format!("{name}-{verb}-{}", body["text"].as_str().unwrap_or_default().len());
        let headers = [("content-type", "application/json"), ("idempotency-key", key.as_str())];
        app.ask("POST", &path, &headers, body.to_string()).await.ok();
    };
    act("note", json!({ "agent": "ada", "text": word("note") })).await;
    act("set", json!({ "agent": "ada", "add_tags": [word("tag")] })).await;
    act("reply", json!({ "agent": "ada", "text": word("reply") })).await;
    app.settle().await;
    let to = json!({ "department": "service", "queue": "leads" });
    act("hand-off", json!({ "agent": "ada", "to": to, "summary": word("handover") })).await;
    act("close", json!({ "agent": "ada", "disposition": { "theme": word("theme") } })).await;
    act("reopen", json!({ "agent": "ada" })).await;
    act("reply", json!({ "agent": "ada", "text": word("queued") })).await;
}

/// Which of these words are in any file beside the repository.
pub fn found_on_disk<'a>(app: &TestApp, words: &'a [String]) -> Vec<&'a str> {
    let folder = app.file().parent().unwrap().to_owned();
    let mut names = Vec::new();
    let mut contents = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        names.push(path.file_name().unwrap().to_string_lossy().into_owned());
        contents.push(fs::read(&path).unwrap_or_default());
    }
    for file in ["switchboard.db", "switchboard.db-wal", "switchboard.db-shm"] {
        assert!(names.iter().any(|it| it == file), "{file} is not among {names:?}");
    }
    let is_there = |word: &&'a String| contents.iter().any(|it| holds(it, word.as_bytes()));
    words.iter().filter(is_there).map(String::as_str).collect()
}

fn holds(bytes: &[u8], word: &[u8]) -> bool {
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|byte| *byte == word[0]) {
        rest = &rest[at..];
        if rest.starts_with(word) {
            return true;
        }
        rest = &rest[1..];
    }
    false
}

/// Erases a contact, as the admin.
pub async fn erase(app: &TestApp, contact: &str) -> Value {
    let path = format!("/v1/contacts/{contact}/erase");
    app.post(&path, json!({ "reason": "consent-withdrawn" })).await.json(200)
}
