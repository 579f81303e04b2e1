//! What the tests are made of.

use std::path::PathBuf;

pub mod app;
pub mod behind;
pub mod clock;
pub mod company;
pub mod compiler;
pub mod egress;
pub mod file;
pub mod guest;
pub mod host;
pub mod reply;
pub mod samples;
pub mod sending;
pub mod signing;
pub mod template;
pub mod timing;

pub use app::TestApp;
pub use reply::Reply;

/// The shipped program, which here can also be told to die at a point; also the compile child of every
/// test. Cargo puts it beside the folder of the test's own executable.
pub fn program() -> PathBuf {
    built("switchboard-under-test")
}

/// What cargo made of one of this package's examples.
pub fn built(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile = test.ancestors().nth(2).unwrap();
    let file = profile.join("examples").join(name);
    assert!(file.exists(), "{} is not built: run `cargo test -p switchboard-tests`", file.display());
    file
}

/// One minute.
pub const MINUTE_MS: i64 = 60_000;
/// One hour.
pub const HOUR_MS: i64 = 60 * MINUTE_MS;
