//! What people read instead of identifiers.

use schemars::JsonSchema;
use serde::Serialize;

use crate::domain::conversation::Conversation;
use crate::domain::ids::{DepartmentId, QueueId};
use crate::domain::organisation::{Directory, Queue};
use crate::domain::proposal::Destination;

/// A conversation with the names of where it is.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ConversationEntry {
    /// The conversation.
    #[serde(flatten)]
    pub conversation: Conversation,
    /// The inbox's name.
    pub inbox_name: String,
    /// The names of its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination: Option<Destination>,
}

impl ConversationEntry {
    /// A conversation as people see it.
    pub fn of(conversation: Conversation, directory: &Directory) -> Self {
        Self {
            inbox_name: directory.inbox(conversation.inbox).map(|it| it.name.clone()).unwrap_or_default(),
            destination: conversation.place.and_then(|place| directory.describe(place)),
            conversation,
        }
    }
}

/// A department's name; empty if it is gone.
pub fn department_name(directory: &Directory, id: DepartmentId) -> String {
    directory.department(id).map(|it| it.name.clone()).unwrap_or_default()
}

/// A queue as it is named in requests, `department/queue`; empty if it is gone.
pub fn queue_path(directory: &Directory, id: QueueId) -> String {
    let path = |queue: &Queue| format!("{}/{}", department_name(directory, queue.department), queue.name);
    directory.queue(id).map(path).unwrap_or_default()
}
