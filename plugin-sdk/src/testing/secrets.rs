//! What the host does with secrets, for tests of an adapter.

use std::cell::RefCell;

use ring::{hmac, signature};

use crate::secrets::{Algorithm, Denial, SecretUse, WantedSecret};

/// The longest challenge; the contract's number.
const CHALLENGE_BYTES_MAX: usize = 128;

/// A secret that is declared, and what it is here.
#[derive(Debug, Clone)]
pub(super) struct Known {
    wanted: WantedSecret,
    value: Option<Vec<u8>>,
}

thread_local! {
    static KNOWN: RefCell<Vec<Known>> = const { RefCell::new(Vec::new()) };
}

/// Declared secrets, none of which is set.
pub(super) fn declared(wanted: &[WantedSecret]) -> Vec<Known> {
    wanted.iter().map(|&wanted| Known { wanted, value: None }).collect()
}

/// Sets a declared secret.
pub(super) fn set(known: &mut [Known], name: &str, value: &[u8]) {
    let declared = known.iter_mut().find(|it| it.wanted.name == name);
    declared.unwrap_or_else(|| panic!("`{name}` is not in SECRETS")).value = Some(value.to_vec());
}

/// Makes these the secrets of the calls that follow on this thread.
pub(super) fn use_for_calls(known: &[Known]) {
    KNOWN.set(known.to_vec());
}

fn value(secret: &str, wanted: SecretUse) -> Result<Vec<u8>, Denial> {
    KNOWN.with_borrow(|known| {
        let declared = known.iter().find(|it| it.wanted.name == secret && it.wanted.uses.contains(wanted));
        declared.ok_or(Denial::Undeclared)?.value.clone().ok_or(Denial::Unset)
    })
}

pub(crate) fn verify(
    secret: &str,
    algorithm: Algorithm,
    message: &[u8],
    signature: &[u8],
) -> Result<bool, Denial> {
    let value = value(secret, SecretUse::VERIFY)?;
    Ok(match algorithm {
        Algorithm::HmacSha1 => hmac::verify(&sha1(&value), message, signature).is_ok(),
        Algorithm::HmacSha256 => hmac::verify(&sha256(&value), message, signature).is_ok(),
        Algorithm::Ed25519 => {
            signature::UnparsedPublicKey::new(&signature::ED25519, value).verify(message, signature).is_ok()
        }
        Algorithm::SharedToken => value == signature,
    })
}

pub(crate) fn answer_challenge(
    secret: &str,
    algorithm: Algorithm,
    challenge: &str,
) -> Result<Vec<u8>, Denial> {
    let value = value(secret, SecretUse::CHALLENGE)?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_+/=".contains(&byte);
    if !(1..=CHALLENGE_BYTES_MAX).contains(&challenge.len()) || !challenge.bytes().all(plain) {
        return Err(Denial::Malformed);
    }
    let key = match algorithm {
        Algorithm::HmacSha1 => sha1(&value),
        Algorithm::HmacSha256 => sha256(&value),
        Algorithm::Ed25519 | Algorithm::SharedToken => return Err(Denial::Malformed),
    };
    Ok(hmac::sign(&key, challenge.as_bytes()).as_ref().to_vec())
}

fn sha1(value: &[u8]) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, value)
}

fn sha256(value: &[u8]) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, value)
}
