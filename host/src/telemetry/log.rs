//! Log lines: to standard error, filtered by `SWITCHBOARD_LOG`. One that cannot be written is dropped and
//! counted ([`outlet`]).

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use super::outlet;

/// The HTTP client's parts never say more than this: they would tell what stands in a request, and that
/// may be a secret.
const CLIENT: [&str; 5] = ["reqwest=info", "hyper=info", "hyper_util=info", "h2=info", "rustls=info"];

/// Starts logging with this filter, in the syntax of `tracing_subscriber::EnvFilter`.
///
/// Colours are used on a terminal only. A second call does nothing.
pub fn start(filter: &str) {
    let mut filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    for limit in CLIENT.iter().filter_map(|it| it.parse().ok()) {
        filter = filter.add_directive(limit);
    }
    let started = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(outlet::stderr)
        // They would go to the standard error by a macro that panics.
        .log_internal_errors(false)
        .try_init();
    if started.is_err() {
        tracing::debug!("logging was started before");
    }
}
