//! For how long an inbox keeps what came in.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::time::Timestamp;

const DAY_MS: i64 = 24 * 3_600_000;

/// The longest that can be asked for: a hundred years, beyond which nobody means a number.
const DAYS_MAX: u32 = 36_500;

/// A month: long enough to have an adapter mended.
const UNREAD_DAYS: u32 = 30;

/// A week: long enough to see that a secret was set wrongly.
const UNAUTHENTIC_DAYS: u32 = 7;

/// 1 GiB.
const UNREAD_BYTES: u64 = 1 << 30;

/// The least room for what is unread, 1 MiB: below, an inbox would turn away what it should keep.
const UNREAD_BYTES_MIN: u64 = 1 << 20;

/// The most, 1 TiB: beyond it, nobody means a number.
const UNREAD_BYTES_MAX: u64 = 1 << 40;

/// For how long an inbox keeps what, and how much. Read deliveries and conversations are kept until
/// somebody erases them where nothing is said; what nobody could read is bounded in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Retention {
    /// Days after which the bytes and header fields of a delivery go. One that no adapter could read so
    /// far is kept for `unread_days` instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 36_500))]
    pub deliveries_days: Option<u32>,
    /// Days after which everything said in a conversation goes, counted from when it was closed or
    /// changed last since.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 36_500))]
    pub conversations_days: Option<u32>,
    /// Days after which the bytes of a delivery go that no adapter could read; 30 where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 36_500))]
    pub unread_days: Option<u32>,
    /// The same for one that is not believed to come from whom it should; 7 where absent, and never
    /// longer than `unread_days`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 36_500))]
    pub unauthentic_days: Option<u32>,
    /// How many bytes of unread deliveries are kept at once; 1 GiB where absent. Where more comes, the
    /// oldest go that are not believed; then no further one is taken until there is room.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1_048_576, max = 1_099_511_627_776_u64))]
    pub unread_bytes: Option<u64>,
}

/// Unread deliveries that came before these times are to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnreadBefore {
    /// Those that could not be read.
    pub unread: Timestamp,
    /// Those that are not believed.
    pub unauthentic: Timestamp,
}

impl Retention {
    /// What cannot be kept to: the field, and why.
    pub fn check(self) -> Result<(), (&'static str, String)> {
        let fields = [
            ("deliveries_days", self.deliveries_days),
            ("conversations_days", self.conversations_days),
            ("unread_days", self.unread_days),
            ("unauthentic_days", self.unauthentic_days),
        ];
        let wrong = fields.into_iter().find(|(_, days)| days.is_some_and(|it| !(1..=DAYS_MAX).contains(&it)));
        if let Some((field, _)) = wrong {
            let otherwise = match field {
                "unread_days" | "unauthentic_days" => "leave it out for what is usual",
                _ => "leave it out to keep everything",
            };
            return Err((field, format!("1 to {DAYS_MAX} days; {otherwise}")));
        }
        let range = UNREAD_BYTES_MIN..=UNREAD_BYTES_MAX;
        if self.unread_bytes.is_some_and(|it| !range.contains(&it)) {
            let why = format!(
                "{UNREAD_BYTES_MIN} to {UNREAD_BYTES_MAX} bytes; leave it out for what is usual, {UNREAD_BYTES}"
            );
            return Err(("unread_bytes", why));
        }
        Ok(())
    }

    /// Deliveries that came before this are to go.
    pub fn deliveries_before(self, now: Timestamp) -> Option<Timestamp> {
        self.deliveries_days.map(|days| before(now, days))
    }

    /// Conversations that ended before this are to go.
    pub fn conversations_before(self, now: Timestamp) -> Option<Timestamp> {
        self.conversations_days.map(|days| before(now, days))
    }

    /// Unread deliveries that came before these times are to go.
    pub fn unread_before(self, now: Timestamp) -> UnreadBefore {
        let (unread, unauthentic) = self.days_unread();
        UnreadBefore { unread: before(now, unread), unauthentic: before(now, unauthentic) }
    }

    /// For how many days unread deliveries are kept, and those that are not believed.
    pub fn days_unread(self) -> (u32, u32) {
        let unread = self.unread_days.unwrap_or(UNREAD_DAYS);
        (unread, self.unauthentic_days.unwrap_or(UNAUTHENTIC_DAYS).min(unread))
    }

    /// How many bytes of unread deliveries are kept at once.
    pub fn unread_bytes_max(self) -> u64 {
        self.unread_bytes.unwrap_or(UNREAD_BYTES)
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
        let none = Retention::default();
        assert!(none.check().is_ok());
        let longest = Retention {
            deliveries_days: Some(1),
            conversations_days: Some(DAYS_MAX),
            ..Retention::default()
        };
        assert!(longest.check().is_ok());
        for (wrong, field) in [
            (Retention { deliveries_days: Some(0), ..none }, "deliveries_days"),
            (Retention { conversations_days: Some(DAYS_MAX + 1), ..none }, "conversations_days"),
            (Retention { unread_days: Some(0), ..none }, "unread_days"),
            (Retention { unauthentic_days: Some(0), ..none }, "unauthentic_days"),
            (Retention { unread_bytes: Some(UNREAD_BYTES_MIN - 1), ..none }, "unread_bytes"),
            (Retention { unread_bytes: Some(UNREAD_BYTES_MAX + 1), ..none }, "unread_bytes"),
        ] {
            assert_eq!(wrong.check().unwrap_err().0, field);
        }
    }

    #[test]
    fn days_are_counted_back_from_now() {
        let now = Timestamp::from_ms(10 * DAY_MS);
        let retention = Retention { deliveries_days: Some(3), ..Retention::default() };
        assert_eq!(retention.deliveries_before(now), Some(Timestamp::from_ms(7 * DAY_MS)));
        assert_eq!(retention.conversations_before(now), None);
    }

    #[test]
    fn what_is_unread_is_bounded_where_nothing_is_said() {
        let days = |unread_days, unauthentic_days| {
            Retention { unread_days, unauthentic_days, ..Retention::default() }.days_unread()
        };
        assert_eq!(days(None, None), (30, 7));
        assert_eq!(days(Some(90), None), (90, 7));
        assert_eq!(days(Some(3), None), (3, 3), "what is not believed is not kept the longest");
        assert_eq!(days(None, Some(60)), (30, 30));
        assert_eq!(Retention::default().unread_bytes_max(), 1 << 30);
    }
}
