//! What a guest logs during one call: capped, never refused.

use super::abi::v0_2::plugin_world::switchboard::plugin::log::Level;
use super::budget::{LOG_BYTES_MAX, LOG_LINE_BYTES_MAX};
use super::failure::cut;

/// The kept lines of one call, and how many were not kept whole.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    lines: Vec<String>,
    bytes: usize,
    dropped: u64,
}

impl Journal {
    /// Keeps a line as `level: text`, cut to the line's limit; counts it as dropped once the call's
    /// limit is reached.
    pub(crate) fn write(&mut self, level: Level, message: &str) {
        let line = format!("{}: {}", name(level), cut(message, LOG_LINE_BYTES_MAX));
        if self.bytes + line.len() > LOG_BYTES_MAX {
            self.dropped += 1;
            return;
        }
        self.bytes += line.len();
        self.lines.push(line);
    }

    /// The lines, and how many were dropped.
    pub(crate) fn finish(self) -> (Vec<String>, u64) {
        (self.lines, self.dropped)
    }
}

fn name(level: Level) -> &'static str {
    match level {
        Level::Debug => "debug",
        Level::Info => "info",
        Level::Warn => "warn",
        Level::Error => "error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_beyond_the_cap_is_counted() {
        let mut journal = Journal::default();
        for _ in 0..100 {
            journal.write(Level::Info, &"x".repeat(10_000));
        }
        let (lines, dropped) = journal.finish();
        assert!(lines.iter().map(String::len).sum::<usize>() <= LOG_BYTES_MAX);
        assert_eq!(lines.len() as u64 + dropped, 100);
    }

    #[test]
    fn a_line_keeps_its_level() {
        let mut journal = Journal::default();
        journal.write(Level::Warn, "look\nhere");
        assert_eq!(journal.finish().0, ["warn: look\\nhere"]);
    }
}
