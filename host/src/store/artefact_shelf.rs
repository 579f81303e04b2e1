//! Compiled plugins kept in a folder, for repositories that come and go.
//!
//! The repository keeps its own artefacts; this shelf only spares a temporary one, such as a
//! demonstration's or a test's, the compiling that another has done. The key holds the release, the
//! settings and the engine's fingerprint, so what is found always fits.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;

/// A folder of artefacts.
#[derive(Clone, Debug)]
pub struct ArtefactShelf {
    folder: PathBuf,
}

impl ArtefactShelf {
    /// A shelf in this folder, which is made, for its owner alone, if it is not there.
    pub fn new(folder: PathBuf) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        Ok(Self { folder })
    }

    /// The artefact of this key.
    pub fn get(&self, key: &str) -> Option<Vec<u8>> {
        fs::read(self.folder.join(key)).ok()
    }

    /// Keeps an artefact. A shelf that cannot be written is only slower, so that is logged and no more.
    pub fn put(&self, key: &str, bytes: &[u8]) {
        let folder = &self.folder;
        // Written aside and renamed, so that nobody ever reads half of one.
        let aside = folder.join(format!("{key}.{}", std::process::id()));
        let kept = fs::write(&aside, bytes).and_then(|()| fs::rename(&aside, folder.join(key)));
        if let Err(error) = kept {
            tracing::warn!(folder = %folder.display(), %error, "a compiled plugin could not be kept on the shelf");
        }
    }
}
