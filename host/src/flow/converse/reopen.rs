use super::{Act, change};
use crate::domain::conversation::{Conversation, Status};
use crate::flow::{Flow, FlowError};

/// Takes a closed conversation up again, where it was.
///
/// The promise of a first answer counts anew from the customer's next item; nobody waits yet.
pub async fn reopen(flow: &Flow, act: &Act) -> Result<Conversation, FlowError> {
    change(flow, act, "conversation.reopen", |plan| {
        let conversation = plan.conversation();
        if conversation.status != Status::Closed {
            return Err(FlowError::Conflict("the conversation is not closed".to_owned()));
        }
        conversation.status = Status::Open;
        conversation.reopened_count += 1;
        conversation.first_answered_at = None;
        Ok(())
    })
    .await
}
