//! The files to import, as one stream of records.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use indicatif::ProgressBar;

use super::format::Format;
use super::record::{RecordError, Records};
use crate::cli::remedy::refused;

/// How much of a file is read at once.
const BUFFER_BYTES: usize = 256 * 1024;

/// A record and where it stands.
pub struct Sourced {
    /// Its number over all files, from 1.
    pub position: u64,
    /// Its file.
    pub file: Arc<Path>,
    /// Its number within the file, from 1.
    pub number: u64,
    /// The media type it is delivered as.
    pub media_type: &'static str,
    /// Its bytes.
    pub bytes: Result<Vec<u8>, RecordError>,
}

/// A file whose records are read.
struct Open {
    path: Arc<Path>,
    format: Format,
    records: Records,
}

/// Opens every file before the first record is read, so that a wrong name is told at once; then gives
/// the records one by one.
pub fn records(
    paths: &[PathBuf],
    bar: &ProgressBar,
) -> anyhow::Result<impl Iterator<Item = Sourced> + Send + use<>> {
    let files = paths.iter().map(|path| open(path, bar)).collect::<anyhow::Result<Vec<_>>>()?;
    let sourced = files.into_iter().flat_map(|file| {
        let Open { path, format, records } = file;
        (1..).zip(records).map(move |(number, bytes)| Sourced {
            position: 0,
            file: Arc::clone(&path),
            number,
            media_type: format.media_type(),
            bytes,
        })
    });
    Ok((1..).zip(sourced).map(|(position, record)| Sourced { position, ..record }))
}

fn open(path: &Path, bar: &ProgressBar) -> anyhow::Result<Open> {
    let file = File::open(path).with_context(|| format!("open {}", path.display()))?;
    let bytes = file.metadata().with_context(|| format!("look at {}", path.display()))?.len();
    bar.inc_length(bytes);
    let mut from = BufReader::with_capacity(BUFFER_BYTES, bar.wrap_read(file));
    let start = from.fill_buf().with_context(|| format!("read {}", path.display()))?;
    let Some(format) = Format::of(path, start) else {
        let why = format!("{}: neither its name nor its start says what it holds", path.display());
        return Err(refused(
            why,
            "name it for what it holds: .jsonl, .mbox, .eml, .xml, .atom, .rss or .json",
        ));
    };
    Ok(Open { path: path.into(), format, records: format.records(from) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_counted_over_all_files_and_within_each() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (folder.path().join("one.jsonl"), folder.path().join("two.eml"));
        std::fs::write(&one, "{}\n{}\n").unwrap();
        std::fs::write(&two, "Subject: x\n\ny\n").unwrap();
        let found = records(&[one, two], &ProgressBar::hidden()).unwrap();
        let found: Vec<_> = found.map(|it| (it.position, it.number, it.media_type)).collect();
        assert_eq!(found, [(1, 1, "application/json"), (2, 2, "application/json"), (3, 1, "message/rfc822")]);
    }

    #[test]
    fn a_file_that_is_not_there_is_named_before_anything_is_read() {
        let missing = PathBuf::from("no-such-file.mbox");
        let error = records(&[missing], &ProgressBar::hidden()).err().unwrap();
        assert!(format!("{error:#}").contains("no-such-file.mbox"));
    }
}
