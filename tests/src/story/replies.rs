//! A person answers: the reply goes out through the inbox's adapter, and is tried as long as it makes
//! sense.

use serde_json::{Value, json};
use switchboard::egress::EgressError;

use crate::support::company::{CHAT_REPLIES, MAIL_RELAY};
use crate::support::egress::{header, json as body};
use crate::support::reply::text;
use crate::support::{MINUTE_MS, TestApp, samples};

/// Somebody wrote and Ada answers; the conversation.
async fn answered(app: &TestApp) -> String {
    let conversation = app.conversation_of(
        &app.tell(json!({ "id": "m-1", "author": { "id": "u-1", "handle": "grace" }, "text": "hello?" }))
            .await,
    );
    app.settle().await;
    reply(app, &conversation).await;
    conversation
}

async fn reply(app: &TestApp, conversation: &str) {
    let reply = json!({ "agent": "ada", "text": "Good morning, Grace." });
    app.post(&format!("/v1/conversations/{conversation}/reply"), reply).await.json(202);
}

/// The only answer of a conversation, as it stands.
async fn outbox(app: &TestApp, conversation: &str) -> Value {
    let shown = app.conversation(conversation).await;
    assert_eq!(shown["outbox"].as_array().unwrap().len(), 1, "{shown}");
    shown["outbox"][0].clone()
}

