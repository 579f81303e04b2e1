use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{name_of_new, title_of_new};
use crate::domain::organisation::{Agent, Department, Directory};
use crate::domain::principal::Principal;
use crate::flow::{FieldError, Flow, FlowError};

/// An agent to add.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAgent {
    /// The unique name.
    pub name: String,
    /// What people call the person; the name when absent.
    #[serde(default)]
    pub title: Option<String>,
    /// The name of the department the person works in.
    pub department: String,
}

/// Adds a person who answers.
pub async fn add_agent(flow: &Flow, principal: &Principal, new: NewAgent) -> Result<Agent, FlowError> {
    name_of_new(&new.name)?;
    let title = title_of_new(new.title, &new.name)?;
    let directory = flow.directory.load();
    let department = department_for(&directory, principal, &new.department)?.id;
    let agent = Agent { id: flow.id(), department, name: new.name, title, created_at: flow.now() };
    let entry = flow.audit(principal, "agent.add", &agent.id.to_string(), Value::Null);
    flow.store.add_agent(&agent, &entry).await?;
    flow.names_changed(|directory| directory.put_agent(agent.clone())).await;
    Ok(agent)
}

/// The department named in the field `department` of a request, if it is the caller's business.
pub(in crate::flow) fn department_for<'a>(
    directory: &'a Directory,
    principal: &Principal,
    name: &str,
) -> Result<&'a Department, FlowError> {
    let found = directory.department_named(name).ok_or_else(|| {
        let known = directory.departments();
        let unknown = FlowError::unknown("department", name, known.iter().map(|it| it.name.as_str()));
        misnamed("/department", &unknown)
    })?;
    match principal.covers(found.id) {
        true => Ok(found),
        // Departments are no secret: they are in everybody's directory.
        false => Err(FlowError::Forbidden(format!("what belongs to {name} is for its own admins"))),
    }
}

/// A name inside a request that leads nowhere is a fault of the request, at that place.
pub(super) fn misnamed(pointer: &str, unknown: &FlowError) -> FlowError {
    let message = unknown.to_string();
    FlowError::Invalid {
        detail: message.clone(),
        errors: vec![FieldError { pointer: pointer.to_owned(), message }],
    }
}
