//! Keys whose signatures count are registered and revoked, and a release's signature is checked.
//!
//! A revoked key signs nothing any more: what it signed is not published, enabled or rolled back to. What
//! runs goes on running, because a rule that vanishes is worse than one that is looked at again, and is
//! shown as untrusted.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::organise::{department_for, title_of_new};
use super::{Flow, FlowError};
use crate::bundled;
use crate::domain::ids::{DepartmentId, SigningKeyId};
use crate::domain::principal::Principal;
use crate::domain::release::Release;
use crate::domain::signing::{KnownSignature, Revocation, Signature, SigningKey};
use crate::domain::visible_text::check_line;
use crate::plugin::signing::{check_public_key, verify};
use crate::store::StoreError;

/// The longest reason, in characters.
pub const REASON_CHARS_MAX: usize = 500;

/// A key to register.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSigningKey {
    /// What people call it.
    pub title: String,
    /// The public key, 32 bytes in base64, as `switchboard plugin keygen` prints it.
    pub public_key: String,
    /// The name of the department whose releases it signs; absent for the company's.
    #[serde(default)]
    pub department: Option<String>,
}

/// Registers a key. A department's admin registers the department's.
pub async fn add_signing_key(
    flow: &Flow,
    principal: &Principal,
    new: NewSigningKey,
) -> Result<SigningKey, FlowError> {
    let title = title_of_new(Some(new.title), "")?;
    check_public_key(&new.public_key)
        .map_err(|error| FlowError::invalid("/public_key", error.to_string()))?;
    let department = match &new.department {
        Some(name) => Some(department_for(&flow.directory.load(), principal, name)?.id),
        None => principal.department,
    };
    let key = SigningKey {
        id: flow.id(),
        title,
        department,
        public_key: new.public_key,
        created_at: flow.now(),
        revoked: None,
    };
    let detail = json!({ "department": department, "public_key": key.public_key });
    let entry = flow.audit(principal, "signing-key.add", &key.id.to_string(), detail);
    flow.store.add_signing_key(&key, &entry).await?;
    Ok(key)
}

/// Revokes a key. Revoking it again changes nothing.
pub async fn revoke_signing_key(
    flow: &Flow,
    principal: &Principal,
    id: SigningKeyId,
    reason: &str,
) -> Result<SigningKey, FlowError> {
    check_reason(reason)?;
    let unknown = || FlowError::NotFound(format!("there is no signing key {id}"));
    let find = async || {
        let all = flow.store.signing_keys().await?;
        all.into_iter().find(|it| it.id == id).ok_or_else(unknown)
    };
    let key = find().await?;
    if !principal.covers_owner(key.department) {
        return Err(FlowError::Forbidden("that key is for its own admins to revoke".to_owned()));
    }
    let revocation = Revocation { at: flow.now(), reason: reason.to_owned() };
    let entry = flow.audit(principal, "signing-key.revoke", &id.to_string(), serde_json::Value::Null);
    match flow.store.revoke_signing_key(id, &revocation, &entry).await {
        Ok(()) => Ok(SigningKey { revoked: Some(revocation), ..key }),
        // It was revoked before.
        Err(StoreError::Stale(_)) => find().await,
        Err(error) => Err(error.into()),
    }
}

/// Checks the signature that came with a component, and whether there had to be one.
pub(super) async fn check_signature(
    flow: &Flow,
    digest: &str,
    owner: Option<DepartmentId>,
    signature: Option<Signature>,
) -> Result<Option<KnownSignature>, FlowError> {
    let Some(signature) = signature else {
        if flow.store.settings().await?.require_signatures && !bundled::contains(digest) {
            return Err(refused(
                "signature-missing",
                "the release is not signed, and here it must be",
                "sign it with `switchboard plugin sign` and a key that is registered here",
            ));
        }
        return Ok(None);
    };
    if let Err(error) = verify(digest, &signature) {
        let remedy = "sign this very file again, and send the signature that belongs to it";
        return Err(refused("signature-wrong", &error.to_string(), remedy));
    }
    let keys = flow.store.signing_keys().await?;
    let Some(key) = keys.iter().find(|it| it.public_key == signature.public_key) else {
        let remedy = "have an admin register it with POST /v1/signing-keys, or sign with one that is";
        return Err(refused("signing-key-unknown", "the key is not registered here", remedy));
    };
    check_key(key, owner)?;
    Ok(Some(KnownSignature { key: key.id, signature }))
}

fn check_key(key: &SigningKey, owner: Option<DepartmentId>) -> Result<(), FlowError> {
    let (id, remedy) = (key.id, "sign it with a key that counts, and publish it again with that signature");
    if let Some(revoked) = &key.revoked {
        let found = format!("the key {id} was revoked at {}: {}", revoked.at, revoked.reason);
        return Err(refused("signing-key-revoked", &found, remedy));
    }
    if key.department.is_some() && key.department != owner {
        return Err(refused(
            "signing-key-of-another",
            &format!("the key {id} is another department's"),
            remedy,
        ));
    }
    Ok(())
}

/// Checks that a release may be enabled, or gone back to.
pub(super) async fn check_trusted(flow: &Flow, release: &Release) -> Result<(), FlowError> {
    match distrust(flow, release).await? {
        None => Ok(()),
        Some(why) => Err(why),
    }
}

/// Why a release may not be enabled now, if it may not.
pub async fn distrust(flow: &Flow, release: &Release) -> Result<Option<FlowError>, FlowError> {
    let signature = release.signature.as_ref().map(|it| it.signature.clone());
    match check_signature(flow, &release.digest, release.owner, signature).await {
        Ok(_) => Ok(None),
        Err(why @ FlowError::Refused { .. }) => Ok(Some(why)),
        Err(error) => Err(error),
    }
}

/// Checks a reason that a person gives.
pub(super) fn check_reason(reason: &str) -> Result<(), FlowError> {
    check_line(reason, REASON_CHARS_MAX).map_err(|why| {
        FlowError::invalid("/reason", format!("say why, in 1 to {REASON_CHARS_MAX} characters: {why}"))
    })
}

fn refused(name: &str, found: &str, remedy: &str) -> FlowError {
    FlowError::Refused { name: name.to_owned(), found: found.to_owned(), remedy: remedy.to_owned() }
}
