//! Everything that can be done now is done: what the workers do otherwise, but with an end, so that the
//! story is the same each time.

use tokio_util::sync::CancellationToken;

use crate::flow::{Flow, FlowError, deliver, escalate, route};

/// How much there was to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    /// Events judged.
    pub routed: usize,
    /// Timers that fired.
    pub fired: usize,
    /// Answers tried to send.
    pub sent: usize,
}

/// Fires timers, routes and sends until nothing is left to do.
pub async fn settle(flow: &Flow) -> Result<Settled, FlowError> {
    let mut all = Settled::default();
    loop {
        let fired = escalate::fire_due(flow).await?;
        let routed = route::route_batch(flow).await?;
        let sent = deliver::send_due(flow, &CancellationToken::new()).await?;
        if fired + routed + sent == 0 {
            return Ok(all);
        }
        all = Settled { routed: all.routed + routed, fired: all.fired + fired, sent: all.sent + sent };
    }
}
