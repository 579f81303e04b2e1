use super::{Act, change, check_label, check_text};
use crate::domain::conversation::{Conversation, Disposition, Status};
use crate::domain::merge::limits::TEXT_CHARS_MAX;
use crate::flow::{Flow, FlowError};

/// Ends a conversation with what was learned from it.
///
/// Without a disposition it does not end: whoever walks away says at least what it was about.
pub async fn close(
    flow: &Flow,
    act: &Act,
    disposition: Option<&Disposition>,
) -> Result<Conversation, FlowError> {
    if let Some(disposition) = disposition {
        check(disposition)?;
    }
    change(flow, act, "conversation.close", |plan| {
        plan.refuse_closed()?;
        let Some(disposition) = disposition else {
            return Err(undisposed(plan.conversation()));
        };
        plan.end_waiting();
        let conversation = plan.conversation();
        conversation.status = Status::Closed;
        conversation.disposition = Some(disposition.clone());
        Ok(())
    })
    .await
}

fn undisposed(conversation: &Conversation) -> FlowError {
    let waits = match conversation.waiting_since {
        Some(since) => format!(", and the customer waits since {since}"),
        None => String::new(),
    };
    let message = format!("a conversation ends with a disposition, at least its theme{waits}");
    FlowError::invalid("/disposition", message)
}

fn check(disposition: &Disposition) -> Result<(), FlowError> {
    check_label("/disposition/theme", &disposition.theme)?;
    let texts = [
        ("/disposition/liked", &disposition.liked),
        ("/disposition/disliked", &disposition.disliked),
        ("/disposition/cause", &disposition.cause),
        ("/disposition/action", &disposition.action),
    ];
    for (pointer, text) in texts {
        if let Some(text) = text {
            check_text(pointer, text, TEXT_CHARS_MAX)?;
        }
    }
    Ok(())
}
