//! A plugin is published: checked, compiled once, and kept with its bytes.

use bytes::Bytes;

use super::artefact::Wanted;
use super::sign::check_signature;
use super::{Flow, FlowError};
use crate::domain::ids::DepartmentId;
use crate::domain::principal::Principal;
use crate::domain::quota::{Quota, ReachedLimit};
use crate::domain::release::{PluginKind, Release, ReleaseState};
use crate::domain::signing::{KnownSignature, Signature};
use crate::plugin::digest::digest;
use crate::plugin::{InspectError, Inspected, Owner, UPLOAD_BYTES_MAX, WAITING_JOBS_MAX};
use crate::store::{Published, ReleaseRoom};

/// A release in the marketplace.
#[derive(Clone, Debug)]
pub struct PublishedRelease {
    /// The release.
    pub release: Release,
    /// Whether these bytes were published only now.
    pub new: bool,
}

/// Publishes a component under the name and version it gives itself.
///
/// The same bytes again are no error; other bytes under the same version are refused, and so is a name
/// that another owner has published first.
pub async fn publish(
    flow: &Flow,
    principal: &Principal,
    component: Bytes,
    owner: Option<DepartmentId>,
    signature: Option<Signature>,
) -> Result<PublishedRelease, FlowError> {
    if component.len() > UPLOAD_BYTES_MAX {
        let (have, most) = (component.len(), UPLOAD_BYTES_MAX);
        return Err(FlowError::TooLarge(format!("the component has {have} bytes; at most {most} are taken")));
    }
    let owner = publisher(principal, owner)?;
    let digest = digest_of(&component).await?;
    // What was published before keeps its owner, whoever sends it again.
    let answers_for = flow.store.release(&digest).await?.map_or(owner, |before| before.owner);
    let signature = check_signature(flow, &digest, answers_for, signature).await?;
    let inspected = inspect(flow, owner, &digest, component.clone()).await?;
    let mut release = release_of(flow, &inspected, component.len(), owner);
    release.signature = signature;
    let audit = flow.audit(
        principal,
        "plugin.publish",
        &release.id.to_string(),
        serde_json::json!({
            "digest": release.digest,
            "signed_with": release.signature.as_ref().map(|it| it.key),
        }),
    );
    let room = ReleaseRoom {
        releases: flow.quota(owner, Quota::Releases),
        bytes: flow.quota(owner, Quota::ReleaseBytes),
    };
    match flow.store.publish(&release, &component, room, &audit).await? {
        Published::New => {
            keep_adapter_artefact(flow, &inspected, owner).await;
            Ok(PublishedRelease { release, new: true })
        }
        // Nothing is written yet, or the signature with the component.
        Published::Before(before) => {
            let release = signed_later(flow, principal, *before, release.signature).await?;
            Ok(PublishedRelease { release, new: false })
        }
        Published::OtherBytes(before) => Err(FlowError::Conflict(format!(
            "{}@{} was published before with other bytes (sha256 {}, now {}); a published version never changes: \
             raise the version and publish again",
            before.manifest.name, before.manifest.version, before.digest, release.digest
        ))),
        Published::OtherOwner(first) => Err(belongs_to_another(flow, &first)),
        Published::LookAlike(other) => Err(FlowError::Conflict(format!(
            "the name {} is easily taken for {}, which is another owner's; choose a name that looks different",
            release.manifest.name, other.manifest.name
        ))),
    }
}

/// Who publishes: a confined caller does so for its own department alone.
fn publisher(principal: &Principal, wanted: Option<DepartmentId>) -> Result<Option<DepartmentId>, FlowError> {
    match wanted {
        None => Ok(principal.department),
        Some(department) if principal.covers(department) => Ok(wanted),
        Some(_) => Err(FlowError::Forbidden("you do not publish for another department".to_owned())),
    }
}

