//! An adapter on the bench is called as the host calls it.

use serde_json::json;
use switchboard_plugin_sdk::prelude::*;
use switchboard_plugin_sdk::testing;

/// Takes every line of a delivery for a message, and cannot answer.
struct Lines;

impl Adapter for Lines {
    type Settings = NoSettings;

    fn receive(_: &Inbox<NoSettings>, delivery: &Delivery) -> Result<Intake, Rejection> {
        let text =
            std::str::from_utf8(&delivery.body).map_err(|error| Rejection::Malformed(error.to_string()))?;
        let items = text.lines().map(testing::item).map(Arrival::Item);
        Ok(Intake::of(items.collect()))
    }
}

export_adapter!(Lines, name = "lines");

/// Answers in two exchanges.
struct Steps;

impl Adapter for Steps {
    type Settings = NoSettings;

    fn receive(_: &Inbox<NoSettings>, _: &Delivery) -> Result<Intake, Rejection> {
        Err(Rejection::Unsupported("nothing comes in".to_owned()))
    }

    fn begin(_: &Inbox<NoSettings>, task: &Task) -> Result<Step, TaskError> {
        let Task::Reply(outbound) = task;
        Ok(Step::Send(Exchange {
            request: Request {
                method: "POST".to_owned(),
                url: "https://example.com/replies".to_owned(),
                segments: Vec::new(),
                headers: Vec::new(),
                body: outbound.text.clone().into_bytes(),
            },
            state: b"sent".to_vec(),
        }))
    }

    fn resume(_: &Inbox<NoSettings>, state: &[u8], reply: &ReplyReceived) -> Result<Step, TaskError> {
        assert_eq!(state, b"sent");
        let outcome = match reply.status {
            200..300 => Outcome::Sent(None),
            429 => Outcome::RetryAfter(1_000),
            _ => Outcome::Unknown,
        };
        Ok(Step::Done(outcome))
    }
}

#[test]
fn a_delivery_becomes_arrivals() {
    let lines = testing::adapter::<Lines>(json!({})).unwrap();
    let intake = lines.receive(&testing::delivery("one\ntwo")).unwrap();
    assert_eq!(intake.arrivals.len(), 2);
    assert_eq!(intake.arrivals[1], Arrival::Item(testing::item("two")));
}

#[test]
fn an_adapter_without_replies_says_so() {
    let lines = testing::adapter::<Lines>(json!({})).unwrap();
    let refused = lines.reply(testing::outbound("hello"));
    assert!(matches!(refused, Err(TaskError::Unsupported(_))), "{refused:?}");
    let refused = lines.resume(b"", &testing::reply_received(200));
    assert!(matches!(refused, Err(TaskError::Unsupported(_))), "{refused:?}");
}

#[test]
fn a_reply_goes_out_step_by_step() {
    let steps = testing::adapter::<Steps>(json!({})).unwrap();
    let Ok(Step::Send(exchange)) = steps.reply(testing::outbound("hello")) else {
        panic!("no request");
    };
    assert_eq!(exchange.request.body, b"hello");
    let done = steps.resume(&exchange.state, &testing::reply_received(201));
    assert_eq!(done, Ok(Step::Done(Outcome::Sent(None))));
}

#[test]
fn the_manifest_of_an_adapter_promises_nothing_of_a_policy() {
    let manifest = testing::adapter_manifest::<Lines>();
    assert_eq!(manifest.kind, PluginKind::ChannelAdapter);
    assert_eq!(manifest.name, "lines");
    assert!(manifest.events.is_empty() && manifest.proposals.is_empty());
}
