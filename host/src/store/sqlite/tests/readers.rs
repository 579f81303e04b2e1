//! Readers are shared, and nobody keeps one for long; long items.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;

use super::super::SqliteStore;
use super::super::StorePath;
use crate::domain::arrival::Arrival;
use crate::domain::caller::{Caller, ShareOwner};
use crate::domain::clock::IdGenerator;
use crate::domain::ids::{ConversationId, DepartmentId};
use crate::domain::item::Item;
use crate::store::conformance::world::{ALL, World, item};
use crate::store::{ConversationStore as _, PageRequest, ReadClass, Reading, StoreError};

async fn empty() -> Arc<SqliteStore> {
    let ids = Arc::new(IdGenerator::new(1));
    Arc::new(SqliteStore::open(StorePath::Temporary, ids).await.unwrap())
}

/// For the only token of that department.
fn reading(department: i64, class: ReadClass) -> Reading {
    reading_for((department, department), class)
}

fn reading_for((department, credential): (i64, i64), class: ReadClass) -> Reading {
    let owner = ShareOwner::Department(DepartmentId(department));
    Reading { caller: Caller { owner, credential }, class }
}

#[tokio::test]
async fn a_departments_tokens_leave_readers_to_another_however_many_they_are() {
    for (class, limit, most) in [(ReadClass::List, "readers", 4), (ReadClass::Search, "searches", 1)] {
        let store = empty().await;
        let take = |department, token| reading_for((department, token), class).scope(store.reader());
        let mut held = Vec::new();
        for token in 0..most {
            held.push(take(1, token).await.unwrap());
        }
        tokio::time::pause();
        let refused = take(1, 99).await.err();
        tokio::time::resume();
        assert!(matches!(refused, Some(StoreError::Busy(it)) if it.0.name == limit));
        held.push(take(2, 100).await.unwrap());
    }
}

#[tokio::test]
async fn one_callers_searches_leave_readers_to_its_lists_and_to_others() {
    let store = empty().await;
    let take = |department, class| reading(department, class).scope(store.reader());
    let _search = take(1, ReadClass::Search).await.unwrap();
    let mut second = Box::pin(take(1, ReadClass::Search));
    assert!((&mut second).now_or_never().is_none(), "one search of a caller at a time");
    let _other = take(2, ReadClass::Search).await.unwrap();
    assert!(Box::pin(take(3, ReadClass::Search)).now_or_never().is_none(), "two searches in all");
    let _lists = [take(1, ReadClass::List).await.unwrap(), take(1, ReadClass::List).await.unwrap()];
    assert!(Box::pin(take(1, ReadClass::List)).now_or_never().is_none(), "three readers of a caller");
    take(2, ReadClass::List).await.unwrap();
}

#[tokio::test]
async fn the_hosts_own_work_waits_for_no_request() {
    let store = empty().await;
    let mut held = Vec::new();
    for department in 1..=8 {
        held.push(reading(department, ReadClass::List).scope(store.reader()).await.unwrap());
    }
    let request = Box::pin(reading(9, ReadClass::List).scope(store.reader()));
    assert!(request.now_or_never().is_none(), "requests have no more readers");
    store.counts().await.unwrap();
    // Also within a change, for what is kept in memory for all.
    reading(9, ReadClass::Act).scope(store.renewing_reader()).await.unwrap();
}

#[tokio::test]
async fn a_caller_that_finds_no_reader_in_time_is_told_the_limit() {
    let store = empty().await;
    let take = || reading(1, ReadClass::Search).scope(store.reader());
    let _held = take().await.unwrap();
    tokio::time::pause();
    let refused = take().await;
    tokio::time::resume();
    assert!(matches!(refused, Err(StoreError::Busy(it)) if it.0.name == "searches"));
}

/// Counts for hours.
const ENDLESS: &str = "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers)
    SELECT count(*) FROM numbers";

#[tokio::test]
async fn a_statement_that_takes_too_long_is_ended_by_name() {
    let store = empty().await;
    let mut reader =
        store.readers.for_request(reading(1, ReadClass::List), Duration::from_millis(1)).await.unwrap();
    let ended = sqlx::query(ENDLESS).fetch_one(&mut *reader).await.map_err(StoreError::from);
    assert!(matches!(ended, Err(StoreError::TooCostly)));
    assert!(matches!(reader.check_time(), Err(StoreError::TooCostly)));
    drop(reader);
    // The connection is as good as before.
    reading(1, ReadClass::List).scope(store.counts()).await.unwrap();
}

