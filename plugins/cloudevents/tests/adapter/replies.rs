//! Answers on their way out.

use serde_json::{Value, json};
use switchboard_plugin_cloudevents::CloudEvents;
use switchboard_plugin_sdk::testing::{self, AdapterUnderTest, With as _};
use switchboard_plugin_sdk::{
    Attribute, Exchange, Outbound, Outcome, ReplyReceived, RequestHeader, Step, TaskError,
};

use super::inbox;

fn answering() -> AdapterUnderTest<CloudEvents> {
    testing::adapter(json!({"reply_url": "https://shop.example.com/replies"})).unwrap()
}

fn outbound() -> Outbound {
    testing::outbound("On its way.").with(|outbound| {
        outbound.in_reply_to = Some("/chat m-1".to_owned());
        outbound.attributes.push(Attribute { key: "ce-source".to_owned(), value: "/chat".to_owned() });
    })
}

fn begun() -> Exchange {
    match answering().reply(outbound()).unwrap() {
        Step::Send(exchange) => exchange,
        Step::Done(outcome) => panic!("done: {outcome:?}"),
    }
}

fn ended(reply: &ReplyReceived) -> Outcome {
    match answering().resume(&begun().state, reply).unwrap() {
        Step::Done(outcome) => outcome,
        Step::Send(exchange) => panic!("sends again: {exchange:?}"),
    }
}

#[test]
fn an_answer_goes_out_as_an_event() {
    let request = begun().request;
    assert_eq!(request.method, "POST");
    assert_eq!(request.url, "https://shop.example.com/replies");
    assert!(request.headers.contains(&RequestHeader::text("idempotency-key", "reply-1")));
    let event: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(event["specversion"], "1.0");
    assert_eq!(event["id"], "reply-1");
    assert_eq!(event["source"], "switchboard/inbox");
    assert_eq!(event["type"], "org.switchboard.reply");
    assert_eq!(event["time"], "2026-03-02T09:00:00Z");
    assert_eq!(event["data"]["text"], "On its way.");
    assert_eq!(event["data"]["in_reply_to"], "/chat m-1");
    assert_eq!(event["data"]["recipient"]["id"], "ada@example.com");
    assert_eq!(event["data"]["visibility"], "private");
}

#[test]
fn every_attempt_is_the_same() {
    assert_eq!(begun(), begun());
}

#[test]
fn without_a_reply_url_the_remedy_is_named() {
    let Err(TaskError::Unsupported(message)) = inbox().reply(outbound()) else { panic!("not unsupported") };
    assert!(message.contains("`reply_url`"), "{message}");
}

#[test]
fn success_takes_the_id_over_into_the_source() {
    let reply = testing::reply_received(201).with(|reply| reply.body = b"{\"id\": 77}".to_vec());
    assert_eq!(ended(&reply), Outcome::Sent(Some("/chat 77".to_owned())));
    assert_eq!(ended(&testing::reply_received(204)), Outcome::Sent(None));
}

#[test]
fn a_refusal_is_sorted_by_its_status() {
    assert_eq!(ended(&testing::reply_received(503)), Outcome::RetryAfter(60_000));
    let reply = testing::reply_received(422).with(|reply| reply.body = b"no such chat".to_vec());
    assert_eq!(ended(&reply), Outcome::Failed("answered 422: no such chat".to_owned()));
}

#[test]
fn a_foreign_state_is_invalid() {
    let answer = answering().resume(b"\xff", &testing::reply_received(200));
    assert!(matches!(answer, Err(TaskError::Invalid(_))));
}

#[test]
fn an_answer_shows_the_token_where_the_settings_say_so() {
    let settings = json!({"reply_url": "https://shop.example.com/replies", "reply_token": true});
    let adapter = testing::adapter::<CloudEvents>(settings).unwrap();
    let Step::Send(exchange) = adapter.reply(outbound()).unwrap() else { panic!("nothing is sent") };
    assert!(exchange.request.headers.contains(&RequestHeader::bearer("reply-token")));
    assert!(!begun().request.headers.iter().any(|header| header.name == "authorization"));
}
