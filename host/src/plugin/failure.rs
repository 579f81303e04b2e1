//! A guest's failure is data: a name that rules can use, and a text for people.

use std::fmt;

use serde::{Deserialize, Serialize};
use wasmtime::Trap;

use super::limiter::Limiter;
use crate::domain::visible_text::is_deceptive;

/// What is kept of a failure's text, and of any other that a guest explains itself with.
const DETAIL_BYTES_MAX: usize = 4 * 1024;

/// Why a call has no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// It used up its fuel.
    Fuel,
    /// The wall-clock backstop stopped it. Depends on the machine, so it does not replay.
    Deadline,
    /// It wanted more memory than it may have.
    Memory,
    /// Its stack overflowed. Depends on the machine, so it does not replay.
    Stack,
    /// Its answer is larger than it may be.
    OutputTooLarge,
    /// It trapped: a panic, a division by zero, an access out of bounds.
    Trap,
    /// It declined to answer, and said why.
    Refused,
    /// Its answer breaks the contract.
    BadOutput,
    /// The host had no room for it, or could not start it.
    Unavailable,
}

impl FailureKind {
    /// Its name in records and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fuel => "fuel",
            Self::Deadline => "deadline",
            Self::Memory => "memory",
            Self::Stack => "stack",
            Self::OutputTooLarge => "output-too-large",
            Self::Trap => "trap",
            Self::Refused => "refused",
            Self::BadOutput => "bad-output",
            Self::Unavailable => "unavailable",
        }
    }
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A guest's failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{kind}: {detail}")]
pub struct Failure {
    /// Its name.
    pub kind: FailureKind,
    /// What happened: at most 4 KiB, control characters escaped.
    pub detail: String,
}

impl Failure {
    /// A failure whose text may come from a guest.
    pub fn new(kind: FailureKind, detail: &str) -> Self {
        Self { kind, detail: explanation(detail) }
    }

    /// Names what wasmtime reports.
    pub(super) fn of(error: &wasmtime::Error, limiter: &Limiter) -> Self {
        let kind = classify(error, limiter);
        // The chain's outermost texts are wasmtime's own backtrace, of no use without names.
        Self::new(kind, &error.root_cause().to_string())
    }
}

fn classify(error: &wasmtime::Error, limiter: &Limiter) -> FailureKind {
    match error.downcast_ref::<Trap>() {
        Some(Trap::OutOfFuel) => return FailureKind::Fuel,
        Some(Trap::Interrupt) => return FailureKind::Deadline,
        Some(Trap::StackOverflow) => return FailureKind::Stack,
        _ => {}
    }
    // A refused growth usually ends in the guest's own abort, which is a trap like any other.
    if limiter.refused() {
        return FailureKind::Memory;
    }
    if error.is::<wasmtime::PoolConcurrencyLimitError>() {
        return FailureKind::Unavailable;
    }
    // These errors' types are private to wasmtime; tests hold the texts to them.
    let cause = error.root_cause().to_string();
    if cause.contains("allocated for hostcalls has been exhausted") {
        return FailureKind::OutputTooLarge;
    }
    // Handles are kept in the host's memory, on the guest's account.
    if cause.contains("handle limit exceeded") {
        return FailureKind::Memory;
    }
    match error.downcast_ref::<Trap>() {
        Some(
            Trap::InvalidChar
            | Trap::StringOutOfBounds
            | Trap::ListOutOfBounds
            | Trap::InvalidDiscriminant
            | Trap::UnalignedPointer,
        ) => FailureKind::BadOutput,
        Some(_) => FailureKind::Trap,
        // What is no trap happened while the host read the answer.
        None => FailureKind::BadOutput,
    }
}

/// What a guest explains itself with, made harmless.
pub(super) fn explanation(text: &str) -> String {
    cut(text, DETAIL_BYTES_MAX)
}

/// A guest's text, made harmless: what is not shown as it is escaped, then cut at a character's border.
pub(super) fn cut(text: &str, bytes_max: usize) -> String {
    let mut kept = String::with_capacity(text.len().min(bytes_max));
    for character in text.chars() {
        let before = kept.len();
        if is_deceptive(character) {
            kept.extend(character.escape_default());
        } else {
            kept.push(character);
        }
        if kept.len() > bytes_max {
            kept.truncate(before);
            break;
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(cut("ééé", 5), "éé");
        assert_eq!(cut(&"x".repeat(64 << 20), 4096).len(), 4096);
    }

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(cut("a\u{1b}[31m\0", 100), "a\\u{1b}[31m\\u{0}");
        assert_eq!(cut("a\u{202e}b", 100), "a\\u{202e}b");
    }
}
