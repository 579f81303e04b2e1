//! Feeds that were really published, where the folder with them is at hand.

use std::fs;
use std::path::{Path, PathBuf};

use switchboard_plugin_sdk::{Arrival, ItemKind, testing};

use super::inbox;

fn files(folder: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data").join(folder);
    if !root.is_dir() {
        println!("skipped: {} is absent", root.display());
        return Vec::new();
    }
    let (mut found, mut folders) = (Vec::new(), vec![root]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let ends = |extension: &str| path.extension().is_some_and(|found| found == extension);
            // Beside a feed in XML lies what a parser should make of it, as JSON.
            let is_expectation =
                path.with_extension("xml").exists() || path.to_string_lossy().ends_with("_expected.json");
            let is_feed = ends("xml") || ends("json") && !is_expectation;
            if path.is_dir() {
                folders.push(path);
            } else if is_feed {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn accepts(folder: &str, feeds_least: usize, items_least: usize) {
    let files = files(folder);
    if files.is_empty() {
        return;
    }
    let (mut feeds, mut items) = (0, 0);
    for file in &files {
        match inbox().receive(&testing::delivery(fs::read(file).unwrap())) {
            Ok(intake) => {
                feeds += 1;
                items += intake.arrivals.len();
            }
            Err(rejection) => println!("{}: {rejection:?}", file.display()),
        }
    }
    println!("{folder}: {feeds} of {} feeds accepted, {items} items", files.len());
    assert!(feeds >= feeds_least && items >= items_least, "{folder}: {feeds}, {items}");
}

#[test]
fn published_feeds_are_accepted() {
    accepts("feeds-feedjira", 34, 307);
    accepts("feeds-gofeed", 439, 218);
}

#[test]
fn a_real_alert_is_read() {
    for file in files("google-alerts") {
        let intake = inbox().receive(&testing::delivery(fs::read(file).unwrap())).unwrap();
        assert!(intake.arrivals.len() >= 10);
        for arrival in &intake.arrivals {
            let Arrival::Item(item) = arrival else { panic!("not an item") };
            assert_eq!(item.kind, ItemKind::Alert);
            let permalink = item.permalink.as_deref().unwrap();
            assert!(!permalink.contains("google.com/url"), "{permalink}");
            assert!(!item.text.contains("<b>"), "{}", item.text);
        }
    }
}

#[test]
fn a_feed_cut_anywhere_is_survived() {
    for file in files("feeds-feedjira").into_iter().take(10) {
        let raw = fs::read(file).unwrap();
        for length in (0..raw.len()).step_by(raw.len() / 20 + 1) {
            let _ = inbox().receive(&testing::delivery(&raw[..length]));
        }
    }
}
