//! What policies and the host made of a person's words, in conversations that others go on with.

use serde_json::{Value, json};

use super::canary::{erase, found_on_disk};
use crate::support::company::PROMISE_MS;
use crate::support::guest::{Guest, Kind};
use crate::support::reply::text;
use crate::support::samples::mail;
use crate::support::{MINUTE_MS, TestApp};

/// What a policy quotes of Otto's.
const QUOTED: [(Kind, &str); 4] = [
    (Kind::Tags, "otto-quoted-tag"),
    (Kind::Attribute, "otto-quoted-fact"),
    (Kind::Intent, "otto-quoted-intent"),
    (Kind::Note, "otto-quoted-note"),
];

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|it| (*it).to_owned()).collect()
}

/// Everything of Otto's, and what was made of it.
fn of_otto() -> Vec<String> {
    let quoted = QUOTED.iter().map(|(_, word)| *word);
    let own = ["otto-author", "otto-subject", "otto-words", "otto-is-unknown", "to-otto"];
    words(&quoted.chain(own).collect::<Vec<_>>())
}

async fn say(app: &TestApp, id: &str, author: &str, to: &[&str], subject: Option<&str>) -> Value {
    let mut item = json!({
        "id": id, "author": format!("{author}-author"), "in_reply_to": to, "text": format!("{author}-words"),
    });
    if let Some(subject) = subject {
        item["subject"] = json!(subject);
    }
    let received = app.tell(item).await;
    app.settle().await;
    received
}

async fn contact_of(app: &TestApp, received: &Value) -> String {
    let item = app.get(&format!("/v1/items/{}", text(received, "/items/0/item"))).await.json(200);
    let identity = text(&item, "/identity").parse().unwrap();
    app.flow().store.identity(identity).await.unwrap().unwrap().contact.to_string()
}

async fn answer(app: &TestApp, conversation: &str, item: &Value, words: &str) {
    let reply = json!({ "agent": "ada", "text": words, "item": item["items"][0]["item"] });
    app.post(&format!("/v1/conversations/{conversation}/reply"), reply).await.json(202);
    app.settle().await;
}

async fn act(app: &TestApp, conversation: &str, verb: &str, body: Value) {
    app.post(&format!("/v1/conversations/{conversation}/{verb}"), body).await.ok();
}

async fn quoter(app: &TestApp, mode: &str) {
    app.patch("/v1/activations/quoter", json!({ "mode": mode })).await.ok();
    app.settle().await;
}

/// Otto writes, and a policy quotes him.
async fn quoted(app: &TestApp, to: &[&str]) -> Value {
    quoter(app, "active").await;
    let otto = say(app, "o-1", "otto", to, Some("otto-subject")).await;
    quoter(app, "disabled").await;
    otto
}

async fn with_quoter() -> TestApp {
    let app = TestApp::staffed().await;
    app.vouch().await;
    app.upload(Guest::quoting("quoter", &QUOTED).component()).await.json(201);
    app.enable(json!({ "plugin": "quoter", "phase": "qualify", "mode": "active" })).await;
    quoter(&app, "disabled").await;
    app
}

#[tokio::test]
async fn what_came_of_who_joined_in_is_in_no_file() {
    let app = with_quoter().await;
    let vera = say(&app, "v-1", "vera", &[], None).await;
    let conversation = app.conversation_of(&vera);
    act(&app, &conversation, "note", json!({ "agent": "ada", "text": "note-on-vera" })).await;
    act(&app, &conversation, "set", json!({ "agent": "ada", "add_tags": ["tag-of-ada"] })).await;
    app.egress.answer(422, "vera-is-unknown");
    answer(&app, &conversation, &vera, "to-vera").await;
    let otto = quoted(&app, &["v-1"]).await;
    app.egress.answer(422, "otto-is-unknown");
    answer(&app, &conversation, &otto, "to-otto").await;
    // What is decided now sees what came of his words.
    say(&app, "v-2", "vera", &["v-1"], None).await;
    let notes = app.conversation(&conversation).await["notes"].to_string();
    assert!(notes.contains("An answer could not be sent: answered 422: otto-is-unknown"), "{notes}");
    assert_eq!(found_on_disk(&app, &of_otto()), of_otto(), "the search does not work");

    erase(&app, &contact_of(&app, &otto).await).await;
    assert_eq!(found_on_disk(&app, &of_otto()), [""; 0]);
    let stays =
        words(&["vera-author", "vera-words", "to-vera", "vera-is-unknown", "note-on-vera", "tag-of-ada"]);
    assert_eq!(found_on_disk(&app, &stays), stays);
    let shown = app.conversation(&conversation).await;
    assert_eq!((&shown["tags"], &shown["subject"]), (&json!(["tag-of-ada"]), &Value::Null), "{shown}");
    let app = app.restart().await;
    app.settle().await;
    assert_eq!(found_on_disk(&app, &of_otto()), [""; 0], "a start brought something back");
}

