//! Asks policies about a case, one after the other, and merges what they say.
//!
//! **Invariant:** what one policy does takes neither their turn nor their room from those of other owners.

use std::sync::Arc;

use super::decide::Situation;
use crate::domain::activation::Mode;
use crate::domain::breaker::scopes::{Admission, Origin, Scope};
use crate::domain::case::{Case, Event};
use crate::domain::decision::{
    Contribution, FailureRecord, OVER_BUDGET, Outcome, SUSPENDED, UNDECLARED_PROPOSAL, record,
};
use crate::domain::failure_policy::FailurePolicy;
use crate::domain::merge::{self, Circumstances, Voice, limits};
use crate::domain::proposal::Proposal;
use crate::domain::quota::Quota;
use crate::flow::pipeline::{EnabledPolicy, Named};
use crate::telemetry::Telemetry;

mod account;
mod count;

use account::Accounts;

/// What one policy answered.
pub struct Heard {
    policy: Arc<EnabledPolicy>,
    proposals: Vec<Proposal>,
    failure: Option<FailureRecord>,
    fuel: u64,
    micros: u64,
    cpu_micros: u64,
    log: Vec<String>,
    log_dropped: u64,
}

/// Whether calls count towards the policies' own record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// They are about what really happened, there.
    At(Origin),
    /// They are dry runs.
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

/// What the failures of active policies mean for the event. One that is not called because it is suspended is
/// decided without, whatever is to be done about its failures.
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

/// Asks each policy in turn; each sees what the active ones before it proposed, as far as that is valid.
pub fn ask<'a>(
    policies: impl Iterator<Item = &'a Arc<EnabledPolicy>>,
    event: &Event,
    case: &mut Case,
    situation: &Situation<'_>,
) -> Vec<Heard> {
    let (mut heard, now) = (Vec::new(), case.now);
    let mut accounts = Accounts::default();
    let mut policies = policies.peekable();
    while let Some(policy) = policies.next() {
        let is_trial = match admit(policy, case, &mut accounts, situation) {
            Ok(is_trial) => is_trial,
            Err(why) => {
                heard.push(Heard::not_called(policy, why));
                continue;
            }
        };
        let answer = ask_one(policy, event, case, situation.telemetry);
        if let Counted::At(origin) = situation.counted {
            count::count(&answer, origin, is_trial, (event, case), situation);
        }
        let activation = &policy.activation;
        accounts.charge(activation.owner, answer.fuel, answer.cpu_micros);
        let valid = || limits::valid(&policy.manifest.proposals, &answer.proposals, now);
        if activation.mode == Mode::Active && policies.peek().is_some() {
            accounts.hand_on(activation.owner, &activation.name, valid(), case);
        }
        // Where a person has said whose it is, spam changes nothing, and the others are asked.
        let ends = !case.conversation.person_set.destination
            && merge::ends_run(activation.phase, activation.mode, valid());
        heard.push(answer);
        if ends {
            break;
        }
    }
    heard
}

/// Whether the policy is called on this case, and on trial; else why it is not.
fn admit(
    policy: &EnabledPolicy,
    case: &Case,
    accounts: &mut Accounts,
    situation: &Situation<'_>,
) -> Result<bool, FailureRecord> {
    let activation = &policy.activation;
    let case_fuel = situation.directory.quotas().value(activation.owner, Quota::CaseFuel);
    let budget = policy.policy.budget(case);
    let over_budget = accounts.exceeded(activation.owner, activation.mode, &budget, case_fuel);
    if let Some(detail) = over_budget {
        return Err(FailureRecord { name: OVER_BUDGET.to_owned(), detail });
    }
    let admission = match situation.counted {
        Counted::At(origin) => policy.health.admit(case.now, &origin),
        // A dry run has no sender, and makes no trial.
        Counted::No if policy.health.is_suspended() => Admission::Suspended(Scope::Company),
        Counted::No => Admission::Call,
    };
    match admission {
        Admission::Call => Ok(false),
        Admission::Trial => Ok(true),
        Admission::Suspended(scope) => Err(suspended(scope, situation)),
    }
}

fn suspended(scope: Scope, situation: &Situation<'_>) -> FailureRecord {
    let for_whom = match scope {
        Scope::Sender(_) => "on items of this sender".to_owned(),
        Scope::Inbox(_) => format!("on items of the inbox `{}`", situation.inbox.name),
        Scope::Department(id) => {
            let name = situation.directory.department(id).map_or("", |it| it.name.as_str());
            format!("on items of the department `{name}`")
        }
        Scope::Company => "for the whole company".to_owned(),
    };
    let detail = format!("it failed too often {for_whom} and is not called; it is tried again by itself");
    FailureRecord { name: SUSPENDED.to_owned(), detail }
}

impl Heard {
    /// Of a policy that was not called.
    fn not_called(policy: &Arc<EnabledPolicy>, why: FailureRecord) -> Self {
        Self {
            policy: Arc::clone(policy),
            proposals: Vec::new(),
            failure: Some(why),
            fuel: 0,
            micros: 0,
            cpu_micros: 0,
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
        cpu_micros: call.cpu_micros,
        log: call.log,
        log_dropped: call.log_dropped,
    }
}

/// Merges what was heard into an outcome and the record of who said what.
pub fn conclude(around: Circumstances<'_>, heard: Vec<Heard>) -> (Outcome, Vec<Contribution>) {
    let voices: Vec<_> = heard.iter().map(voice).collect();
    let merged = merge::merge(around, &voices);
    let mut contributions: Vec<_> = heard
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
                proposals_dropped: heard.proposals.len().saturating_sub(proposals.len()) as u64,
                proposals,
                failure: heard.failure,
                fuel: heard.fuel,
                micros: heard.micros,
                log: heard.log,
                log_dropped: heard.log_dropped,
                shortened: false,
            }
        })
        .collect();
    let department = Some(around.inbox.department);
    let quota = around.directory.quotas().value(department, Quota::DecisionBytes);
    let room = usize::try_from(quota).unwrap_or(usize::MAX);
    let room = room.saturating_sub(record::json_bytes(&merged.outcome));
    record::bound(&mut contributions, room);
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
