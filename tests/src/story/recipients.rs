//! Whoever is answered gets the answer, whatever becomes of the conversation meanwhile.

use serde_json::{Value, json};

use crate::personal::canary::{erase, found_on_disk};
use crate::support::egress::json as body;
use crate::support::reply::text;
use crate::support::{HOUR_MS, TestApp};

async fn say(app: &TestApp, id: &str, author: &str, to: &[&str]) -> Value {
    let item = json!({
        "id": id, "author": { "id": author }, "in_reply_to": to, "subject": format!("{id}-subject"),
        "text": format!("{id}-text"),
    });
    let received = app.tell(item).await;
    app.settle().await;
    received
}

fn path(conversation: &str) -> String {
    format!("/v1/conversations/{conversation}/reply")
}

fn to(item: &Value) -> Value {
    json!({ "agent": "ada", "text": "an answer", "item": item["items"][0]["item"] })
}

async fn contact_of(app: &TestApp, item: &Value) -> String {
    let item = app.get(&format!("/v1/items/{}", text(item, "/items/0/item"))).await.json(200);
    let identity = text(&item, "/identity").parse().unwrap();
    app.flow().store.identity(identity).await.unwrap().unwrap().contact.to_string()
}

/// Who got what went out, in order.
fn recipients(app: &TestApp) -> Vec<String> {
    let sent = app.egress.sent();
    sent.iter().map(|it| text(&body(it), "/data/recipient/id").to_owned()).collect()
}

#[tokio::test]
async fn in_a_merged_conversation_whoever_is_answered_gets_the_answer() {
    let app = TestApp::company().await;
    app.vouch().await;
    let vera = say(&app, "v-1", "vera", &[]).await;
    let otto = say(&app, "o-1", "otto", &[]).await;
    // It answers both, so they are one.
    let mia = say(&app, "m-1", "mia", &["v-1", "o-1"]).await;
    let conversation = app.conversation_of(&vera);
    assert_eq!(app.conversation_of(&mia), conversation);
    for item in [&otto, &vera] {
        app.post(&path(&conversation), to(item)).await.json(202);
        app.settle().await;
    }
    app.post(&path(&conversation), json!({ "agent": "ada", "text": "to the latest" })).await.json(202);
    app.settle().await;
    assert_eq!(recipients(&app), ["otto", "vera", "mia"]);
}

#[tokio::test]
async fn an_answer_that_waits_goes_to_whom_it_was_written_after_a_merge_too() {
    let app = TestApp::company().await;
    app.vouch().await;
    let vera = say(&app, "v-1", "vera", &[]).await;
    let otto = say(&app, "o-1", "otto", &[]).await;
    app.egress.answer(503, "later");
    app.post(&path(&app.conversation_of(&otto)), to(&otto)).await.json(202);
    app.settle().await;
    let mia = say(&app, "m-1", "mia", &["v-1", "o-1"]).await;
    assert_eq!(app.conversation_of(&mia), app.conversation_of(&vera));
    app.advance_ms(HOUR_MS).await;
    assert_eq!(recipients(&app), ["otto", "otto"]);
}

#[tokio::test]
async fn in_a_conversation_that_goes_on_with_another_whoever_is_answered_gets_the_answer() {
    let app = TestApp::company().await;
    app.vouch().await;
    let vera = say(&app, "v-1", "vera", &[]).await;
    let conversation = app.conversation_of(&vera);
    let mia = say(&app, "m-1", "mia", &["v-1"]).await;
    let otto = say(&app, "o-1", "otto", &["v-1"]).await;
    erase(&app, &contact_of(&app, &vera).await).await;
    let shown = app.conversation(&conversation).await;
    assert_eq!(shown["contact"]["id"], json!(contact_of(&app, &mia).await));
    app.post(&path(&conversation), to(&otto)).await.json(202);
    app.settle().await;
    assert_eq!(recipients(&app), ["otto"]);
    let gone = app.post(&path(&conversation), to(&vera)).await.problem(410);
    assert!(text(&gone, "/detail").contains("erased"), "{gone}");
}

/// Both begin at once. The erasure has the repository first, and the answer is planned meanwhile on what
/// is going.
#[tokio::test]
async fn an_answer_that_is_written_during_an_erasure_brings_nobody_back() {
    let app = TestApp::company().await;
    app.vouch().await;
    for round in 0..5 {
        let [v, o] = ["v", "o"].map(|it| format!("{it}-{round}"));
        let vera = say(&app, &v, "vera", &[]).await;
        let otto = say(&app, &o, &format!("otto-{round}"), &[&v]).await;
        let conversation = app.conversation_of(&vera);
        assert_eq!(app.conversation_of(&otto), conversation);
        let contact = contact_of(&app, &otto).await;
        let (path, reply) = (path(&conversation), to(&otto));
        let (_, replied) = tokio::join!(erase(&app, &contact), app.post(&path, reply));
        // An answer that was faster went with everything else.
        assert!([202, 410].contains(&replied.status.as_u16()), "{}", replied.text());
        app.settle().await;
        let words = [format!("{o}-text"), format!("{o}-subject"), format!("otto-{round}")];
        assert_eq!(found_on_disk(&app, &words), [""; 0]);
        let items = app.conversation(&conversation).await["items"]["entries"].clone();
        let kept = items.as_array().unwrap().iter().filter(|it| it["erased_at"].is_null()).count();
        assert_eq!(kept, 1, "what Vera said, and nothing that answers Otto: {items}");
    }
}
