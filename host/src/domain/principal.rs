//! Who asks for something to be done.

use serde::{Deserialize, Serialize};

use super::ids::{AgentId, DepartmentId};

/// What kind of caller it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PrincipalKind {
    /// Runs the installation.
    Admin,
    /// Answers customers.
    Agent,
    /// Switchboard itself: timers, start-up, the demonstration.
    System,
}

/// Who asks. Every verb of the flow takes one, and the audit log keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Principal {
    /// What kind of caller.
    pub kind: PrincipalKind,
    /// The department the caller is confined to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub department: Option<DepartmentId>,
    /// The person, where it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentId>,
}

impl Principal {
    /// The holder of the admin token.
    pub fn admin() -> Self {
        Self { kind: PrincipalKind::Admin, department: None, agent: None }
    }

    /// Switchboard itself.
    pub fn system() -> Self {
        Self { kind: PrincipalKind::System, department: None, agent: None }
    }
}
