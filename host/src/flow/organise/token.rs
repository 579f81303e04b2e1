use serde_json::Value;
use subtle::ConstantTimeEq;

use crate::domain::principal::Principal;
use crate::flow::{Flow, FlowError};
use crate::plugin::digest::digest;

/// 256 bits: beyond guessing, so that a plain hash of it is enough to keep.
const TOKEN_BYTES: usize = 32;

/// A secret that was just made, and what is kept of it.
pub(super) struct NewToken {
    /// To be shown once.
    pub(super) plain: String,
    /// To be kept.
    pub(super) sha256: String,
}

/// Makes a token.
pub(super) fn new_token() -> Result<NewToken, FlowError> {
    let mut bytes = [0_u8; TOKEN_BYTES];
    getrandom::fill(&mut bytes)
        .map_err(|error| FlowError::Unavailable(format!("the system gives no randomness: {error}")))?;
    let plain = format!("sbt_{}", hex(&bytes));
    let sha256 = digest(plain.as_bytes());
    Ok(NewToken { plain, sha256 })
}

/// Makes the admin token unless there is one; gives it in plain when it was just made.
pub async fn ensure_admin_token(flow: &Flow) -> Result<Option<String>, FlowError> {
    if flow.store.admin_token().await?.is_some() {
        return Ok(None);
    }
    let token = new_token()?;
    let entry = flow.audit(&Principal::system(), "admin-token.make", "admin-token", Value::Null);
    flow.store.set_admin_token(&token.sha256, &entry).await?;
    Ok(Some(token.plain))
}

/// Who the bearer of this token is.
pub async fn authenticate(flow: &Flow, bearer: &str) -> Result<Principal, FlowError> {
    match flow.store.admin_token().await? {
        Some(kept) if shows(bearer, &kept) => Ok(Principal::admin()),
        _ => Err(FlowError::Unauthenticated("the token is not known here".to_owned())),
    }
}

/// Whether a token shown is the one whose SHA-256 is kept; the time taken tells nothing.
fn shows(plain: &str, kept_sha256: &str) -> bool {
    digest(plain.as_bytes()).as_bytes().ct_eq(kept_sha256.as_bytes()).into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_shown_by_itself_alone() {
        let token = new_token().unwrap();
        assert_eq!(token.plain.len(), 4 + 2 * TOKEN_BYTES);
        assert!(shows(&token.plain, &token.sha256));
        assert!(!shows(&new_token().unwrap().plain, &token.sha256));
        assert!(!shows("", &token.sha256));
        assert!(!shows(&token.plain, ""));
    }
}
