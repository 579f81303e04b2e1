use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::agent::{department_for, misnamed};
use super::inbox_rules::check_allowance;
use super::title_of_new;
use crate::domain::allowance::Allowance;
use crate::domain::ids::TokenId;
use crate::domain::principal::{Principal, Role};
use crate::domain::token::Token;
use crate::flow::{Flow, FlowError};
use crate::plugin::digest::digest;
use crate::store::StoreError;

/// 256 bits: beyond guessing, so that a plain hash of it is enough to keep.
const TOKEN_BYTES: usize = 32;

/// How long a token counts unless something else is asked for.
const EXPIRES_IN_DAYS: u32 = 90;

/// The longest that a token can be made to count.
const EXPIRES_IN_DAYS_MAX: u32 = 366;

const DAY_MS: i64 = 24 * 3_600_000;

/// A secret that was just made, and what is kept of it.
pub(super) struct Secret {
    /// To be shown once.
    pub(super) plain: String,
    /// To be kept.
    pub(super) sha256: String,
}

/// Makes a secret.
pub(super) fn new_secret() -> Result<Secret, FlowError> {
    let mut bytes = [0_u8; TOKEN_BYTES];
    getrandom::fill(&mut bytes)
        .map_err(|error| FlowError::Unavailable(format!("the system gives no randomness: {error}")))?;
    let plain = format!("sbt_{}", hex(&bytes));
    let sha256 = digest(plain.as_bytes());
    Ok(Secret { plain, sha256 })
}

/// A token to make.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// What it is for; the role's name when absent.
    #[serde(default)]
    pub title: Option<String>,
    /// What its bearer may do.
    pub role: Role,
    /// The name of the department that its bearer is confined to; absent for the whole company, or for
    /// the department of `agent`. Authors and agents are always confined.
    #[serde(default)]
    pub department: Option<String>,
    /// The name of the agent whose it is: needed for the role `agent`, and for no other.
    #[serde(default)]
    pub agent: Option<String>,
    /// For how many days it counts, 1 to 366; 90 when absent.
    #[serde(default)]
    pub expires_in_days: Option<u32>,
    /// How much its bearer may ask for.
    #[serde(default)]
    pub allowance: Allowance,
}

/// A token that was just made.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenWithSecret {
    /// What is kept.
    pub token: Token,
    /// The token in plain: it cannot be shown again.
    pub plain: String,
}

/// Makes a token. A confined caller makes them for its own department alone.
pub async fn add_token(
    flow: &Flow,
    principal: &Principal,
    new: NewToken,
) -> Result<TokenWithSecret, FlowError> {
    let title = title_of_new(new.title.clone(), new.role.name())?;
    check_allowance(new.allowance)?;
    let days = new.expires_in_days.unwrap_or(EXPIRES_IN_DAYS);
    if !(1..=EXPIRES_IN_DAYS_MAX).contains(&days) {
        let message = format!("a token counts for 1 to {EXPIRES_IN_DAYS_MAX} days");
        return Err(FlowError::invalid("/expires_in_days", message));
    }
    let (secret, now) = (new_secret()?, flow.now());
    // Nobody makes a token that may ask for more at once than their own.
    let own = match principal.token {
        Some(id) => token(flow, &Principal::system(), id).await?.allowance,
        None => Allowance::default(),
    };
    let mut made = Token {
        id: flow.id(),
        title,
        role: new.role,
        department: None,
        agent: None,
        allowance: new.allowance.narrowed_by(own),
        sha256: secret.sha256,
        created_at: now,
        expires_at: Some(now.plus_ms(i64::from(days) * DAY_MS)),
        revoked_at: None,
    };
    confine(flow, principal, &new, &mut made)?;
    keep(flow, principal, &made).await?;
    Ok(TokenWithSecret { token: made, plain: secret.plain })
}

