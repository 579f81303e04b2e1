//! Who shows which token.
//!
//! All tokens' digests are in memory, so that asking costs nothing and a revocation counts from the next
//! request on.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::Mutex;

use crate::domain::allowance::Allowance;
use crate::domain::ids::TokenId;
use crate::domain::principal::Principal;
use crate::domain::time::Timestamp;
use crate::domain::token::Token;
use crate::flow::{Flow, FlowError};
use crate::plugin::digest::digest;
use crate::store::Store;

/// The tokens that there are.
#[derive(Default)]
pub struct Keyring {
    by_digest: ArcSwap<HashMap<String, Token>>,
    /// Held while they change, so that no change is lost.
    changing: Mutex<()>,
}

/// A caller who showed a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bearer {
    /// Who it is.
    pub principal: Principal,
    /// How much it may ask for.
    pub allowance: Allowance,
}

impl Bearer {
    /// Counts a request of this bearer, and refuses it when there are too many.
    pub fn check_rate(&self, flow: &Flow) -> Result<(), FlowError> {
        match self.principal.token {
            Some(token) => flow.check_rate(token.0, self.allowance, "this token"),
            None => Ok(()),
        }
    }
}

impl Keyring {
    /// Who shows this token. What is looked up is its digest, so the time taken tells nothing of the
    /// tokens there are.
    pub fn bearer(&self, token: &str, now: Timestamp) -> Result<Bearer, FlowError> {
        let tokens = self.by_digest.load();
        let unknown = || FlowError::Unauthenticated("the token is not known here".to_owned());
        let token = tokens.get(&digest(token.as_bytes())).ok_or_else(unknown)?;
        let principal = token.bearer(now).map_err(|why| FlowError::Unauthenticated(why.to_string()))?;
        Ok(Bearer { principal, allowance: token.allowance })
    }

    /// Reads the tokens, when the host starts. From then on they change here as they do in the repository, so
    /// that no change that is stored depends on a reading.
    pub async fn load(&self, store: &Arc<dyn Store>) -> Result<(), FlowError> {
        let _one_at_a_time = self.changing.lock().await;
        let tokens = store.tokens().await?;
        self.by_digest.store(Arc::new(tokens.into_iter().map(|it| (it.sha256.clone(), it)).collect()));
        Ok(())
    }

    /// A token was made, and that is stored.
    pub async fn add(&self, token: Token) {
        self.change(|by_digest| drop(by_digest.insert(token.sha256.clone(), token))).await;
    }

    /// A token is worth nothing from now on.
    pub async fn revoke(&self, id: TokenId, at: Timestamp) {
        self.change(|by_digest| {
            for token in by_digest.values_mut().filter(|it| it.id == id) {
                token.revoked_at.get_or_insert(at);
            }
        })
        .await;
    }

    async fn change(&self, change: impl FnOnce(&mut HashMap<String, Token>)) {
        let _one_at_a_time = self.changing.lock().await;
        let mut by_digest = HashMap::clone(&self.by_digest.load());
        change(&mut by_digest);
        self.by_digest.store(Arc::new(by_digest));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::principal::Role;

    fn token(id: i64, plain: &str) -> Token {
        Token {
            id: TokenId(id),
            title: "one".to_owned(),
            role: Role::Admin,
            department: None,
            agent: None,
            allowance: Allowance::default(),
            sha256: digest(plain.as_bytes()),
            created_at: Timestamp::from_ms(0),
            expires_at: None,
            revoked_at: None,
        }
    }

    #[tokio::test]
    async fn tokens_open_from_when_they_are_made_until_they_are_revoked() {
        let keyring = Keyring::default();
        let opens = |plain: &str| keyring.bearer(plain, Timestamp::from_ms(1)).is_ok();
        keyring.add(token(1, "a")).await;
        keyring.add(token(2, "b")).await;
        assert!(opens("a") && opens("b") && !opens("c"));
        keyring.revoke(TokenId(1), Timestamp::from_ms(1)).await;
        assert!(!opens("a") && opens("b"));
    }
}
