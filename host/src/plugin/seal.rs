//! Artefacts under seal: machine code that this host's own compile child made, and no other.
//!
//! An artefact is run as it is, so whoever could put one where the host keeps its own would run code
//! in the host. Therefore what is kept carries a code (HMAC-SHA256, RFC 2104) over the release, the
//! settings, the engine and the bytes, made with a key that only this host knows; what does not match
//! is not loaded but made again.

mod key;

use std::fmt;
use std::io;
use std::path::Path;

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use self::key::KEY_BYTES;

/// The code stands before the bytes.
const CODE_BYTES: usize = 32;

/// Compiled code that may be loaded: only the compile child and a seal that matched give one.
#[derive(Clone, PartialEq, Eq)]
pub struct Artefact {
    bytes: Bytes,
}

impl Artefact {
    /// What the compile child of this host made.
    pub(super) fn made(bytes: Bytes) -> Self {
        Self { bytes }
    }

    /// How large it is.
    pub fn size_bytes(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl fmt::Debug for Artefact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Artefact({} bytes)", self.bytes.len())
    }
}

/// What an artefact was made of. One made of something else is none of ours, whoever made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MadeOf {
    /// SHA-256 of the release, hexadecimal.
    pub release: String,
    /// SHA-256 of the settings, hexadecimal; empty where there are none.
    pub settings: String,
    /// The engine's fingerprint.
    pub engine: String,
}

impl MadeOf {
    /// Names what was made: the same key is the same artefact.
    pub fn key(&self) -> String {
        let Self { release, settings, engine } = self;
        format!("{release}-{settings}-{engine}")
    }
}

/// Marks what this host made, and tells it from everything else.
#[derive(Clone)]
pub struct Seal {
    key: [u8; KEY_BYTES],
}

impl Seal {
    /// A seal whose key is kept in this file, which is made if it is not there: readable by its owner
    /// alone. A file that others can read keeps no secret, so it is replaced.
    pub fn kept_in(file: &Path) -> io::Result<Self> {
        Ok(Self { key: key::read_or_make(file)? })
    }

    /// A seal that is forgotten with the process.
    pub fn of_this_process() -> io::Result<Self> {
        Ok(Self { key: key::make()? })
    }

    /// An artefact as it is kept.
    pub fn close(&self, made_of: &MadeOf, artefact: &Artefact) -> Vec<u8> {
        self.close_bytes(made_of, &artefact.bytes)
    }

    /// The artefact that was kept so; absent if the seal is not this one or anything has changed.
    pub fn open(&self, made_of: &MadeOf, kept: &Bytes) -> Option<Artefact> {
        Some(Artefact { bytes: kept.slice_ref(self.open_bytes(made_of, kept)?) })
    }

    pub(super) fn close_bytes(&self, made_of: &MadeOf, bytes: &[u8]) -> Vec<u8> {
        let code = self.code(made_of, bytes).finalize().into_bytes();
        [code.as_slice(), bytes].concat()
    }

    pub(super) fn open_bytes<'a>(&self, made_of: &MadeOf, kept: &'a [u8]) -> Option<&'a [u8]> {
        let (code, bytes) = kept.split_at_checked(CODE_BYTES)?;
        // Compares in constant time.
        self.code(made_of, bytes).verify_slice(code).ok()?;
        Some(bytes)
    }

    fn code(&self, made_of: &MadeOf, bytes: &[u8]) -> Hmac<Sha256> {
        let mut code = Hmac::<Sha256>::new(&self.key.into());
        for field in [&made_of.release, &made_of.settings, &made_of.engine] {
            // With its length before it, so that no field runs into the next.
            code.update(&(field.len() as u64).to_le_bytes());
            code.update(field.as_bytes());
        }
        code.update(bytes);
        code
    }
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seal")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made_of(release: &str, settings: &str) -> MadeOf {
        MadeOf { release: release.into(), settings: settings.into(), engine: "engine".into() }
    }

    fn kept(seal: &Seal) -> Bytes {
        seal.close(&made_of("release", "settings"), &Artefact::made(Bytes::from_static(b"code"))).into()
    }

    #[test]
    fn what_was_sealed_opens() {
        let seal = Seal::of_this_process().unwrap();
        let opened = seal.open(&made_of("release", "settings"), &kept(&seal)).unwrap();
        assert_eq!(opened.bytes(), b"code");
    }

    #[test]
    fn one_bit_changed_anywhere_or_a_byte_missing_opens_nothing() {
        let seal = Seal::of_this_process().unwrap();
        let whole = kept(&seal);
        for at in 0..whole.len() {
            let mut changed = whole.to_vec();
            changed[at] ^= 1;
            assert_eq!(seal.open(&made_of("release", "settings"), &changed.into()), None, "byte {at}");
            assert_eq!(seal.open(&made_of("release", "settings"), &whole.slice(..at)), None, "{at} bytes");
        }
    }

    #[test]
    fn what_was_made_of_something_else_opens_nothing() {
        let seal = Seal::of_this_process().unwrap();
        let by =
            |settings: &str, engine: &str| MadeOf { engine: engine.into(), ..made_of("release", settings) };
        for other in [
            made_of("another", "settings"),
            made_of("release", "others"),
            made_of("releases", "ettings"),
            by("settings", "engines"),
            by("settings", ""),
            by("settingse", "ngine"),
        ] {
            assert_eq!(seal.open(&other, &kept(&seal)), None, "{other:?}");
        }
    }

    #[test]
    fn another_hosts_artefacts_open_nothing() {
        let (ours, theirs) = (Seal::of_this_process().unwrap(), Seal::of_this_process().unwrap());
        assert_eq!(ours.open(&made_of("release", "settings"), &kept(&theirs)), None);
    }
}
