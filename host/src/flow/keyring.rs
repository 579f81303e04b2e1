//! Who shows which token.
//!
//! All tokens' digests are in memory, so that asking costs nothing and a revocation counts from the next
//! request on.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use tokio::sync::Mutex;

use crate::domain::allowance::Allowance;
use crate::domain::ids::TokenId;
use crate::domain::principal::Principal;
use crate::domain::time::Timestamp;
use crate::domain::token::Token;
use crate::flow::{Flow, FlowError};
use crate::plugin::digest::digest;
use crate::store::{Store, StoreResult};

/// The tokens that there are.
#[derive(Default)]
pub struct Keyring {
    by_digest: ArcSwap<HashMap<String, Token>>,
    /// Held while the tokens are read again, so that older ones never replace newer ones.
    refreshing: Mutex<()>,
    /// Whether they could not be read again after they changed.
    is_behind: AtomicBool,
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

    /// Reads the tokens again after they changed.
    pub async fn refresh(&self, store: &Arc<dyn Store>) -> Result<(), FlowError> {
        self.refresh_from(store.tokens()).await
    }

    /// The same, where the change is stored already and so is done: what cannot be read now is read
    /// later, by [`Keyring::catch_up`].
    pub async fn follow(&self, store: &Arc<dyn Store>) {
        if let Err(error) = self.refresh(store).await {
            tracing::error!(%error, "the tokens changed and could not be read again; it is tried again");
        }
    }

    /// Reads the tokens again, if that failed after they changed.
    pub async fn catch_up(&self, store: &Arc<dyn Store>) -> Result<(), FlowError> {
        match self.is_behind.load(Ordering::Acquire) {
            true => self.refresh(store).await,
            false => Ok(()),
        }
    }

    /// A token is worth nothing from now on, whether the tokens can be read again or not.
    pub async fn revoke(&self, id: TokenId, at: Timestamp) {
        let _one_at_a_time = self.refreshing.lock().await;
        let mut by_digest = HashMap::clone(&self.by_digest.load());
        for token in by_digest.values_mut().filter(|it| it.id == id) {
            token.revoked_at.get_or_insert(at);
        }
        self.by_digest.store(Arc::new(by_digest));
    }

    async fn refresh_from(
        &self,
        read: impl Future<Output = StoreResult<Vec<Token>>>,
    ) -> Result<(), FlowError> {
        let _one_at_a_time = self.refreshing.lock().await;
        // Whoever is cancelled meanwhile leaves it so.
        self.is_behind.store(true, Ordering::Release);
        let by_digest = read.await?.into_iter().map(|it| (it.sha256.clone(), it)).collect();
        self.by_digest.store(Arc::new(by_digest));
        self.is_behind.store(false, Ordering::Release);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::principal::Role;
    use crate::store::StoreError;

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
    async fn a_revoked_token_opens_nothing_though_the_tokens_cannot_be_read_again() {
        let keyring = Keyring::default();
        let opens = |plain: &str| keyring.bearer(plain, Timestamp::from_ms(1)).is_ok();
        keyring.refresh_from(async { Ok(vec![token(1, "a"), token(2, "b")]) }).await.unwrap();
        assert!(opens("a") && opens("b"));
        keyring.revoke(TokenId(1), Timestamp::from_ms(1)).await;
        let failed = keyring.refresh_from(async { Err(StoreError::Unavailable("full".to_owned())) }).await;
        assert!(failed.is_err() && keyring.is_behind.load(Ordering::Acquire));
        assert!(!opens("a") && opens("b"));
        keyring.refresh_from(async { Ok(vec![token(2, "b")]) }).await.unwrap();
        assert!(!keyring.is_behind.load(Ordering::Acquire) && opens("b"));
    }
}
