//! What is due becomes an event.
//!
//! A promise's warning and breach, and the timers of policies, are rows. When one is due, its
//! conversation gets an event, which [`route`](super::route) judges like any other; the same
//! transaction removes the timer, so nothing fires twice, whatever happens in between. Events that wait
//! because a policy failed go on here too.
//!
//! Each transaction takes timers of every department that has some, so that one department's thousands keep no
//! other department's waiting; from then on they are work of their department, and routed in its share.

use super::{Flow, FlowError};
use crate::domain::time::Timestamp;

/// How many timers one transaction turns into events: some ten milliseconds of the writer.
const BATCH_MAX: usize = 256;

/// Turns everything that is due now into events; how many.
pub async fn fire_due(flow: &Flow) -> Result<usize, FlowError> {
    let mut all = 0;
    loop {
        let now = flow.now();
        // Nearly always none is due: the writer is not kept from its work for that.
        let are_due = flow.store.timers_are_due(now).await?;
        let mut fired = if are_due { flow.store.fire_timers(now, BATCH_MAX).await? } else { 0 };
        if fired > 0 {
            // Before anything else can fail: these events are there.
            flow.wake.router.notify_one();
        }
        let ended = flow.store.end_waits(now).await?;
        if ended > 0 {
            flow.wake.router.notify_one();
        }
        fired += ended;
        all += fired;
        // Of many that concern nobody any more, none may have become an event.
        if fired == 0 && !are_due {
            break;
        }
    }
    flow.door.note_waiting_timers(flow.store.waiting_timers().await?);
    Ok(all)
}

/// When the next timer is due.
pub async fn next_due(flow: &Flow) -> Result<Option<Timestamp>, FlowError> {
    Ok(flow.store.next_timer().await?)
}