/// Says to what a new token is confined.
fn confine(flow: &Flow, principal: &Principal, new: &NewToken, token: &mut Token) -> Result<(), FlowError> {
    let directory = flow.directory.load();
    match (new.role, &new.agent) {
        (Role::Agent, None) => {
            return Err(FlowError::invalid("/agent", "say the name of the agent whose token it is"));
        }
        (Role::Agent, Some(name)) => {
            let known = directory.agents().into_iter().filter(|it| principal.covers(it.department));
            let Some(agent) = known.clone().find(|it| it.name == *name) else {
                let unknown = FlowError::unknown("agent", name, known.map(|it| it.name.as_str()));
                return Err(misnamed("/agent", &unknown));
            };
            (token.agent, token.department) = (Some(agent.id), Some(agent.department));
        }
        (role, Some(_)) => {
            let message =
                format!("only the role `agent` is a person's; leave it out, or ask for {role} alone");
            return Err(FlowError::invalid("/agent", message));
        }
        (_, None) => token.department = principal.department,
    }
    if let Some(name) = &new.department {
        let named = department_for(&directory, principal, name)?.id;
        if token.agent.is_some() && token.department != Some(named) {
            return Err(FlowError::invalid("/department", "the agent works in another department"));
        }
        token.department = Some(named);
    }
    if token.role == Role::Author && token.department.is_none() {
        let message = "an author writes for a department; say its name";
        return Err(FlowError::invalid("/department", message));
    }
    Ok(())
}

/// The tokens that the caller may see, oldest first.
pub async fn tokens(flow: &Flow, principal: &Principal) -> Result<Vec<Token>, FlowError> {
    let all = flow.store.tokens().await?;
    Ok(all.into_iter().filter(|it| principal.covers_owner(it.department)).collect())
}

/// The token of this id, if the caller may see it.
pub async fn token(flow: &Flow, principal: &Principal, id: TokenId) -> Result<Token, FlowError> {
    let found = tokens(flow, principal).await?.into_iter().find(|it| it.id == id);
    found.ok_or_else(|| FlowError::NotFound(format!("there is no token {id}")))
}

/// Revokes a token: from the next request on it is worth nothing. Revoking it again changes nothing.
pub async fn revoke_token(flow: &Flow, principal: &Principal, id: TokenId) -> Result<Token, FlowError> {
    let mut token = token(flow, principal, id).await?;
    let now = flow.now();
    let entry = flow.audit(principal, "token.revoke", &id.to_string(), serde_json::Value::Null);
    match flow.store.revoke_token(id, now, &entry).await {
        // Somebody was faster, or it was done before.
        Ok(()) | Err(StoreError::Stale(_)) => {}
        Err(error) => return Err(error.into()),
    }
    flow.keyring.revoke(id, now).await;
    token.revoked_at.get_or_insert(now);
    Ok(token)
}

/// Makes the first admin's token unless there is any token; gives it in plain when it was just made. It
/// does not expire: whoever loses it makes another with `switchboard token new`.
pub async fn ensure_admin_token(flow: &Flow) -> Result<Option<String>, FlowError> {
    if !flow.store.tokens().await?.is_empty() {
        return Ok(None);
    }
    let secret = new_secret()?;
    let token = Token {
        id: flow.id(),
        title: "the first admin".to_owned(),
        role: Role::Admin,
        department: None,
        agent: None,
        allowance: Allowance::default(),
        sha256: secret.sha256,
        created_at: flow.now(),
        expires_at: None,
        revoked_at: None,
    };
    keep(flow, &Principal::system(), &token).await?;
    Ok(Some(secret.plain))
}

async fn keep(flow: &Flow, principal: &Principal, token: &Token) -> Result<(), FlowError> {
    let detail = json!({ "role": token.role, "department": token.department, "agent": token.agent });
    let entry = flow.audit(principal, "token.add", &token.id.to_string(), detail);
    flow.store.add_token(token, &entry).await?;
    flow.keyring.add(token.clone()).await;
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_long_and_kept_as_its_digest_alone() {
        let secret = new_secret().unwrap();
        assert_eq!(secret.plain.len(), 4 + 2 * TOKEN_BYTES);
        assert_eq!(secret.sha256, digest(secret.plain.as_bytes()));
        assert_ne!(new_secret().unwrap().plain, secret.plain);
    }
}
