//! Who shows which token.
//!
//! All tokens' digests are in memory, so that asking costs nothing and a revocation counts from the next
//! request on.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::Mutex;

use crate::domain::allowance::Allowance;
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
    /// Held while the tokens are read again, so that older ones never replace newer ones.
    refreshing: Mutex<()>,
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
        let _one_at_a_time = self.refreshing.lock().await;
        let tokens = store.tokens().await?;
        let by_digest = tokens.into_iter().map(|it| (it.sha256.clone(), it)).collect();
        self.by_digest.store(Arc::new(by_digest));
        Ok(())
    }
}
