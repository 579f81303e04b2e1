//! Reports on mail of ours: not delivered (RFC 3464), or read (RFC 8098).

use mail_parser::{Message, MessageParser, MessagePart, MimeHeaders, PartType};
use switchboard_plugin_sdk::DeliveryState;

use crate::clean;
use crate::fields;

/// The channel's explanation is for people; servers write essays.
const DETAIL_BYTES_MAX: usize = 500;

/// What a report says.
#[derive(Debug)]
pub struct Report {
    /// What sort of report.
    pub kind: Kind,
    /// The mail it is about.
    pub original_id: Option<String>,
    /// How far that mail came, where the report says something final.
    pub state: Option<DeliveryState>,
    /// Why.
    pub detail: Option<String>,
}

/// What is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Delivery (RFC 3464).
    Delivery,
    /// Reading (RFC 8098).
    Disposition,
}

/// Reads the report that a mail is, if it is one.
pub fn of(message: &Message<'_>) -> Option<Report> {
    if let Some(part) = part_of(message, "delivery-status") {
        return Some(delivery(message, &contents(part)));
    }
    let part = part_of(message, "disposition-notification")?;
    Some(disposition(message, &contents(part)))
}

fn delivery(message: &Message<'_>, report: &str) -> Report {
    let fields = fields_of(report);
    let value = |name: &str| find(&fields, name);
    // A report may speak of several recipients; one that never got it matters most.
    let actions = || fields.iter().filter(|(name, _)| name == "action");
    let has = |action: &str| actions().any(|(_, value)| value.eq_ignore_ascii_case(action));
    let state = match (has("failed"), has("delivered")) {
        (true, _) => Some(DeliveryState::Failed),
        (false, true) => Some(DeliveryState::Delivered),
        (false, false) => None,
    };
    let why = [value("status"), value("diagnostic-code")];
    Report {
        kind: Kind::Delivery,
        original_id: returned_id(message),
        state,
        detail: detail(why.into_iter().flatten()),
    }
}

fn disposition(message: &Message<'_>, report: &str) -> Report {
    let fields = fields_of(report);
    let original = find(&fields, "original-message-id")
        .map(|id| id.trim_matches(['<', '>', ' ']).to_owned())
        .filter(|id| !id.is_empty());
    let outcome = find(&fields, "disposition").unwrap_or_default();
    // `action-mode/sending-mode; disposition-type` (section 3.2.6).
    let displayed = outcome
        .rsplit(';')
        .next()
        .is_some_and(|kind| kind.trim().to_ascii_lowercase().starts_with("displayed"));
    Report {
        kind: Kind::Disposition,
        original_id: original.or_else(|| returned_id(message)),
        state: displayed.then_some(DeliveryState::Read),
        detail: None,
    }
}

/// The id of the mail that came back, whole or as its header alone.
fn returned_id(message: &Message<'_>) -> Option<String> {
    message.parts.iter().find_map(|part| match &part.body {
        PartType::Message(original) => fields::message_id(original),
        _ if part.is_content_type("text", "rfc822-headers")
            || part.is_content_type("message", "rfc822-headers") =>
        {
            let header = contents(part) + "\n\n";
            fields::message_id(&MessageParser::new().parse_headers(header.as_bytes())?)
        }
        _ => None,
    })
}

fn part_of<'a, 'x>(message: &'a Message<'x>, subtype: &str) -> Option<&'a MessagePart<'x>> {
    let global = format!("global-{subtype}");
    message
        .parts
        .iter()
        .find(|part| part.is_content_type("message", subtype) || part.is_content_type("message", &global))
}

fn contents(part: &MessagePart<'_>) -> String {
    clean::lines(&String::from_utf8_lossy(part.contents())).into_owned()
}

/// Header-like fields, names in lower case, folded lines joined (RFC 3464, section 2.1).
fn fields_of(report: &str) -> Vec<(String, String)> {
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in report.lines() {
        if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = fields.last_mut() {
                value.push(' ');
                value.push_str(line.trim());
            }
        } else if let Some((name, value)) = line.split_once(':') {
            fields.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    fields
}

fn find<'a>(fields: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let (_, value) = fields.iter().find(|(found, _)| found == name)?;
    Some(value)
}

fn detail<'a>(parts: impl Iterator<Item = &'a str>) -> Option<String> {
    let mut joined = clean::line(&parts.collect::<Vec<_>>().join(" "))?;
    joined.truncate(joined.floor_char_boundary(DETAIL_BYTES_MAX));
    Some(joined)
}
