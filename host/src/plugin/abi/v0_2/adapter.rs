//! Deliveries and tasks, between the domain's words and an adapter's.

use super::adapter_world::exports::switchboard::plugin::adapter as abi;
use super::adapter_world::switchboard::plugin::{secrets, types};
use super::item::raise_item;
use super::words::{moment, ms};
use crate::domain::arrival::{
    Arrival, Deletion, DeliveryState, DeliveryStatus, Edit, Intake, Rejection, Response,
};
use crate::domain::delivery::{Header, RawDelivery};
use crate::domain::item::Attribute;
use crate::domain::organisation::Inbox;
use crate::plugin::failure::explanation;
use crate::plugin::task::{Answer, Outbound, Piece, Request, SendOutcome, Step, TaskError};
use crate::vault::Algorithm;

/// The longest id that a channel gives an answer: Message-IDs, the longest in use, have a line's length.
const SENT_ID_BYTES_MAX: usize = 1_024;

/// The inbox in the adapter's words; `settings` are its settings as JSON.
pub(crate) fn lower_inbox<'a>(inbox: &'a Inbox, settings: &'a str) -> abi::Inbox<'a> {
    abi::Inbox { name: &inbox.name, channel: &inbox.channel, settings }
}

/// Header fields in the adapter's words.
pub(crate) fn lower_headers(headers: &[Header]) -> Vec<types::HeaderParam<'_>> {
    headers.iter().map(|header| types::HeaderParam { name: &header.name, value: &header.value }).collect()
}

/// An answer's header fields in the adapter's words.
pub(crate) fn lower_pairs(headers: &[(String, String)]) -> Vec<types::HeaderParam<'_>> {
    headers.iter().map(|(name, value)| types::HeaderParam { name, value }).collect()
}

/// Attributes in the adapter's words.
pub(crate) fn lower_attributes(attributes: &[Attribute]) -> Vec<types::AttributeParam<'_>> {
    attributes
        .iter()
        .map(|attribute| types::AttributeParam { key: &attribute.key, value: &attribute.value })
        .collect()
}

/// A delivery in the adapter's words.
pub(crate) fn lower_delivery<'a>(
    delivery: &'a RawDelivery,
    headers: &'a [types::HeaderParam<'a>],
) -> abi::Delivery<'a> {
    abi::Delivery {
        method: &delivery.method,
        path: &delivery.path,
        query: delivery.query.as_deref(),
        headers,
        body: &delivery.body,
        received_at_ms: ms(delivery.received_at),
    }
}

/// An answer in the adapter's words.
pub(crate) fn lower_outbound<'a>(
    outbound: &'a Outbound,
    references: &'a [&'a str],
    attributes: &'a [types::AttributeParam<'a>],
) -> abi::Outbound<'a> {
    let recipient = &outbound.recipient;
    abi::Outbound {
        idempotency_key: &outbound.idempotency_key,
        written_at_ms: ms(outbound.written_at),
        recipient: types::AuthorParam {
            external_id: &recipient.external_id,
            handle: recipient.handle.as_deref(),
            name: recipient.name.as_deref(),
            followers: recipient.followers,
            verified: recipient.verified,
        },
        in_reply_to: outbound.in_reply_to.as_deref(),
        references,
        subject: outbound.subject.as_deref(),
        text: &outbound.text,
        visibility: outbound.visibility.into(),
        attributes,
    }
}

/// A channel's answer in the adapter's words.
pub(crate) fn lower_reply<'a>(
    reply: &'a Answer,
    headers: &'a [types::HeaderParam<'a>],
) -> abi::ReplyReceived<'a> {
    abi::ReplyReceived { status: reply.status, headers, body: &reply.body }
}

/// What a delivery held, in the domain's words.
pub(crate) fn raise_intake(told: abi::Intake) -> Intake {
    Intake {
        arrivals: told.arrivals.into_iter().map(raise_arrival).collect(),
        response: told.response.map(|response| Response {
            status: response.status,
            headers: response.headers.into_iter().map(|header| (header.name, header.value)).collect(),
            body: response.body,
        }),
    }
}

/// Why a delivery yields nothing, in the domain's words; of a long text, its beginning.
pub(crate) fn raise_rejection(told: abi::Rejection) -> Rejection {
    match told {
        abi::Rejection::Unauthentic(text) => Rejection::Unauthentic(explanation(&text)),
        abi::Rejection::Malformed(text) => Rejection::Malformed(explanation(&text)),
        abi::Rejection::Unsupported(text) => Rejection::Unsupported(explanation(&text)),
    }
}

