//! What is done to a repository's file behind the host's back, while no host has it open.

use std::path::Path;
use std::sync::Arc;

use switchboard::domain::clock::IdGenerator;
use switchboard::store::sqlite::{SqliteStore, StorePath};
use switchboard::store::{LastEnd, UpkeepStore};

/// What SQLite's pages have.
const PAGE_BYTES: usize = 4_096;

/// Opens it and closes it in order, so that the file holds everything; how the host ended that had it last.
pub async fn carry_over(file: &Path) -> LastEnd {
    let store = SqliteStore::open(StorePath::File(file.to_owned()), Arc::new(IdGenerator::new(0))).await;
    let store = store.unwrap_or_else(|error| panic!("it does not open: {error}"));
    let last_end = store.last_end();
    store.close().await.unwrap();
    last_end
}

/// Writes something else of as many bytes wherever this stands.
pub async fn replace(file: &Path, word: &str, instead: &str) {
    carry_over(file).await;
    let mut bytes = std::fs::read(file).unwrap();
    let places = places(&bytes, word);
    for at in places {
        bytes[at..at + word.len()].copy_from_slice(instead.as_bytes());
    }
    std::fs::write(file, bytes).unwrap();
}

/// Makes the first page in which this stands one that means nothing.
pub async fn spoil_page_of(file: &Path, word: &str) {
    carry_over(file).await;
    let mut bytes = std::fs::read(file).unwrap();
    let page = places(&bytes, word)[0] / PAGE_BYTES * PAGE_BYTES;
    bytes[page] = 0xa5;
    std::fs::write(file, bytes).unwrap();
}

fn places(bytes: &[u8], word: &str) -> Vec<usize> {
    let windows = bytes.windows(word.len()).enumerate();
    let places: Vec<_> = windows.filter(|(_, it)| *it == word.as_bytes()).map(|(at, _)| at).collect();
    assert!(!places.is_empty(), "{word} is not there");
    places
}
