//! Files that hold a key: their owner's alone, and whole or not there at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

/// Readable and writable by its owner alone.
pub const MODE: u32 = 0o600;

/// Access by anybody but the owner.
const OTHERS: u32 = 0o077;

/// What a file of a key holds.
pub struct Found {
    /// Its bytes, as many of them as were asked for.
    pub bytes: Zeroizing<Vec<u8>>,
    /// Whether others than its owner may read or change it.
    pub is_exposed: bool,
}

/// What the file holds, cut after so many bytes; absent where there is none.
pub fn read(file: &Path, bytes_max: usize) -> io::Result<Option<Found>> {
    let mut open = match File::open(file) {
        Ok(open) => open,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let is_exposed = open.metadata()?.mode() & OTHERS != 0;
    let mut bytes = Zeroizing::new(Vec::with_capacity(bytes_max));
    Read::by_ref(&mut open).take(bytes_max as u64).read_to_end(&mut bytes)?;
    Ok(Some(Found { bytes, is_exposed }))
}

/// Puts these bytes there, unless the file is there already: two that start at once agree on the key that was
/// there first, and read it back.
pub fn put_first(file: &Path, bytes: &[u8]) -> io::Result<()> {
    let aside = write_aside(file, bytes)?;
    let linked = fs::hard_link(&aside, file);
    remove(&aside)?;
    match linked {
        Err(error) if !file.exists() => return Err(error),
        _ => {}
    }
    // A key that is gone after a loss of power takes everything it sealed with it.
    File::open(folder_of(file))?.sync_all()
}

/// Removes the keys that were written aside and never came into their place, because the host died: nothing
/// was sealed with them.
pub fn sweep(file: &Path) -> io::Result<()> {
    let Some(name) = file.file_name().and_then(|it| it.to_str()) else { return Ok(()) };
    for entry in fs::read_dir(folder_of(file))? {
        let entry = entry?;
        let is_aside = |other: &str| {
            let ending = other.strip_prefix(name).and_then(|it| it.strip_prefix('.'));
            ending.is_some_and(|it| it.len() == 8 && it.bytes().all(|it| it.is_ascii_hexdigit()))
        };
        if entry.file_name().to_str().is_some_and(is_aside) {
            remove(&entry.path())?;
        }
    }
    Ok(())
}

/// Writes beside the file's place, so that nobody ever reads half of a key.
fn write_aside(file: &Path, bytes: &[u8]) -> io::Result<PathBuf> {
    let mut aside = file.as_os_str().to_owned();
    aside.push(format!(".{:08x}", getrandom::u32().map_err(io::Error::other)?));
    let aside = PathBuf::from(aside);
    let mut open = OpenOptions::new().write(true).create_new(true).mode(MODE).open(&aside)?;
    open.write_all(bytes)?;
    open.sync_all()?;
    Ok(aside)
}

/// Whoever starts at the same time may have been faster.
fn remove(aside: &Path) -> io::Result<()> {
    match fs::remove_file(aside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn folder_of(file: &Path) -> &Path {
    file.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
