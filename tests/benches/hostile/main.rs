//! What hostile plugins can take from everybody else: `cargo bench -p switchboard-tests`, or one part of it by
//! its name: `cargo bench -p switchboard-tests -- isolation`.
//!
//! Each part is a file, and is measured beside an idle control in the same run: loops beside a good plugin and a
//! caller of `/healthz`, memory bombs by the dozen, a department that floods its inbox beside another,
//! items that cost the router much beside another inbox,
//! one caller's searches and unread responses beside another's lists, settings
//! that take without end to check, and hundreds of changes of a large plugin's settings.

use std::process::ExitCode;

use switchboard::plugin::compile::{CHILD_COMMAND, VALIDATION_COMMAND};

mod bombs;
mod changes;
#[allow(dead_code, unused_imports, reason = "shared with the tests, which use more of it")]
#[path = "../../src/support/guest.rs"]
mod guest;
mod guests;
mod health;
mod isolation;
mod loops;
mod poison;
mod program;
mod readers;
mod settings;
#[allow(dead_code, reason = "shared with the tests, which use more of it")]
#[path = "../../src/support/timing.rs"]
mod timing;

/// What this program is started as, by its first argument: a host whose memory is measured, and the processes in
/// which the sandbox compiles and checks settings.
const CHILDREN: [&str; 3] = [CHILD_COMMAND, VALIDATION_COMMAND, program::SERVE];

fn main() -> ExitCode {
    if std::env::args().nth(1).is_some_and(|first| CHILDREN.contains(&first.as_str())) {
        return switchboard::cli::main();
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("start the runtime");
    runtime.block_on(async {
        println!("{:<64} {:>12} cores", "machine", cores());
        if cfg!(debug_assertions) {
            println!("this is a debug build: the figures mean nothing");
        }
        for part in PARTS.iter().filter(|it| is_wanted(it)) {
            measure(part).await;
        }
    });
    ExitCode::SUCCESS
}

/// The parts, in their order.
const PARTS: [&str; 7] = ["loops", "bombs", "isolation", "poison", "readers", "settings", "changes"];

async fn measure(part: &str) {
    match part {
        "loops" => loops::measure().await,
        "bombs" => bombs::measure().await,
        "isolation" => isolation::measure().await,
        "poison" => poison::measure().await,
        "readers" => readers::measure().await,
        "settings" => settings::measure().await,
        "changes" => changes::measure().await,
        _ => {}
    }
}

/// Whether a part is named on the command line, or none is. (`--bench` is cargo's own.)
fn is_wanted(part: &str) -> bool {
    let mut named = std::env::args().skip(1).filter(|it| !it.starts_with("--")).peekable();
    named.peek().is_none() || named.any(|it| part.contains(it.as_str()))
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// One figure.
fn figure(what: &str, value: f64, unit: &str) {
    println!("{what:<64} {value:>12.1} {unit}");
}

/// The value that this share of the values does not exceed.
fn quantile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let at = (values.len() as f64 * share).ceil() as usize;
    values.get(at.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}
