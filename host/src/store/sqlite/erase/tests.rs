//! What a file holds after an erasure, and while one is not finished.

mod same;
mod steps;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sqlx::{ConnectOptions as _, Connection as _};
use tempfile::TempDir;

use crate::domain::arrival::Arrival;
use crate::domain::clock::IdGenerator;
use crate::domain::erasure::Wiping;
use crate::domain::ids::ContactId;
use crate::domain::time::Timestamp;
use crate::store::Indexing;
use crate::store::conformance::world::{World, inbound, item};
use crate::store::sqlite::open::reader_options;
use crate::store::sqlite::{SqliteStore, StorePath};

async fn found() -> (World, TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("switchboard.db");
    let ids = Arc::new(IdGenerator::new(1));
    let store = SqliteStore::open(StorePath::File(file.clone()), ids.clone()).await.unwrap();
    (World::found(Arc::new(store), ids).await, directory, file)
}

async fn erase(world: &World, contact: ContactId) {
    world.store.erase_contact(contact, &world.audit("contact.erase")).await.unwrap();
}

/// Rows move between pages as tables and indexes grow; where they were, nothing of them may stay.
#[tokio::test]
async fn nothing_erased_is_left_where_rows_were_before_pages_were_split() {
    let (world, directory, file) = found().await;
    let (mut contacts, mut said_in) = (Vec::new(), Vec::new());
    for numbers in (0..PEOPLE).collect::<Vec<_>>().chunks(50) {
        for taken in world.take(numbers.iter().map(|it| somebody(*it))).await {
            said_in.push(taken.items[0].1);
            contacts.push(world.conversation(taken.items[0].1).await.contact);
        }
    }
    world.route_all().await;
    // Rows grow after they were written.
    for (number, conversation) in said_in.into_iter().enumerate().step_by(3) {
        world.alter(conversation, |it| it.tags.extend([word("tag", number)])).await;
        world.alter(conversation, |it| it.attributes.extend([("a".into(), "b".repeat(200))])).await;
    }
    for number in ERASED {
        erase(&world, contacts[number]).await;
    }
    assert!(world.store.finish_erasures(world.now()).await.unwrap());
    let mut bytes = std::fs::read(&file).unwrap();
    bytes.extend(std::fs::read(directory.path().join("switchboard.db-wal")).unwrap());
    let (left, stays): (Vec<_>, Vec<_>) = words_in(&bytes).into_iter().partition(|it| ERASED.contains(&it.1));
    assert_eq!(left, []);
    assert!(stays.len() > 5 * (PEOPLE - ERASED.len()), "only {} words are found at all", stays.len());
}

/// Enough that every index has many pages.
const PEOPLE: usize = 6_000;

const ERASED: std::ops::Range<usize> = 5_000..5_600;

const KINDS: [&str; 7] = ["item", "address", "handle", "name", "subject", "text", "tag"];