/// The same bytes with another signature: the release is answered for anew, which is how one is signed
/// whose key was revoked.
async fn signed_later(
    flow: &Flow,
    principal: &Principal,
    before: Release,
    signature: Option<KnownSignature>,
) -> Result<Release, FlowError> {
    if signature.is_none() || signature == before.signature {
        return Ok(before);
    }
    if !principal.covers_owner(before.owner) {
        return Err(belongs_to_another(flow, &before));
    }
    // The release may have come from another owner since the signature was checked.
    let signature = signature.map(|it| it.signature);
    let signature = check_signature(flow, &before.digest, before.owner, signature).await?;
    let after = Release { signature, ..before.clone() };
    let detail = serde_json::json!({ "digest": before.digest });
    let audit = flow.audit(principal, "plugin.sign", &before.id.to_string(), detail);
    flow.store.change_release(&after, &before, &audit).await?;
    Ok(after)
}

fn belongs_to_another(flow: &Flow, first: &Release) -> FlowError {
    let directory = flow.directory.load();
    let owner =
        match first.owner.map(|id| directory.department(id).map(|it| it.name.clone()).unwrap_or_default()) {
            Some(department) => format!("the department {department}"),
            None => "the company".to_owned(),
        };
    let name = &first.manifest.name;
    FlowError::Forbidden(format!(
        "the name {name} belongs to {owner}, which published it first; choose another name"
    ))
}

/// Inspects a component, unless the shelf remembers what an inspection under this engine found.
async fn inspect(flow: &Flow, owner: Owner, digest: &str, component: Bytes) -> Result<Inspected, FlowError> {
    if let Some(remembered) = flow.remembered_inspection(digest).await {
        return Ok(remembered);
    }
    let inspected = flow.plugins.inspect(owner, component).await.map_err(refused)?;
    flow.remember_inspection(&inspected).await;
    Ok(inspected)
}

/// The component's digest, on a thread on which no request waits: it may have megabytes.
async fn digest_of(component: &Bytes) -> Result<String, FlowError> {
    let component = component.clone();
    tokio::task::spawn_blocking(move || digest(&component)).await.map_err(FlowError::failed)
}

/// An adapter runs as it was inspected, so its artefact is made already, and kept where its owner has room. It is
/// only spared the compiling: the release is published by now, so it is no error of its publisher where it cannot
/// be kept.
async fn keep_adapter_artefact(flow: &Flow, inspected: &Inspected, owner: Owner) {
    let kind = inspected.manifest.kind;
    if kind != PluginKind::ChannelAdapter {
        return;
    }
    let (digest, settings) = (&inspected.digest, &serde_json::Value::Null);
    let made_of = flow.made_of(Wanted { owner, kind, digest, settings });
    if let Err(error) = flow.keep_within_quota(&made_of, owner, inspected.artefact.clone()).await {
        tracing::warn!(%digest, %error, "the compiled adapter could not be kept: it is compiled when it is enabled");
    }
}

fn release_of(flow: &Flow, inspected: &Inspected, bytes: usize, owner: Option<DepartmentId>) -> Release {
    Release {
        id: flow.id(),
        digest: inspected.digest.clone(),
        component_bytes: bytes as i64,
        imports: inspected.imports.clone(),
        manifest: inspected.manifest.clone(),
        owner,
        state: ReleaseState::Published,
        signature: None,
        published_at: flow.now(),
    }
}

/// When an upload is worth sending again that found too many others of its department waiting.
const UPLOAD_AGAIN_MS: i64 = 10_000;

fn refused(error: InspectError) -> FlowError {
    match error {
        InspectError::Refused(refusal) => FlowError::Refused {
            name: refusal.name.to_string(),
            found: refusal.found,
            remedy: refusal.remedy,
        },
        InspectError::TooMany(_) => FlowError::TooMany {
            detail: error.to_string(),
            retry_after_ms: UPLOAD_AGAIN_MS,
            limit: ReachedLimit::full("waiting-uploads", WAITING_JOBS_MAX as u64, "uploads"),
            remedy: "send it again after the seconds in `retry-after`, fewer at once",
        },
        InspectError::Unavailable(_) => FlowError::Unavailable(error.to_string()),
    }
}
