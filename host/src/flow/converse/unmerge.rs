use serde_json::json;

use super::{Act, Actor, PLANS_MAX};
use crate::flow::{Flow, FlowError, access};
use crate::store::{MergeRefusal, MergeUndo, MergeUndone, StoreError};

/// Takes back that the conversation was merged into another one, by hand or not: both go on.
pub async fn unmerge(flow: &Flow, act: &Act) -> Result<MergeUndone, FlowError> {
    let mut plans = 0;
    loop {
        plans += 1;
        let undo = planned(flow, act).await?;
        match flow.store.undo_merge(&undo).await {
            Err(StoreError::Stale(_)) if act.revision.is_none() && plans < PLANS_MAX => continue,
            Err(error) => return Err(error.into()),
            Ok(Err(refusal)) => return Err(FlowError::Conflict(refusal.to_string())),
            Ok(Ok(undone)) => {
                flow.wake.router.notify_one();
                return Ok(undone);
            }
        }
    }
}

async fn planned(flow: &Flow, act: &Act) -> Result<MergeUndo, FlowError> {
    let ended = access::conversation(flow, &act.principal, act.conversation).await?;
    let Some(survivor) = ended.merged_into else {
        return Err(FlowError::Conflict(MergeRefusal::NotMerged(ended.id).to_string()));
    };
    if act.revision.is_some_and(|seen| seen != ended.revision) {
        return Err(FlowError::Stale(format!("conversation {}", ended.id)));
    }
    let survivor = access::conversation(flow, &act.principal, survivor).await?;
    let actor = Actor::of(flow, act)?;
    access::check_turn(&flow.directory.load(), &act.principal, &survivor)?;
    let detail = json!({ "from": survivor.id, "revision": survivor.revision });
    let audit = flow.audit(&actor.principal, "conversation.unmerge", &ended.id.to_string(), detail);
    Ok(MergeUndo {
        ended: (ended.id, ended.revision),
        survivor: (survivor.id, survivor.revision),
        events: [flow.id(), flow.id()],
        audit,
    })
}
