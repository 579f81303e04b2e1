//! A person's answer as an event, and what came back for it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use switchboard_plugin_sdk::{
    Author, Exchange, Inbox, Outbound, Outcome, ReplyReceived, Request, RequestHeader, SecretUse, TaskError,
    Visibility, WantedSecret,
};

use crate::event::SPEC_VERSION;
use crate::scalar::Id;
use crate::settings::Settings;

/// The `type` of the events that carry answers.
const REPLY_TYPE: &str = "org.switchboard.reply";

/// What replies show to whoever takes them.
pub const REPLY_TOKEN: WantedSecret = WantedSecret {
    name: "reply-token",
    purpose: "The token that whoever takes replies at `reply_url` wants to see.",
    uses: SecretUse::SEND,
};

/// The attribute of an item that says which source its event came from.
const SOURCE_ATTRIBUTE: &str = "ce-source";

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
struct ReplyEvent<'a> {
    specversion: &'a str,
    id: &'a str,
    source: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    time: String,
    datacontenttype: &'a str,
    data: Answer<'a>,
}

#[derive(Serialize)]
struct Answer<'a> {
    in_reply_to: Option<&'a str>,
    references: &'a [String],
    recipient: Recipient<'a>,
    subject: Option<&'a str>,
    text: &'a str,
    visibility: Visibility,
    attributes: BTreeMap<&'a str, &'a str>,
}

#[derive(Serialize)]
struct Recipient<'a> {
    id: &'a str,
    handle: Option<&'a str>,
    name: Option<&'a str>,
}

/// What is remembered until the answer to the request comes.
#[derive(Default, Serialize, Deserialize)]
struct State {
    /// Where the answered item came from: ids that come back are unique within it.
    source: Option<String>,
}

#[derive(Deserialize)]
struct Receipt {
    id: Option<Id>,
}

/// The request that takes an answer out.
pub fn begin(inbox: &Inbox<Settings>, outbound: &Outbound) -> Result<Exchange, TaskError> {
    let Some(url) = &inbox.settings.reply_url else {
        return Err(TaskError::Unsupported(format!(
            "the inbox `{}` has no `reply_url` in its settings; set it to the URL that takes replies",
            inbox.name
        )));
    };
    let source = match &inbox.settings.reply_source {
        Some(source) => source.clone(),
        None => format!("switchboard/{}", inbox.name),
    };
    let state = State { source: outbound.attribute(SOURCE_ATTRIBUTE).map(str::to_owned) };
    Ok(Exchange {
        request: Request {
            method: "POST".to_owned(),
            url: url.clone(),
            segments: Vec::new(),
            headers: headers(inbox, outbound),
            body: json(&event(outbound, &source)?)?,
        },
        state: json(&state)?,
    })
}

fn headers(inbox: &Inbox<Settings>, outbound: &Outbound) -> Vec<RequestHeader> {
    let mut headers = vec![
        RequestHeader::text("content-type", "application/cloudevents+json; charset=utf-8"),
        RequestHeader::text("idempotency-key", &outbound.idempotency_key),
    ];
    if inbox.settings.reply_token {
        headers.push(RequestHeader::bearer(REPLY_TOKEN.name));
    }
    headers
}

/// How it ended, by what the other side answered.
pub fn resume(state: &[u8], reply: &ReplyReceived) -> Result<Outcome, TaskError> {
    let state: State = serde_json::from_slice(state)
        .map_err(|error| TaskError::Invalid(format!("the state of this task: {error}")))?;
    if !reply.is_success() {
        return Ok(Outcome::of_refusal(reply));
    }
    let id = serde_json::from_slice::<Receipt>(&reply.body).ok().and_then(|receipt| receipt.id);
    Ok(Outcome::Sent(id.map(|Id(id)| match state.source {
        Some(source) if !id.contains(' ') => format!("{source} {id}"),
        _ => id,
    })))
}

fn event<'a>(outbound: &'a Outbound, source: &'a str) -> Result<ReplyEvent<'a>, TaskError> {
    Ok(ReplyEvent {
        specversion: SPEC_VERSION,
        id: &outbound.idempotency_key,
        source,
        kind: REPLY_TYPE,
        time: time(outbound.written_at_ms)?,
        datacontenttype: "application/json",
        data: Answer {
            in_reply_to: outbound.in_reply_to.as_deref(),
            references: &outbound.references,
            recipient: recipient(&outbound.recipient),
            subject: outbound.subject.as_deref(),
            text: &outbound.text,
            visibility: outbound.visibility,
            attributes: outbound
                .attributes
                .iter()
                .map(|attribute| (attribute.key.as_str(), attribute.value.as_str()))
                .collect(),
        },
    })
}

fn recipient(author: &Author) -> Recipient<'_> {
    Recipient { id: &author.external_id, handle: author.handle.as_deref(), name: author.name.as_deref() }
}

fn time(at_ms: u64) -> Result<String, TaskError> {
    i64::try_from(at_ms)
        .ok()
        .and_then(|ms| Timestamp::from_millisecond(ms).ok())
        .map(|at| at.to_string())
        .ok_or_else(|| TaskError::Invalid(format!("written-at-ms: {at_ms} is no date")))
}

fn json(value: &impl Serialize) -> Result<Vec<u8>, TaskError> {
    serde_json::to_vec(value).map_err(|error| TaskError::Other(error.to_string()))
}
