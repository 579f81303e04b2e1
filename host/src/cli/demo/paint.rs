//! Emphasis on a terminal, nothing elsewhere.

use std::io::IsTerminal;

/// Puts emphasis on text, where it shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paint {
    /// By the terminal's means (ECMA-48, section 8.3.117).
    Terminal,
    /// Not at all.
    Plain,
}

impl Paint {
    /// For standard output as it is.
    pub fn of_stdout() -> Self {
        match std::io::stdout().is_terminal() {
            true => Self::Terminal,
            false => Self::Plain,
        }
    }

    /// A heading.
    pub fn strong(self, text: &str) -> String {
        self.with("1", text)
    }

    /// Less important.
    pub fn faint(self, text: &str) -> String {
        self.with("2", text)
    }

    /// To be looked at.
    pub fn alarm(self, text: &str) -> String {
        self.with("1;31", text)
    }

    fn with(self, code: &str, text: &str) -> String {
        match self {
            Self::Terminal => format!("\x1b[{code}m{text}\x1b[0m"),
            Self::Plain => text.to_owned(),
        }
    }
}
