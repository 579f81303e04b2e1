//! What the host keeps for one call, and what a guest may ask of it.

use super::abi::v0_2::adapter_world::switchboard::plugin::secrets;
use super::abi::v0_2::plugin_world::switchboard::plugin::log;
use super::abi::v0_2::raise_algorithm;
use super::journal::Journal;
use super::limiter::Limiter;
use crate::vault::{Denial, Granted};

/// How many signatures one call may have checked: what the host computes costs the guest no fuel.
pub(crate) const CHECKS_MAX: usize = 32;

/// How many bytes one call may have checked.
pub(crate) const CHECKED_BYTES_MAX: usize = 32 << 20;

/// Whether a call may use its world's imports.
#[derive(Clone, Debug)]
pub(crate) enum Imports {
    /// They work, with these secrets.
    Answered(Granted),
    /// They end the call. A snapshot cannot hold what the host would have to remember, so
    /// `configure` has none; failing by name beats a line that is lost.
    Refused,
}

impl Imports {
    /// They work, and there are no secrets.
    pub(crate) fn without_secrets() -> Self {
        Self::Answered(Granted::nothing())
    }
}

/// The data of a store.
#[derive(Debug)]
pub(crate) struct CallState {
    pub(crate) limiter: Limiter,
    pub(crate) journal: Journal,
    imports: Imports,
    import_called: bool,
    checks: usize,
    checked_bytes: usize,
    challenged: bool,
}

impl CallState {
    /// For a call with this much memory.
    pub(crate) fn new(memory_bytes: usize, imports: Imports) -> Self {
        Self {
            limiter: Limiter::new(memory_bytes),
            journal: Journal::default(),
            imports,
            import_called: false,
            checks: 0,
            checked_bytes: 0,
            challenged: false,
        }
    }

    /// Whether a refused import was called.
    pub(crate) fn import_called(&self) -> bool {
        self.import_called
    }

    /// Whether a challenge was answered.
    pub(crate) fn challenged(&self) -> bool {
        self.challenged
    }

    fn granted(&mut self, import: &str) -> wasmtime::Result<&Granted> {
        match &self.imports {
            Imports::Answered(granted) => Ok(granted),
            Imports::Refused => {
                self.import_called = true;
                Err(wasmtime::format_err!("`{import}` was called during `configure`"))
            }
        }
    }

    /// Counts a check; whether it may still be made.
    fn may_check(&mut self, bytes: usize) -> bool {
        self.checks += 1;
        self.checked_bytes = self.checked_bytes.saturating_add(bytes);
        self.checks <= CHECKS_MAX && self.checked_bytes <= CHECKED_BYTES_MAX
    }
}

impl log::Host for CallState {
    fn write(&mut self, level: log::Level, message: String) -> wasmtime::Result<()> {
        match self.imports {
            Imports::Answered(_) => {
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

impl secrets::Host for CallState {
    fn verify(
        &mut self,
        secret: String,
        algorithm: secrets::Algorithm,
        message: Vec<u8>,
        signature: Vec<u8>,
    ) -> wasmtime::Result<Result<bool, secrets::Denial>> {
        let may = self.may_check(message.len().saturating_add(signature.len()));
        let granted = self.granted("secrets.verify")?;
        if !may {
            return Ok(Err(secrets::Denial::TooMuch));
        }
        let verdict = granted.verify(&secret, raise_algorithm(algorithm), &message, &signature);
        Ok(verdict.map_err(lower_denial))
    }

    fn answer_challenge(
        &mut self,
        secret: String,
        algorithm: secrets::Algorithm,
        challenge: String,
    ) -> wasmtime::Result<Result<Vec<u8>, secrets::Denial>> {
        let again = std::mem::replace(&mut self.challenged, true);
        let granted = self.granted("secrets.answer-challenge")?;
        // What somebody asks for is signed, and nothing that the adapter thinks of by itself.
        if again || !granted.is_reading() {
            return Ok(Err(secrets::Denial::TooMuch));
        }
        let answer = granted.answer(&secret, raise_algorithm(algorithm), &challenge);
        Ok(answer.map_err(lower_denial))
    }
}

fn lower_denial(denial: Denial) -> secrets::Denial {
    match denial {
        Denial::Undeclared => secrets::Denial::Undeclared,
        Denial::Unset | Denial::Unreadable => secrets::Denial::Unset,
        Denial::Malformed => secrets::Denial::Malformed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::budget::Budget;

    /// Whether a check of so many bytes is one too many; it is refused for another reason otherwise.
    fn is_too_much(state: &mut CallState, bytes: usize) -> bool {
        let check = secrets::Host::verify;
        let secret = "signing".to_owned();
        let answer = check(state, secret, secrets::Algorithm::HmacSha256, vec![0; bytes], Vec::new());
        match answer.unwrap() {
            Err(secrets::Denial::TooMuch) => true,
            Err(secrets::Denial::Undeclared) => false,
            other => panic!("nothing is declared: {other:?}"),
        }
    }

    #[test]
    fn a_call_has_so_many_checks_of_so_many_bytes_and_no_more() {
        let call = || CallState::new(Budget::ADAPTER.memory_bytes, Imports::without_secrets());
        let mut many = call();
        assert!((0..CHECKS_MAX).all(|_| !is_too_much(&mut many, 1)));
        assert!(is_too_much(&mut many, 0));
        let mut large = call();
        assert!((0..8).all(|_| !is_too_much(&mut large, CHECKED_BYTES_MAX / 8)));
        assert!(is_too_much(&mut large, 1));
        assert!(is_too_much(&mut call(), CHECKED_BYTES_MAX + 1));
    }
}
