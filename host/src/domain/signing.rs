//! Signatures of releases: whose key made one, and what is known of the key.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ids::{DepartmentId, SigningKeyId};
use super::time::Timestamp;

/// An ed25519 signature (RFC 8032) over a release, as a publisher sends it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// The public key, 32 bytes in base64.
    pub public_key: String,
    /// The signature, 64 bytes in base64.
    pub signature: String,
}

/// A signature that was right when the release came, or was added later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct KnownSignature {
    /// The key as it is registered here.
    pub key: SigningKeyId,
    /// The signature.
    #[serde(flatten)]
    pub signature: Signature,
}

/// A key whose signatures count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SigningKey {
    /// Its id.
    pub id: SigningKeyId,
    /// What people call it.
    pub title: String,
    /// The department whose releases it signs; absent for the company's, which signs everybody's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub department: Option<DepartmentId>,
    /// The public key, 32 bytes in base64.
    pub public_key: String,
    /// When it was registered.
    pub created_at: Timestamp,
    /// Why and since when its signatures do not count any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revoked: Option<Revocation>,
}

/// Why a key does not count any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Revocation {
    /// Since when.
    pub at: Timestamp,
    /// Why.
    pub reason: String,
}
