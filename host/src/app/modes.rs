//! Who may read the repository's files: their owner alone, whatever the umask was when they were made.
//!
//! They hold personal data, raw deliveries, keys and digests of tokens.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::Path;

/// What became of files that were open to others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Closed {
    /// So many are for their owner alone now.
    pub closed: usize,
    /// So many stay open: they belong to another user, as volumes of containers do.
    pub left_open: usize,
}

/// Makes the folder if it is missing, and takes it and what is of the repository in it from everybody but
/// their owner.
///
/// Files that are not of the repository stay as they are, and so does a folder that holds some: it is not the
/// repository's own.
pub fn close_to_others(folder: &Path, is_of_repository: impl Fn(&str) -> bool) -> io::Result<Closed> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let (mut closed, mut is_own) = (Closed::default(), true);
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_str().is_some_and(&is_of_repository) {
            close_all(&entry.path(), &mut closed)?;
        } else {
            is_own = false;
        }
    }
    if is_own {
        close(folder, &mut closed)?;
    }
    Ok(closed)
}

/// The same for a file, or a folder with everything in it.
fn close_all(path: &Path, closed: &mut Closed) -> io::Result<()> {
    // A link leads elsewhere: who made it knows why.
    let kind = fs::symlink_metadata(path)?.file_type();
    if kind.is_dir() {
        for entry in fs::read_dir(path)? {
            close_all(&entry?.path(), closed)?;
        }
    }
    if kind.is_dir() || kind.is_file() { close(path, closed) } else { Ok(()) }
}

fn close(path: &Path, closed: &mut Closed) -> io::Result<()> {
    let mode = fs::metadata(path)?.mode();
    if mode & 0o077 == 0 {
        return Ok(());
    }
    match fs::set_permissions(path, Permissions::from_mode(mode & 0o7700)) {
        Ok(()) => closed.closed += 1,
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => closed.left_open += 1,
        Err(error) => return Err(error),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode_of(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o777
    }

    fn open(path: &Path) {
        fs::write(path, "x").unwrap();
        fs::set_permissions(path, Permissions::from_mode(0o644)).unwrap();
    }

    #[test]
    fn a_folder_open_to_others_is_closed_with_everything_of_the_repository() {
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("new");
        fs::create_dir(&folder).unwrap();
        fs::set_permissions(&folder, Permissions::from_mode(0o755)).unwrap();
        fs::create_dir(folder.join("kept-below")).unwrap();
        open(&folder.join("kept"));
        open(&folder.join("kept-below/one"));
        fs::set_permissions(folder.join("kept-below"), Permissions::from_mode(0o755)).unwrap();
        let is_kept = |name: &str| name.starts_with("kept");
        let closed = |closed| Closed { closed, left_open: 0 };
        assert_eq!(close_to_others(&folder, is_kept).unwrap(), closed(4));
        for (path, mode) in [("", 0o700), ("kept", 0o600), ("kept-below", 0o700), ("kept-below/one", 0o600)] {
            assert_eq!(mode_of(&folder.join(path)), mode, "{path}");
        }
        assert_eq!(close_to_others(&folder, is_kept).unwrap(), closed(0));
    }

    #[test]
    fn what_is_not_of_the_repository_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        open(&folder.path().join("kept"));
        open(&folder.path().join("other"));
        let closed = close_to_others(folder.path(), |name| name == "kept").unwrap();
        assert_eq!(closed, Closed { closed: 1, left_open: 0 });
        assert_eq!(mode_of(folder.path()), 0o755);
        assert_eq!(mode_of(&folder.path().join("other")), 0o644);
    }
}
