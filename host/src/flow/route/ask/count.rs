//! Counts a policy's call against the party whose input it had.

use super::Heard;
use crate::domain::breaker::scopes::{CallEnd, Extent, Origin};
use crate::domain::case::{Case, Event};
use crate::flow::route::decide::Situation;
use crate::plugin::FailureKind;

/// Counts the call that ended so. What the host lacks counts neither way.
///
/// A version that never succeeded and fails once too often is called once more on a neutral case: by that a
/// defect of its own is told from input that makes it fail.
pub(super) fn count(
    heard: &Heard,
    origin: Origin,
    is_trial: bool,
    (event, case): (&Event, &Case),
    situation: &Situation<'_>,
) {
    let policy = &heard.policy;
    let failure = heard.failure.as_ref();
    if failure.is_some_and(|it| it.name == FailureKind::Unavailable.name()) {
        return;
    }
    let wants_control = failure.is_some() && !is_trial && policy.health.wants_control();
    let control = wants_control.then(|| policy.policy.evaluate(event, &case.neutral()).result.is_ok());
    let name = failure.map(|it| it.name.as_str());
    let end = CallEnd { at: case.now, origin, is_trial, failure: name, control };
    let extent = match failure {
        Some(_) => policy.activation.extent(situation.directory, origin.department),
        // Only failures are spread.
        None => Extent::default(),
    };
    let detail = failure.map_or("", |it| it.detail.as_str());
    for began in policy.health.count(&end, detail, extent) {
        let (activation, scope) = (&policy.activation.name, began.scope);
        tracing::warn!(%activation, ?scope, failure = %began.failure, item = %origin.item, inbox = %origin.inbox,
            retry_at = %began.retry_at, "a policy fails too often and is suspended for a scope");
        situation.telemetry.suspension(activation, began.too_much.name(), scope.name());
    }
}
