//! What a panic says: one line to the standard error, by a hook that cannot panic itself.
//!
//! The standard library's own hook waits for a reader that does not read, while the thread that panicked
//! holds what others wait for.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::PanicHookInfo;
use std::thread;

use super::outlet;

/// Has every panic of the process told so.
pub fn tell_panics() {
    std::panic::set_hook(Box::new(|panic| {
        outlet::stderr().line(told(panic));
        // A panic of the main thread ends the process right after this.
        outlet::stderr().finish();
    }));
}

fn told(panic: &PanicHookInfo<'_>) -> String {
    let text = panic.payload_as_str().unwrap_or("(no text)");
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    let thread = thread::current();
    let thread = thread.name().unwrap_or("unnamed");
    let backtrace = Backtrace::capture();
    match backtrace.status() {
        BacktraceStatus::Captured => format!("thread '{thread}' panicked at {place}:\n{text}\n{backtrace}"),
        _ => format!("thread '{thread}' panicked at {place}:\n{text}"),
    }
}
