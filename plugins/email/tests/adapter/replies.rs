//! Answers on their way out.

use mail_parser::MessageParser;
use serde_json::json;
use switchboard_plugin_email::Email;
use switchboard_plugin_sdk::testing::{self, AdapterUnderTest, With as _};
use switchboard_plugin_sdk::{Attribute, Exchange, Outbound, Outcome, RequestHeader, Step, TaskError};

fn answering() -> AdapterUnderTest<Email> {
    testing::adapter(json!({
        "address": "support@example.com",
        "display_name": "Müller & Söhne, \"Support\"",
        "relay_url": "https://relay.example.net/send",
    }))
    .unwrap()
}

fn outbound() -> Outbound {
    testing::outbound("Hello Ada,\nit is on its way. Grüße").with(|outbound| {
        outbound.idempotency_key = "01J/é".to_owned();
        outbound.subject = Some("Wo ist mein Paket für München?".to_owned());
        outbound.in_reply_to = Some("b@example.org".to_owned());
        outbound.references = vec!["a@example.org".to_owned(), "b@example.org".to_owned()];
    })
}

fn begun(outbound: Outbound) -> Exchange {
    match answering().reply(outbound).unwrap() {
        Step::Send(exchange) => exchange,
        Step::Done(outcome) => panic!("done: {outcome:?}"),
    }
}

#[test]
fn an_answer_is_a_whole_mail() {
    let exchange = begun(outbound());
    assert_eq!(exchange.request.url, "https://relay.example.net/send");
    assert!(exchange.request.headers.contains(&RequestHeader::text("content-type", "message/rfc822")));
    let raw = &exchange.request.body;
    assert!(raw.is_ascii(), "every hop takes it");
    let mail = MessageParser::new().parse(raw).unwrap();
    let from = mail.from().unwrap().first().unwrap();
    assert_eq!(from.address(), Some("support@example.com"));
    assert_eq!(from.name(), Some("Müller & Söhne, \"Support\""));
    assert_eq!(mail.to().unwrap().first().unwrap().address(), Some("ada@example.com"));
    assert_eq!(mail.subject(), Some("Re: Wo ist mein Paket für München?"));
    assert_eq!(mail.date().unwrap().to_rfc822(), "Mon, 2 Mar 2026 09:00:00 +0000");
    assert_eq!(mail.message_id(), Some("01J=2f=c3=a9@example.com"));
    assert_eq!(mail.in_reply_to().as_text(), Some("b@example.org"));
    let references = mail.references().as_text_list().unwrap();
    assert_eq!(references, ["a@example.org", "b@example.org"]);
    assert_eq!(mail.body_text(0).unwrap().trim_end(), "Hello Ada,\r\nit is on its way. Grüße");
    assert!(mail.header("Auto-Submitted").is_none(), "a person wrote it");
}

#[test]
fn every_attempt_is_the_same() {
    assert_eq!(begun(outbound()), begun(outbound()));
}

#[test]
fn nothing_written_by_others_can_add_a_header() {
    let sly = outbound().with(|outbound| {
        outbound.subject = Some("Hi\r\nBcc: eve@example.net".to_owned());
        outbound.recipient.name = Some("Ada\r\nBcc: eve@example.net".to_owned());
        outbound.in_reply_to = Some("x@y>\r\nBcc: eve@example.net".to_owned());
        outbound.references = vec!["a b@c".to_owned(), "<x@y".to_owned(), "sha256:00".to_owned()];
    });
    let exchange = begun(sly);
    let mail = MessageParser::new().parse(&exchange.request.body).unwrap();
    assert!(mail.bcc().is_none());
    assert!(mail.references().is_empty());
    assert!(mail.in_reply_to().is_empty());
    assert_eq!(mail.headers().len(), 8, "{:?}", mail.headers_raw().collect::<Vec<_>>());
}

#[test]
fn a_recipient_that_is_no_address_is_invalid() {
    for address in ["unknown", "a@b>\r\nBcc: c@d", "a b@c", "@c", "a@", "a@b@c", ""] {
        let to = outbound().with(|outbound| outbound.recipient.external_id = address.to_owned());
        let error = answering().reply(to).unwrap_err();
        assert!(matches!(error, TaskError::Invalid(_)), "{address}: {error:?}");
    }
}

#[test]
fn the_customers_reply_address_is_used() {
    let exchange = begun(outbound().with(|outbound| {
        outbound
            .attributes
            .push(Attribute { key: "reply-to".to_owned(), value: "ada.home@example.net".to_owned() });
    }));
    let mail = MessageParser::new().parse(&exchange.request.body).unwrap();
    assert_eq!(mail.to().unwrap().first().unwrap().address(), Some("ada.home@example.net"));
}

#[test]
fn re_is_said_once() {
    for (subject, expected) in [
        (Some("RE: Tea"), "RE: Tea"),
        (Some("Tea"), "Re: Tea"),
        (Some("Réponse"), "Re: Réponse"),
        (None, "Re:"),
    ] {
        let exchange = begun(outbound().with(|to| to.subject = subject.map(str::to_owned)));
        let mail = MessageParser::new().parse(&exchange.request.body).unwrap();
        assert_eq!(mail.subject().map(str::trim), Some(expected));
    }
}

#[test]
fn what_is_not_set_is_named() {
    for (settings, missing) in [
        (json!({"address": "support@example.com"}), "`relay_url`"),
        (json!({"relay_url": "https://relay.example.net"}), "`address`"),
    ] {
        let inbox = testing::adapter::<Email>(settings).unwrap();
        let Err(TaskError::Unsupported(message)) = inbox.reply(outbound()) else { panic!("not unsupported") };
        assert!(message.contains(missing), "{message}");
    }
}

#[test]
fn settings_that_cannot_be_are_pointed_at() {
    let errors = testing::adapter::<Email>(json!({
        "address": "nobody", "own_addresses": ["a@example.com", "<b@example.com>"], "relay_url": "smtp://x",
    }))
    .unwrap_err();
    let pointers: Vec<&str> = errors.iter().map(|error| error.pointer.as_str()).collect();
    assert_eq!(pointers, ["/address", "/own_addresses/1", "/relay_url"]);
}

#[test]
fn the_mails_own_id_is_what_was_sent() {
    let state = begun(outbound()).state;
    let ended = |status: u16| match answering().resume(&state, &testing::reply_received(status)) {
        Ok(Step::Done(outcome)) => outcome,
        other => panic!("not done: {other:?}"),
    };
    assert_eq!(ended(202), Outcome::Sent(Some("01J=2f=c3=a9@example.com".to_owned())));
    assert_eq!(ended(429), Outcome::RetryAfter(60_000));
    assert!(matches!(ended(400), Outcome::Failed(_)));
}

#[test]
fn an_answer_shows_the_relay_its_token_where_the_settings_say_so() {
    let settings = json!({
        "address": "support@example.com", "relay_url": "https://relay.example.net/send", "relay_token": true,
    });
    let adapter = testing::adapter::<Email>(settings).unwrap();
    let Step::Send(exchange) = adapter.reply(outbound()).unwrap() else { panic!("nothing is sent") };
    assert!(exchange.request.headers.contains(&RequestHeader::bearer("relay-token")));
}
