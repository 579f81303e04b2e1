use serde_json::json;

use super::{Act, change};
use crate::domain::conversation::Conversation;
use crate::domain::organisation::Place;
use crate::flow::{Flow, FlowError};

/// Gives a conversation back to its queue.
///
/// Where it is stays a person's decision; to let the policies decide again, ask them again.
pub async fn release(flow: &Flow, act: &Act) -> Result<Conversation, FlowError> {
    change(flow, act, "conversation.release", |plan| {
        let Some(place) = plan.change.conversation.place.filter(|place| place.assignee.is_some()) else {
            return Err(FlowError::Conflict("nobody has it".to_owned()));
        };
        plan.change.audit.detail = json!({ "before": place.assignee });
        plan.conversation().place = Some(Place { assignee: None, ..place });
        Ok(())
    })
    .await
}
