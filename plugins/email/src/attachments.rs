//! Files that came with a mail, by where they lie in it.

use mail_parser::{Encoding, Message, MessagePart, MimeHeaders, PartType};
use switchboard_plugin_sdk::{Attachment, AttachmentSource, DeliveryPart, TransferEncoding};

use crate::clean;

/// More parts than this are not listed: a mail of nothing but parts is an attack.
const ATTACHMENTS_MAX: usize = 200;

/// Lists everything that is not the mail's own text. `skipped_bytes` stand before the mail in the
/// delivery.
pub fn of(message: &Message<'_>, skipped_bytes: usize) -> Vec<Attachment> {
    let mail_bytes = message.raw_message.len() as u64;
    message
        .attachments()
        .take(ATTACHMENTS_MAX)
        .map(|part| Attachment {
            name: name(part),
            media_type: media_type(part),
            source: AttachmentSource::Part(place(part, mail_bytes, skipped_bytes as u64)),
        })
        .collect()
}

/// Keeps to the mail whatever a broken structure made of the offsets.
fn place(part: &MessagePart<'_>, mail_bytes: u64, skipped_bytes: u64) -> DeliveryPart {
    let start = u64::from(part.offset_body).min(mail_bytes);
    let end = u64::from(part.offset_end).clamp(start, mail_bytes);
    DeliveryPart {
        offset_bytes: skipped_bytes + start,
        length_bytes: end - start,
        encoding: match part.encoding {
            Encoding::None => TransferEncoding::Identity,
            Encoding::Base64 => TransferEncoding::Base64,
            Encoding::QuotedPrintable => TransferEncoding::QuotedPrintable,
        },
    }
}

/// The file's own name: whatever folders a sender adds are not for us to follow.
fn name(part: &MessagePart<'_>) -> Option<String> {
    let given = match (part.attachment_name(), &part.body) {
        (Some(name), _) => clean::line(name)?,
        (None, PartType::Message(nested)) => format!("{}.eml", clean::line(nested.subject()?)?),
        (None, _) => return None,
    };
    let name = given.rsplit(['/', '\\']).next()?.trim();
    (!name.is_empty() && name != "." && name != "..").then(|| name.to_owned())
}

/// RFC 2045, section 5.2: plain text where nothing is said.
fn media_type(part: &MessagePart<'_>) -> String {
    let declared = part.content_type().and_then(|media| {
        let subtype = media.subtype()?;
        clean::line(&format!("{}/{subtype}", media.ctype()))
    });
    match (declared, &part.body) {
        (Some(declared), _) => declared.to_ascii_lowercase(),
        (None, PartType::Message(_)) => "message/rfc822".to_owned(),
        (None, PartType::Text(_)) => "text/plain".to_owned(),
        (None, _) => "application/octet-stream".to_owned(),
    }
}
