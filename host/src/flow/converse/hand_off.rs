use serde_json::json;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::claim::operator_place;
use super::{Act, Plan, change, check_text};
use crate::domain::case::Occasion;
use crate::domain::conversation::{Conversation, Status};
use crate::domain::merge::limits::TEXT_CHARS_MAX;
use crate::domain::organisation::{Place, QueueKind};
use crate::domain::proposal::Destination;
use crate::flow::{Flow, FlowError};

/// How often a conversation may be handed on before it goes to the operator instead: somebody has to
/// find out whose it is.
pub const HAND_OFFS_MAX: u32 = 16;

/// A hand-off.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HandOff {
    /// Who takes over.
    pub to: Destination,
    /// What they need to know.
    pub summary: Option<String>,
}

/// Hands a conversation to another department, queue or person.
///
/// Whoever takes one out of a junk queue says that it is none: the policies that were not asked
/// because of it are asked now, and what was promised to customers counts.
pub async fn hand_off(flow: &Flow, act: &Act, hand_off: &HandOff) -> Result<Conversation, FlowError> {
    if let Some(summary) = &hand_off.summary {
        check_text("/summary", summary, TEXT_CHARS_MAX)?;
    }
    let place = flow.directory.load().resolve(&hand_off.to).map_err(|unknown| {
        FlowError::invalid("/to", format!("{unknown}; GET /v1/queues lists what there is"))
    })?;
    let event = flow.id();
    let changed = change(flow, act, "conversation.hand-off", |plan| {
        plan.refuse_closed()?;
        let before = plan.change.conversation.place;
        if before == Some(place) {
            return Err(FlowError::Conflict("it is there already".to_owned()));
        }
        let to = stop_endless(flow, plan, place)?;
        plan.change.audit.detail = json!({ "from": before, "to": to });
        if let Some(summary) = remark(&hand_off.summary, to, place) {
            plan.remark(summary);
        }
        if before.is_some_and(|place| is_junk(flow, place)) && !is_junk(flow, to) {
            plan.change.event = Some((event, Occasion::AskedByHand));
        }
        let conversation = plan.conversation();
        conversation.place = Some(to);
        conversation.person_set.destination = true;
        conversation.handed_over_count += 1;
        // Whoever takes over has to act, even if we wait for the customer.
        conversation.status = Status::Open;
        Ok(())
    })
    .await?;
    flow.wake.router.notify_one();
    Ok(changed)
}

fn is_junk(flow: &Flow, place: Place) -> bool {
    flow.directory.load().queue(place.queue).is_some_and(|queue| queue.kind == QueueKind::Junk)
}

fn stop_endless(flow: &Flow, plan: &Plan<'_>, wanted: Place) -> Result<Place, FlowError> {
    match plan.change.conversation.handed_over_count < HAND_OFFS_MAX {
        true => Ok(wanted),
        false => operator_place(flow, &plan.change.conversation),
    }
}

fn remark(summary: &Option<String>, to: Place, wanted: Place) -> Option<String> {
    if to == wanted {
        return summary.clone();
    }
    let reason = format!("handed on {HAND_OFFS_MAX} times: with the operator now, who finds out whose it is");
    Some(match summary {
        Some(summary) => format!("{reason}\n\n{summary}"),
        None => reason,
    })
}
