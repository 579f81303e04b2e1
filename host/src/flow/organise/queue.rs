use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::agent::department_for;
use super::{name_of_new, title_of_new};
use crate::domain::organisation::{Queue, QueueKind};
use crate::domain::principal::Principal;
use crate::flow::{Flow, FlowError};

/// A queue to add.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewQueue {
    /// Its name, unique within the department.
    pub name: String,
    /// What people call it; the name when absent.
    #[serde(default)]
    pub title: Option<String>,
    /// The name of the department whose it is.
    pub department: String,
    /// What it is for.
    #[serde(default)]
    pub kind: QueueKind,
}

/// Adds a queue to a department.
pub async fn add_queue(flow: &Flow, principal: &Principal, new: NewQueue) -> Result<Queue, FlowError> {
    name_of_new(&new.name)?;
    let title = title_of_new(new.title, &new.name)?;
    let department = department_for(&flow.directory.load(), principal, &new.department)?.id;
    let queue =
        Queue { id: flow.id(), department, name: new.name, title, kind: new.kind, created_at: flow.now() };
    let entry = flow.audit(principal, "queue.add", &queue.id.to_string(), Value::Null);
    flow.store.add_queue(&queue, &entry).await?;
    flow.names_changed(|directory| directory.put_queue(queue.clone())).await;
    Ok(queue)
}
