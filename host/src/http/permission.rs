//! Who may ask for what: part of every line of the table.

use crate::domain::principal::Role;

/// Who may read what is measured: which inboxes, activations and plugins there are stands in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MetricsFor {
    /// Anybody, as Prometheus asks when nobody tells it a token.
    #[default]
    Anybody,
    /// Who sees the company as a whole, programs among them.
    WholeCompany,
}

impl MetricsFor {
    /// As it stands in the table.
    pub(super) fn permission(self) -> Permission {
        match self {
            Self::Anybody => Permission::Public,
            Self::WholeCompany => Permission::Company(&[Admin, Service, Auditor]),
        }
    }
}

/// Who may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    /// Anybody.
    Public,
    /// Whoever the inbox admits: its own token, a service's, or anybody.
    Inbox,
    /// Whoever has one of these roles, confined to a department or not. What a confined caller sees is
    /// said in `flow/access.rs`.
    Roles(&'static [Role]),
    /// Whoever has one of these roles for the whole company.
    Company(&'static [Role]),
}

use Role::{Admin, Agent, Auditor, Author, Service};

/// Everybody with a token: the directory and the marketplace.
pub const ALL: Permission = Permission::Roles(&Role::ALL);
/// Who deals with customers, and who looks on.
pub const CONVERSATIONS_READ: Permission = Permission::Roles(&[Admin, Agent, Service, Auditor]);
/// Who deals with customers.
pub const CONVERSATIONS_ACT: Permission = Permission::Roles(&[Admin, Agent]);
/// Whoever wants to know why: authors see what their policies said.
pub const DECISIONS_READ: Permission = Permission::Roles(&Role::ALL);
/// Who sees to it that nothing stays unread.
pub const DELIVERIES_READ: Permission = Permission::Roles(&[Admin, Service, Auditor]);
/// The same, to do something about it.
pub const DELIVERIES_ACT: Permission = Permission::Roles(&[Admin, Service]);
/// Who tries rules.
pub const EVALUATE: Permission = Permission::Roles(&[Admin, Author, Service]);
/// Who publishes rules.
pub const PUBLISH: Permission = Permission::Roles(&[Admin, Author]);
/// Who follows what became of published rules.
pub const ACTIVATIONS_READ: Permission = Permission::Roles(&[Admin, Author, Auditor]);
/// Who sees how inboxes are set up.
pub const INBOXES_READ: Permission = Permission::Roles(&[Admin, Service, Auditor]);
/// Who sees which tokens there are.
pub const TOKENS_READ: Permission = Permission::Roles(&[Admin, Auditor]);
/// Who runs the company's or a department's part.
pub const ADMIN: Permission = Permission::Roles(&[Admin]);
/// Who runs the company's.
pub const COMPANY_ADMIN: Permission = Permission::Company(&[Admin]);
/// Who sees the company as a whole.
pub const COMPANY_READ: Permission = Permission::Company(&[Admin, Auditor]);

impl Permission {
    /// The roles that may ask; empty where no role is asked for.
    pub fn roles(self) -> &'static [Role] {
        match self {
            Self::Public | Self::Inbox => &[],
            Self::Roles(roles) | Self::Company(roles) => roles,
        }
    }
}
