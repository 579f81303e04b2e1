//! What adapters say besides their answers goes into the host's own log, for whoever looks after them.
//!
//! Nothing else keeps it, so it is there at `debug` alone: a line may quote what somebody wrote. Values
//! of secrets that a channel repeated are hidden, as everywhere.

use std::borrow::Cow;
use std::fmt::Display;

use tracing::Level;

use crate::plugin::Call;
use crate::vault::Granted;

/// Writes down what a call said, beside the delivery or the answer that it was made for.
pub(super) fn overhear<T>(plugin: &str, about: impl Display, granted: &Granted, call: &Call<T>) {
    if !tracing::enabled!(Level::DEBUG) {
        return;
    }
    for line in hidden(granted, &call.log) {
        tracing::debug!(plugin, %about, line = &*line, "an adapter says");
    }
    if call.log_dropped > 0 {
        tracing::debug!(plugin, %about, dropped = call.log_dropped, "an adapter says more than is kept");
    }
}

fn hidden<'a>(granted: &'a Granted, lines: &'a [String]) -> impl Iterator<Item = Cow<'a, str>> {
    lines.iter().map(|line| granted.hide(line))
}
