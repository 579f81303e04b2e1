//! A policy over cases.

use serde::Serialize;

use super::questions::Question;
use super::{Cost, Format, print_cost, print_json};
use crate::cli::terminal::{json, shown};
use crate::domain::proposal::Proposal;
use crate::plugin::Policy;

#[derive(Serialize)]
struct Line<'a> {
    id: &'a str,
    proposals: &'a [Proposal],
    #[serde(flatten)]
    cost: Cost,
}

/// Asks the policy every question and prints what it says.
pub(super) fn run(policy: &Policy, questions: &[Question], format: Format) -> anyhow::Result<()> {
    for question in questions {
        let call = policy.evaluate(&question.event, &question.case);
        let failure = call.result.as_ref().err().map(ToString::to_string);
        let proposals = call.result.unwrap_or_default();
        let id = &question.case.item.external_id;
        let cost = Cost { fuel: call.fuel, micros: call.micros, failure };
        match format {
            Format::Programs => print_json(&Line { id, proposals: &proposals, cost })?,
            Format::People => {
                print_cost(id, &cost, &call.log);
                for proposal in &proposals {
                    println!("  {}: {}", json(&proposal.action)?, shown(&proposal.why));
                }
            }
        }
    }
    Ok(())
}
