//! Everything about a person is handed out.

use serde_json::{Value, json};

use super::canary::{REASON, erase, whole_story, with_quoting_policy};
use crate::support::TestApp;
use crate::support::reply::{entries, text};

fn base64(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(text).unwrap()
}

/// Every text of an export, its deliveries' bodies decoded.
fn all_of(export: &Value) -> String {
    let mut all = export.to_string();
    for delivery in export["deliveries"].as_array().unwrap() {
        all.push_str(&String::from_utf8_lossy(&base64(text(delivery, "/body_base64"))));
    }
    all
}

#[tokio::test]
async fn an_export_holds_everything_and_is_in_the_audit_log() {
    let app = TestApp::staffed().await;
    with_quoting_policy(&app).await;
    let vera = whole_story(&app, "vera").await;
    let otto = whole_story(&app, "otto").await;
    let path = format!("/v1/contacts/{}/export", vera.contact);
    let answer = app.get(&path).await;
    assert_eq!(answer.headers["cache-control"], "no-store");
    let export = answer.json(200);
    let all = all_of(&export);
    for word in vera.words() {
        assert!(all.contains(&word), "{word} is missing");
    }
    assert!(all.contains(REASON), "what was decided is missing");
    for word in otto.words() {
        assert!(!all.contains(&word), "{word} is somebody else's");
    }
    let count = |list: &str| export[list].as_array().unwrap().len();
    assert_eq!((count("conversations"), count("items"), count("replies")), (1, 4, 2));
    assert_eq!(count("deliveries"), 4, "the first, the edit, the repetition, the echo");
    assert_eq!(export["items"][0]["revisions"].as_array().unwrap().len(), 2);
    let log = app.get("/v1/audit").await.json(200);
    assert_eq!(text(&entries(&log)[0], "/action"), "contact.export");
    assert_eq!(text(&entries(&log)[0], "/subject"), vera.contact);
    let actions: Vec<_> =
        export["audit"].as_array().unwrap().iter().map(|it| text(it, "/action").to_owned()).collect();
    for action in ["contact.export", "conversation.reply", "conversation.note"] {
        assert!(actions.iter().any(|it| it == action), "{action} is not in {actions:?}");
    }

    erase(&app, &vera.contact).await;
    app.get(&path).await.problem(410);
    app.get("/v1/contacts/ctc_0000000000001/export").await.problem(404);
}

/// The schema that `/openapi.json` gives names every field of the document, and no other.
#[tokio::test]
async fn an_export_has_the_shape_that_is_described() {
    let app = TestApp::company().await;
    let conversation = app.say("hello").await;
    let contact = text(&app.conversation(&conversation).await, "/contact/id").to_owned();
    let export = app.get(&format!("/v1/contacts/{contact}/export")).await.json(200);
    let described = app.get("/openapi.json").await.json(200);
    let schema = &described["components"]["schemas"]["ContactExport"];
    let names = |value: &Value| -> Vec<String> { value.as_object().unwrap().keys().cloned().collect() };
    let (mut given, mut known) = (names(&export), names(&schema["properties"]));
    given.sort();
    known.sort();
    assert_eq!(given, known);
}

#[tokio::test]
async fn an_export_leaves_out_what_others_wrote() {
    let app = TestApp::staffed().await;
    app.vouch().await;
    let item = |id: &str, author: &str, to: Value, text: &str| json!({ "id": id, "author": author, "in_reply_to": to, "text": text, "subject": text });
    let first = app.tell(item("v-1", "vera", json!([]), "vera-asks")).await;
    let both = json!([
        item("o-1", "otto", json!(["v-1"]), "otto-joins"),
        item("m-1", "mia", json!(["v-1"]), "mia-joins"),
    ]);
    app.tell(both).await;
    app.settle().await;
    let conversation = app.conversation_of(&first);
    let shown = app.conversation(&conversation).await;
    let otto = text(&shown, "/items/entries/1/identity").parse().unwrap();
    let otto = app.flow().store.identity(otto).await.unwrap().unwrap().contact;
    let export = app.get(&format!("/v1/contacts/{otto}/export")).await.json(200);
    let all = export.to_string();
    assert!(all.contains("otto-joins") && !all.contains("vera-asks") && !all.contains("mia-joins"), "{all}");
    let delivery = &export["deliveries"][0];
    assert_eq!((&delivery["told_of_others"], &delivery["body_base64"]), (&json!(true), &Value::Null));
}

