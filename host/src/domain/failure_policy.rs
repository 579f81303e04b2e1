//! What is done with an event of which an activation could not judge.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How long an event waits before it is judged again, time after time. Together they are short,
/// because until then the item may be in no queue.
const WAITS_MS: [i64; 3] = [10_000, 30_000, 90_000];

/// What is done when an activation fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FailurePolicy {
    /// The others decide without it.
    #[default]
    Skip,
    /// The event waits and is judged again, a few times; then the conversation goes to the operator.
    Retry,
    /// The conversation goes to the operator.
    Park,
}

/// How long an event waits that was judged in vain that often; absent when it was often enough.
pub fn wait_ms(judged_in_vain: usize) -> Option<i64> {
    WAITS_MS.get(judged_in_vain.checked_sub(1)?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_waits_longer_each_time_and_not_for_ever() {
        let waits: Vec<_> = (1..).map_while(wait_ms).collect();
        assert!(waits.is_sorted() && waits.len() >= 2, "{waits:?}");
        assert_eq!(wait_ms(0), None);
    }
}