/// The next step of a task.
pub(crate) fn raise_step(told: abi::Step) -> Step {
    match told {
        abi::Step::Send(exchange) => {
            Step::Send { request: raise_request(exchange.request), state: exchange.state }
        }
        abi::Step::Done(outcome) => Step::Done(match outcome {
            // It was sent, whatever it is called.
            abi::Outcome::Sent(id) => SendOutcome::Sent(id.filter(|it| it.len() <= SENT_ID_BYTES_MAX)),
            abi::Outcome::RetryAfter(ms) => SendOutcome::RetryAfter(i64::try_from(ms).unwrap_or(i64::MAX)),
            abi::Outcome::Failed(reason) => SendOutcome::Failed(explanation(&reason)),
            abi::Outcome::Unknown => SendOutcome::Unknown,
        }),
    }
}

/// Why a task cannot be worked on; of a long text, its beginning.
pub(crate) fn raise_task_error(told: abi::TaskError) -> TaskError {
    match told {
        abi::TaskError::Unsupported(text) => TaskError::Unsupported(explanation(&text)),
        abi::TaskError::Invalid(text) => TaskError::Invalid(explanation(&text)),
        abi::TaskError::Other(text) => TaskError::Other(explanation(&text)),
    }
}

fn raise_arrival(told: abi::Arrival) -> Arrival {
    match told {
        abi::Arrival::Item(item) => Arrival::Item(raise_item(item)),
        abi::Arrival::Echo(item) => Arrival::Echo(raise_item(item)),
        abi::Arrival::Edit(edit) => Arrival::Edit(Edit {
            external_id: edit.external_id,
            text: edit.text,
            subject: edit.subject,
            html: edit.html,
            edited_at: moment(edit.edited_at_ms),
        }),
        abi::Arrival::Deletion(deletion) => Arrival::Deletion(Deletion {
            external_id: deletion.external_id,
            deleted_at: moment(deletion.deleted_at_ms),
        }),
        abi::Arrival::Status(status) => Arrival::Status(DeliveryStatus {
            external_id: status.external_id,
            state: match status.state {
                abi::DeliveryState::Delivered => DeliveryState::Delivered,
                abi::DeliveryState::Read => DeliveryState::Read,
                abi::DeliveryState::Failed => DeliveryState::Failed,
            },
            detail: status.detail.as_deref().map(explanation),
            at: moment(status.at_ms),
        }),
    }
}

fn raise_request(told: abi::Request) -> Request {
    Request {
        method: told.method,
        url: told.url,
        segments: told.segments.into_iter().map(raise_pieces).collect(),
        headers: told.headers.into_iter().map(|header| (header.name, raise_pieces(header.value))).collect(),
        body: told.body,
    }
}

fn raise_pieces(told: Vec<abi::Piece>) -> Vec<Piece> {
    let raise = |piece| match piece {
        abi::Piece::Text(text) => Piece::Text(text),
        abi::Piece::Secret(name) => Piece::Secret(name),
    };
    told.into_iter().map(raise).collect()
}

/// How a message is signed.
pub(crate) fn raise_algorithm(told: secrets::Algorithm) -> Algorithm {
    match told {
        secrets::Algorithm::HmacSha1 => Algorithm::HmacSha1,
        secrets::Algorithm::HmacSha256 => Algorithm::HmacSha256,
        secrets::Algorithm::Ed25519 => Algorithm::Ed25519,
        secrets::Algorithm::SharedToken => Algorithm::SharedToken,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(told: abi::Outcome) -> SendOutcome {
        match raise_step(abi::Step::Done(told)) {
            Step::Done(outcome) => outcome,
            Step::Send { .. } => unreachable!("it is done"),
        }
    }

    #[test]
    fn what_a_guest_explains_itself_with_is_cut_and_made_harmless() {
        let long = || "\u{1b}[31m".to_owned() + &"x".repeat(16 << 20);
        let texts = [
            raise_rejection(abi::Rejection::Unauthentic(long())).to_string(),
            raise_rejection(abi::Rejection::Malformed(long())).to_string(),
            raise_rejection(abi::Rejection::Unsupported(long())).to_string(),
            raise_task_error(abi::TaskError::Unsupported(long())).to_string(),
            raise_task_error(abi::TaskError::Invalid(long())).to_string(),
            raise_task_error(abi::TaskError::Other(long())).to_string(),
            format!("{:?}", outcome(abi::Outcome::Failed(long()))),
        ];
        for text in texts {
            assert!(text.len() < 4_200 && !text.contains('\u{1b}'), "{} bytes", text.len());
        }
    }

    #[test]
    fn an_id_that_is_no_id_is_left_out_of_what_was_sent() {
        let sent = |id: &str| outcome(abi::Outcome::Sent(Some(id.to_owned())));
        assert_eq!(sent("r-1"), SendOutcome::Sent(Some("r-1".to_owned())));
        assert_eq!(sent(&"x".repeat(1_025)), SendOutcome::Sent(None));
    }
}
