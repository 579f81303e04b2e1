//! From a delivered feed to its items.

use std::cmp::Reverse;

use switchboard_plugin_sdk::{Arrival, Delivery, Rejection, log};

use crate::document::{self, Document};
use crate::feed::{Entry, Feed};
use crate::item::Shared;
use crate::settings::Settings;
use crate::xml::{self, Space};
use crate::{atom, json_feed, rss};

/// The host refuses a delivery with more arrivals. A feed repeats itself, so the oldest entries are
/// the ones that were seen before.
const ENTRIES_MAX: usize = 1_000;

/// Reads a feed; its entries in the order they were written.
pub fn arrivals(delivery: &Delivery, settings: &Settings) -> Result<Vec<Arrival>, Rejection> {
    let feed = match document::of(delivery)? {
        Document::Xml(text) => read_xml(&text)?,
        Document::Json(text) => json_feed::read(&text)?,
    };
    let shared = Shared::of(&feed, settings, delivery.received_at_ms);
    let entries = newest(feed.entries, &shared);
    Ok(entries.into_iter().map(|entry| Arrival::Item(shared.item(entry))).collect())
}

fn read_xml(text: &str) -> Result<Feed, Rejection> {
    let root = xml::parse(text)?;
    match (root.name, root.space) {
        ("feed" | "entry", Space::Atom | Space::Plain) => Ok(atom::read(&root)),
        ("rss", Space::Plain) | ("RDF", Space::Rdf | Space::Plain) => Ok(rss::read(&root)),
        // Some publishers leave the frame out.
        ("channel", Space::Plain) => Ok(rss::read(&root)),
        (name, _) => Err(Rejection::Malformed(format!(
            "found XML with the root <{}>; expected <rss>, <feed> or <rdf:RDF>",
            &name[..name.floor_char_boundary(60)]
        ))),
    }
}

/// At most as many entries as the host takes, the newest; the oldest of them first.
fn newest(mut entries: Vec<Entry>, shared: &Shared) -> Vec<Entry> {
    // Feeds begin with the newest; the sort keeps that order among entries of one moment.
    entries.sort_by_key(|entry| Reverse(shared.occurred_at_ms(entry)));
    if entries.len() > ENTRIES_MAX {
        let left_out = entries.len() - ENTRIES_MAX;
        log::warn(format!("took the newest {ENTRIES_MAX} entries and left {left_out} out"));
        entries.truncate(ENTRIES_MAX);
    }
    entries.reverse();
    entries
}
