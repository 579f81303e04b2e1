//! Who asks, and whether it may.

use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, HeaderName};

use super::permission::Permission;
use super::problem::{Problem, ProblemKind};
use crate::domain::principal::{Principal, Role};
use crate::flow::Flow;
use crate::flow::keyring::Bearer;

/// Who asks, if it may; nobody in particular where anybody may.
pub fn admit(flow: &Flow, headers: &HeaderMap, permission: Permission) -> Result<Option<Bearer>, Problem> {
    let (roles, whole_company) = match permission {
        // The inbox's own door asks for the inbox's own token.
        Permission::Public | Permission::Inbox => return Ok(None),
        Permission::Roles(roles) => (roles, false),
        Permission::Company(roles) => (roles, true),
    };
    let Some(token) = bearer(headers) else {
        let problem = Problem::new(ProblemKind::Unauthenticated, "this needs a token");
        return Err(problem.with_remedy("send the header `authorization: Bearer TOKEN`"));
    };
    let bearer = flow.keyring.bearer(token, flow.now())?;
    // What is refused counts too.
    bearer.check_rate(flow)?;
    check_role(&bearer.principal, roles)?;
    if whole_company && bearer.principal.department.is_some() {
        let detail = "this is about the whole company, and the token is a department's";
        let remedy = "ask with a token that has no department, or have an admin of the whole company do it";
        return Err(Problem::new(ProblemKind::Forbidden, detail).with_remedy(remedy));
    }
    Ok(Some(bearer))
}

fn check_role(principal: &Principal, roles: &[Role]) -> Result<(), Problem> {
    if principal.kind.role().is_some_and(|it| roles.contains(&it)) {
        return Ok(());
    }
    let own = principal.kind.role().map_or("no role", Role::name);
    let may: Vec<_> = roles.iter().map(|it| it.name()).collect();
    let detail = format!("this is for the roles {}; the token's role is {own}", may.join(", "));
    let remedy = "ask with a token of one of these roles; an admin makes one with POST /v1/tokens";
    Err(Problem::new(ProblemKind::Forbidden, detail).with_remedy(remedy))
}

/// The header field for an inbox's token, for channels that cannot send `Authorization`.
pub const INBOX_TOKEN: HeaderName = HeaderName::from_static("x-switchboard-token");

/// What is shown to an inbox.
pub fn inbox_credentials(headers: &HeaderMap) -> Option<&str> {
    let token = headers.get(INBOX_TOKEN).and_then(|value| value.to_str().ok());
    token.or_else(|| bearer(headers))
}

/// The token in `Authorization: Bearer` (RFC 6750, section 2.1).
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim()).filter(|token| !token.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_bearer_token_is_one() {
        let headers = |value: &str| HeaderMap::from_iter([(AUTHORIZATION, value.parse().unwrap())]);
        assert_eq!(bearer(&headers("Bearer abc")), Some("abc"));
        assert_eq!(bearer(&headers("bearer  abc ")), Some("abc"));
        for wrong in ["Basic abc", "Bearer", "Bearer ", "abc", ""] {
            assert_eq!(bearer(&headers(wrong)), None, "{wrong}");
        }
        assert_eq!(bearer(&HeaderMap::new()), None);
    }
}
