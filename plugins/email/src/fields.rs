//! Single facts from a mail's header.

use mail_parser::{Addr, Address, HeaderName, HeaderValue, Message};

use crate::clean;

/// Ids longer than a header line may be (RFC 5322, section 2.1.1) are noise.
const ID_BYTES_MAX: usize = 998;

/// Chains grow with every answer; the nearest ids and the first one tell the conversation.
const IDS_MAX: usize = 50;

/// Who stands for a mail of nobody.
pub const NOBODY: &str = "unknown";

/// What is written before the colon, as far as this adapter knows it; anything may be a header to a
/// lenient parser.
pub fn is_mail(message: &Message<'_>) -> bool {
    message.headers().iter().any(|header| {
        matches!(
            header.name,
            HeaderName::From
                | HeaderName::Sender
                | HeaderName::To
                | HeaderName::Cc
                | HeaderName::Subject
                | HeaderName::Date
                | HeaderName::MessageId
                | HeaderName::InReplyTo
                | HeaderName::References
                | HeaderName::ReplyTo
                | HeaderName::ReturnPath
                | HeaderName::Received
                | HeaderName::MimeVersion
                | HeaderName::ContentType
        )
    })
}

/// The first value of a header field, as text on one line.
pub fn text(message: &Message<'_>, name: &str) -> Option<String> {
    let header = message.headers().iter().find(|header| header.name().eq_ignore_ascii_case(name))?;
    match &header.value {
        HeaderValue::Text(text) => clean::line(text),
        HeaderValue::TextList(texts) => clean::line(texts.first()?),
        HeaderValue::Address(address) => clean::line(address.first()?.address()?),
        _ => None,
    }
}

/// Whether a header field is there, whatever it holds.
pub fn is_present(message: &Message<'_>, name: &str) -> bool {
    message.headers().iter().any(|header| header.name().eq_ignore_ascii_case(name))
}

/// The mail's own id, without angle brackets.
pub fn message_id(message: &Message<'_>) -> Option<String> {
    id(message.message_id()?)
}

/// What the mail answers, nearest first: `In-Reply-To`, then `References` from its end
/// (RFC 5322, section 3.6.4).
pub fn answered_ids(message: &Message<'_>) -> Vec<String> {
    let own = message_id(message);
    let references = ids(message.references());
    let mut chain = ids(message.in_reply_to());
    chain.extend(references.into_iter().rev());
    let mut answered: Vec<String> = Vec::new();
    for id in chain {
        if Some(&id) != own.as_ref() && !answered.contains(&id) && answered.len() < 2 * IDS_MAX {
            answered.push(id);
        }
    }
    if answered.len() > IDS_MAX {
        let first = answered.pop();
        answered.truncate(IDS_MAX - 1);
        answered.extend(first);
    }
    answered
}

/// The person who wrote: `From`, else who sent, else whom to answer.
pub fn writer(message: &Message<'_>) -> Option<(String, Option<String>)> {
    [message.from(), message.sender(), message.reply_to()]
        .into_iter()
        .flatten()
        .find_map(|address| address.iter().find_map(person))
        .or_else(|| Some((address(message.return_address()?)?, None)))
}

/// The address that answers should go to, where it is not the writer's.
pub fn reply_address(message: &Message<'_>) -> Option<String> {
    address(message.reply_to()?.first()?.address()?)
}

/// Addresses of a list, separated by commas; at most as many as fit a line.
pub fn addresses(list: Option<&Address<'_>>) -> Option<String> {
    let mut joined = String::new();
    for entry in list?.iter().filter_map(|entry| address(entry.address()?)) {
        if joined.len() + entry.len() > ID_BYTES_MAX {
            break;
        }
        if !joined.is_empty() {
            joined.push_str(", ");
        }
        joined.push_str(&entry);
    }
    (!joined.is_empty()).then_some(joined)
}

fn person(entry: &Addr<'_>) -> Option<(String, Option<String>)> {
    let name = entry.name().and_then(clean::line);
    Some((address(entry.address()?)?, name))
}

fn address(text: &str) -> Option<String> {
    clean::line(text).map(|line| line.to_lowercase())
}

fn ids(value: &HeaderValue<'_>) -> Vec<String> {
    match value {
        HeaderValue::Text(text) => id(text).into_iter().collect(),
        HeaderValue::TextList(texts) => texts.iter().filter_map(|text| id(text)).collect(),
        _ => Vec::new(),
    }
}

fn id(text: &str) -> Option<String> {
    let id = clean::line(text)?;
    let id = id.trim_matches(['<', '>', ' ']);
    (!id.is_empty() && id.len() <= ID_BYTES_MAX && !id.contains(' ')).then(|| id.to_owned())
}
