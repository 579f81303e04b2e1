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
use crate::domain::installation::InstallationSettings;
use crate::domain::principal::Principal;
use crate::domain::release::Release;
use crate::domain::signing::{KnownSignature, Revocation, Signature, SigningKey};
use crate::domain::visible_text::check_line;
use crate::plugin::signing::{SigningError, check_public_key, verify, verify_proof};
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
    /// The proof that the sender has the private key, 64 bytes in base64, as `switchboard plugin prove` makes
    /// it: the signature of the key statement for this installation and this department.
    #[serde(default)]
    pub proof: Option<String>,
}

/// Registers a key whose owner proves to have it. A department's admin registers the department's.
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
    check_proof(flow, &new.public_key, new.proof.as_deref(), department).await?;
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

/// Checks that the sender has the private key. Otherwise a caller could register another's key, and have
/// its signatures count where its owner does not want them to.
async fn check_proof(
    flow: &Flow,
    public_key: &str,
    proof: Option<&str>,
    department: Option<DepartmentId>,
) -> Result<(), FlowError> {
    let installation = flow.store.installation_id().await?;
    let directory = flow.directory.load();
    let department = department.and_then(|id| directory.department(id)).map(|it| it.name.as_str());
    let why = match proof.map(|it| verify_proof(public_key, it, &installation, department)) {
        Some(Ok(())) => return Ok(()),
        Some(Err(SigningError::NotASignature)) => "the proof is no signature: 64 bytes in base64".to_owned(),
        Some(Err(error)) => error.to_string(),
        None => "it is not proven that you have the private key".to_owned(),
    };
    let option = department.map(|it| format!(" --department {it}")).unwrap_or_default();
    let remedy = format!(
        "send what `switchboard plugin prove --key KEY --installation {installation}{option}` prints, made with the \
         private key of this public key"
    );
    Err(refused("signing-key-unproven", &why, &remedy))
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

/// By what a signature counts, or none is needed.
#[derive(Debug)]
pub(super) struct Trust {
    /// Every registration of the key that signed, revoked ones too; none where there is no signature.
    pub(super) keys: Vec<SigningKey>,
    /// What holds for the installation.
    pub(super) settings: InstallationSettings,
}

impl Trust {
    /// What there is now about a signature.
    pub(super) async fn now(flow: &Flow, signature: Option<&Signature>) -> Result<Self, FlowError> {
        let settings = flow.store.settings().await?;
        let Some(signature) = signature else { return Ok(Self { keys: Vec::new(), settings }) };
        let mut keys = flow.store.signing_keys().await?;
        keys.retain(|it| it.public_key == signature.public_key);
        Ok(Self { keys, settings })
    }

    /// Checks a signature of this digest, and whether there has to be one.
    pub(super) fn check(
        &self,
        digest: &str,
        owner: Option<DepartmentId>,
        signature: Option<Signature>,
    ) -> Result<Option<KnownSignature>, FlowError> {
        let Some(signature) = signature else {
            if self.settings.require_signatures && !bundled::contains(digest) {
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
        let key = key_that_counts(&self.keys, owner)?.id;
        Ok(Some(KnownSignature { key, signature }))
    }
}

/// Checks the signature that came with a component, and whether there had to be one.
pub(super) async fn check_signature(
    flow: &Flow,
    digest: &str,
    owner: Option<DepartmentId>,
    signature: Option<Signature>,
) -> Result<Option<KnownSignature>, FlowError> {
    Trust::now(flow, signature.as_ref()).await?.check(digest, owner, signature)
}

/// The registration by which a signature counts for releases of this owner; `keys` are all registrations of
/// one public key. What the company revoked counts nowhere.
fn key_that_counts(keys: &[SigningKey], owner: Option<DepartmentId>) -> Result<&SigningKey, FlowError> {
    let remedy = "sign it with a key that counts, and publish it again with that signature";
    let for_owner = |it: &&SigningKey| it.department.is_none() || it.department == owner;
    let revoked = |it: &&SigningKey| it.revoked.is_some();
    let by_company = keys.iter().filter(|it| it.department.is_none()).find(revoked);
    if by_company.is_none()
        && let Some(key) = keys.iter().filter(for_owner).find(|it| it.revoked.is_none())
    {
        return Ok(key);
    }
    if let Some(SigningKey { id, revoked: Some(revoked), .. }) =
        by_company.or_else(|| keys.iter().filter(for_owner).find(revoked))
    {
        let found = format!("the key {id} was revoked at {}: {}", revoked.at, revoked.reason);
        return Err(refused("signing-key-revoked", &found, remedy));
    }
    match keys.first() {
        Some(key) => {
            let found = format!("the key {} is another department's", key.id);
            Err(refused("signing-key-of-another", &found, remedy))
        }
        None => {
            let remedy = "have an admin register it with POST /v1/signing-keys, or sign with one that is";
            Err(refused("signing-key-unknown", "the key is not registered here", remedy))
        }
    }
}

/// Checks that a release may be enabled, or gone back to; by what it may.
pub(super) async fn check_trusted(flow: &Flow, release: &Release) -> Result<Trust, FlowError> {
    let signature = release.signature.as_ref().map(|it| it.signature.clone());
    let trust = Trust::now(flow, signature.as_ref()).await?;
    trust.check(&release.digest, release.owner, signature)?;
    Ok(trust)
}

/// Why a release may not be enabled now, if it may not.
pub async fn distrust(flow: &Flow, release: &Release) -> Result<Option<FlowError>, FlowError> {
    match check_trusted(flow, release).await {
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
