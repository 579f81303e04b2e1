//! Lines for the people who look after the plugin.
//!
//! In a component they go to the host, which keeps a policy's with the decision and writes an adapter's
//! into its own log, at the level `debug`. In a native
//! test they are printed, and [`testing::logged`](crate::testing::logged) hands them over. They never
//! change an answer, and nothing may be logged while configuring.

pub use crate::bindings::base::switchboard::plugin::log::Level;

/// For the author while building.
pub fn debug(message: impl AsRef<str>) {
    write(Level::Debug, message.as_ref());
}

/// Normal work.
pub fn info(message: impl AsRef<str>) {
    write(Level::Info, message.as_ref());
}

/// Worth a look.
pub fn warn(message: impl AsRef<str>) {
    write(Level::Warn, message.as_ref());
}

/// Went wrong.
pub fn error(message: impl AsRef<str>) {
    write(Level::Error, message.as_ref());
}

#[cfg(target_arch = "wasm32")]
fn write(level: Level, message: &str) {
    crate::bindings::base::switchboard::plugin::log::write(level, message);
}

#[cfg(not(target_arch = "wasm32"))]
fn write(level: Level, message: &str) {
    println!("{level:?}: {message}");
    LINES.with_borrow_mut(|lines| lines.push((level, message.to_owned())));
}

#[cfg(not(target_arch = "wasm32"))]
thread_local! {
    static LINES: std::cell::RefCell<Vec<(Level, String)>> = const {
        std::cell::RefCell::new(Vec::new())
    };
}

/// Hands over what this thread has logged so far, and forgets it.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn take() -> Vec<(Level, String)> {
    LINES.take()
}
