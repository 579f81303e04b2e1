//! Activations and releases by their names.

use semver::Version;

use crate::domain::activation::{Activation, Preparation};
use crate::domain::principal::Principal;
use crate::domain::release::Release;
use crate::flow::sign::{Trust, check_trusted};
use crate::flow::{Flow, FlowError};
use crate::store::{Page, PageRequest, UsableRelease};

/// How many names are told to a caller whose own is unknown.
const KNOWN_MAX: u32 = 50;

/// The activations that the caller may see.
pub async fn seen(flow: &Flow, principal: &Principal) -> Result<Vec<Activation>, FlowError> {
    let all = flow.store.activations().await?;
    Ok(all.into_iter().filter(|it| principal.covers_owner(it.owner)).collect())
}

/// Bytes of activations on a page, as JSON: as much as a page of any list.
const PAGE_BYTES_MAX: usize = 1024 * 1024;

/// A page of the activations that the caller may see, in the pipeline's order; at least one. It goes on behind the
/// activation that the one before ended with, wherever that stands by now.
pub async fn seen_page(
    flow: &Flow,
    principal: &Principal,
    page: PageRequest,
) -> Result<Page<Activation>, FlowError> {
    let mut all = seen(flow, principal).await?;
    if let Some(last) = page.after {
        let place = all.iter().position(|it| it.id.0 == last);
        let place = place.ok_or_else(|| {
            FlowError::invalid(
                "/query/cursor",
                "the activation that the page before ended with is deleted; begin anew",
            )
        })?;
        all.drain(..=place);
    }
    let mut bytes = 0;
    let fits = |activation: &&Activation| {
        let is_first = bytes == 0;
        bytes += serde_json::to_vec(activation).map_or(0, |it| it.len()).max(1);
        is_first || bytes <= PAGE_BYTES_MAX
    };
    let count = all.iter().take(page.limit as usize).take_while(fits).count();
    let has_more = count < all.len();
    all.truncate(count);
    let next = all.last().filter(|_| has_more).map(|it| it.id.0);
    Ok(Page { entries: all, next })
}

/// The activation of this name, if the caller may see it.
pub async fn find_seen(flow: &Flow, principal: &Principal, name: &str) -> Result<Activation, FlowError> {
    let seen = seen(flow, principal).await?;
    match seen.iter().find(|it| it.name == name) {
        Some(found) => Ok(found.clone()),
        None => Err(FlowError::unknown("activation", name, seen.iter().map(|it| it.name.as_str()))),
    }
}

/// This activation as it is written now; none if it was deleted. Another one may have its name by now.
pub(in crate::flow) async fn find_again(
    flow: &Flow,
    activation: &Activation,
) -> Result<Option<Activation>, FlowError> {
    Ok(flow.store.activations().await?.into_iter().find(|it| it.id == activation.id))
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
) -> Result<UsableRelease, FlowError> {
    let release = find_release(flow, plugin, version).await?;
    if let Some(reason) = release.yanked() {
        let (name, version) = (&release.manifest.name, &release.manifest.version);
        return Err(FlowError::Conflict(format!(
            "{name}@{version} was taken back: {reason}; use another version"
        )));
    }
    let Trust { keys, settings } = check_trusted(flow, &release).await?;
    Ok(UsableRelease { release, keys, settings })
}

/// The release of this version; when none is named, of the highest one that was not taken back.
pub async fn find_release(flow: &Flow, plugin: &str, version: Option<&str>) -> Result<Release, FlowError> {
    let versions = flow.store.versions(plugin).await?;
    if versions.is_empty() {
        return Err(unknown_plugin(flow, plugin).await?);
    }
    let found = match version {
        Some(version) => versions.iter().find(|it| it.is_called(version)),
        None => versions.iter().filter(|it| !it.is_yanked).max_by_key(|it| Version::parse(&it.version).ok()),
    };
    let found = found.ok_or_else(|| match version {
        None => FlowError::Conflict(format!("every version of {plugin} was taken back; publish another")),
        Some(version) => {
            let known = versions.iter().map(|it| it.version.as_str());
            FlowError::unknown(&format!("version of {plugin}"), version, known)
        }
    })?;
    let release = flow.store.release(&found.digest).await?;
    release.ok_or_else(|| FlowError::NotFound(format!("there is no release with digest {}", found.digest)))
}

/// The plugin of this name is not published.
pub async fn unknown_plugin(flow: &Flow, plugin: &str) -> Result<FlowError, FlowError> {
    let mut names = flow.store.plugin_names(KNOWN_MAX).await?;
    names.sort_unstable();
    Ok(FlowError::unknown("published plugin", plugin, names.iter().map(String::as_str)))
}
