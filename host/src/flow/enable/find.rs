//! Activations and releases by their names.

use semver::Version;

use crate::domain::activation::{Activation, Preparation};
use crate::domain::principal::Principal;
use crate::domain::release::Release;
use crate::flow::sign::check_trusted;
use crate::flow::{Flow, FlowError};

/// How many names are told to a caller whose own is unknown.
const KNOWN_MAX: u32 = 50;

/// The activations that the caller may see.
pub async fn seen(flow: &Flow, principal: &Principal) -> Result<Vec<Activation>, FlowError> {
    let all = flow.store.activations().await?;
    Ok(all.into_iter().filter(|it| principal.covers_owner(it.owner)).collect())
}

/// The activation of this name, if the caller may see it.
pub async fn find_seen(flow: &Flow, principal: &Principal, name: &str) -> Result<Activation, FlowError> {
    let seen = seen(flow, principal).await?;
    match seen.iter().find(|it| it.name == name) {
        Some(found) => Ok(found.clone()),
        None => Err(FlowError::unknown("activation", name, seen.iter().map(|it| it.name.as_str()))),
    }
}

/// The activation of this name.
pub(in crate::flow) async fn find(flow: &Flow, name: &str) -> Result<Activation, FlowError> {
    find_seen(flow, &Principal::system(), name).await
}

/// The activation as it is at work: one that is written as ready, and that the pipeline does not hold so
/// yet, is still being prepared. An item that comes after this was shown as ready is evaluated by it.
pub fn as_at_work(flow: &Flow, mut activation: Activation) -> Activation {
    if activation.is_asked() && !flow.pipeline.load().is_at_work(&activation) {
        activation.preparation = Preparation::Preparing;
    }
    activation
}

/// The release of this version, or the highest one, if it may be enabled now.
pub(super) async fn find_usable(
    flow: &Flow,
    plugin: &str,
    version: Option<&str>,
) -> Result<Release, FlowError> {
    let release = find_release(flow, plugin, version).await?;
    if let Some(reason) = release.yanked() {
        let (name, version) = (&release.manifest.name, &release.manifest.version);
        return Err(FlowError::Conflict(format!(
            "{name}@{version} was taken back: {reason}; use another version"
        )));
    }
    check_trusted(flow, &release).await?;
    Ok(release)
}

/// The release of this version; when none is named, of the highest one that was not taken back.
pub(in crate::flow) async fn find_release(
    flow: &Flow,
    plugin: &str,
    version: Option<&str>,
) -> Result<Release, FlowError> {
    let versions = flow.store.versions(plugin).await?;
    if versions.is_empty() {
        return Err(unknown_plugin(flow, plugin).await?);
    }
    let found = match version {
        Some(version) => versions.iter().find(|it| it.is_called(version)),
        None => versions
            .iter()
            .filter(|it| it.yanked().is_none())
            .max_by_key(|it| Version::parse(&it.manifest.version).ok()),
    };
    found.cloned().ok_or_else(|| {
        if version.is_none() {
            return FlowError::Conflict(format!("every version of {plugin} was taken back; publish another"));
        }
        let kind = format!("version of {plugin}");
        FlowError::unknown(
            &kind,
            version.unwrap_or_default(),
            versions.iter().map(|it| it.manifest.version.as_str()),
        )
    })
}

async fn unknown_plugin(flow: &Flow, plugin: &str) -> Result<FlowError, FlowError> {
    let mut names = flow.store.plugin_names(KNOWN_MAX).await?;
    names.sort_unstable();
    Ok(FlowError::unknown("published plugin", plugin, names.iter().map(String::as_str)))
}