#[tokio::test]
async fn what_came_of_who_was_merged_into_anothers_is_in_no_file() {
    let app = with_quoter().await;
    let vera = say(&app, "v-1", "vera", &[], None).await;
    let otto = quoted(&app, &[]).await;
    let (older, younger) = (app.conversation_of(&vera), app.conversation_of(&otto));
    let tag = json!({ "agent": "ada", "add_tags": ["otto-is-unknown"] });
    act(&app, &younger, "set", tag).await;
    answer(&app, &younger, &otto, "to-otto").await;
    let mia = say(&app, "m-1", "mia", &["v-1", "o-1"], None).await;
    assert_eq!(app.conversation_of(&mia), older);
    let receipt = app.decision(&older).await["receipt"].to_string();
    assert!(receipt.contains("otto-quoted-tag"), "the merge brought nothing: {receipt}");
    assert_eq!(found_on_disk(&app, &of_otto()), of_otto(), "the search does not work");

    erase(&app, &contact_of(&app, &otto).await).await;
    assert_eq!(found_on_disk(&app, &of_otto()), [""; 0]);
    let stays = words(&["vera-author", "vera-words", "mia-author", "mia-words"]);
    assert_eq!(found_on_disk(&app, &stays), stays);
    assert_eq!(app.conversation(&older).await["erased_at"], Value::Null);
}

#[tokio::test]
async fn who_stays_is_still_promised_an_answer() {
    let app = TestApp::staffed().await;
    app.vouch().await;
    let vera = say(&app, "v-1", "vera", &[], None).await;
    let conversation = app.conversation_of(&vera);
    app.advance_ms(10 * MINUTE_MS).await;
    say(&app, "o-1", "otto", &["v-1"], None).await;
    erase(&app, &contact_of(&app, &vera).await).await;
    app.settle().await;
    let judged = async || {
        let decisions = app.decisions(&conversation).await;
        let kept = decisions.iter().filter(|it| it["erased_at"].is_null());
        kept.map(|it| text(it, "/event/kind").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(judged().await, ["item-received"], "it is judged again");
    app.advance_ms(PROMISE_MS - 1).await;
    let before = judged().await;
    assert!(!before.contains(&"promise-breached".to_owned()), "{before:?}");
    app.advance_ms(1).await;
    assert_eq!(judged().await.last().map(String::as_str), Some("promise-breached"));
    assert_eq!(app.place(&conversation).await, "service/leads", "silence is escalated");
}

const BOUNCE: &str = "From: Mail Delivery System <mailer-daemon@example.net>\r\nTo: support@example.com\r\n\
Subject: Undelivered\r\nMessage-ID: <bounce@example.net>\r\nAuto-Submitted: auto-replied\r\n\
References: <REPLY@example.com>\r\nMIME-Version: 1.0\r\n\
Content-Type: multipart/report; report-type=delivery-status; boundary=\"edge\"\r\n\r\n\
--edge\r\nContent-Type: text/plain\r\n\r\nNo such user: grace@example.org\r\n\
--edge\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.net\r\n\r\n\
Final-Recipient: rfc822; grace@example.org\r\nAction: failed\r\nStatus: 5.1.1\r\n\
Diagnostic-Code: smtp; 550 no such user\r\n\r\n--edge--\r\n";

#[tokio::test]
async fn a_bounce_keeps_nothing_of_whom_it_could_not_reach() {
    let app = TestApp::staffed().await;
    let kettle = mail("k-1", "the kettle", "it-leaks");
    let first = app.deliver("mail", "message/rfc822", kettle).await.json(202);
    app.settle().await;
    let conversation = app.conversation_of(&first);
    answer(&app, &conversation, &first, "we-send-another").await;
    // What cannot be delivered refers to the mail that we sent.
    let reply = text(&app.conversation(&conversation).await, "/outbox/0/id").to_owned();
    let bounce = app.deliver("mail", "message/rfc822", BOUNCE.replace("REPLY", &reply)).await.json(202);
    app.settle().await;
    assert_eq!(app.conversation_of(&bounce), conversation);
    let all = words(&["grace@example.org", "it-leaks", "we-send-another"]);
    assert_eq!(found_on_disk(&app, &all), all);
    erase(&app, &contact_of(&app, &first).await).await;
    assert_eq!(found_on_disk(&app, &all), [""; 0]);
    let shown = app.conversation(&conversation).await;
    assert_eq!((text(&shown, "/status"), shown["erased_at"].is_string()), ("closed", true), "{shown}");
    app.get(&format!("/v1/deliveries/{}/raw", text(&bounce, "/delivery"))).await.problem(410);
}
