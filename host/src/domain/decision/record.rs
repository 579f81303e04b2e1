//! The size of a decision's record.
//!
//! What policies change is bounded by the merge. What they said besides (what did not stand, shadows, logs,
//! texts of failures) is recorded as far as there is room: whole, or in short form, or as counts. Outcome and
//! contributions together have the quota `decision-bytes`, as JSON; by default that is a hundred times an ordinary
//! decision. The receipt comes on top: what it holds of the conversation has quotas of its own.

use serde::Serialize;

use super::{Contribution, FailureRecord, Judged};
use crate::domain::activation::Mode;
use crate::domain::merge::limits::PROPOSALS_MAX;
use crate::domain::proposal::texts::short;

/// How many proposals of a policy are recorded: those that may be valid, and the first that is one too many.
pub const RECORDED_MAX: usize = PROPOSALS_MAX + 1;

/// The size of something in JSON.
pub fn json_bytes(value: &impl Serialize) -> usize {
    serde_json::to_string(value).map_or(0, |it| it.len())
}

/// Brings contributions below a size. Active policies' are kept whole before those in shadow, and earlier ones
/// before later ones.
pub fn bound(contributions: &mut [Contribution], bytes_max: usize) {
    let sizes: Vec<_> = contributions.iter().map(json_bytes).collect();
    if sizes.iter().sum::<usize>() <= bytes_max {
        return;
    }
    let counts: Vec<_> = contributions.iter().map(counts_only).collect();
    let mut left = bytes_max.saturating_sub(counts.iter().map(json_bytes).sum());
    let mut order: Vec<_> = (0..contributions.len()).collect();
    order.sort_by_key(|index| contributions[*index].mode != Mode::Active);
    for index in order {
        let least = json_bytes(&counts[index]);
        if sizes[index] <= least + left {
            left -= sizes[index].saturating_sub(least);
            continue;
        }
        let short = short_form(&contributions[index]);
        let bytes = json_bytes(&short);
        contributions[index] = if bytes <= least + left {
            left -= bytes.saturating_sub(least);
            short
        } else {
            counts[index].clone()
        };
    }
}

/// The beginnings of the texts, and no log.
fn short_form(contribution: &Contribution) -> Contribution {
    let proposals = contribution.proposals.iter();
    let short = |it: &Judged| Judged { proposal: it.proposal.shortened(), verdict: it.verdict.clone() };
    Contribution { proposals: proposals.map(short).collect(), ..without_texts(contribution) }
}

/// How much there was.
fn counts_only(contribution: &Contribution) -> Contribution {
    let proposals = contribution.proposals.len() as u64;
    let proposals_dropped = contribution.proposals_dropped + proposals;
    Contribution { proposals: Vec::new(), proposals_dropped, ..without_texts(contribution) }
}

fn without_texts(contribution: &Contribution) -> Contribution {
    let failure = contribution.failure.as_ref();
    Contribution {
        activation: contribution.activation,
        name: contribution.name.clone(),
        release: contribution.release.clone(),
        digest: contribution.digest.clone(),
        settings_digest: contribution.settings_digest.clone(),
        phase: contribution.phase,
        mode: contribution.mode,
        proposals: Vec::new(),
        proposals_dropped: contribution.proposals_dropped,
        failure: failure.map(|it| FailureRecord { name: it.name.clone(), detail: short(&it.detail) }),
        fuel: contribution.fuel,
        micros: contribution.micros,
        log: Vec::new(),
        log_dropped: contribution.log_dropped + contribution.log.len() as u64,
        shortened: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::activation::Phase;
    use crate::domain::decision::Verdict;
    use crate::domain::ids::ActivationId;
    use crate::domain::proposal::{Action, Proposal};

    const BYTES_MAX: usize = 256 * 1024;

    fn contribution(mode: Mode, notes: usize, log: usize) -> Contribution {
        let proposal = Proposal { action: Action::Note { text: "n".repeat(4_000) }, why: "w".repeat(1_000) };
        let judged = Judged { proposal, verdict: Verdict::Applied };
        Contribution {
            activation: ActivationId(1),
            name: "one".into(),
            release: "one@1.0.0".into(),
            digest: "d".repeat(64).into(),
            settings_digest: "s".repeat(64).into(),
            phase: Phase::Route,
            mode,
            proposals: vec![judged; notes],
            proposals_dropped: 0,
            failure: None,
            fuel: 1,
            micros: 1,
            log: vec!["info: x".repeat(500); log],
            log_dropped: 0,
            shortened: false,
        }
    }

    fn bounded(mut contributions: Vec<Contribution>) -> Vec<Contribution> {
        bound(&mut contributions, BYTES_MAX);
        assert!(json_bytes(&contributions) <= BYTES_MAX + 1_000);
        contributions
    }

    #[test]
    fn decision_within_its_size_is_recorded_whole() {
        let whole = vec![contribution(Mode::Active, 3, 2), contribution(Mode::Shadow, 10, 1)];
        assert_eq!(bounded(whole.clone()), whole);
    }

    #[test]
    fn many_large_contributions_stay_below_the_size_of_a_decision() {
        let all = bounded(vec![contribution(Mode::Shadow, 64, 16); 100]);
        assert_eq!(all.len(), 100, "each policy that was called is named");
        assert!(all.iter().all(|it| it.shortened));
        let said = |it: &Contribution| it.proposals.len() as u64 + it.proposals_dropped;
        assert!(all.iter().all(|it| said(it) == 64 && it.log_dropped == 16));
    }

    #[test]
    fn active_policies_are_recorded_whole_before_shadows() {
        let mut all = vec![contribution(Mode::Shadow, 20, 0); 10];
        all.push(contribution(Mode::Active, 20, 0));
        let all = bounded(all);
        assert!(!all[10].shortened, "the active one comes last in the pipeline");
        assert!(!all[0].shortened && all[9].shortened);
        assert!(all.iter().any(|it| it.shortened && !it.proposals.is_empty()), "short form before counts");
    }
}
