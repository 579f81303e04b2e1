//! Moments, in the forms that feeds write them.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::fmt::rfc2822::DateTimeParser;
use jiff::tz::TimeZone;

/// RSS names RFC 822 and Atom RFC 3339, and real feeds mix them. Weekdays are often wrong.
static RFC_2822: DateTimeParser = DateTimeParser::new().relaxed_weekday(true);

/// Milliseconds since 1970; nothing for what is no date, or one before 1970. Without a zone it is UTC.
pub fn parse(text: &str) -> Option<u64> {
    let text = text.trim();
    let moment = match text.as_bytes().first()? {
        b'0'..=b'9' => iso(text).or_else(|| mail(text)),
        _ => mail(text),
    }?;
    u64::try_from(moment.as_millisecond()).ok()
}

fn mail(text: &str) -> Option<Timestamp> {
    RFC_2822.parse_timestamp(text).ok()
}

/// RFC 3339, and the shorter forms of W3C's date and time note.
fn iso(text: &str) -> Option<Timestamp> {
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Some(moment);
    }
    let local = match text.parse::<DateTime>() {
        Ok(local) => local,
        Err(_) => text.parse::<Date>().ok()?.to_datetime(jiff::civil::Time::midnight()),
    };
    Some(local.to_zoned(TimeZone::UTC).ok()?.timestamp())
}
