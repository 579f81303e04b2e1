use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Act, agent_name, change};
use crate::domain::conversation::Conversation;
use crate::domain::organisation::Place;
use crate::flow::{Flow, FlowError};

/// What to do when a colleague has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Claiming {
    /// Leave it, and say who has it.
    #[default]
    IfFree,
    /// Take it over.
    TakeOver,
}

/// Assigns a conversation to an agent.
pub async fn claim(flow: &Flow, act: &Act, claiming: Claiming) -> Result<Conversation, FlowError> {
    change(flow, act, "conversation.claim", |plan| {
        plan.refuse_closed()?;
        let agent = plan.actor.required()?.id;
        let place = present_place(flow, plan.conversation())?;
        if let (Some(holder), Claiming::IfFree) = (place.assignee.filter(|it| *it != agent), claiming) {
            let name = agent_name(flow, holder);
            return Err(FlowError::Conflict(format!("{name} has it; ask {name}, or take it over")));
        }
        plan.change.audit.detail = json!({ "agent": agent, "before": place.assignee });
        let conversation = plan.conversation();
        conversation.place = Some(Place { assignee: Some(agent), ..place });
        conversation.person_set.destination = true;
        Ok(())
    })
    .await
}

/// Where it is; with the operator as long as no policy has been asked.
fn present_place(flow: &Flow, conversation: &Conversation) -> Result<Place, FlowError> {
    if let Some(place) = conversation.place {
        return Ok(place);
    }
    operator_place(flow, conversation)
}

/// The operator queue of the conversation's inbox.
pub(super) fn operator_place(flow: &Flow, conversation: &Conversation) -> Result<Place, FlowError> {
    let directory = flow.directory.load();
    let queue = directory.inbox(conversation.inbox).and_then(|inbox| directory.queue(inbox.operator_queue));
    queue
        .map(|queue| Place { department: queue.department, queue: queue.id, assignee: None })
        .ok_or_else(|| FlowError::NotFound(format!("there is no inbox {}", conversation.inbox)))
}
