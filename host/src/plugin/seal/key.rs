//! The seal's key, kept in a file.

use std::fs;
use std::io;
use std::path::Path;

use crate::vault::key_file;

/// One block of the hash: the longest key that is used as it is (RFC 2104, section 3).
pub(super) const KEY_BYTES: usize = 64;

type Key = [u8; KEY_BYTES];

/// A new key.
pub(super) fn make() -> io::Result<Key> {
    let mut key = [0; KEY_BYTES];
    getrandom::fill(&mut key).map_err(io::Error::other)?;
    Ok(key)
}

/// The key in this file, or a new one that is put there.
pub(super) fn read_or_make(file: &Path) -> io::Result<Key> {
    if let Some(key) = read(file)? {
        return Ok(key);
    }
    key_file::put_first(file, &make()?)?;
    read(file)?.ok_or_else(|| io::Error::other(format!("{} does not stay as it was written", file.display())))
}

/// The key in this file, if it is one. What cannot be a secret any more is taken away.
fn read(file: &Path) -> io::Result<Option<Key>> {
    // One byte more than a key has: a longer file is something else.
    let Some(found) = key_file::read(file, KEY_BYTES + 1)? else { return Ok(None) };
    if let (false, Ok(key)) = (found.is_exposed, Key::try_from(found.bytes.as_slice())) {
        return Ok(Some(key));
    }
    tracing::warn!(file = %file.display(), "the key of compiled plugins is damaged or readable by others: a new one is made");
    fs::remove_file(file)?;
    Ok(None)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    use super::*;
    use crate::vault::key_file::MODE;

    #[test]
    fn a_key_is_made_once_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        let made = read_or_make(&file).unwrap();
        assert_eq!(read_or_make(&file).unwrap(), made);
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, MODE);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing lies about");
    }

    #[test]
    fn a_key_that_others_could_read_or_that_is_damaged_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        let first = read_or_make(&file).unwrap();
        fs::set_permissions(&file, PermissionsExt::from_mode(0o644)).unwrap();
        let second = read_or_make(&file).unwrap();
        assert_ne!(first, second);
        fs::write(&file, b"short").unwrap();
        assert_ne!(read_or_make(&file).unwrap(), second);
    }

    #[test]
    fn all_who_start_at_once_have_the_same_key() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        let keys = std::thread::scope(|scope| {
            let starts: Vec<_> = (0..8).map(|_| scope.spawn(|| read_or_make(&file).unwrap())).collect();
            starts.into_iter().map(|start| start.join().unwrap()).collect::<Vec<_>>()
        });
        assert!(keys.iter().all(|key| *key == keys[0]));
    }
}
