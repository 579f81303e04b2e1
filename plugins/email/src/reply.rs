//! The way of an answer through a mail relay.

use switchboard_plugin_sdk::{
    Exchange, Inbox, Outbound, Outcome, ReplyReceived, Request, RequestHeader, SecretUse, TaskError,
    WantedSecret,
};

use crate::compose::{self, Sender};
use crate::settings::Settings;

/// What answers show to the relay.
pub const RELAY_TOKEN: WantedSecret = WantedSecret {
    name: "relay-token",
    purpose: "The token that the mail relay at `relay_url` wants to see.",
    uses: SecretUse::SEND,
};

/// The request that takes an answer out. What is remembered is the mail's id.
pub fn begin(inbox: &Inbox<Settings>, outbound: &Outbound) -> Result<Exchange, TaskError> {
    let settings = &inbox.settings;
    let Some(url) = &settings.relay_url else {
        return Err(lacking(inbox, "relay_url", "the URL of an HTTP mail relay"));
    };
    let Some(address) = &settings.address else {
        return Err(lacking(inbox, "address", "the address that answers come from"));
    };
    let sender = Sender { address, name: settings.display_name.as_deref() };
    let mail = compose::reply(outbound, &sender)?;
    Ok(Exchange {
        request: Request {
            method: "POST".to_owned(),
            url: url.clone(),
            segments: Vec::new(),
            headers: headers(settings, outbound),
            body: mail.bytes,
        },
        state: mail.message_id.into_bytes(),
    })
}

fn headers(settings: &Settings, outbound: &Outbound) -> Vec<RequestHeader> {
    let mut headers = vec![
        RequestHeader::text("content-type", "message/rfc822"),
        RequestHeader::text("idempotency-key", &outbound.idempotency_key),
    ];
    if settings.relay_token {
        headers.push(RequestHeader::bearer(RELAY_TOKEN.name));
    }
    headers
}

/// How it ended, by what the relay answered. A mail that was taken is known by its own id, whatever
/// the relay calls it: answers of the customer refer to that.
pub fn resume(state: &[u8], reply: &ReplyReceived) -> Result<Outcome, TaskError> {
    let message_id = std::str::from_utf8(state)
        .map_err(|error| TaskError::Invalid(format!("the state of this task: {error}")))?;
    Ok(match reply.is_success() {
        true => Outcome::Sent(Some(message_id.to_owned())),
        false => Outcome::of_refusal(reply),
    })
}

fn lacking(inbox: &Inbox<Settings>, setting: &str, what: &str) -> TaskError {
    TaskError::Unsupported(format!(
        "the inbox `{}` has no `{setting}` in its settings; set it to {what}",
        inbox.name
    ))
}
