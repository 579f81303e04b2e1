//! The key that seals the values: 32 bytes in base64, in a file or in the environment.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::key_file;

/// The bytes of a key.
pub const KEY_BYTES: usize = 32;

/// More than any key's text: a longer file is something else.
const TEXT_BYTES_MAX: usize = 256;

type Key = Zeroizing<[u8; KEY_BYTES]>;

/// Where the key comes from.
#[derive(Clone, PartialEq, Eq)]
pub enum KeySource {
    /// A file, made with a new key if it is not there.
    File(PathBuf),
    /// The key itself, as it stands in the environment.
    Given(Zeroizing<String>),
    /// A key that is forgotten with the process.
    ThisProcess,
}

impl fmt::Debug for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(file) => f.debug_tuple("File").field(file).finish(),
            Self::Given(_) => f.write_str("Given(…)"),
            Self::ThisProcess => f.write_str("ThisProcess"),
        }
    }
}

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The text is no key.
    #[error(
        "{place} holds no key: 32 random bytes in base64 are one, such as `openssl rand -base64 32` prints"
    )]
    NoKey {
        /// Where it stands.
        place: String,
    },
    /// Others could have read it.
    #[error("{} can be read by others: `chmod 600` it, and change the secrets if others may have read it", .0.display())]
    Exposed(PathBuf),
    /// The file cannot be read or made.
    #[error("the key in {}", .0.display())]
    File(PathBuf, #[source] io::Error),
}

impl KeySource {
    /// The key. A damaged or exposed one is never replaced: what it sealed would be lost.
    pub fn key(&self) -> Result<Key, KeyError> {
        match self {
            Self::File(file) => read_or_make(file),
            Self::Given(text) => parse(text, "the environment's SWITCHBOARD_SECRETS_KEY"),
            Self::ThisProcess => make().map_err(|error| KeyError::File(PathBuf::new(), error)),
        }
    }
}

fn make() -> io::Result<Key> {
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    getrandom::fill(key.as_mut()).map_err(io::Error::other)?;
    Ok(key)
}

fn parse(text: &str, place: &str) -> Result<Key, KeyError> {
    let no_key = || KeyError::NoKey { place: place.to_owned() };
    let bytes = Zeroizing::new(STANDARD.decode(text.trim()).map_err(|_| no_key())?);
    let key = <[u8; KEY_BYTES]>::try_from(bytes.as_slice()).map_err(|_| no_key())?;
    Ok(Zeroizing::new(key))
}

fn read_or_make(file: &Path) -> Result<Key, KeyError> {
    let failed = |error| KeyError::File(file.to_owned(), error);
    if let Some(key) = read(file)? {
        key_file::sweep(file).map_err(failed)?;
        return Ok(key);
    }
    let mut text = Zeroizing::new(STANDARD.encode(make().map_err(failed)?.as_slice()));
    text.push('\n');
    key_file::put_first(file, text.as_bytes()).map_err(failed)?;
    read(file)?.ok_or_else(|| failed(io::Error::other("it does not stay as it was written")))
}

fn read(file: &Path) -> Result<Option<Key>, KeyError> {
    let found = key_file::read(file, TEXT_BYTES_MAX);
    let Some(found) = found.map_err(|error| KeyError::File(file.to_owned(), error))? else {
        return Ok(None);
    };
    if found.is_exposed {
        return Err(KeyError::Exposed(file.to_owned()));
    }
    // Bytes that are no text are no key either.
    let text = str::from_utf8(&found.bytes).unwrap_or_default();
    parse(text, &file.display().to_string()).map(Some)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    use super::key_file::MODE;
    use super::*;

    #[test]
    fn a_key_is_made_once_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        let source = KeySource::File(file.clone());
        let made = source.key().unwrap();
        assert_eq!(source.key().unwrap(), made);
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, MODE);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing lies about");
        let text = Zeroizing::new(fs::read_to_string(&file).unwrap());
        assert_eq!(
            KeySource::Given(text).key().unwrap(),
            made,
            "the file's text is what the environment takes"
        );
    }

    #[test]
    fn a_key_that_a_dead_host_left_aside_is_removed_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        let made = KeySource::File(file.clone()).key().unwrap();
        for name in ["key.0123abcd", "key.backup", "key.0123abcde", "other.0123abcd"] {
            fs::write(folder.path().join(name), "another key").unwrap();
        }
        assert_eq!(KeySource::File(file).key().unwrap(), made);
        let left =
            fs::read_dir(folder.path()).unwrap().map(|it| it.unwrap().file_name().into_string().unwrap());
        let mut left: Vec<_> = left.collect();
        left.sort();
        assert_eq!(left, ["key", "key.0123abcde", "key.backup", "other.0123abcd"]);
    }

    #[test]
    fn a_key_that_others_could_read_or_that_is_damaged_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        let source = KeySource::File(file.clone());
        let made = source.key().unwrap();
        fs::set_permissions(&file, PermissionsExt::from_mode(0o644)).unwrap();
        assert!(matches!(source.key(), Err(KeyError::Exposed(_))));
        fs::set_permissions(&file, PermissionsExt::from_mode(MODE)).unwrap();
        assert_eq!(source.key().unwrap(), made);
        for damaged in ["", "short", "\u{fffd}"] {
            fs::write(&file, damaged).unwrap();
            assert!(matches!(source.key(), Err(KeyError::NoKey { .. })), "{damaged:?}");
        }
    }

    #[test]
    fn a_key_is_never_printed() {
        let given = KeySource::Given(Zeroizing::new("canary".to_owned()));
        assert!(!format!("{given:?}").contains("canary"));
        assert!(!given.key().unwrap_err().to_string().contains("canary"));
    }
}