#[tokio::test]
async fn a_delivery_that_tells_twice_of_ones_own_item_is_handed_out() {
    let app = TestApp::company().await;
    let item = json!({ "id": "i-1", "author": "u-1", "text": "hello" });
    let received = app.tell(json!([item, item])).await;
    assert_eq!(received["duplicates"], 1, "{received}");
    let contact = text(&app.conversation(&app.conversation_of(&received)).await, "/contact/id").to_owned();
    let export = app.get(&format!("/v1/contacts/{contact}/export")).await.json(200);
    let delivery = &export["deliveries"][0];
    assert_eq!((&delivery["told_of_others"], delivery["arrivals"].as_i64()), (&json!(false), Some(2)));
    assert!(delivery["body_base64"].is_string(), "{delivery}");
}

/// A long text with many edits is in memory one revision at a time.
#[tokio::test]
async fn no_piece_of_an_export_holds_more_than_one_text() {
    const BYTES: usize = 300_000;
    let app = TestApp::company().await;
    app.vouch().await;
    let tell = async |id: &str, kind: &str, letter: &str| {
        let event = json!({
            "specversion": "1.0", "id": id, "source": "https://shop.example.com",
            "type": format!("org.switchboard.{kind}"), "datacontenttype": "application/json",
            "data": { "id": "i-1", "text": letter.repeat(BYTES) },
        });
        app.clock.advance_ms(1_000);
        app.deliver("chat", "application/cloudevents+json", event.to_string()).await.json(202)
    };
    let first = tell("e-0", "item", "a").await;
    for (id, letter) in [("e-1", "b"), ("e-2", "c"), ("e-3", "d"), ("e-4", "e")] {
        assert_eq!(tell(id, "edit", letter).await["changes"], 1);
    }
    let contact = text(&app.conversation(&app.conversation_of(&first)).await, "/contact/id").to_owned();
    let path = format!("/v1/contacts/{contact}/export");
    let export = app.get(&path).await.json(200);
    assert_eq!(export["items"][0]["revisions"].as_array().unwrap().len(), 5);
    let admin = switchboard::domain::principal::Principal::system();
    let mut export =
        switchboard::flow::export::export(app.flow(), &admin, contact.parse().unwrap()).await.unwrap();
    let (mut largest, mut all) = (0, 0);
    while let Some(piece) = export.next().await.unwrap() {
        let bytes = format!("{piece:?}").len();
        (largest, all) = (largest.max(bytes), all + bytes);
    }
    assert!(all > 10 * BYTES && largest < 2 * BYTES, "{largest} of {all} bytes were in one piece");
}

/// More than one page of everything.
#[tokio::test]
async fn a_long_export_is_complete() {
    let app = TestApp::company().await;
    for number in 0..120 {
        let item = json!({ "id": format!("i-{number}"), "author": "u-1", "text": format!("word {number}."),
            "in_reply_to": ["i-0"] });
        app.tell(item).await;
    }
    app.settle().await;
    let conversation = app.get("/v1/conversations").await.json(200);
    let contact = text(&entries(&conversation)[0], "/contact").to_owned();
    let export = app.get(&format!("/v1/contacts/{contact}/export")).await.json(200);
    for list in ["items", "deliveries", "decisions"] {
        let ids: std::collections::BTreeSet<_> =
            export[list].as_array().unwrap().iter().map(|it| text(it, "/id").to_owned()).collect();
        assert_eq!((ids.len(), export[list].as_array().unwrap().len()), (120, 120), "{list}");
    }
}
