//! Asks policies about a case, one after the other, and merges what they say.
//!
//! **Invariant:** whatever one policy does, the others are asked and heard.

use std::sync::Arc;

use crate::domain::activation::Mode;
use crate::domain::case::{Case, EarlierProposal, Event};
use crate::domain::decision::{Contribution, FailureRecord, Outcome, SUSPENDED, UNDECLARED_PROPOSAL};
use crate::domain::failure_policy::FailurePolicy;
use crate::domain::merge::{self, Circumstances, Voice};
use crate::domain::proposal::Proposal;
use crate::domain::time::Timestamp;
use crate::flow::pipeline::{EnabledPolicy, Named};
use crate::plugin::FailureKind;
use crate::telemetry::Telemetry;

/// What one policy answered.
pub struct Heard {
    policy: Arc<EnabledPolicy>,
    proposals: Vec<Proposal>,
    failure: Option<FailureRecord>,
    fuel: u64,
    micros: u64,
    log: Vec<String>,
    log_dropped: u64,
}

/// Whether calls count towards the policies' own record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// They are about what really happened.
    At(Timestamp),
    /// They are only imagined.
    No,
}

/// What the failures mean for the event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is decided.
    Decided,
    /// It is decided, and the conversation goes to the operator, with the reason.
    Parked(String),
    /// It waits, or goes to the operator with the reason when it has waited often enough.
    Waits(String),
}

impl Fate {
    /// Why the conversation would go to the operator.
    pub fn parked(&self) -> Option<&str> {
        match self {
            Self::Decided => None,
            Self::Parked(why) | Self::Waits(why) => Some(why),
        }
    }
}

/// What the failures of active policies mean for the event. One that is not asked any more because it
/// failed too often is decided without, whatever is to be done about its failures.
pub fn fate(heard: &[Heard]) -> Fate {
    let failed = |on_failure: FailurePolicy| {
        heard.iter().find_map(|it| {
            let activation = &it.policy.activation;
            let failure = it.failure.as_ref().filter(|failure| failure.name != SUSPENDED)?;
            let matters = activation.mode == Mode::Active && activation.on_failure == on_failure;
            matters.then_some((activation.name.as_str(), failure.name.as_str()))
        })
    };
    if let Some((name, failure)) = failed(FailurePolicy::Retry) {
        return Fate::Waits(format!("the policy {name} failed again and again ({failure})"));
    }
    match failed(FailurePolicy::Park) {
        Some((name, failure)) => Fate::Parked(format!("the policy {name} failed ({failure})")),
        None => Fate::Decided,
    }
}

/// Asks each policy in turn; each sees what the active ones before it proposed. Whatever one of them
/// does, the others are asked.
pub fn ask<'a>(
    policies: impl Iterator<Item = &'a Arc<EnabledPolicy>>,
    event: &Event,
    case: &mut Case,
    telemetry: &Telemetry,
    counted: Counted,
) -> Vec<Heard> {
    let mut heard = Vec::new();
    let mut policies = policies.peekable();
    while let Some(policy) = policies.next() {
        if policy.health.is_tripped() {
            heard.push(Heard::not_asked(policy));
            continue;
        }
        let answer = ask_one(policy, event, case, telemetry);
        if let Counted::At(now) = counted {
            policy.health.count(now, answer.failure.as_ref().filter(|it| is_its_own(it)));
        }
        let activation = &policy.activation;
        if activation.mode == Mode::Active && policies.peek().is_some() {
            case.earlier.extend(
                answer
                    .proposals
                    .iter()
                    .filter(|proposal| policy.manifest.proposals.contains(&proposal.action.kind()))
                    .map(|proposal| EarlierProposal {
                        by: activation.name.clone(),
                        proposal: proposal.clone(),
                    }),
            );
        }
        let declared = &policy.manifest.proposals;
        // Where a person has said whose it is, spam changes nothing, and the others are asked.
        let ends = !case.conversation.person_set.destination
            && merge::ends_run(activation.phase, activation.mode, declared, &answer.proposals);
        heard.push(answer);
        if ends {
            break;
        }
    }
    heard
}

/// What the host lacks is no failure of the plugin.
fn is_its_own(failure: &FailureRecord) -> bool {
    failure.name != FailureKind::Unavailable.name()
}

impl Heard {
    /// Of a policy that failed too often, until that is written down.
    fn not_asked(policy: &Arc<EnabledPolicy>) -> Self {
        let detail = "it failed too often and is not asked".to_owned();
        Self {
            policy: Arc::clone(policy),
            proposals: Vec::new(),
            failure: Some(FailureRecord { name: SUSPENDED.to_owned(), detail }),
            fuel: 0,
            micros: 0,
            log: Vec::new(),
            log_dropped: 0,
        }
    }
}

fn ask_one(policy: &Arc<EnabledPolicy>, event: &Event, case: &Case, telemetry: &Telemetry) -> Heard {
    let call = policy.policy.evaluate(event, case);
    let failure = call.result.as_ref().err();
    policy.times.observe(call.micros);
    if let Some(failure) = failure {
        telemetry.plugin_failures(&policy.activation.plugin, failure.kind.name(), 1);
    }
    let declared = &policy.manifest.proposals;
    let undeclared = call.result.iter().flatten().filter(|it| !declared.contains(&it.action.kind())).count();
    telemetry.plugin_failures(&policy.activation.plugin, UNDECLARED_PROPOSAL, undeclared as u64);
    let failure =
        failure.map(|it| FailureRecord { name: it.kind.name().to_owned(), detail: it.detail.clone() });
    Heard {
        policy: Arc::clone(policy),
        proposals: call.result.unwrap_or_default(),
        failure,
        fuel: call.fuel,
        micros: call.micros,
        log: call.log,
        log_dropped: call.log_dropped,
    }
}

/// Merges what was heard into an outcome and the record of who said what.
pub fn conclude(around: Circumstances<'_>, heard: Vec<Heard>) -> (Outcome, Vec<Contribution>) {
    let voices: Vec<_> = heard.iter().map(voice).collect();
    let merged = merge::merge(around, &voices);
    let contributions = heard
        .into_iter()
        .zip(merged.judged)
        .map(|(heard, proposals)| {
            let activation = &heard.policy.activation;
            let Named { name, release, digest, settings_digest } = heard.policy.named.clone();
            Contribution {
                activation: activation.id,
                name,
                release,
                digest,
                settings_digest,
                phase: activation.phase,
                mode: activation.mode,
                proposals,
                failure: heard.failure,
                fuel: heard.fuel,
                micros: heard.micros,
                log: heard.log,
                log_dropped: heard.log_dropped,
            }
        })
        .collect();
    (merged.outcome, contributions)
}

fn voice(heard: &Heard) -> Voice<'_> {
    let activation = &heard.policy.activation;
    Voice {
        activation: activation.id,
        name: &activation.name,
        phase: activation.phase,
        mode: activation.mode,
        reach: activation.reach,
        owner: activation.owner,
        declared: &heard.policy.manifest.proposals,
        proposals: &heard.proposals,
    }
}
