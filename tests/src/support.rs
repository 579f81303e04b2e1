//! What the tests are made of.

use std::path::PathBuf;

pub mod app;
pub mod company;
pub mod egress;
pub mod guest;
pub mod reply;
pub mod samples;
pub mod template;

pub use app::TestApp;
pub use reply::Reply;

/// The shipped program; also the compile child of every test. Cargo puts it beside the folder of the
/// test's own executable.
pub fn program() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile = test.ancestors().nth(2).unwrap();
    let program = profile.join("examples/switchboard-under-test");
    assert!(program.exists(), "{} is not built: run `cargo test -p switchboard-tests`", program.display());
    program
}

/// One minute.
pub const MINUTE_MS: i64 = 60_000;
/// One hour.
pub const HOUR_MS: i64 = 60 * MINUTE_MS;
