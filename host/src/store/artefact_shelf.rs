//! Compiled plugins kept in a folder, for repositories that come and go.
//!
//! The repository keeps its own artefacts; this shelf only spares a temporary one, such as a
//! demonstration's or a test's, the compiling that another has done. The key holds the release, the
//! settings and the engine's fingerprint, so what is found always fits.

use std::fs;
use std::path::PathBuf;

/// A folder of artefacts, or none.
#[derive(Clone, Debug, Default)]
pub struct ArtefactShelf {
    folder: Option<PathBuf>,
}

impl ArtefactShelf {
    /// A shelf in this folder, which is made when the first artefact is put there.
    pub fn new(folder: Option<PathBuf>) -> Self {
        Self { folder }
    }

    /// The artefact of this key.
    pub fn get(&self, key: &str) -> Option<Vec<u8>> {
        fs::read(self.folder.as_ref()?.join(key)).ok()
    }

    /// Keeps an artefact. A shelf that cannot be written is only slower, so that is logged and no more.
    pub fn put(&self, key: &str, bytes: &[u8]) {
        let Some(folder) = &self.folder else { return };
        // Written aside and renamed, so that nobody ever reads half of one.
        let aside = folder.join(format!("{key}.{}", std::process::id()));
        let kept = fs::create_dir_all(folder)
            .and_then(|()| fs::write(&aside, bytes))
            .and_then(|()| fs::rename(&aside, folder.join(key)));
        if let Err(error) = kept {
            tracing::warn!(folder = %folder.display(), %error, "a compiled plugin could not be kept on the shelf");
        }
    }
}
