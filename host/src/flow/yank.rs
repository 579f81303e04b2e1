//! A release is taken back, with a reason.
//!
//! Nothing enables it from then on, picks it as the highest version, or goes back to it. What runs goes on
//! running, because a rule that vanishes in the middle of the day is worse than one that is replaced in
//! one's own time; its activation says so until its version changes.

use serde_json::json;

use super::enable::{self, CHANGES_MAX, is_written};
use super::sign::check_reason;
use super::{Flow, FlowError};
use crate::domain::principal::Principal;
use crate::domain::release::{Release, ReleaseState};
use crate::store::StoreError;

/// Takes a release back. Doing so again replaces the reason.
pub async fn yank(
    flow: &Flow,
    principal: &Principal,
    name: &str,
    version: &str,
    reason: &str,
) -> Result<Release, FlowError> {
    check_reason(reason)?;
    let state = ReleaseState::Yanked { reason: reason.to_owned(), yanked_at: flow.now() };
    set_state(flow, principal, "plugin.yank", (name, version), state).await
}

/// Gives a release back that was taken back by mistake.
pub async fn unyank(
    flow: &Flow,
    principal: &Principal,
    name: &str,
    version: &str,
) -> Result<Release, FlowError> {
    set_state(flow, principal, "plugin.unyank", (name, version), ReleaseState::Published).await
}

async fn set_state(
    flow: &Flow,
    principal: &Principal,
    action: &str,
    (name, version): (&str, &str),
    state: ReleaseState,
) -> Result<Release, FlowError> {
    for _ in 0..CHANGES_MAX {
        let seen = enable::find_release(flow, name, Some(version)).await?;
        if !principal.covers_owner(seen.owner) {
            let message = format!("{name} is another owner's, who alone takes it back");
            return Err(FlowError::Forbidden(message));
        }
        if seen.yanked().is_none() && state == ReleaseState::Published {
            return Err(FlowError::Conflict(format!("{name}@{version} is not taken back")));
        }
        let release = Release { state: state.clone(), ..seen.clone() };
        let audit = flow.audit(principal, action, &seen.id.to_string(), json!({ "digest": seen.digest }));
        // If somebody else changed it meanwhile, what they did stays, and this comes on top.
        let changed = flow.store.change_release(&release, &seen, &audit).await;
        if let (Err(StoreError::Missing(_)), None) = (&changed, release.yanked()) {
            return Err(FlowError::Conflict(format!(
                "the component of {name}@{version} was deleted, because the release had been yanked for long; publish \
                 the same bytes again, then unyank it"
            )));
        }
        if is_written(changed)? {
            return Ok(release);
        }
    }
    Err(FlowError::Stale(format!("{name}@{version}")))
}
