//! What the tests are made of.

pub mod app;
pub mod company;
pub mod egress;
pub mod guest;
pub mod reply;
pub mod samples;
pub mod template;

pub use app::TestApp;
pub use reply::Reply;

/// The shipped program; also the compile child of every test.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_switchboard-under-test");

/// One minute.
pub const MINUTE_MS: i64 = 60_000;
/// One hour.
pub const HOUR_MS: i64 = 60 * MINUTE_MS;
