//! An event waits whose judging failed in a policy that is to be waited for.

use super::judge::Judged;
use crate::flow::{Flow, FlowError};
use crate::store::{Postponed, Routed};

/// Has events wait that are to be judged again; what is left is to be carried out. Of an event that
/// has waited often enough the decision is carried out as it was made: it goes to the operator.
pub(super) async fn postpone(flow: &Flow, judged: Vec<Judged>) -> Result<Vec<Routed>, FlowError> {
    let waiting: Vec<_> =
        judged.iter().filter(|it| it.is_to_wait).map(|it| it.routed.claim.clone()).collect();
    if waiting.is_empty() {
        return Ok(judged.into_iter().map(|it| it.routed).collect());
    }
    let answers = flow.store.postpone(&waiting, flow.now()).await?;
    let mut answers = answers.into_iter();
    let mut left = Vec::with_capacity(judged.len());
    for Judged { routed, is_to_wait } in judged {
        match is_to_wait.then(|| answers.next()).flatten() {
            None | Some(Postponed::OftenEnough) => left.push(routed),
            Some(Postponed::Until(due_at)) => {
                let (event, conversation) = (&routed.claim.event.id, &routed.claim.conversation);
                tracing::info!(%event, %conversation, %due_at, "an event waits to be judged again");
                flow.telemetry.postponed();
            }
            // Somebody else has the event now.
            Some(Postponed::Stale) => {}
        }
    }
    flow.wake.timers.notify_one();
    Ok(left)
}
