//! What is computed with a value: is this signature right, what answers this challenge.

use std::borrow::Cow;

use ring::{hmac, signature};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::value::SecretValue;

/// The longest challenge.
const CHALLENGE_BYTES_MAX: usize = 128;

/// How a message is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// HMAC (RFC 2104) with SHA-1: what older channels sign with, sound for this.
    HmacSha1,
    /// HMAC with SHA-256.
    HmacSha256,
    /// Ed25519 (RFC 8032); the value is the public key.
    Ed25519,
    /// The signature is the value itself.
    SharedToken,
}

impl Algorithm {
    fn hmac(self) -> Option<hmac::Algorithm> {
        match self {
            Self::HmacSha1 => Some(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY),
            Self::HmacSha256 => Some(hmac::HMAC_SHA256),
            Self::Ed25519 | Self::SharedToken => None,
        }
    }
}

/// Whether the signature is right under one of the values. Every value is tried, and each comparison
/// takes the same time wherever it differs.
pub(super) fn verify<'a>(
    values: impl IntoIterator<Item = &'a SecretValue>,
    algorithm: Algorithm,
    message: &[u8],
    signature: &[u8],
) -> bool {
    // Digests of tokens are compared, so that not even the length is told; what was shown may be long.
    let shown = match algorithm {
        Algorithm::SharedToken => Cow::Owned(Sha256::digest(signature).to_vec()),
        _ => Cow::Borrowed(signature),
    };
    let right = |value| u8::from(verify_one(value, algorithm, message, &shown));
    values.into_iter().map(right).fold(0, |found, one| found | one) == 1
}

fn verify_one(value: &SecretValue, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
    match algorithm {
        Algorithm::HmacSha1 | Algorithm::HmacSha256 => algorithm.hmac().is_some_and(|hash| {
            let key = hmac::Key::new(hash, value.bytes());
            hmac::verify(&key, message, signature).is_ok()
        }),
        Algorithm::Ed25519 => {
            let key = signature::UnparsedPublicKey::new(&signature::ED25519, value.bytes());
            key.verify(message, signature).is_ok()
        }
        Algorithm::SharedToken => bool::from(Sha256::digest(value.bytes()).as_slice().ct_eq(signature)),
    }
}

/// Whether a challenge may be answered: short, and of characters that no document is made of, nor what
/// is signed of a JSON Web Token, which has a dot in it (RFC 7515, section 5.1).
pub(super) fn is_challenge(challenge: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_+/=".contains(&byte);
    (1..=CHALLENGE_BYTES_MAX).contains(&challenge.len()) && challenge.bytes().all(plain)
}

/// The code of a challenge; absent for what is no HMAC.
pub(super) fn answer(value: &SecretValue, algorithm: Algorithm, challenge: &str) -> Option<Vec<u8>> {
    let key = hmac::Key::new(algorithm.hmac()?, value.bytes());
    Some(hmac::sign(&key, challenge.as_bytes()).as_ref().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(texts: &[&str]) -> Vec<SecretValue> {
        texts.iter().map(|text| SecretValue::new(text.as_bytes().to_vec())).collect()
    }

    fn unhex(text: &str) -> Vec<u8> {
        let pair = |at| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
        (0..text.len()).step_by(2).map(pair).collect()
    }

    /// RFC 2202, section 3, case 2, and RFC 4231, section 4.3.
    #[test]
    fn codes_are_those_of_the_specifications() {
        let message = b"what do ya want for nothing?";
        let sha1 = unhex("effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
        let sha256 = unhex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        assert!(verify(&values(&["Jefe"]), Algorithm::HmacSha1, message, &sha1));
        assert!(verify(&values(&["Jefe"]), Algorithm::HmacSha256, message, &sha256));
        assert!(!verify(&values(&["Jefe"]), Algorithm::HmacSha256, message, &sha1));
        assert!(!verify(&values(&["Jefe"]), Algorithm::HmacSha256, message, &sha256[..31]));
    }

    /// RFC 8032, section 7.1, test 3.
    #[test]
    fn signatures_are_those_of_the_specification() {
        let key = unhex("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025");
        let signature = unhex(
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac\
             18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
        );
        let values = [SecretValue::new(key)];
        assert!(verify(&values, Algorithm::Ed25519, &[0xaf, 0x82], &signature));
        assert!(!verify(&values, Algorithm::Ed25519, &[0xaf, 0x83], &signature));
    }

    #[test]
    fn every_value_counts_while_it_is_being_changed() {
        let both = values(&["the old token", "the new token"]);
        for token in ["the old token", "the new token"] {
            assert!(verify(&both, Algorithm::SharedToken, b"", token.as_bytes()));
        }
        for wrong in ["", "the old toke", "the old tokens"] {
            assert!(!verify(&both, Algorithm::SharedToken, b"", wrong.as_bytes()), "{wrong}");
        }
        assert!(!verify([], Algorithm::SharedToken, b"", b""));
    }

    #[test]
    fn nothing_but_a_challenge_is_answered() {
        for good in ["a", "MjAyNi0wMS0zMQ==", &"x".repeat(CHALLENGE_BYTES_MAX)] {
            assert!(is_challenge(good), "{good}");
        }
        let web_token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0";
        let too_long = "x".repeat(CHALLENGE_BYTES_MAX + 1);
        for bad in ["", "{\"text\":1}", "a b", "a&b", "v0:1:body", "é", "~a", web_token, &too_long] {
            assert!(!is_challenge(bad), "{bad}");
        }
        let value = SecretValue::new(b"value".to_vec());
        assert!(answer(&value, Algorithm::SharedToken, "a").is_none());
        assert!(answer(&value, Algorithm::Ed25519, "a").is_none());
    }
}
