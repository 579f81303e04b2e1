use super::{Act, change};
use crate::domain::case::Occasion;
use crate::domain::conversation::Conversation;
use crate::flow::{Flow, FlowError};

/// Has the policies judge a conversation once more.
///
/// Where it goes is theirs to say again; what else people have set stays set.
pub async fn ask_again(flow: &Flow, act: &Act) -> Result<Conversation, FlowError> {
    let event = flow.id();
    let changed = change(flow, act, "conversation.ask-again", |plan| {
        plan.refuse_closed()?;
        plan.change.event = Some((event, Occasion::AskedByHand));
        plan.conversation().person_set.destination = false;
        Ok(())
    })
    .await?;
    flow.wake.router.notify_one();
    Ok(changed)
}
