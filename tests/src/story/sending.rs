//! An adapter fails while a reply goes out, or asks for more time than there is.

use std::time::Duration;

use serde_json::{Value, json};
use switchboard::egress::EgressError;
use switchboard::flow::deliver;
use tokio_util::sync::CancellationToken;

use crate::support::guest::{Guest, LOOP, TRAP};
use crate::support::reply::text;
use crate::support::sending::{URL, retry_after, send, sender, sent};
use crate::support::{HOUR_MS, TestApp};

const DAY_MS: i64 = 24 * HOUR_MS;

/// Enables an adapter, with an inbox of its name.
async fn with_inbox(app: &TestApp, guest: &Guest) {
    app.upload(guest.component()).await.json(201);
    let name = guest.name();
    app.enable(json!({ "plugin": name, "mode": "active" })).await;
    let inbox = json!({
        "name": name, "department": "service", "adapter": name, "access": "open",
        "reply_hosts": ["hooks.example.com"],
    });
    app.post("/v1/inboxes", inbox).await.json(201);
}

/// Somebody writes to the inbox and is answered; the conversation.
async fn answered(app: &TestApp, inbox: &str) -> String {
    let conversation = asked(app, inbox).await;
    reply(app, &conversation).await;
    conversation
}

/// Somebody writes to the inbox; the conversation.
async fn asked(app: &TestApp, inbox: &str) -> String {
    let received = app.deliver(inbox, "text/plain", "?").await.json(202);
    app.settle().await;
    app.conversation_of(&received)
}

async fn reply(app: &TestApp, conversation: &str) {
    let reply = json!({ "agent": "ada", "text": "Good morning, Vera." });
    app.post(&format!("/v1/conversations/{conversation}/reply"), reply).await.json(202);
}

async fn answer(app: &TestApp, conversation: &str) -> Value {
    app.conversation(conversation).await["outbox"][0].clone()
}

/// The answer is left to people, and nothing is sent any more, however long one waits.
async fn is_parked(app: &TestApp, conversation: &str, sent: usize) -> Value {
    app.settle().await;
    for _ in 0..10 {
        app.advance_ms(DAY_MS).await;
    }
    assert_eq!(app.egress.sent().len(), sent);
    let parked = answer(app, conversation).await;
    assert_eq!((text(&parked, "/state"), &parked["attempts"]), ("parked", &json!(1)), "{parked}");
    let notes = app.conversation(conversation).await["notes"].clone();
    assert!(text(&notes, "/0/text").contains("may or may not have been sent"), "{notes}");
    parked
}

/// Looks again and again; far longer than it takes anywhere.
async fn until(is_so: impl AsyncFn() -> bool) {
    let look = async {
        while !is_so().await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), look).await.expect("it did not become so in a minute");
}

/// Somebody is answered from each of these inboxes, and nothing is sent yet.
async fn all_answered(app: &TestApp, inboxes: &[&str]) -> Vec<String> {
    let mut conversations = Vec::new();
    for inbox in inboxes {
        with_inbox(app, &sender(inbox, &send(), &sent())).await;
        conversations.push(asked(app, inbox).await);
    }
    for conversation in &conversations {
        reply(app, conversation).await;
    }
    conversations
}

#[tokio::test]
async fn a_channel_that_does_not_answer_keeps_no_other_inboxs_replies_waiting() {
    let app = TestApp::company().await;
    let conversations = all_answered(&app, &["one", "other"]).await;
    let states = async || {
        let mut states = Vec::new();
        for conversation in &conversations {
            states.push(text(&answer(&app, conversation).await, "/state").to_owned());
        }
        states.sort();
        states
    };
    // The first to reach its channel, either of them, gets no answer.
    let release = app.egress.hold_next();
    let stop = CancellationToken::new();
    let mut sending = std::pin::pin!(deliver::send_due(app.flow(), &stop));
    let other_is_sent = until(async || states().await.contains(&"sent".to_owned()));
    tokio::select! {
        ended = &mut sending => panic!("nobody answered the first one: {ended:?}"),
        () = other_is_sent => {}
    }
    assert_eq!(states().await, ["queued", "sent"]);
    release.send(()).unwrap();
    assert_eq!(sending.await.unwrap(), 2);
    assert_eq!(states().await, ["sent", "sent"]);
}

