//! What the host keeps for one call, and what a guest may ask of it.

use super::abi::v0_1::plugin_world::switchboard::plugin::log;
use super::journal::Journal;
use super::limiter::Limiter;

/// Whether a call may use its world's imports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Imports {
    /// They work.
    Answered,
    /// They end the call. A snapshot cannot hold what the host would have to remember, so
    /// `configure` has none; failing by name beats a line that is lost.
    Refused,
}

/// The data of a store.
#[derive(Debug)]
pub(crate) struct CallState {
    pub(crate) limiter: Limiter,
    pub(crate) journal: Journal,
    imports: Imports,
    import_called: bool,
}

impl CallState {
    /// For a call with this much memory.
    pub(crate) fn new(memory_bytes: usize, imports: Imports) -> Self {
        Self {
            limiter: Limiter::new(memory_bytes),
            journal: Journal::default(),
            imports,
            import_called: false,
        }
    }

    /// Whether a refused import was called.
    pub(crate) fn import_called(&self) -> bool {
        self.import_called
    }
}

impl log::Host for CallState {
    fn write(&mut self, level: log::Level, message: String) -> wasmtime::Result<()> {
        match self.imports {
            Imports::Answered => {
                self.journal.write(level, &message);
                Ok(())
            }
            // The text comes along: it is often a panic's message.
            Imports::Refused => {
                self.import_called = true;
                Err(wasmtime::format_err!("`log.write` was called during `configure`: {message}"))
            }
        }
    }
}