#[tokio::test]
async fn a_caller_that_goes_away_leaves_no_statement_behind() {
    let store = empty().await;
    for _ in 0..8 {
        let mut reader = reading(1, ReadClass::List).scope(store.reader()).await.unwrap();
        assert!(sqlx::query(ENDLESS).fetch_one(&mut *reader).now_or_never().is_none());
    }
    for department in 1..6 {
        reading(department, ReadClass::List).scope(store.counts()).await.unwrap();
    }
}

/// A world, its store and a conversation with these items.
async fn with_items(items: Vec<Item>) -> (World, Arc<SqliteStore>, ConversationId) {
    let ids = Arc::new(IdGenerator::new(1));
    let store = Arc::new(SqliteStore::open(StorePath::Temporary, ids.clone()).await.unwrap());
    let world = World::found(Arc::clone(&store) as Arc<dyn crate::store::Store>, ids).await;
    let taken = world.take(items.into_iter().map(Arrival::Item)).await;
    let conversation = taken[0].items[0].1;
    (world, store, conversation)
}

/// The first item, and others that answer it, with texts of so many bytes.
fn thread(bytes: &[usize]) -> Vec<Item> {
    let said = |(number, bytes): (usize, &usize)| {
        let answers: &[&str] = if number == 0 { &[] } else { &["m0"] };
        Item { text: format!("text {number} ") + &"x".repeat(*bytes), ..item(&format!("m{number}"), answers) }
    };
    bytes.iter().enumerate().map(said).collect()
}

#[tokio::test]
async fn a_long_item_is_listed_by_its_beginning_which_goes_when_it_changes() {
    let (_world, store, conversation) = with_items(thread(&[10, 100_000])).await;
    let kept = async || -> i64 {
        let count = sqlx::query_scalar("SELECT count(*) FROM item_beginnings");
        count.fetch_one(&mut *store.reader().await.unwrap()).await.unwrap()
    };
    let listed = store.items(conversation, ALL).await.unwrap().entries;
    assert_eq!((listed[0].cut, kept().await), (None, 1));
    let cut = listed[1].cut.expect("it is long");
    assert!(cut.text_bytes > 100_000 && listed[1].item.text.len() < 10_000);
    let whole = store.item(listed[1].id).await.unwrap().unwrap();
    assert_eq!((whole.item.text.len(), whole.cut), (cut.text_bytes, None));
    assert_eq!(store.latest_inbound(conversation).await.unwrap().as_ref(), Some(&listed[1]));

    // Whatever changes a text takes its beginning out, and the list cuts what it finds.
    let mut writer = store.writer.lock().await;
    let mut tx = writer.begin().await.unwrap();
    sqlx::query("UPDATE item_revisions SET content = replace(content, 'text 1', 'other 1')")
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    drop(writer);
    assert_eq!(kept().await, 0);
    let listed = store.items(conversation, ALL).await.unwrap().entries;
    assert!(listed[1].item.text.starts_with("other 1") && listed[1].item.text.len() < 10_000);
    assert_eq!(listed[1].cut.unwrap().text_bytes, cut.text_bytes + 1);
}

#[tokio::test]
async fn a_page_of_items_ends_at_a_mebibyte_and_the_next_goes_on() {
    // Each is shown as a whole, barely.
    let (_world, store, conversation) = with_items(thread(&[16_000; 100])).await;
    let (mut found, mut pages, mut after) = (Vec::new(), 0, None);
    loop {
        let page = store.items(conversation, PageRequest { after, limit: 200 }).await.unwrap();
        let bytes: usize = page.entries.iter().map(|it| it.item.text.len()).sum();
        assert!(bytes <= 1024 * 1024);
        found.extend(page.entries.into_iter().map(|it| it.item.external_id));
        (pages, after) = (pages + 1, page.next);
        if after.is_none() {
            break;
        }
    }
    let expected: Vec<String> = (0..100).map(|it| format!("m{it}")).collect();
    assert_eq!((found, pages), (expected, 2));
}

#[tokio::test]
async fn a_search_finds_in_the_whole_of_long_texts_and_shows_their_beginnings() {
    let mut items = thread(&[3_000_000, 3_000_000, 10]);
    items[0].text.push_str(" needle");
    items[2].text.push_str(" needle");
    let (_world, store, _) = with_items(items).await;
    let found = store.search("needle", None, ALL).await.unwrap().entries;
    let ids: Vec<_> = found.iter().map(|it| it.item.item.external_id.as_str()).collect();
    assert_eq!(ids, ["m2", "m0"]);
    assert!(found[1].item.cut.is_some() && found[1].item.item.text.len() < 10_000);
}
