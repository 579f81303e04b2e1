//! Asks policies about a case, one after the other, and merges what they say.

use std::sync::Arc;

use crate::domain::activation::Mode;
use crate::domain::case::{Case, EarlierProposal, Event};
use crate::domain::decision::{Contribution, FailureRecord, Outcome};
use crate::domain::merge::{self, Circumstances, Voice};
use crate::domain::proposal::Proposal;
use crate::flow::pipeline::EnabledPolicy;
use crate::telemetry::Telemetry;

/// What one policy answered.
pub struct Heard {
    policy: Arc<EnabledPolicy>,
    proposals: Vec<Proposal>,
    failure: Option<FailureRecord>,
    fuel: u64,
    micros: u64,
    log: Vec<String>,
}

/// Asks each policy in turn; each sees what the active ones before it proposed. Whatever one of them
/// does, the others are asked.
pub fn ask<'a>(
    policies: impl Iterator<Item = &'a Arc<EnabledPolicy>>,
    event: &Event,
    case: &mut Case,
    telemetry: &Telemetry,
) -> Vec<Heard> {
    let mut heard = Vec::new();
    for policy in policies {
        let answer = ask_one(policy, event, case, telemetry);
        let activation = &policy.activation;
        if activation.mode == Mode::Active {
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
        let ends = merge::ends_run(activation.phase, activation.mode, declared, &answer.proposals);
        heard.push(answer);
        if ends {
            break;
        }
    }
    heard
}

fn ask_one(policy: &Arc<EnabledPolicy>, event: &Event, case: &Case, telemetry: &Telemetry) -> Heard {
    let call = policy.policy.evaluate(event, case);
    let failure = call.result.as_ref().err();
    telemetry.plugin_call(
        &policy.activation.plugin,
        "evaluate",
        call.micros,
        failure.map(|it| it.kind.name()),
    );
    let failure =
        failure.map(|it| FailureRecord { name: it.kind.name().to_owned(), detail: it.detail.clone() });
    Heard {
        policy: Arc::clone(policy),
        proposals: call.result.unwrap_or_default(),
        failure,
        fuel: call.fuel,
        micros: call.micros,
        log: call.log,
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
            Contribution {
                activation: activation.id,
                name: activation.name.clone(),
                release: format!("{}@{}", activation.plugin, activation.version),
                digest: activation.digest.clone(),
                settings_digest: heard.policy.settings_digest.clone(),
                phase: activation.phase,
                mode: activation.mode,
                proposals,
                failure: heard.failure,
                fuel: heard.fuel,
                micros: heard.micros,
                log: heard.log,
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