#[tokio::test]
async fn a_reply_goes_out_through_the_adapter_and_the_customer_waits_no_longer() {
    let app = TestApp::company().await;
    let conversation = answered(&app).await;
    let shown = app.conversation(&conversation).await;
    assert_eq!((&shown["status"], &shown["waiting_since"]), (&json!("pending"), &Value::Null));
    assert_eq!(shown["outbox"][0]["state"], "queued");
    assert_eq!(app.egress.sent(), [], "nothing goes out before the workers have their turn");

    app.egress.answer(200, r#"{"id": "r-77"}"#);
    app.settle().await;
    let sent = app.egress.only();
    assert_eq!((sent.method.as_str(), sent.url.as_str()), ("POST", CHAT_REPLIES));
    let event = body(&sent);
    assert_eq!(event["type"], "org.switchboard.reply");
    assert_eq!(event["data"]["text"], "Good morning, Grace.");
    assert_eq!(event["data"]["in_reply_to"], "m-1");
    assert_eq!(event["data"]["recipient"]["handle"], "grace");
    assert_eq!(event["id"], header(&sent, "idempotency-key").unwrap());
    assert_eq!(outbox(&app, &conversation).await["state"], "sent");
    let items = app.conversation(&conversation).await["items"]["entries"].clone();
    assert_eq!((text(&items, "/1/direction"), text(&items, "/1/external_id")), ("outbound", "r-77"));
}

#[tokio::test]
async fn a_reply_to_a_mail_is_a_whole_mail_in_the_same_thread() {
    let app = TestApp::company().await;
    let mail = samples::mail("k-1", "the kettle", "It leaks.");
    let received = app.deliver("mail", "message/rfc822", mail).await.json(202);
    app.settle().await;
    reply(&app, &app.conversation_of(&received)).await;
    app.settle().await;
    let sent = app.egress.only();
    assert_eq!(sent.url, MAIL_RELAY);
    assert_eq!(header(&sent, "content-type"), Some("message/rfc822"));
    let mail = String::from_utf8(sent.body).unwrap();
    for part in
        ["grace@example.org", "support@example.com", "In-Reply-To: <k-1@example.org>", "Re: the kettle"]
    {
        assert!(mail.contains(part), "{part} is missing in\n{mail}");
    }
}

#[tokio::test]
async fn a_channel_that_has_no_time_is_asked_again_later_under_the_same_key() {
    let app = TestApp::company().await;
    app.egress.answer(503, "later");
    app.egress.answer(503, "later");
    let conversation = answered(&app).await;
    app.settle().await;
    let waiting = outbox(&app, &conversation).await;
    assert_eq!((&waiting["state"], &waiting["attempts"]), (&json!("queued"), &json!(1)));

    app.advance_ms(MINUTE_MS - 1).await;
    assert_eq!(app.egress.sent().len(), 1, "it was tried again too soon");
    app.advance_ms(1).await;
    assert_eq!(app.egress.sent().len(), 2);
    app.advance_ms(10 * MINUTE_MS).await;
    let sent = app.egress.sent();
    assert_eq!(sent.len(), 3);
    assert!(sent.iter().all(|it| it.body == sent[0].body && it.headers == sent[0].headers));
    assert_eq!(outbox(&app, &conversation).await["state"], "sent");
}

#[tokio::test]
async fn a_reply_that_never_goes_through_is_parked_for_an_agent() {
    let app = TestApp::company().await;
    let conversation = answered(&app).await;
    for _ in 0..8 {
        app.egress.fail(EgressError::NotSent("connection refused".to_owned()));
    }
    for _ in 0..20 {
        app.advance_ms(crate::support::HOUR_MS).await;
    }
    assert_eq!(app.egress.sent().len(), 8);
    let parked = outbox(&app, &conversation).await;
    assert_eq!(parked["state"], "parked");
    assert!(text(&parked, "/last_error").contains("connection refused"), "{parked}");
}

#[tokio::test]
async fn a_reply_that_may_have_arrived_is_not_sent_again() {
    let app = TestApp::company().await;
    app.egress.fail(EgressError::NoAnswer("it broke off".to_owned()));
    let conversation = answered(&app).await;
    app.settle().await;
    app.advance_ms(100 * MINUTE_MS).await;
    assert_eq!(app.egress.sent().len(), 1);
    assert_eq!(outbox(&app, &conversation).await["state"], "parked");
    let notes = app.conversation(&conversation).await["notes"].clone();
    assert!(text(&notes, "/0/text").contains("it broke off"), "{notes}");
}

#[tokio::test]
async fn a_reply_on_which_the_host_fails_is_parked_and_the_others_go_out() {
    let app = TestApp::company().await;
    app.egress.panic();
    let (first, second) = (answered(&app).await, app.say("and me?").await);
    app.settle().await;
    reply(&app, &second).await;
    app.settle().await;
    assert_eq!(outbox(&app, &first).await["state"], "parked");
    assert_eq!(outbox(&app, &second).await["state"], "sent");
    assert!(text(&outbox(&app, &first).await, "/last_error").contains("the host failed"));
}

#[tokio::test]
async fn a_reply_that_the_channel_refuses_has_failed_and_a_note_says_why() {
    let app = TestApp::company().await;
    app.egress.answer(410, "this customer left");
    let conversation = answered(&app).await;
    app.settle().await;
    app.advance_ms(100 * MINUTE_MS).await;
    assert_eq!(app.egress.sent().len(), 1);
    assert_eq!(outbox(&app, &conversation).await["state"], "failed");
    let notes = app.conversation(&conversation).await["notes"].clone();
    assert!(text(&notes, "/0/text").contains("this customer left"), "{notes}");
}

#[tokio::test]
async fn a_reply_goes_to_no_host_that_the_inbox_does_not_list() {
    let app = TestApp::company().await;
    app.patch("/v1/inboxes/chat", json!({ "reply_hosts": ["other.example.com"] })).await.json(200);
    let conversation = answered(&app).await;
    app.settle().await;
    assert_eq!(app.egress.sent(), []);
    let failed = outbox(&app, &conversation).await;
    assert_eq!(failed["state"], "failed");
    assert!(text(&failed, "/last_error").contains("hooks.example.com"), "{failed}");
}

#[tokio::test]
async fn a_reply_that_was_not_sent_yet_is_sent_after_a_restart() {
    let app = TestApp::company().await;
    let conversation = answered(&app).await;
    let app = app.restart().await;
    app.settle().await;
    assert_eq!(app.egress.sent().len(), 1);
    assert_eq!(outbox(&app, &conversation).await["state"], "sent");
}

#[tokio::test]
async fn an_empty_reply_is_refused() {
    let app = TestApp::company().await;
    let conversation = app.say("hello").await;
    let reply = app.post(&format!("/v1/conversations/{conversation}/reply"), json!({ "text": "  " })).await;
    assert_eq!(reply.pointers(), ["/text"]);
}

#[tokio::test]
async fn a_reply_in_a_closed_conversation_is_refused_with_the_remedy() {
    let app = TestApp::company().await;
    let conversation = app.say("hello").await;
    app.settle().await;
    let path = format!("/v1/conversations/{conversation}");
    app.post(&format!("{path}/close"), json!({ "disposition": { "theme": "greeting" } })).await.json(200);
    let refused = app.post(&format!("{path}/reply"), json!({ "text": "bye" })).await.problem(409);
    assert!(text(&refused, "/detail").contains("reopen"), "{refused}");
    app.post(&format!("{path}/reopen"), json!({})).await.json(200);
    app.post(&format!("{path}/reply"), json!({ "text": "bye" })).await.json(202);
}
