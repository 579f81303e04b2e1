//! Who asks for something to be done.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ids::{AgentId, DepartmentId, TokenId};

/// What the bearer of a token may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Runs the installation, or a department's part of it.
    Admin,
    /// Writes and publishes a department's plugins, and sees why they decided what they decided.
    Author,
    /// Answers customers.
    Agent,
    /// Another service of the company: delivers, asks what would be decided, reads what was.
    Service,
    /// Sees everything and changes nothing.
    Auditor,
}

/// What kind of caller it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PrincipalKind {
    /// See [`Role::Admin`].
    Admin,
    /// See [`Role::Author`].
    Author,
    /// See [`Role::Agent`].
    Agent,
    /// See [`Role::Service`].
    Service,
    /// See [`Role::Auditor`].
    Auditor,
    /// Switchboard itself: timers, start-up, the demonstration.
    System,
}

/// Who asks. Every verb of the flow takes one, and the audit log keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Principal {
    /// What kind of caller.
    pub kind: PrincipalKind,
    /// The department the caller is confined to; absent for the whole company.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub department: Option<DepartmentId>,
    /// The person, where it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentId>,
    /// The token that was shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<TokenId>,
}

impl Principal {
    /// An admin of the whole company.
    pub fn admin() -> Self {
        Self { kind: PrincipalKind::Admin, department: None, agent: None, token: None }
    }

    /// Switchboard itself.
    pub fn system() -> Self {
        Self { kind: PrincipalKind::System, ..Self::admin() }
    }

    /// Whether what belongs to this department is the caller's business.
    pub fn covers(&self, department: DepartmentId) -> bool {
        self.department.is_none_or(|own| own == department)
    }

    /// The same for what belongs to a department or, without one, to the company as a whole.
    pub fn covers_owner(&self, owner: Option<DepartmentId>) -> bool {
        self.department.is_none() || self.department == owner
    }
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 5] = [Self::Admin, Self::Author, Self::Agent, Self::Service, Self::Auditor];

    /// The role's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Author => "author",
            Self::Agent => "agent",
            Self::Service => "service",
            Self::Auditor => "auditor",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl From<Role> for PrincipalKind {
    fn from(role: Role) -> Self {
        match role {
            Role::Admin => Self::Admin,
            Role::Author => Self::Author,
            Role::Agent => Self::Agent,
            Role::Service => Self::Service,
            Role::Auditor => Self::Auditor,
        }
    }
}

impl PrincipalKind {
    /// The role, where it is one.
    pub fn role(self) -> Option<Role> {
        match self {
            Self::Admin => Some(Role::Admin),
            Self::Author => Some(Role::Author),
            Self::Agent => Some(Role::Agent),
            Self::Service => Some(Role::Service),
            Self::Auditor => Some(Role::Auditor),
            Self::System => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_confined_caller_has_to_do_with_its_own_department_alone() {
        let (own, other) = (DepartmentId(1), DepartmentId(2));
        let confined = Principal { department: Some(own), ..Principal::admin() };
        assert!(confined.covers(own) && !confined.covers(other));
        assert!(confined.covers_owner(Some(own)));
        assert!(!confined.covers_owner(Some(other)) && !confined.covers_owner(None));
        let everywhere = Principal::admin();
        assert!(everywhere.covers(other) && everywhere.covers_owner(None));
    }

    #[test]
    fn every_role_is_a_kind_of_caller() {
        for role in Role::ALL {
            assert_eq!(PrincipalKind::from(role).role(), Some(role));
            assert_eq!(serde_json::to_value(role).unwrap(), role.name());
        }
    }
}
