//! What hostile plugins can take from everybody else: `cargo bench -p switchboard-tests`.
//!
//! Loops beside a good plugin and a caller of `/healthz`, and memory bombs by the dozen; each measured
//! beside an idle control in the same run.

use std::process::ExitCode;

use switchboard::plugin::compile::{CHILD_COMMAND, VALIDATION_COMMAND};

mod bombs;
#[allow(dead_code, unused_imports, reason = "shared with the tests, which use more of it")]
#[path = "../../src/support/guest.rs"]
mod guest;
mod guests;
mod health;
mod loops;

/// The sandbox compiles, and checks settings, in child processes: this same program, under another first
/// argument.
const CHILDREN: [&str; 2] = [CHILD_COMMAND, VALIDATION_COMMAND];

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
        loops::measure().await;
        bombs::measure().await;
    });
    ExitCode::SUCCESS
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
