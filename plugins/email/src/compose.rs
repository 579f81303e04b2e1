//! A person's answer as a whole mail (RFC 5322), the same for every attempt.

use mail_builder::MessageBuilder;
use mail_builder::headers::address::Address;
use mail_builder::headers::date::Date;
use mail_builder::headers::message_id::MessageId;
use switchboard_plugin_sdk::{Outbound, TaskError};

use crate::clean;
use crate::settings::is_address;

/// RFC 5322 has no limit, but every hop reads it: the first id and the nearest ones are enough.
const REFERENCES_MAX: usize = 20;

/// An id beyond this would not fit a line of the header (RFC 5322, section 2.1.1).
const ID_BYTES_MAX: usize = 900;

/// A mail that is ready to go, and the id it goes under.
pub struct Composed {
    /// Without angle brackets.
    pub message_id: String,
    /// RFC 5322, with CRLF.
    pub bytes: Vec<u8>,
}

/// Who sends.
pub struct Sender<'a> {
    /// The inbox's address.
    pub address: &'a str,
    /// The name shown beside it.
    pub name: Option<&'a str>,
}

/// Writes the mail. No header marks it as automatic: a person wrote it (RFC 3834, section 5).
pub fn reply(outbound: &Outbound, sender: &Sender<'_>) -> Result<Composed, TaskError> {
    let message_id = message_id(&outbound.idempotency_key, sender.address);
    let mut message = MessageBuilder::new()
        .from(mailbox(sender.name, sender.address))
        .to(recipient(outbound)?)
        .subject(subject(outbound.subject.as_deref()))
        .date(Date::new(seconds(outbound.written_at_ms)))
        .message_id(message_id.clone());
    if let Some(answered) = outbound.in_reply_to.as_deref().filter(|id| is_id(id)) {
        message = message.in_reply_to(answered.to_owned());
    }
    let references = references(outbound);
    if !references.is_empty() {
        message = message.references(MessageId::new_list(references.into_iter()));
    }
    let bytes = message
        .text_body(text(&outbound.text))
        .write_to_vec()
        .map_err(|error| TaskError::Other(error.to_string()))?;
    Ok(Composed { message_id, bytes })
}

/// The same key always gives the same id, so that a relay or a mailbox drops repetitions.
fn message_id(key: &str, address: &str) -> String {
    let (_, domain) = address.rsplit_once('@').unwrap_or_default();
    let mut local = String::with_capacity(key.len());
    for byte in key.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => local.push(char::from(byte)),
            // Never ambiguous, and no character that an id may not hold.
            other => local.push_str(&format!("={other:02x}")),
        }
    }
    format!("{local}@{domain}")
}

/// Where the answer goes: to `Reply-To` where the customer named one.
fn recipient(outbound: &Outbound) -> Result<Address<'_>, TaskError> {
    let address = outbound.attribute("reply-to").unwrap_or(&outbound.recipient.external_id);
    if !is_address(address) {
        return Err(TaskError::Invalid(format!(
            "recipient: {:?} is no mail address",
            &address[..address.floor_char_boundary(100)]
        )));
    }
    Ok(mailbox(outbound.recipient.name.as_deref(), address))
}

fn mailbox<'a>(name: Option<&str>, address: &'a str) -> Address<'a> {
    Address::new_address(name.and_then(clean::line), address)
}

/// RFC 5322, section 3.6.5: `Re: ` once, however often it was answered.
fn subject(of_conversation: Option<&str>) -> String {
    let subject = of_conversation.and_then(clean::line).unwrap_or_default();
    match subject.get(..3) {
        Some(start) if start.eq_ignore_ascii_case("re:") => subject,
        _ => format!("Re: {subject}").trim_end().to_owned(),
    }
}

/// Oldest first, ending with what is answered (RFC 5322, section 3.6.4).
fn references(outbound: &Outbound) -> Vec<String> {
    let mut ids: Vec<&str> = Vec::new();
    let answered = outbound.in_reply_to.as_deref();
    for id in outbound.references.iter().map(String::as_str) {
        if is_id(id) && Some(id) != answered && !ids.contains(&id) {
            ids.push(id);
        }
    }
    ids.extend(answered.filter(|id| is_id(id)));
    if ids.len() > REFERENCES_MAX {
        ids.drain(1..=ids.len() - REFERENCES_MAX);
    }
    ids.into_iter().map(str::to_owned).collect()
}

/// An id that can stand between angle brackets; digests of mail without an id cannot.
fn is_id(id: &str) -> bool {
    id.contains('@')
        && id.len() <= ID_BYTES_MAX
        && !id.contains(|char: char| char.is_control() || char.is_whitespace() || "<>".contains(char))
}

fn seconds(at_ms: u64) -> i64 {
    i64::try_from(at_ms / 1_000).unwrap_or_default()
}

/// Lines end in CRLF on the way, and the text ends with one.
fn text(text: &str) -> String {
    let mut lines = clean::lines(text).trim_end().replace('\n', "\r\n");
    lines.push_str("\r\n");
    lines
}
