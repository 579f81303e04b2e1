use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Act, change, check_label};
use crate::domain::conversation::Conversation;
use crate::domain::conversation::limits::ConversationLimits;
use crate::domain::proposal::{Listening, Priority};
use crate::flow::{Flow, FlowError};

/// What a person says of a conversation; absent fields stay.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Facts {
    /// How soon it matters.
    pub priority: Option<Priority>,
    /// What the customer wants.
    pub intent: Option<String>,
    /// Which kind of listening it is.
    pub listening: Option<Listening>,
    /// BCP 47 tag of its language.
    pub language: Option<String>,
    /// Labels to add.
    pub add_tags: BTreeSet<String>,
    /// Labels to remove.
    pub remove_tags: BTreeSet<String>,
}

/// Sets what a person knows better; policies no longer change it.
pub async fn set(flow: &Flow, act: &Act, facts: &Facts) -> Result<Conversation, FlowError> {
    check(facts)?;
    change(flow, act, "conversation.set", |plan| {
        let conversation = plan.conversation();
        let (inbox, before) = (conversation.inbox, conversation.tags.len());
        apply(conversation, facts);
        let directory = flow.directory.load();
        let Some(inbox) = directory.inbox(inbox) else { return Ok(()) };
        let limits = ConversationLimits { quotas: directory.quotas(), department: inbox.department };
        limits.check_labels(before, &conversation.tags).map_err(FlowError::OverQuota)
    })
    .await
}

fn check(facts: &Facts) -> Result<(), FlowError> {
    if *facts == Facts::default() {
        return Err(FlowError::invalid("", "nothing to set: give at least one field"));
    }
    let texts = [("/intent", &facts.intent), ("/language", &facts.language)];
    for (pointer, text) in texts {
        if let Some(text) = text {
            check_label(pointer, text)?;
        }
    }
    for (index, tag) in facts.add_tags.iter().enumerate() {
        check_label(&format!("/add_tags/{index}"), tag)?;
    }
    Ok(())
}

fn apply(conversation: &mut Conversation, facts: &Facts) {
    if let Some(priority) = facts.priority {
        conversation.priority = priority;
        conversation.person_set.priority = true;
    }
    if let Some(intent) = &facts.intent {
        conversation.intent = Some(intent.clone());
        conversation.person_set.intent = true;
    }
    if let Some(listening) = facts.listening {
        conversation.listening = Some(listening);
        conversation.person_set.listening = true;
    }
    if let Some(language) = &facts.language {
        conversation.language = Some(language.clone());
        conversation.person_set.language = true;
    }
    conversation.tags.retain(|tag| !facts.remove_tags.contains(tag));
    conversation.tags.extend(facts.add_tags.iter().cloned());
}
