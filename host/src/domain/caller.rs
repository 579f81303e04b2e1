//! Callers, by whose share of what all requests use they take.
//!
//! Shares have two levels: an owner's, and within that a token's or an inbox's. A department can make tokens
//! without bound, and has one share of everything all the same.

use super::ids::{DepartmentId, TokenId};
use super::organisation::{Inbox, InboxAccess};
use super::principal::Principal;

/// The owner of a share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ShareOwner {
    /// A department: its tokens, and those of its inboxes that want one.
    Department(DepartmentId),
    /// Strangers at a department's open inboxes. They take nothing from the department's tokens.
    OpenInboxes(DepartmentId),
    /// A token of the whole company. The company's own admins alone make these.
    CompanyToken(TokenId),
    /// Requests that show no token.
    Public,
}

/// A caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Caller {
    /// Whose share it takes from first.
    pub owner: ShareOwner,
    /// The number of the token or the inbox, which has a share of the owner's; 0 without one.
    pub credential: i64,
}

impl Caller {
    /// The caller that showed a token, or none.
    pub fn of_principal(principal: Option<&Principal>) -> Self {
        let token = principal.and_then(|it| it.token);
        let owner = match (principal.and_then(|it| it.department), token) {
            (Some(department), _) => ShareOwner::Department(department),
            (None, Some(token)) => ShareOwner::CompanyToken(token),
            (None, None) => ShareOwner::Public,
        };
        Self { owner, credential: token.map_or(0, |it| it.0) }
    }

    /// The caller that delivers to this inbox.
    pub fn of_inbox(inbox: &Inbox) -> Self {
        let owner = match inbox.access {
            InboxAccess::Token { .. } => ShareOwner::Department(inbox.department),
            InboxAccess::Open | InboxAccess::Closed => ShareOwner::OpenInboxes(inbox.department),
        };
        Self { owner, credential: inbox.id.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(department: Option<i64>, token: i64) -> Caller {
        let (department, token) = (department.map(DepartmentId), Some(TokenId(token)));
        Caller::of_principal(Some(&Principal { department, token, ..Principal::admin() }))
    }

    #[test]
    fn tokens_of_a_department_have_one_owner_and_those_of_the_company_their_own() {
        assert_eq!(caller(Some(1), 7).owner, caller(Some(1), 8).owner);
        assert_ne!(caller(Some(1), 7), caller(Some(1), 8));
        assert_ne!(caller(Some(1), 7).owner, caller(Some(2), 7).owner);
        assert_ne!(caller(None, 7).owner, caller(None, 8).owner);
        assert_eq!(Caller::of_principal(None).owner, ShareOwner::Public);
    }
}
