//! The inboxes' door: whatever a channel sends.

use axum::body::Body;
use axum::http::header::{AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use schemars::{JsonSchema, SchemaGenerator};
use serde::Serialize;

use super::auth::INBOX_TOKEN;
use super::call::Call;
use super::input::Delivered;
use super::output::{Answer, AnswerShape, Output};
use super::permission::Permission;
use super::problem::{Problem, ProblemKind};
use super::route::Route;
use crate::domain::arrival;
use crate::domain::delivery::{DeliveryOutcome, Header, RawDelivery};
use crate::domain::ids::{ConversationId, DeliveryId, ItemId};
use crate::flow::ingest::{self, Received, ReceivedOutcome};

const DOOR: &str = "/in/";

pub(super) fn routes() -> Vec<Route> {
    let accepted = StatusCode::ACCEPTED;
    vec![
        Route::any("/in/{inbox}", Permission::Inbox, "Delivers to an inbox", deliver).with_success(accepted),
        Route::any("/in/{inbox}/{*path}", Permission::Inbox, "Delivers below an inbox's address", deliver)
            .with_success(accepted),
    ]
}

async fn deliver(mut call: Call, Delivered(body): Delivered) -> Result<ReceivedAnswer, Problem> {
    let raw = raw_delivery(&call, body);
    let room = call.room();
    let received = ingest::receive(call.flow(), call.inbox()?, raw, Box::new(room)).await?;
    match received.unauthentic() {
        Some(why) => Err(not_believed(&received, why)),
        None => Ok(ReceivedAnswer(received)),
    }
}

/// The delivery is kept: whoever is to blame may be here, and then it can be tried again.
fn not_believed(received: &Received, why: &str) -> Problem {
    let detail = format!("delivery {} is kept and not believed: {why}", received.delivery);
    let remedy = "sign it with the secret that was agreed on; if that is so, have an admin look at the inbox's secrets";
    Problem::new(ProblemKind::Unauthenticated, detail).with_remedy(remedy)
}

fn raw_delivery(call: &Call, body: Vec<u8>) -> RawDelivery {
    let parts = call.parts();
    RawDelivery {
        method: parts.method.as_str().to_owned(),
        path: below_inbox(parts.uri.path()).to_owned(),
        query: parts.uri.query().map(str::to_owned),
        headers: harmless(&parts.headers),
        body,
        received_at: call.flow().now(),
    }
}

/// The path as it was sent, without the inbox's address: signatures cover it undecoded.
fn below_inbox(path: &str) -> &str {
    let rest = path.strip_prefix(DOOR).unwrap_or_default();
    rest.find('/').map_or("", |at| &rest[at..])
}

/// The header fields without those that carry credentials: a delivery is kept and shown to plugins.
fn harmless(headers: &HeaderMap) -> Vec<Header> {
    let secret = [&AUTHORIZATION, &COOKIE, &PROXY_AUTHORIZATION, &INBOX_TOKEN];
    let mut kept = Vec::with_capacity(headers.len());
    let shown = headers.iter().filter(|(name, _)| !secret.contains(name));
    kept.extend(shown.map(|(name, value)| Header {
        name: name.as_str().to_owned(),
        value: String::from_utf8_lossy(value.as_bytes()).into_owned(),
    }));
    kept
}

/// What became of a delivery.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ReceivedEntry {
    /// Its id.
    delivery: DeliveryId,
    /// What became of it.
    outcome: DeliveryOutcome,
    /// Why it is unparsed.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// New items, in order.
    items: Vec<ReceivedItem>,
    /// Items that were in the repository already.
    duplicates: u32,
    /// Edits, deletions and statuses that took effect.
    changes: u32,
    /// Edits, deletions and statuses of items that are not here.
    unknown: u32,
}

/// A new item and where it belongs.
#[derive(Debug, Serialize, JsonSchema)]
struct ReceivedItem {
    /// The item.
    item: ItemId,
    /// Its conversation.
    conversation: ConversationId,
}

