//! How many timers of policies may wait in the conversations of one department's inboxes.

use super::decision::{Contribution, Outcome, Verdict};
use super::ids::ActivationId;
use super::proposal::Action;
use super::quota::{OverQuota, QuotaLimit};
use super::timer::OpenTimer;

/// Takes the timers out of a decision for which there is no room beside `used` others, and gives each of their
/// proposals that reason. One that replaces a timer of the same key needs none. How many more wait now.
pub fn keep_within(
    limit: QuotaLimit,
    used: u64,
    open: &[OpenTimer],
    outcome: &mut Outcome,
    contributions: &mut [Contribution],
) -> u64 {
    let mut added = 0;
    outcome.timers.retain(|set| {
        let (activation, key) = (set.activation, set.timer.key.as_str());
        if open.iter().any(|it| it.activation == activation && it.key == key && !it.is_due) {
            return true;
        }
        match limit.check(used + added, 1) {
            Ok(()) => added += 1,
            Err(over) => {
                refuse(activation, key, &over, contributions);
                return false;
            }
        }
        true
    });
    added
}

fn refuse(activation: ActivationId, key: &str, over: &OverQuota, contributions: &mut [Contribution]) {
    let proposals = contributions.iter_mut().filter(|it| it.activation == activation);
    for judged in proposals.flat_map(|it| &mut it.proposals) {
        let is_meant = matches!(&judged.proposal.action, Action::Timer(timer) if timer.key == key);
        if is_meant && judged.verdict == Verdict::Applied {
            judged.verdict = Verdict::Invalid { detail: format!("{over}; {}", over.remedy()) };
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::activation::{Mode, Phase};
    use crate::domain::decision::{Judged, TimerSet};
    use crate::domain::proposal::{Proposal, TimerRequest};
    use crate::domain::quota::Quota;
    use crate::domain::time::Timestamp;

    const BY: ActivationId = ActivationId(5);

    fn timer(key: &str) -> TimerRequest {
        TimerRequest { key: key.to_owned(), due_at: Timestamp::MAX, until_answered: false }
    }

    fn setting(keys: &[&str]) -> (Outcome, Vec<Contribution>) {
        let timers = keys.iter().map(|key| TimerSet { activation: BY, timer: timer(key) }).collect();
        let proposed = |key: &&str| Judged {
            proposal: Proposal { action: Action::Timer(timer(key)), why: String::new() },
            verdict: Verdict::Applied,
        };
        let mut contribution: Contribution = serde_json::from_value(json!({
            "activation": BY, "name": "setter", "release": "setter@1.0.0", "digest": "", "settings_digest": "",
            "phase": Phase::Qualify, "mode": Mode::Active, "proposals": [], "fuel": 0, "micros": 0,
        }))
        .unwrap();
        contribution.proposals = keys.iter().map(proposed).collect();
        (Outcome { timers, ..Outcome::default() }, vec![contribution])
    }

    fn limit(most: u64) -> QuotaLimit {
        QuotaLimit { owner: None, quota: Quota::WaitingTimers, most }
    }

    #[test]
    fn timers_beyond_the_quota_are_refused_by_its_name() {
        let (mut outcome, mut contributions) = setting(&["a", "b", "c"]);
        let added = keep_within(limit(10), 8, &[], &mut outcome, &mut contributions);
        assert_eq!((added, outcome.timers.len()), (2, 2));
        let verdicts: Vec<_> = contributions[0].proposals.iter().map(|it| &it.verdict).collect();
        assert_eq!(verdicts[..2], [&Verdict::Applied, &Verdict::Applied]);
        assert!(
            matches!(verdicts[2], Verdict::Invalid { detail } if detail.contains("`waiting-timers` is 10")),
            "{verdicts:?}"
        );
    }

    #[test]
    fn timer_that_replaces_one_of_its_key_needs_no_room() {
        let open = [OpenTimer { activation: BY, key: "a".to_owned(), is_due: false }];
        let (mut outcome, mut contributions) = setting(&["a"]);
        assert_eq!(keep_within(limit(10), 10, &open, &mut outcome, &mut contributions), 0);
        assert_eq!(outcome.timers.len(), 1);
    }
}
