use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{for_the_company, name_of_new, title_of_new};
use crate::domain::organisation::{Department, Queue, QueueKind};
use crate::domain::principal::Principal;
use crate::flow::{Flow, FlowError};

/// The name of the queue that a department starts with, so that it can be routed to at once.
pub const FIRST_QUEUE: &str = "general";

/// A department to add.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewDepartment {
    /// Its unique name.
    pub name: String,
    /// What people call it; the name when absent.
    #[serde(default)]
    pub title: Option<String>,
}

/// Adds a department together with its first queue.
pub async fn add_department(
    flow: &Flow,
    principal: &Principal,
    new: NewDepartment,
) -> Result<Department, FlowError> {
    for_the_company(principal)?;
    name_of_new(&new.name)?;
    let title = title_of_new(new.title, &new.name)?;
    let department = Department { id: flow.id(), name: new.name, title, created_at: flow.now() };
    let first = Queue {
        id: flow.id(),
        department: department.id,
        name: FIRST_QUEUE.to_owned(),
        title: department.title.clone(),
        kind: QueueKind::Ordinary,
        created_at: flow.now(),
    };
    let entry = flow.audit(principal, "department.add", &department.id.to_string(), Value::Null);
    flow.store.add_department(&department, std::slice::from_ref(&first), &entry).await?;
    let added = department.clone();
    flow.names_changed(|directory| {
        directory.put_department(added);
        directory.put_queue(first);
    })
    .await;
    Ok(department)
}
