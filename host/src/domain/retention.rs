//! For how long an inbox keeps what came in.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::time::Timestamp;

const DAY_MS: i64 = 24 * 3_600_000;

/// The longest that can be asked for: a hundred years, beyond which nobody means a number.
const DAYS_MAX: u32 = 36_500;

/// For how long an inbox keeps what. What is absent is kept until somebody erases it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Retention {
    /// Days after which the bytes and header fields of a delivery go. One that no adapter could read so
    /// far is kept until it is read: nothing else is left of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 36_500))]
    pub deliveries_days: Option<u32>,
    /// Days after which everything said in a conversation goes, counted from when it was closed or
    /// changed last since.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 36_500))]
    pub conversations_days: Option<u32>,
}

impl Retention {
    /// What cannot be kept to: the field, and why.
    pub fn check(self) -> Result<(), (&'static str, String)> {
        let fields =
            [("deliveries_days", self.deliveries_days), ("conversations_days", self.conversations_days)];
        let wrong = fields.into_iter().find(|(_, days)| days.is_some_and(|it| !(1..=DAYS_MAX).contains(&it)));
        match wrong {
            Some((field, _)) => {
                Err((field, format!("1 to {DAYS_MAX} days; leave it out to keep everything")))
            }
            None => Ok(()),
        }
    }

    /// Deliveries that came before this are to go.
    pub fn deliveries_before(self, now: Timestamp) -> Option<Timestamp> {
        self.deliveries_days.map(|days| before(now, days))
    }

    /// Conversations that ended before this are to go.
    pub fn conversations_before(self, now: Timestamp) -> Option<Timestamp> {
        self.conversations_days.map(|days| before(now, days))
    }
}

fn before(now: Timestamp, days: u32) -> Timestamp {
    now.plus_ms(-i64::from(days) * DAY_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_short_or_too_long_is_named() {
        let of = |deliveries_days, conversations_days| Retention { deliveries_days, conversations_days };
        assert!(of(None, None).check().is_ok());
        assert!(of(Some(1), Some(DAYS_MAX)).check().is_ok());
        assert_eq!(of(Some(0), None).check().unwrap_err().0, "deliveries_days");
        assert_eq!(of(None, Some(DAYS_MAX + 1)).check().unwrap_err().0, "conversations_days");
    }

    #[test]
    fn days_are_counted_back_from_now() {
        let now = Timestamp::from_ms(10 * DAY_MS);
        let retention = Retention { deliveries_days: Some(3), conversations_days: None };
        assert_eq!(retention.deliveries_before(now), Some(Timestamp::from_ms(7 * DAY_MS)));
        assert_eq!(retention.conversations_before(now), None);
    }
}
