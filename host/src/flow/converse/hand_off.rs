use serde_json::json;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::claim::operator_place;
use super::{Act, change, check_text};
use crate::domain::case::Occasion;
use crate::domain::conversation::{Conversation, Status};
use crate::domain::merge::limits::TEXT_CHARS_MAX;
use crate::domain::organisation::{Place, QueueKind};
use crate::domain::proposal::Destination;
use crate::flow::{Flow, FlowError};

/// How often a conversation may be handed on before the operator alone does so: that is who finds out whose it
/// is.
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
        let count = count_after(flow, &plan.change.conversation, place)?;
        plan.change.audit.detail = json!({ "from": before, "to": place });
        if let Some(summary) = &hand_off.summary {
            plan.remark(summary.clone());
        }
        if before.is_some_and(|place| is_junk(flow, place)) && !is_junk(flow, place) {
            plan.change.event = Some((event, Occasion::AskedByHand));
        }
        let conversation = plan.conversation();
        conversation.place = Some(place);
        conversation.person_set.destination = true;
        conversation.handed_over_count = count;
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

/// How often it will have been handed on, if it may be once more: beyond [`HAND_OFFS_MAX`] only to the operator,
/// whose own hand-off counts anew. Where nothing was decided yet it is with the operator.
fn count_after(flow: &Flow, conversation: &Conversation, to: Place) -> Result<u32, FlowError> {
    let operator = operator_place(flow, conversation)?;
    if conversation.place.is_none_or(|it| it.queue == operator.queue) {
        return Ok(1);
    }
    let count = conversation.handed_over_count;
    if count < HAND_OFFS_MAX || to.queue == operator.queue {
        return Ok(count.saturating_add(1));
    }
    let described = flow.directory.load().describe(operator);
    let (department, queue) = described.map(|it| (it.department, it.queue.unwrap_or_default())).unzip();
    let (department, queue) = (department.unwrap_or_default(), queue.unwrap_or_default());
    Err(FlowError::Conflict(format!(
        "the conversation was handed on {count} times: hand it to the operator, \
         {{\"department\":\"{department}\",\"queue\":\"{queue}\"}}, who finds out whose it is and hands it on from there"
    )))
}
