//! How values are sealed: ChaCha20-Poly1305 (RFC 8439), a fresh random nonce each time.
//!
//! What a value belongs to is authenticated with it, so that one cannot be put in another's place by
//! whoever can write the database.

use std::fmt;

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hmac;

use super::key::KEY_BYTES;
use super::value::SecretValue;
use crate::domain::ids::DeliveryId;

/// How many bytes of a code stand for a value: beyond guessing.
const STAND_IN_BYTES: usize = 16;

/// The first byte of a sealed value says how it is sealed.
const FORMAT: u8 = 1;

/// What cannot be opened: sealed with another key, or changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it was sealed with another key, or changed")]
pub struct Unreadable;

/// Seals and opens values.
pub struct Cipher {
    key: LessSafeKey,
    /// Of its own, made of the same key (RFC 5869 is more than one such key needs).
    fingerprints: hmac::Key,
    /// Another: nobody who has a digest made has a stand-in.
    stand_ins: hmac::Key,
}

impl Cipher {
    /// A cipher with this key.
    pub fn new(key: &[u8; KEY_BYTES]) -> Result<Self, Unreadable> {
        let derived = |purpose: &[u8]| {
            let derived = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), purpose);
            hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref())
        };
        let (fingerprints, stand_ins) = (derived(b"fingerprints"), derived(b"stand-ins"));
        let key = UnboundKey::new(&CHACHA20_POLY1305, key).map_err(|_| Unreadable)?;
        Ok(Self { key: LessSafeKey::new(key), fingerprints, stand_ins })
    }

    /// What stands for a value in this delivery, hexadecimal.
    pub(super) fn stand_in(&self, delivery: DeliveryId, value: &SecretValue) -> String {
        let mut code = hmac::Context::with_key(&self.stand_ins);
        code.update(&delivery.0.to_be_bytes());
        code.update(value.bytes());
        hex(&code.sign().as_ref()[..STAND_IN_BYTES])
    }

    /// A digest that nobody without the key can make, hexadecimal.
    pub fn fingerprint(&self, bytes: &[u8]) -> String {
        hex(hmac::sign(&self.fingerprints, bytes).as_ref())
    }

    /// Seals a value for what `belongs_to` names: the format, the nonce, the sealed bytes with their tag.
    pub fn seal(&self, belongs_to: &str, value: &SecretValue) -> Result<Vec<u8>, Unreadable> {
        let mut nonce = [0; NONCE_LEN];
        getrandom::fill(&mut nonce).map_err(|_| Unreadable)?;
        let mut sealed = value.bytes().to_vec();
        let aad = Aad::from(belongs_to.as_bytes());
        let tag = self
            .key
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), aad, &mut sealed)
            .map_err(|_| Unreadable)?;
        Ok([&[FORMAT], nonce.as_slice(), &sealed, tag.as_ref()].concat())
    }

    /// The value that was sealed for what `belongs_to` names.
    pub fn open(&self, belongs_to: &str, kept: &[u8]) -> Result<SecretValue, Unreadable> {
        let (&format, rest) = kept.split_first().ok_or(Unreadable)?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_LEN>().ok_or(Unreadable)?;
        if format != FORMAT {
            return Err(Unreadable);
        }
        let mut bytes = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let aad = Aad::from(belongs_to.as_bytes());
        let length = self.key.open_in_place(nonce, aad, &mut bytes).map_err(|_| Unreadable)?.len();
        bytes.truncate(length);
        Ok(SecretValue::new(bytes))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl fmt::Debug for Cipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cipher(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed() -> (Cipher, Vec<u8>) {
        let cipher = Cipher::new(&[7; KEY_BYTES]).unwrap();
        let kept = cipher.seal("one", &SecretValue::new(b"a long enough value".to_vec())).unwrap();
        (cipher, kept)
    }

    #[test]
    fn what_was_sealed_opens_where_it_belongs_and_nowhere_else() {
        let (cipher, kept) = sealed();
        assert_eq!(cipher.open("one", &kept).unwrap().bytes(), b"a long enough value");
        assert!(cipher.open("another", &kept).is_err());
        assert!(Cipher::new(&[8; KEY_BYTES]).unwrap().open("one", &kept).is_err());
    }

    #[test]
    fn one_bit_changed_anywhere_or_a_byte_missing_opens_nothing() {
        let (cipher, kept) = sealed();
        for place in 0..kept.len() {
            let mut changed = kept.clone();
            changed[place] ^= 1;
            assert!(cipher.open("one", &changed).is_err(), "byte {place}");
            assert!(cipher.open("one", &kept[..place]).is_err(), "{place} bytes");
        }
    }

    #[test]
    fn the_same_value_is_never_sealed_alike_nor_seen_in_what_is_kept() {
        let (cipher, kept) = sealed();
        let again = cipher.seal("one", &SecretValue::new(b"a long enough value".to_vec())).unwrap();
        assert_ne!(kept, again);
        assert!(!kept.windows(6).any(|it| it == b"enough"));
    }
}
