//! What an HTTP status that is no success means for an answer.

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use switchboard_plugin_sdk::{Outcome, ReplyReceived};

/// How long to wait where the other side does not say.
const RETRY_AFTER_MS: u64 = 60_000;

/// No other side is believed that wants more patience than a day.
const RETRY_AFTER_MS_MAX: u64 = 24 * 3_600_000;

/// How much of an error's body is kept for the people who read it.
const REASON_BYTES_MAX: usize = 300;

/// Sorts refusals into those that pass and those that stay (RFC 9110, section 15; RFC 6585).
pub fn of_refusal(reply: &ReplyReceived) -> Outcome {
    match reply.status {
        408 | 425 | 429 | 500..=599 => Outcome::RetryAfter(retry_after_ms(reply)),
        300..=399 => Outcome::Failed(format!(
            "answered {} and points to {}; set that address instead",
            reply.status,
            header(reply, "location").unwrap_or("nowhere")
        )),
        status => Outcome::Failed(format!("answered {status}: {}", reason(&reply.body))),
    }
}

/// RFC 9110, section 10.2.3: seconds, or a date, which counts from the answer's own.
fn retry_after_ms(reply: &ReplyReceived) -> u64 {
    let wait_ms = header(reply, "retry-after").and_then(|value| match value.parse::<u64>() {
        Ok(seconds) => Some(seconds.saturating_mul(1_000)),
        Err(_) => {
            let until = date(value)?;
            let sent = date(header(reply, "date")?)?;
            u64::try_from(until.as_millisecond() - sent.as_millisecond()).ok()
        }
    });
    wait_ms.unwrap_or(RETRY_AFTER_MS).min(RETRY_AFTER_MS_MAX)
}

fn date(value: &str) -> Option<Timestamp> {
    DateTimeParser::new().parse_timestamp(value).ok()
}

fn header<'a>(reply: &'a ReplyReceived, name: &str) -> Option<&'a str> {
    let found = reply.headers.iter().find(|header| header.name == name)?;
    Some(found.value.trim())
}

fn reason(body: &[u8]) -> String {
    let start = &body[..body.len().min(REASON_BYTES_MAX)];
    let text = String::from_utf8_lossy(start);
    match text.trim() {
        "" => "no reason given".to_owned(),
        text => text.to_owned(),
    }
}
