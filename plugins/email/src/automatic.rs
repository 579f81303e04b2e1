//! Whether a machine wrote a mail (RFC 3834, section 2 and 5).

use mail_parser::{HeaderValue, Message};
use switchboard_plugin_sdk::Automatic;

use crate::fields::{is_present, text, writer};

/// Headers of mailing lists and bulk senders (RFC 2369, RFC 2919, RFC 8058).
const LIST_FIELDS: [&str; 4] = ["List-Id", "List-Post", "List-Unsubscribe", "Feedback-ID"];

/// Headers that only responders set.
const RESPONDER_FIELDS: [&str; 3] = ["X-Autoreply", "X-Autorespond", "X-AutoReply-From"];

/// The strongest sign counts: a bounce, then an answer, then bulk, then any other notice. A delivery
/// report has been recognised before.
pub fn of(message: &Message<'_>) -> Option<Automatic> {
    let submitted = text(message, "Auto-Submitted").map(|value| value.to_ascii_lowercase());
    let precedence = text(message, "Precedence").map(|value| value.to_ascii_lowercase());
    if is_present(message, "X-Failed-Recipients") || is_from_mailer_daemon(message) {
        return Some(Automatic::Bounce);
    }
    match submitted.as_deref() {
        Some(value) if value.starts_with("auto-replied") => return Some(Automatic::Reply),
        // "no" is what a person's mail may say (section 5).
        Some(value) if !value.starts_with("no") => return Some(Automatic::Notification),
        _ => {}
    }
    if precedence.as_deref() == Some("auto_reply") || has_any(message, &RESPONDER_FIELDS) {
        return Some(Automatic::Reply);
    }
    if matches!(precedence.as_deref(), Some("bulk" | "list" | "junk")) || has_any(message, &LIST_FIELDS) {
        return Some(Automatic::Bulk);
    }
    let suppresses =
        text(message, "X-Auto-Response-Suppress").is_some_and(|value| !value.eq_ignore_ascii_case("none"));
    (suppresses || has_null_return_path(message)).then_some(Automatic::Notification)
}

fn has_any(message: &Message<'_>, names: &[&str]) -> bool {
    names.iter().any(|name| is_present(message, name))
}

/// Bounces that are no reports: the oldest servers still write them.
fn is_from_mailer_daemon(message: &Message<'_>) -> bool {
    writer(message)
        .is_some_and(|(address, _)| address == "mailer-daemon" || address.starts_with("mailer-daemon@"))
}

/// `Return-Path: <>`: whoever sent this wants no answer (RFC 5321, section 4.5.5).
fn has_null_return_path(message: &Message<'_>) -> bool {
    is_present(message, "Return-Path")
        && match message.return_path() {
            HeaderValue::Text(path) => path.trim_matches(['<', '>', ' ']).is_empty(),
            HeaderValue::TextList(_) => false,
            _ => true,
        }
}
