//! Who asks.

use arc_swap::ArcSwapOption;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::problem::{Problem, ProblemKind};
use crate::domain::principal::Principal;
use crate::domain::time::Timestamp;
use crate::flow::{Flow, organise};

/// How long a token that was right is believed without asking the repository again.
const BELIEVED_MS: i64 = 5_000;

/// Knows who asks; asks the repository only now and then.
#[derive(Default)]
pub struct Doorkeeper {
    last: ArcSwapOption<Known>,
}

struct Known {
    digest: [u8; 32],
    principal: Principal,
    until: Timestamp,
}

impl Doorkeeper {
    /// Who shows this token.
    pub async fn admit(&self, flow: &Flow, headers: &HeaderMap) -> Result<Principal, Problem> {
        let Some(token) = bearer(headers) else {
            let problem = Problem::new(ProblemKind::Unauthenticated, "this needs the admin token");
            return Err(problem.with_remedy("send the header `authorization: Bearer TOKEN`"));
        };
        let digest: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        let now = flow.now();
        if let Some(known) = self.last.load().as_deref()
            && now < known.until
            && bool::from(known.digest.ct_eq(&digest))
        {
            return Ok(known.principal.clone());
        }
        let principal = organise::authenticate(flow, token).await?;
        let known = Known { digest, principal: principal.clone(), until: now.plus_ms(BELIEVED_MS) };
        self.last.store(Some(known.into()));
        Ok(principal)
    }
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