#[tokio::test]
async fn a_host_that_is_to_stop_finishes_the_reply_that_is_on_its_way_and_begins_no_other() {
    let app = TestApp::company().await;
    let first = all_answered(&app, &["silent"]).await.remove(0);
    reply(&app, &first).await;
    let release = app.egress.hold_next();
    let stop = CancellationToken::new();
    let mut sending = std::pin::pin!(deliver::send_due(app.flow(), &stop));
    let is_on_its_way = until(async || !app.egress.sent().is_empty());
    tokio::select! {
        ended = &mut sending => panic!("nobody answered the first one: {ended:?}"),
        () = is_on_its_way => {}
    }
    stop.cancel();
    release.send(()).unwrap();
    sending.await.unwrap();
    let states = async || {
        let conversation = app.conversation(&first).await;
        [conversation["outbox"][0]["state"].clone(), conversation["outbox"][1]["state"].clone()]
    };
    assert_eq!(states().await, ["sent", "queued"]);
    app.settle().await;
    assert_eq!(states().await, ["sent", "sent"], "the other is sent by whoever comes next");
}

#[tokio::test]
async fn a_reply_that_went_out_is_not_sent_again_because_the_adapter_fails_on_the_answer() {
    for (name, fails, failure) in [("traps", TRAP, "trap"), ("loops", LOOP, "fuel")] {
        let app = TestApp::company().await;
        with_inbox(&app, &sender(name, &send(), fails)).await;
        app.egress.answer(200, "it is here");
        let conversation = answered(&app, name).await;
        let parked = is_parked(&app, &conversation, 1).await;
        assert!(text(&parked, "/last_error").contains(failure), "{parked}");
        assert_eq!(app.egress.only().url, URL);
    }
}

#[tokio::test]
async fn a_reply_of_which_a_part_went_out_is_not_begun_again() {
    let app = TestApp::company().await;
    with_inbox(&app, &sender("twice", &send(), &send())).await;
    app.egress.answer(200, "and the rest?");
    app.egress.fail(EgressError::NotSent("connection refused".to_owned()));
    let conversation = answered(&app, "twice").await;
    // The second one was tried, and did not leave.
    let parked = is_parked(&app, &conversation, 2).await;
    assert!(text(&parked, "/last_error").contains("connection refused"), "{parked}");
}

#[tokio::test]
async fn a_reply_whose_adapter_fails_before_anything_went_out_is_tried_again() {
    let app = TestApp::company().await;
    with_inbox(&app, &sender("traps", TRAP, TRAP)).await;
    let conversation = answered(&app, "traps").await;
    app.settle().await;
    let waiting = answer(&app, &conversation).await;
    assert_eq!((text(&waiting, "/state"), &waiting["attempts"]), ("queued", &json!(1)), "{waiting}");
    for _ in 0..10 {
        app.advance_ms(HOUR_MS).await;
    }
    let parked = answer(&app, &conversation).await;
    assert_eq!((text(&parked, "/state"), &parked["attempts"]), ("parked", &json!(8)), "{parked}");
    assert_eq!(app.egress.sent(), []);
}

#[tokio::test]
async fn an_adapter_has_a_reply_wait_for_a_day_at_most_and_never_less_than_the_host_would() {
    let waits = [
        ("none", 0, "2026-03-02T09:00:01.000Z"),
        // What minus one is to an adapter that does not look.
        ("below-none", u64::MAX, "2026-03-03T09:00:00.000Z"),
        ("ages", 1_000_000_000_000_000_000, "2026-03-03T09:00:00.000Z"),
    ];
    for (name, ms, until) in waits {
        let app = TestApp::company().await;
        with_inbox(&app, &sender(name, &retry_after(ms), TRAP)).await;
        let conversation = answered(&app, name).await;
        app.settle().await;
        let waiting = answer(&app, &conversation).await;
        assert_eq!((text(&waiting, "/state"), text(&waiting, "/next_attempt_at")), ("queued", until));
        for _ in 0..8 {
            app.advance_ms(DAY_MS).await;
        }
        let parked = answer(&app, &conversation).await;
        assert_eq!((text(&parked, "/state"), &parked["attempts"]), ("parked", &json!(8)), "{name}: {parked}");
    }
}

#[tokio::test]
async fn an_adapter_that_fails_too_often_on_replies_gives_way_to_the_release_before() {
    let app = TestApp::company().await;
    with_inbox(&app, &sender("sender", &send(), &sent())).await;
    app.upload(sender("sender", TRAP, TRAP).version("2.0.0").component()).await.json(201);
    app.patch("/v1/activations/sender", json!({ "version": "2.0.0" })).await.json(202);
    app.settle().await;
    let conversation = answered(&app, "sender").await;
    app.settle().await;
    for _ in 0..5 {
        app.advance_ms(HOUR_MS).await;
    }
    let put_back = app.get("/v1/activations/sender").await.json(200);
    assert_eq!(put_back["version"], "1.0.0", "{put_back}");
    assert_eq!(text(&put_back, "/suspension/failure/name"), "trap", "{put_back}");
    assert_eq!(app.egress.only().url, URL, "what the bad one could not send was sent by the one before");
    assert_eq!(text(&answer(&app, &conversation).await, "/state"), "sent");
}
