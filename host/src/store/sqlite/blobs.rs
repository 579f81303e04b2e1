//! Large blobs as files in a folder beside the database: components, and what they were compiled to.
//!
//! A row of tens of megabytes keeps the one writer for seconds. A file is written aside, synchronised and
//! renamed while others use the database; only then a row names it, so a row never names half a file. A file
//! that no row names is left over from a host that died between the two, and is deleted by the next sweep.
//!
//! **Invariant:** a file is written and its row added while `keeping` is held, and files are deleted while
//! `sweeping` is held, so nothing is deleted whose row is on its way.

use std::collections::HashSet;
use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use tokio::io::AsyncReadExt;
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::Sync;
use super::error::surprise;
use crate::store::{StoreError, StoreResult};

/// How the name of a file begins that is still being written.
const ASIDE: char = '.';

/// A folder of blobs.
pub(super) struct BlobFolder {
    folder: PathBuf,
    sync: Sync,
    changing: RwLock<()>,
    written: AtomicU64,
}

impl BlobFolder {
    /// The folder, which is made, for its owner alone, if it is not there. What a host that died left half
    /// written is deleted.
    pub(super) fn open(folder: PathBuf, sync: Sync) -> StoreResult<Self> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&folder);
        made.and_then(|()| delete_half_written(&folder)).map_err(|error| failed(&folder, &error))?;
        Ok(Self { folder, sync, changing: RwLock::default(), written: AtomicU64::new(0) })
    }

    /// To be held from before a file is written until its row is.
    pub(super) async fn keeping(&self) -> RwLockReadGuard<'_, ()> {
        self.changing.read().await
    }

    /// To be held while files are deleted.
    pub(super) async fn sweeping(&self) -> RwLockWriteGuard<'_, ()> {
        self.changing.write().await
    }

    /// The blob of this name. Read piece by piece: a reader that is dropped leaves no more than one piece.
    pub(super) async fn read(&self, name: &str) -> StoreResult<Option<Vec<u8>>> {
        let path = self.path(name)?;
        let read = async {
            let mut file = tokio::fs::File::open(&path).await?;
            let length = file.metadata().await?.len();
            let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
            file.read_to_end(&mut bytes).await?;
            io::Result::Ok(bytes)
        };
        match read.await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(&path, &error)),
        }
    }

    /// Keeps a blob, in the place of one of this name.
    pub(super) async fn write(&self, name: &str, bytes: Bytes) -> StoreResult<()> {
        let path = self.path(name)?;
        let number = self.written.fetch_add(1, Ordering::Relaxed);
        let aside = self.folder.join(format!("{ASIDE}{number}"));
        let (folder, sync) = (self.folder.clone(), self.sync);
        let write = move || {
            let done = write_aside(&aside, &bytes, sync)
                .and_then(|()| fs::rename(&aside, &path))
                .and_then(|()| synchronise(&folder, sync));
            if done.is_err() {
                // Half a file takes room that others need.
                let _ = fs::remove_file(&aside);
            }
            done.map_err(|error| failed(&path, &error))
        };
        tokio::task::spawn_blocking(write).await.map_err(|error| StoreError::Failed(Box::new(error)))?
    }

    /// Deletes a blob; nothing is wrong if it is not there.
    pub(super) async fn delete(&self, name: &str) -> StoreResult<()> {
        let path = self.path(name)?;
        match tokio::fs::remove_file(&path).await {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(failed(&path, &error)),
            _ => Ok(()),
        }
    }

    /// Deletes every blob but those of these names. To be called while `sweeping` is held.
    pub(super) async fn delete_all_but(&self, named: &HashSet<String>) -> StoreResult<()> {
        for name in self.names()? {
            if !named.contains(&name) {
                tracing::info!(%name, folder = %self.folder.display(), "a file that nothing refers to is deleted");
                self.delete(&name).await?;
            }
        }
        Ok(())
    }

    fn names(&self) -> StoreResult<Vec<String>> {
        let list = || {
            let entries = fs::read_dir(&self.folder)?;
            let names = entries.map(|it| Ok(it?.file_name().to_string_lossy().into_owned()));
            names.collect::<io::Result<Vec<_>>>()
        };
        let mut names = list().map_err(|error| failed(&self.folder, &error))?;
        names.retain(|it| !it.starts_with(ASIDE));
        Ok(names)
    }

    /// Names are made of digests; nothing else leads out of the folder either.
    fn path(&self, name: &str) -> StoreResult<PathBuf> {
        let is_plain = |it: char| it.is_ascii_alphanumeric() || matches!(it, '-' | '_' | '.');
        match !name.is_empty() && !name.starts_with(ASIDE) && name.chars().all(is_plain) {
            true => Ok(self.folder.join(name)),
            false => Err(surprise(format!("`{name}` is no name of a blob"))),
        }
    }
}

fn delete_half_written(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(ASIDE) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn write_aside(aside: &Path, bytes: &[u8], sync: Sync) -> io::Result<()> {
    let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(aside)?;
    file.write_all(bytes)?;
    match sync {
        Sync::Full => file.sync_all(),
        Sync::Off => Ok(()),
    }
}

/// Has the disk know the file's name too.
fn synchronise(folder: &Path, sync: Sync) -> io::Result<()> {
    match sync {
        Sync::Full => File::open(folder)?.sync_all(),
        Sync::Off => Ok(()),
    }
}

fn failed(path: &Path, error: &io::Error) -> StoreError {
    StoreError::Unavailable(format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn folder() -> (tempfile::TempDir, BlobFolder) {
        let directory = tempfile::tempdir().unwrap();
        let blobs = BlobFolder::open(directory.path().join("blobs"), Sync::Full).unwrap();
        (directory, blobs)
    }

    #[tokio::test]
    async fn blobs_are_files_for_their_owner_alone() {
        let (directory, blobs) = folder();
        assert_eq!(blobs.read("a").await.unwrap(), None);
        blobs.write("a", Bytes::from_static(b"one")).await.unwrap();
        blobs.write("a", Bytes::from_static(b"another")).await.unwrap();
        assert_eq!(blobs.read("a").await.unwrap().as_deref(), Some(&b"another"[..]));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let folder = directory.path().join("blobs");
        assert_eq!((mode(&folder), mode(&folder.join("a"))), (0o700, 0o600));
        blobs.delete("a").await.unwrap();
        blobs.delete("a").await.unwrap();
        assert_eq!(blobs.read("a").await.unwrap(), None);
    }

    #[tokio::test]
    async fn half_written_and_unnamed_files_are_deleted() {
        let (directory, blobs) = folder();
        for name in ["kept", "left-over"] {
            blobs.write(name, Bytes::from_static(b"blob")).await.unwrap();
        }
        let folder = directory.path().join("blobs");
        fs::write(folder.join(".7"), b"half").unwrap();
        let blobs = BlobFolder::open(folder.clone(), Sync::Full).unwrap();
        blobs.delete_all_but(&HashSet::from(["kept".to_owned()])).await.unwrap();
        let names: Vec<_> = fs::read_dir(folder).unwrap().map(|it| it.unwrap().file_name()).collect();
        assert_eq!(names, ["kept"]);
    }

    #[tokio::test]
    async fn names_lead_nowhere_else() {
        let (_directory, blobs) = folder();
        for name in ["", "..", "../a", "a/b", ".hidden", "a\0b"] {
            assert!(blobs.read(name).await.is_err(), "{name:?}");
        }
    }
}
