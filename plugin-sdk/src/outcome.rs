//! What an HTTP status that is no success means for an answer.

use std::time::SystemTime;

use crate::types::{Outcome, ReplyReceived};

/// How long to wait where the other side does not say.
const RETRY_AFTER_MS: u64 = 60_000;

/// No other side is believed that wants more patience than a day.
const RETRY_AFTER_MS_MAX: u64 = 24 * 3_600_000;

/// How much of an error's body is kept for the people who read it.
const REASON_BYTES_MAX: usize = 300;

impl Outcome {
    /// Sorts refusals into those that pass, and are tried again when the other side says, and those
    /// that stay (RFC 9110, section 15; RFC 6585).
    ///
    /// For statuses that are no success. A channel that speaks otherwise (such as one that answers
    /// 200 and puts the error into the body) needs a reading of its own.
    pub fn of_refusal(reply: &ReplyReceived) -> Self {
        match reply.status {
            408 | 425 | 429 | 500..=599 => Self::RetryAfter(retry_after_ms(reply)),
            300..=399 => Self::Failed(format!(
                "answered {} and points to {}; set that address instead",
                reply.status,
                reply.header("location").unwrap_or("nowhere")
            )),
            status => Self::Failed(format!("answered {status}: {}", reason(&reply.body))),
        }
    }
}

/// RFC 9110, section 10.2.3: seconds, or a date, which counts from the answer's own.
fn retry_after_ms(reply: &ReplyReceived) -> u64 {
    let wait_ms = reply.header("retry-after").and_then(|value| match value.parse::<u64>() {
        Ok(seconds) => Some(seconds.saturating_mul(1_000)),
        Err(_) => {
            let wait = date(value)?.duration_since(date(reply.header("date")?)?).ok()?;
            u64::try_from(wait.as_millis()).ok()
        }
    });
    wait_ms.unwrap_or(RETRY_AFTER_MS).min(RETRY_AFTER_MS_MAX)
}

/// RFC 9110, section 5.6.7.
fn date(value: &str) -> Option<SystemTime> {
    httpdate::parse_http_date(value).ok()
}

fn reason(body: &[u8]) -> String {
    let start = &body[..body.len().min(REASON_BYTES_MAX)];
    let text = String::from_utf8_lossy(start);
    match text.trim() {
        "" => "no reason given".to_owned(),
        text => text.to_owned(),
    }
}
