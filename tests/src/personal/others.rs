//! Conversations in which several people wrote: only what is the erased person's goes.

use serde_json::{Value, json};

use super::canary::{erase, found_on_disk};
use crate::support::TestApp;
use crate::support::reply::text;

async fn say(app: &TestApp, id: &str, author: &str, to: &[&str], words: &str) -> Value {
    let author = json!({ "id": format!("{author}-id"), "name": format!("{author}-name") });
    let item = json!({ "id": id, "author": author, "in_reply_to": to, "subject": words, "text": words });
    let received = app.tell(item).await;
    app.settle().await;
    received
}

/// The contact who wrote an item.
async fn writer(app: &TestApp, received: &Value) -> String {
    let item = app.get(&format!("/v1/items/{}", text(received, "/items/0/item"))).await.json(200);
    let identity: switchboard::domain::ids::IdentityId = text(&item, "/identity").parse().unwrap();
    let identity = app.flow().store.identity(identity).await.unwrap().unwrap();
    identity.contact.to_string()
}

async fn answer(app: &TestApp, conversation: &str, item: &Value, words: &str) {
    let reply = json!({ "agent": "ada", "text": words, "item": item["items"][0]["item"] });
    app.post(&format!("/v1/conversations/{conversation}/reply"), reply).await.json(202);
    app.settle().await;
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|it| (*it).to_owned()).collect()
}

/// Vera asks, Otto joins in; both are answered, and a colleague remarks.
async fn two_people(app: &TestApp) -> (String, Value, Value) {
    let vera = say(app, "v-1", "vera", &[], "vera-asks").await;
    let conversation = app.conversation_of(&vera);
    let otto = say(app, "o-1", "otto", &["v-1"], "otto-joins").await;
    assert_eq!(app.conversation_of(&otto), conversation);
    answer(app, &conversation, &vera, "to-vera").await;
    answer(app, &conversation, &otto, "to-otto").await;
    let note = json!({ "agent": "ada", "text": "note-on-vera" });
    app.post(&format!("/v1/conversations/{conversation}/note"), note).await.ok();
    (conversation, vera, otto)
}

#[tokio::test]
async fn who_joined_in_goes_and_the_conversation_stays_with_whom_it_is() {
    let app = TestApp::staffed().await;
    app.vouch().await;
    let (conversation, vera, otto) = two_people(&app).await;
    erase(&app, &writer(&app, &otto).await).await;
    assert_eq!(found_on_disk(&app, &words(&["otto-id", "otto-name", "otto-joins", "to-otto"])), [""; 0]);
    let stays = words(&["vera-id", "vera-name", "vera-asks", "to-vera", "note-on-vera"]);
    assert_eq!(found_on_disk(&app, &stays), stays);
    let shown = app.conversation(&conversation).await;
    assert_eq!(shown["contact"]["id"], json!(writer(&app, &vera).await));
    assert_eq!((text(&shown, "/subject"), &shown["erased_at"]), ("vera-asks", &Value::Null));
    let decisions = app.decisions(&conversation).await;
    let erased: Vec<_> = decisions.iter().map(|it| it["erased_at"].is_string()).collect();
    assert_eq!(erased, [false, true], "{decisions:?}");
}

#[tokio::test]
async fn whom_it_is_with_goes_and_the_conversation_goes_on_with_who_joined_in() {
    let app = TestApp::staffed().await;
    app.vouch().await;
    let (conversation, vera, otto) = two_people(&app).await;
    erase(&app, &writer(&app, &vera).await).await;
    let gone = words(&["vera-id", "vera-name", "vera-asks", "to-vera", "note-on-vera", "to-otto"]);
    assert_eq!(found_on_disk(&app, &gone), [""; 0]);
    let stays = words(&["otto-id", "otto-name", "otto-joins"]);
    assert_eq!(found_on_disk(&app, &stays), stays);
    let shown = app.conversation(&conversation).await;
    assert_eq!(shown["contact"]["id"], json!(writer(&app, &otto).await));
    assert_eq!(shown["erased_at"], Value::Null);
    answer(&app, &conversation, &otto, "to-otto-again").await;
    let sent = app.egress.sent().last().cloned().unwrap();
    let event: Value = serde_json::from_slice(&sent.body).unwrap();
    assert_eq!(event["data"]["recipient"]["id"], "otto-id", "{event}");
    let more = say(&app, "o-2", "otto", &["o-1"], "otto-again").await;
    assert_eq!(app.conversation_of(&more), conversation);
}

#[tokio::test]
async fn who_joined_a_conversation_that_was_merged_is_found_there() {
    let app = TestApp::staffed().await;
    app.vouch().await;
    let vera = say(&app, "v-1", "vera", &[], "vera-asks").await;
    let otto = say(&app, "o-1", "otto", &[], "otto-asks").await;
    let younger = app.conversation_of(&otto);
    answer(&app, &younger, &otto, "to-otto").await;
    let note = json!({ "agent": "ada", "text": "note-on-otto" });
    app.post(&format!("/v1/conversations/{younger}/note"), note).await.ok();
    // It answers both, so they are one.
    let mia = say(&app, "m-1", "mia", &["v-1", "o-1"], "mia-joins").await;
    assert_eq!(app.conversation_of(&mia), app.conversation_of(&vera));
    erase(&app, &writer(&app, &otto).await).await;
    let gone = words(&["otto-id", "otto-name", "otto-asks", "to-otto", "note-on-otto"]);
    assert_eq!(found_on_disk(&app, &gone), [""; 0]);
    let stays = words(&["vera-asks", "vera-name", "mia-joins"]);
    assert_eq!(found_on_disk(&app, &stays), stays);
}

#[tokio::test]
async fn a_delivery_that_told_of_several_goes_as_a_whole_and_the_others_items_stay() {
    let app = TestApp::staffed().await;
    let item = |id: &str, author: &str, text: &str| json!({ "id": id, "author": author, "text": text });
    let both = json!([item("v-1", "vera", "vera-asks"), item("o-1", "otto", "otto-asks")]);
    let received = app.tell(both).await;
    app.settle().await;
    erase(&app, &writer(&app, &received).await).await;
    assert_eq!(found_on_disk(&app, &words(&["vera-asks"])), [""; 0]);
    let otto = app.get(&format!("/v1/items/{}", text(&received, "/items/1/item"))).await.json(200);
    assert_eq!(text(&otto, "/text"), "otto-asks");
    app.get(&format!("/v1/deliveries/{}/raw", text(&received, "/delivery"))).await.problem(410);
}
