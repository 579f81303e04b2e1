//! Tokens: what a caller shows to say who it is.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::allowance::Allowance;
use super::ids::{AgentId, DepartmentId, TokenId};
use super::principal::{Principal, Role};
use super::time::Timestamp;

/// What is kept of a token. The token itself is known only to whoever was shown it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Token {
    /// Its id.
    pub id: TokenId,
    /// What it is for, in people's words.
    pub title: String,
    /// What its bearer may do.
    pub role: Role,
    /// The department that its bearer is confined to; absent for the whole company.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub department: Option<DepartmentId>,
    /// The person whose it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentId>,
    /// How much its bearer may ask for.
    pub allowance: Allowance,
    /// SHA-256 of the token, hexadecimal: 256 random bits need no slower digest.
    #[serde(skip)]
    pub sha256: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it is worth nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<Timestamp>,
}

/// Why a token is worth nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Worthless {
    /// It was revoked then.
    #[error("the token was revoked at {0}")]
    Revoked(Timestamp),
    /// It expired then.
    #[error("the token expired at {0}")]
    Expired(Timestamp),
}

impl Token {
    /// Who its bearer is at this time.
    pub fn bearer(&self, now: Timestamp) -> Result<Principal, Worthless> {
        if let Some(at) = self.revoked_at {
            return Err(Worthless::Revoked(at));
        }
        match self.expires_at {
            Some(at) if at <= now => Err(Worthless::Expired(at)),
            _ => Ok(Principal {
                kind: self.role.into(),
                department: self.department,
                agent: self.agent,
                token: Some(self.id),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> Token {
        Token {
            id: TokenId(1),
            title: "t".to_owned(),
            role: Role::Auditor,
            department: Some(DepartmentId(2)),
            agent: None,
            allowance: Allowance::default(),
            sha256: "s".to_owned(),
            created_at: Timestamp::from_ms(0),
            expires_at: Some(Timestamp::from_ms(10)),
            revoked_at: None,
        }
    }

    #[test]
    fn a_token_counts_until_it_expires() {
        let bearer = token().bearer(Timestamp::from_ms(9)).unwrap();
        assert_eq!((bearer.kind, bearer.department), (Role::Auditor.into(), Some(DepartmentId(2))));
        let expired = token().bearer(Timestamp::from_ms(10));
        assert_eq!(expired, Err(Worthless::Expired(Timestamp::from_ms(10))));
    }

    #[test]
    fn a_revoked_token_never_counts() {
        let revoked = Token { revoked_at: Some(Timestamp::from_ms(5)), ..token() };
        assert_eq!(revoked.bearer(Timestamp::from_ms(1)), Err(Worthless::Revoked(Timestamp::from_ms(5))));
    }

    #[test]
    fn a_digest_is_never_shown() {
        assert!(!serde_json::to_string(&token()).unwrap().contains("sha256"));
    }
}
