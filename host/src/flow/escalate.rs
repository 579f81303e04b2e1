//! What is due becomes an event.
//!
//! A promise's warning and breach, and the timers of policies, are rows. When one is due, its
//! conversation gets an event, which [`route`](super::route) judges like any other; the same
//! transaction removes the timer, so nothing fires twice, whatever happens in between. Events that wait
//! because a policy failed go on here too.

use super::{Flow, FlowError};
use crate::domain::time::Timestamp;

/// How many timers one transaction turns into events.
const BATCH_MAX: usize = 256;

/// Turns everything that is due now into events; how many.
pub async fn fire_due(flow: &Flow) -> Result<usize, FlowError> {
    let mut fired = 0;
    loop {
        let batch = flow.store.fire_timers(flow.now(), BATCH_MAX).await?;
        fired += batch;
        if batch < BATCH_MAX {
            break;
        }
    }
    fired += flow.store.end_waits(flow.now()).await?;
    if fired > 0 {
        flow.wake.router.notify_one();
    }
    Ok(fired)
}

/// When the next timer is due.
pub async fn next_due(flow: &Flow) -> Result<Option<Timestamp>, FlowError> {
    Ok(flow.store.next_timer().await?)
}