impl From<Received> for ReceivedEntry {
    fn from(received: Received) -> Self {
        let (outcome, reason, committed) = match received.outcome {
            ReceivedOutcome::Accepted(committed) => (DeliveryOutcome::Accepted, None, committed),
            ReceivedOutcome::Unparsed { reason } => {
                (DeliveryOutcome::Unparsed, Some(reason), Default::default())
            }
        };
        let items = committed.items.into_iter();
        Self {
            delivery: received.delivery,
            outcome,
            reason,
            items: items.map(|(item, conversation)| ReceivedItem { item, conversation }).collect(),
            duplicates: committed.duplicates,
            changes: committed.changes,
            unknown: committed.unknown,
        }
    }
}

/// The answer that the channel expects, or what became of the delivery.
struct ReceivedAnswer(Received);

impl Output for ReceivedAnswer {
    fn response(mut self, success: StatusCode) -> Response<Body> {
        match self.0.response.take() {
            Some(response) => channels_answer(response),
            None => Answer::of(ReceivedEntry::from(self.0)).response(success),
        }
    }

    fn shape(generator: &mut SchemaGenerator) -> AnswerShape {
        Answer::<ReceivedEntry>::shape(generator)
    }
}

/// Whether an adapter may set this header field: those that describe its body, and those by which
/// channels agree on deliveries (such as `webhook-allowed-origin` of CloudEvents). Others would let a
/// plugin speak for the whole host.
fn is_adapters(header: &str) -> bool {
    let describes_body = ["content-type", "content-language", "cache-control"].contains(&header);
    describes_body || header.starts_with("webhook-") || header.starts_with("x-")
}

fn channels_answer(answer: arrival::Response) -> Response<Body> {
    let mut response = Response::new(Body::from(answer.body));
    let status = StatusCode::from_u16(answer.status).ok().filter(|it| it.is_success());
    *response.status_mut() = status.unwrap_or(StatusCode::OK);
    let headers = response.headers_mut();
    for (name, value) in answer.headers {
        let name = name.to_ascii_lowercase();
        let allowed = is_adapters(&name);
        if let (true, Ok(name), Ok(value)) =
            (allowed, HeaderName::try_from(name), HeaderValue::try_from(value))
        {
            headers.append(name, value);
        }
    }
    // A plugin wrote it: a browser must not take it for a page of ours.
    headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    headers.insert("content-security-policy", HeaderValue::from_static("sandbox"));
    response
}

#[cfg(test)]
mod tests {
    use super::super::auth::inbox_credentials;
    use super::*;

    #[test]
    fn the_path_below_an_inbox_is_kept_as_it_was_sent() {
        assert_eq!(below_inbox("/in/mail"), "");
        assert_eq!(below_inbox("/in/mail/"), "/");
        assert_eq!(below_inbox("/in/mail/a%2Fb/c"), "/a%2Fb/c");
    }

    #[test]
    fn credentials_are_not_kept() {
        let headers = HeaderMap::from_iter([
            (AUTHORIZATION, HeaderValue::from_static("Bearer one")),
            (COOKIE, HeaderValue::from_static("two")),
            (INBOX_TOKEN, HeaderValue::from_static("three")),
            (HeaderName::from_static("x-signature"), HeaderValue::from_static("four")),
        ]);
        let kept = harmless(&headers);
        assert_eq!(kept, [Header { name: "x-signature".to_owned(), value: "four".to_owned() }]);
        assert_eq!(inbox_credentials(&headers), Some("three"));
    }

    #[test]
    fn a_plugin_answers_for_its_body_alone() {
        let answer = arrival::Response {
            status: 302,
            headers: vec![
                ("Content-Type".to_owned(), "text/plain".to_owned()),
                ("Set-Cookie".to_owned(), "a=b".to_owned()),
                ("location".to_owned(), "https://example.org".to_owned()),
            ],
            body: b"challenge".to_vec(),
        };
        let response = channels_answer(answer);
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/plain");
        assert!(!response.headers().contains_key("set-cookie"));
        assert!(!response.headers().contains_key("location"));
    }
}