/// Begins with what sorts anywhere.
fn word(kind: &str, number: usize) -> String {
    let anywhere = (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    format!("{anywhere:016x}-{kind}-{number:04}")
}

fn somebody(number: usize) -> Arrival {
    let mut said = item(&word("item", number), &[]);
    said.author.external_id = word("address", number);
    said.author.handle = Some(word("handle", number));
    said.author.name = Some(word("name", number));
    said.subject = Some(word("subject", number));
    said.text = word("text", number);
    Arrival::Item(said)
}

/// Every word that is there, as its kind and number.
fn words_in(bytes: &[u8]) -> Vec<(&'static str, usize)> {
    let mut found = Vec::new();
    for (at, _) in bytes.iter().enumerate().filter(|(_, byte)| **byte == b'-') {
        for kind in KINDS {
            let Some(rest) = bytes[at + 1..].strip_prefix(kind.as_bytes()) else { continue };
            let Some(rest) = rest.strip_prefix(b"-") else { continue };
            let digits = rest.iter().take_while(|it| it.is_ascii_digit()).take(4);
            let number = digits.fold(0, |number, digit| number * 10 + usize::from(digit - b'0'));
            found.push((kind, number));
        }
    }
    found
}

/// How many rows the search index has for a piece of a word.
async fn indexed(file: &Path, piece: &str) -> i64 {
    let mut reader = reader_options(file).connect().await.unwrap();
    let count = "SELECT count(*) FROM item_search WHERE item_search MATCH ?";
    let found = sqlx::query_scalar(count).bind(format!("\"{piece}\"")).fetch_one(&mut reader).await.unwrap();
    reader.close().await.unwrap();
    found
}

#[tokio::test]
async fn what_was_indexed_is_taken_out_of_the_index() {
    let (world, _directory, file) = found().await;
    let conversation = world.take_one(Arrival::Item(says("a", "mika", "a quokka"))).await;
    let contact = world.conversation(conversation).await.contact;
    // Long texts complete the group that is indexed in common.
    index(&world, "b").await;
    let late = world.take_one(Arrival::Item(says("c", "vera", "a quokka too"))).await;
    let wombats = indexed(&file, "wom").await;
    assert!(indexed(&file, "kka").await == 1 && wombats > 0);
    erase(&world, contact).await;
    assert_eq!((indexed(&file, "kka").await, indexed(&file, "wom").await), (0, wombats));

    // One that waits to be indexed is not indexed after it was erased.
    erase(&world, world.conversation(late).await.contact).await;
    index(&world, "d").await;
    assert!(indexed(&file, "kka").await == 0 && indexed(&file, "wom").await > wombats);
}

/// Takes in a group of long texts and has it indexed.
async fn index(world: &World, prefix: &str) {
    let long = "all about wombats ".repeat(2_000);
    for number in 0..140 {
        world.take_one(Arrival::Item(says(&format!("{prefix}-{number}"), "otto", &long))).await;
    }
    while world.store.index_some().await.unwrap() == Indexing::More {}
}

fn says(id: &str, author: &str, text: &str) -> crate::domain::item::Item {
    let mut said = item(id, &[]);
    said.author.external_id = author.into();
    said.text = text.into();
    said
}

#[tokio::test]
async fn the_disk_is_not_wiped_while_somebody_reads_what_was_there() {
    let (world, _directory, file) = found().await;
    let conversation = world.take_one(inbound("a", &[])).await;
    let contact = world.conversation(conversation).await.contact;
    let mut reader = reader_options(&file).connect().await.unwrap();
    let mut moment = reader.begin().await.unwrap();
    let read = "SELECT name FROM contacts";
    let name: String = sqlx::query_scalar(read).fetch_one(&mut *moment).await.unwrap();
    erase(&world, contact).await;
    assert!(!world.store.finish_erasures(world.now()).await.unwrap());
    let erasure = world.store.erasure(contact).await.unwrap().unwrap();
    assert_eq!((name.as_str(), erasure.wiped_at), ("Mika", None));

    moment.rollback().await.unwrap();
    let at = world.now();
    assert!(world.store.finish_erasures(at).await.unwrap());
    assert_eq!(world.store.erasure(contact).await.unwrap().unwrap().wiped_at, Some(at));
}

/// Who waits for a reader does not read the whole file again and again.
#[tokio::test]
async fn pages_are_walked_once_while_somebody_reads_what_was_there() {
    let (world, _directory, file) = found().await;
    let conversation = world.take_one(inbound("a", &[])).await;
    let contact = world.conversation(conversation).await.contact;
    let mut reader = reader_options(&file).connect().await.unwrap();
    let mut moment = reader.begin().await.unwrap();
    let _: i64 = sqlx::query_scalar("SELECT count(*) FROM contacts").fetch_one(&mut *moment).await.unwrap();
    erase(&world, contact).await;
    assert_eq!(world.store.wipe_some(world.now()).await.unwrap(), Wiping::More, "pages are walked");
    assert!(!world.store.finish_erasures(world.now()).await.unwrap());
    for _ in 0..3 {
        assert_eq!(world.store.wipe_some(world.now()).await.unwrap(), Wiping::Waiting, "they are not again");
    }
    moment.rollback().await.unwrap();
    assert!(world.store.finish_erasures(world.now()).await.unwrap());
    assert!(world.store.erasure(contact).await.unwrap().unwrap().wiped_at.is_some());
}

/// What is purged of deliveries is overwritten at once; only for what lay where rows were before, and once a
/// day, the whole file is read.
#[tokio::test]
async fn purged_deliveries_have_pages_walked_once_a_day() {
    const DAY_MS: i64 = 24 * 3_600_000;
    let (world, directory, file) = found().await;
    let purge = async |word: &str| {
        let mut entry = world.delivery(vec![inbound(word, &[])]);
        std::sync::Arc::make_mut(&mut entry.raw).body = format!("{word} ").repeat(2_000).into_bytes();
        world.store.commit_intakes(&[entry], None).await.unwrap();
        let (before, audit) = (world.now(), world.audit("inbox.purge"));
        assert_eq!(world.store.purge_deliveries(world.inbox.id, before, 10, &audit).await.unwrap().purged, 1);
    };
    let is_there = |word: &str| {
        let mut bytes = std::fs::read(&file).unwrap();
        bytes.extend(std::fs::read(directory.path().join("switchboard.db-wal")).unwrap());
        let word = format!("{word} {word} ");
        bytes.windows(word.len()).any(|it| it == word.as_bytes())
    };
    let now = world.now();
    purge("quokka").await;
    assert!(is_there("quokka"), "the log holds it still");
    assert_eq!(world.store.wipe_some(now).await.unwrap(), Wiping::More, "nobody ever walked");
    assert!(world.store.finish_erasures(now).await.unwrap());
    assert!(!is_there("quokka"));

    purge("wombat").await;
    assert!(is_there("wombat"));
    for _ in 0..2 {
        assert_eq!(world.store.wipe_some(now.plus_ms(DAY_MS - 1)).await.unwrap(), Wiping::Done);
        assert!(!is_there("wombat"), "the log is cut at once");
    }
    assert_eq!(world.store.wipe_some(now.plus_ms(DAY_MS)).await.unwrap(), Wiping::More, "a day is over");
    assert!(world.store.finish_erasures(now.plus_ms(DAY_MS)).await.unwrap());
    assert_eq!(world.store.wipe_some(Timestamp::from_ms(i64::MAX / 2)).await.unwrap(), Wiping::Done);
}

#[tokio::test]
async fn a_file_that_is_too_large_is_no_failure_and_stays_to_be_wiped() {
    let directory = tempfile::tempdir().unwrap();
    let ids = Arc::new(IdGenerator::new(1));
    let path = StorePath::File(directory.path().join("switchboard.db"));
    let mut store = SqliteStore::open(path, ids.clone()).await.unwrap();
    store.wiped_pages_max = 1;
    let world = World::found(Arc::new(store), ids).await;
    let conversation = world.take_one(inbound("a", &[])).await;
    let contact = world.conversation(conversation).await.contact;
    erase(&world, contact).await;
    for _ in 0..2 {
        assert_eq!(world.store.wipe_some(world.now()).await.unwrap(), Wiping::TooLarge);
    }
    assert_eq!(world.store.erasure(contact).await.unwrap().unwrap().wiped_at, None);
}

/// Each is larger than what is overwritten at once.
#[tokio::test]
async fn large_items_are_erased_a_few_at_a_time() {
    let (world, directory, file) = found().await;
    let mut conversation = None;
    for number in 0..3 {
        let mut said = says(&format!("i-{number}"), "mika", &"quokka ".repeat(1_300_000));
        said.in_reply_to = vec!["i-0".into()];
        conversation = Some(world.take_one(Arrival::Item(said)).await);
    }
    let contact = world.conversation(conversation.unwrap()).await.contact;
    let erased = world.store.erase_contact(contact, &world.audit("contact.erase")).await.unwrap().erased;
    assert_eq!((erased.items, erased.revisions), (3, 3));
    assert!(world.store.finish_erasures(world.now()).await.unwrap());
    let mut bytes = std::fs::read(&file).unwrap();
    bytes.extend(std::fs::read(directory.path().join("switchboard.db-wal")).unwrap());
    assert!(!bytes.windows(14).any(|it| it == b"quokka quokka "));
}
