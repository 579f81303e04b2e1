//! From a raw mail to what it brought.

use mail_parser::{DateTime, HeaderValue, Message};
use switchboard_plugin_sdk::{
    Arrival, Attribute, Author, Automatic, Delivery, DeliveryStatus, Item, ItemKind, Rejection, Visibility,
    content_id,
};

use crate::report::{Kind, Report};
use crate::settings::Settings;
use crate::skim::{Skim, Skimmed};
use crate::{attachments, automatic, body, clean, fields, quote, report};

/// How much of a refused body is shown.
const EXCERPT_BYTES_MAX: usize = 60;

/// Reads the mail in a delivery.
pub fn arrivals(delivery: &Delivery, settings: &Settings) -> Result<Vec<Arrival>, Rejection> {
    check_media(delivery)?;
    let skipped_bytes = envelope_bytes(&delivery.body);
    let skimmed = Skim::default().shorten(&delivery.body[skipped_bytes..]);
    let message = recognised(&skimmed, &delivery.body[skipped_bytes..])?;
    let report = report::of(&message);
    let status = report.as_ref().and_then(|report| status(report, occurred_at_ms(&message, delivery)));
    // A receipt for what was read is no work for anybody.
    if let (Some(Kind::Disposition), Some(status)) = (report.as_ref().map(|r| r.kind), &status) {
        return Ok(vec![Arrival::Status(status.clone())]);
    }
    let mail = Mail { message: &message, delivery, skipped_bytes, report };
    let item = item(&mail);
    let arrival = match settings.is_own(&item.author.external_id) {
        true => Arrival::Echo(item),
        false => Arrival::Item(item),
    };
    Ok(std::iter::once(arrival).chain(status.map(Arrival::Status)).collect())
}

struct Mail<'a> {
    message: &'a Message<'a>,
    delivery: &'a Delivery,
    skipped_bytes: usize,
    report: Option<Report>,
}

fn item(mail: &Mail<'_>) -> Item {
    let message = mail.message;
    let body = body::of(message);
    let split = quote::split(&body.text);
    let mut in_reply_to = fields::answered_ids(message);
    let original = mail.report.as_ref().and_then(|report| report.original_id.clone());
    if let Some(original) = original.filter(|original| !in_reply_to.contains(original)) {
        in_reply_to.insert(0, original);
    }
    Item {
        external_id: fields::message_id(message).unwrap_or_else(|| content_id(&mail.delivery.body)),
        in_reply_to,
        kind: ItemKind::Email,
        visibility: Visibility::Private,
        author: author(message),
        subject: message.subject().and_then(clean::line),
        text: split.text,
        quoted: split.quoted,
        html: body.html,
        language: language(message),
        permalink: None,
        attachments: attachments::of(message, mail.skipped_bytes),
        occurred_at_ms: occurred_at_ms(message, mail.delivery),
        automatic: match mail.report.as_ref().map(|report| report.kind) {
            Some(Kind::Delivery) => Some(Automatic::Bounce),
            Some(Kind::Disposition) => Some(Automatic::Reply),
            None => automatic::of(message),
        },
        attributes: attributes(message),
    }
}

fn status(report: &Report, at_ms: u64) -> Option<DeliveryStatus> {
    Some(DeliveryStatus {
        external_id: report.original_id.clone()?,
        state: report.state?,
        detail: report.detail.clone(),
        at_ms,
    })
}

/// Relays name the type differently or not at all; what names another format is another format.
fn check_media(delivery: &Delivery) -> Result<(), Rejection> {
    let declared =
        delivery.header("content-type").map(|value| value.split(';').next().unwrap_or_default().trim());
    let known = ["message/rfc822", "message/global", "application/octet-stream", "text/plain", ""];
    match declared {
        Some(declared) if !known.iter().any(|known| known.eq_ignore_ascii_case(declared)) => {
            let declared = &declared[..declared.floor_char_boundary(EXCERPT_BYTES_MAX)];
            Err(Rejection::Unsupported(format!(
                "content type {declared}; send the raw mail as message/rfc822"
            )))
        }
        _ => Ok(()),
    }
}

/// What may stand before a mail: a byte-order mark, and the `From ` line of an mbox.
fn envelope_bytes(raw: &[u8]) -> usize {
    let mark = if raw.starts_with(b"\xEF\xBB\xBF") { 3 } else { 0 };
    let rest = &raw[mark..];
    if !rest.starts_with(b"From ") {
        return mark;
    }
    let line = rest.iter().position(|byte| *byte == b'\n');
    mark + line.map_or(0, |end| end + 1)
}

/// Anything with a header known to mail and a writer or something to read.
fn recognised<'a>(skimmed: &'a Skimmed<'a>, raw: &[u8]) -> Result<Message<'a>, Rejection> {
    let malformed = |what: &str| {
        let start = &raw[..raw.len().min(EXCERPT_BYTES_MAX)];
        let start = String::from_utf8_lossy(start).escape_debug().to_string();
        Rejection::Malformed(format!("{what}; it begins with \"{start}\""))
    };
    if raw.trim_ascii().is_empty() {
        return Err(Rejection::Malformed("the body is empty".to_owned()));
    }
    let Some(message) = skimmed.parse() else {
        return Err(malformed("line 1: no header field (RFC 5322, section 2.2)"));
    };
    if !fields::is_mail(&message) {
        return Err(malformed("no header field that mail has, such as From or Subject"));
    }
    let has_body = !message.attachments.is_empty()
        || message.text_bodies().chain(message.html_bodies()).any(|part| !part.is_empty());
    if fields::writer(&message).is_none() && !has_body {
        return Err(malformed("neither a From field nor a body"));
    }
    Ok(message)
}

fn author(message: &Message<'_>) -> Author {
    let (external_id, name) = fields::writer(message).unwrap_or_else(|| (fields::NOBODY.to_owned(), None));
    Author { external_id, handle: None, name, followers: None, verified: false }
}

fn occurred_at_ms(message: &Message<'_>, delivery: &Delivery) -> u64 {
    message
        .date()
        .filter(|date| date.is_valid())
        .map(DateTime::to_timestamp)
        .and_then(|seconds| u64::try_from(seconds).ok())
        .map_or(delivery.received_at_ms, |seconds| seconds * 1_000)
}

/// The first language of `Content-Language` (RFC 3282).
fn language(message: &Message<'_>) -> Option<String> {
    use mail_parser::MimeHeaders as _;
    let declared = match message.content_language() {
        HeaderValue::Text(text) => text,
        HeaderValue::TextList(texts) => texts.first()?,
        _ => return None,
    };
    let tag = declared.split(',').next()?.trim();
    let is_tag = |char: char| char.is_ascii_alphanumeric() || char == '-';
    (!tag.is_empty() && tag.len() <= 35 && tag.chars().all(is_tag)).then(|| tag.to_owned())
}

fn attributes(message: &Message<'_>) -> Vec<Attribute> {
    let facts = [
        ("to", fields::addresses(message.to())),
        ("cc", fields::addresses(message.cc())),
        ("reply-to", fields::reply_address(message)),
        ("list-id", fields::text(message, "List-Id")),
        ("auto-submitted", fields::text(message, "Auto-Submitted")),
    ];
    facts
        .into_iter()
        .filter_map(|(key, value)| Some(Attribute { key: key.to_owned(), value: value? }))
        .collect()
}
