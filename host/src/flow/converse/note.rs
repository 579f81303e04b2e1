use super::{Act, change_seen, check_text};
use crate::domain::conversation::Conversation;
use crate::domain::merge::limits::TEXT_CHARS_MAX;
use crate::flow::{Flow, FlowError};

/// Leaves a remark that colleagues see and customers do not: wherever the conversation is, for it may be
/// what those who have it now need to know.
pub async fn note(flow: &Flow, act: &Act, text: &str) -> Result<Conversation, FlowError> {
    check_text("/text", text, TEXT_CHARS_MAX)?;
    change_seen(flow, act, "conversation.note", |plan| {
        plan.remark(text.to_owned());
        Ok(())
    })
    .await
}
