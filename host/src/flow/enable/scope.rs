//! Whose an activation is, and what it may see and move.
//!
//! What an admin of one department enables is that department's: it sees what comes in through the
//! department's own inboxes and moves it within the department's own queues. The order across departments,
//! and the right to send conversations into another's queues, are for admins of the whole company.

use crate::domain::activation::{Activation, AppliesTo, Reach};
use crate::domain::ids::DepartmentId;
use crate::domain::organisation::Directory;
use crate::domain::principal::Principal;
use crate::domain::release::{InvalidName, PluginKind, check_name};
use crate::domain::visible_text::quote;
use crate::flow::{Flow, FlowError, access};

/// The most entries that each list of a scope has.
const SCOPE_MAX: usize = 256;

/// Checks that the scope names what there is and the caller may see.
pub(super) fn check_scope(flow: &Flow, principal: &Principal, scope: &AppliesTo) -> Result<(), FlowError> {
    check_lengths(scope)?;
    let directory = flow.directory.load();
    for (index, name) in scope.inboxes.iter().enumerate() {
        if let Err(unknown) = access::inbox(&directory, principal, name) {
            return Err(FlowError::invalid(&format!("/applies_to/inboxes/{index}"), unknown.to_string()));
        }
    }
    for (index, name) in scope.departments.iter().enumerate() {
        let found = directory.department_named(name);
        if !found.is_some_and(|it| principal.covers(it.id)) {
            let why = if found.is_some() { "is not yours to rule" } else { "does not exist" };
            let message = format!("the department `{}` {why}", quote(name));
            return Err(FlowError::invalid(&format!("/applies_to/departments/{index}"), message));
        }
    }
    Ok(())
}

/// Checks that a scope is short enough to be looked through with every item.
fn check_lengths(scope: &AppliesTo) -> Result<(), FlowError> {
    let AppliesTo { inboxes, departments, channels, events } = scope;
    for (field, length) in [
        ("inboxes", inboxes.len()),
        ("departments", departments.len()),
        ("channels", channels.len()),
        ("events", events.len()),
    ] {
        if length > SCOPE_MAX {
            let message = format!("it has {length} entries, the most is {SCOPE_MAX}");
            return Err(FlowError::invalid(&format!("/applies_to/{field}"), message));
        }
    }
    for (index, channel) in channels.iter().enumerate() {
        let wrong =
            |why: InvalidName| FlowError::invalid(&format!("/applies_to/channels/{index}"), why.to_string());
        check_name(channel).map_err(wrong)?;
    }
    Ok(())
}

/// Whose an activation is: as asked for, or else the caller's department's.
pub(super) fn owner_of(
    flow: &Flow,
    principal: &Principal,
    name: Option<&str>,
) -> Result<Option<DepartmentId>, FlowError> {
    let Some(name) = name else { return Ok(principal.department) };
    match flow.directory.load().department_named(name) {
        Some(department) if principal.covers(department.id) => Ok(Some(department.id)),
        Some(_) => {
            Err(FlowError::invalid("/owner", format!("you do not enable anything for `{}`", quote(name))))
        }
        None => Err(FlowError::invalid("/owner", format!("there is no department `{}`", quote(name)))),
    }
}

/// Keeps what an admin of one department enables within that department.
pub(super) fn confine(
    flow: &Flow,
    principal: &Principal,
    activation: &mut Activation,
) -> Result<(), FlowError> {
    let Some(department) = principal.department else { return Ok(()) };
    confine_kind(principal, activation.kind)?;
    // What an admin of the whole company granted is not the department's to change.
    check_scope(flow, principal, &activation.applies_to)?;
    let scope = &mut activation.applies_to;
    if scope.inboxes.is_empty() && scope.departments.is_empty() {
        scope.departments.push(name_of(&flow.directory.load(), department)?);
    }
    if activation.reach != Reach::OwnDepartment {
        let message = "say `own-department`: into other departments' queues only admins of the whole company \
                       let a rule send";
        return Err(FlowError::invalid("/reach", message));
    }
    Ok(())
}

/// Keeps what works for everybody from being enabled by an admin of one department.
pub(super) fn confine_kind(principal: &Principal, kind: PluginKind) -> Result<(), FlowError> {
    match (kind, principal.department) {
        (PluginKind::ChannelAdapter, Some(_)) => {
            let message =
                "an adapter works for every inbox that names it: it is for admins of the whole company";
            Err(FlowError::Forbidden(message.to_owned()))
        }
        _ => Ok(()),
    }
}

fn name_of(directory: &Directory, department: DepartmentId) -> Result<String, FlowError> {
    let found = directory.department(department).map(|it| it.name.clone());
    found.ok_or_else(|| FlowError::NotFound(format!("the department {department} is gone")))
}
