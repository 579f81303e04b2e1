//! The conformance suite on SQLite, and what only a file can do wrong.

use std::path::Path;
use std::sync::Arc;

use sqlx::{Connection as _, SqliteConnection};

use super::open::writer_options;
use super::{SqliteStore, StoreOptions, StorePath, verify_file};
use crate::domain::arrival::Arrival;
use crate::domain::clock::IdGenerator;
use crate::domain::ids::{ContactId, InboxId};
use crate::store::conformance::world::{ALL, NEEDS, World, inbound, item};
use crate::store::{ConversationStore, Indexing, OrganisationStore, PageRequest, RouteStore, StoreError};

async fn open() -> World {
    let ids = Arc::new(IdGenerator::new(1));
    let store = SqliteStore::open(StorePath::Temporary, ids.clone()).await.unwrap();
    World::found(Arc::new(store), ids).await
}

mod blobs;
mod readers;
mod recipients;
mod upkeep;

mod conformance {
    crate::store::conformance::conformance!(super::super::open);
}

async fn open_file(file: &Path) -> Result<(SqliteStore, Arc<IdGenerator>), StoreError> {
    let ids = Arc::new(IdGenerator::new(1));
    let store = SqliteStore::open(StorePath::File(file.to_owned()), ids.clone()).await?;
    Ok((store, ids))
}

#[tokio::test]
async fn a_restart_keeps_everything_and_frees_claims() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("switchboard.db");
    let (store, ids) = open_file(&file).await.unwrap();
    let world = World::found(Arc::new(store), ids).await;
    let id = world.take_one(inbound("a", &[])).await;
    let before = world.conversation(id).await;
    assert_eq!(world.claim().await.len(), 1);
    let World { store, inbox, .. } = world;
    drop(store);

    let (store, ids) = open_file(&file).await.unwrap();
    assert!(store.directory().await.unwrap().inbox(inbox.id).is_some());
    let claimed = store.claim_cases(inbox.department, 10, Default::default()).await.unwrap();
    assert_eq!(claimed[0].conversation, before);
    // The clock may stand where it stood before: ids grow all the same.
    let next: InboxId = ids.next(before.opened_at);
    assert!(next.0 > claimed[0].claim.event.id.0);
}

/// When the disk is full or fails, SQLite ends a transaction by itself, and the driver does not know.
#[tokio::test]
async fn after_sqlite_ended_a_transaction_by_itself_everything_goes_on() {
    let ids = Arc::new(IdGenerator::new(1));
    let store = Arc::new(SqliteStore::open(StorePath::Temporary, ids.clone()).await.unwrap());
    let world = World::found(Arc::clone(&store) as Arc<dyn crate::store::Store>, ids).await;
    let end_by_itself = async || {
        let mut writer = store.writer.lock().await;
        let mut transaction = writer.begin().await.unwrap();
        sqlx::query("ROLLBACK").execute(&mut *transaction).await.unwrap();
    };
    end_by_itself().await;
    world.take_one(inbound("a", &[])).await;
    end_by_itself().await;
    assert_eq!(world.route_all().await.len(), 1);
    end_by_itself().await;
    world.store.set_vip(ContactId(0), true, &world.audit("contact.set-vip")).await.unwrap_err();
    assert_eq!(store.counts().await.unwrap().decisions, 1);
}

/// What was just taken in is judged from memory; it must be what the file has.
#[tokio::test]
async fn a_case_is_the_same_from_memory_and_from_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("switchboard.db");
    let (store, ids) = open_file(&file).await.unwrap();
    let world = World::found(Arc::new(store), ids).await;
    // The second batch meets the same person again, in another conversation.
    for arrivals in [["a", "b"], ["c", "d"]] {
        world.take(arrivals.map(|it| inbound(it, &[]))).await;
    }
    let from_memory = world.store.claim_cases(world.inbox.department, 10, NEEDS).await.unwrap();
    assert_eq!(from_memory.len(), 4);
    let department = world.inbox.department;
    drop(world);

    let (store, _) = open_file(&file).await.unwrap();
    let from_file = store.claim_cases(department, 10, NEEDS).await.unwrap();
    assert_eq!(from_memory, from_file);
}

/// Texts are indexed in groups of thousands; until then they are looked through.
#[tokio::test]
async fn a_text_is_found_before_and_after_it_is_indexed() {
    const ITEMS: usize = 2_300;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("switchboard.db");
    let (store, ids) = open_file(&file).await.unwrap();
    let world = World::found(Arc::new(store), ids).await;
    let all: Vec<usize> = (0..ITEMS).collect();
    for (index, numbers) in all.chunks(150).enumerate() {
        // The last ones are too few to be indexed.
        while index == 15 && world.store.index_some().await.unwrap() == Indexing::More {}
        let say = |number: &usize| {
            let mut said = item(&format!("m{number}"), &[]);
            said.text = format!("parcel number-{number}.");
            world.delivery(vec![Arrival::Item(said)])
        };
        let entries: Vec<_> = numbers.iter().map(say).collect();
        assert!(world.store.commit_intakes(&entries, None).await.unwrap().iter().all(Result::is_ok));
    }
    drop(world);

    let (store, _) = open_file(&file).await.unwrap();
    let indexed: i64 = sqlx::query_scalar("SELECT indexed FROM search_progress")
        .fetch_one(&mut *store.reader().await.unwrap())
        .await
        .unwrap();
    assert!((1..ITEMS as i64).contains(&indexed), "{indexed} of {ITEMS} are indexed");
    for number in [0, indexed - 1, indexed, ITEMS as i64 - 1] {
        let page = store.search(&format!("number-{number}."), None, ALL).await.unwrap();
        let found: Vec<_> = page.entries.iter().map(|it| it.item.item.external_id.as_str()).collect();
        assert_eq!(found, [format!("m{number}")]);
    }
    let (mut found, mut after) = (0, None);
    loop {
        let page = store.search("parcel", None, PageRequest { after, limit: 70 }).await.unwrap();
        found += page.entries.len();
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(found, ITEMS);
}

/// More than waits in memory: the rest waits in the file.
#[tokio::test]
async fn long_texts_are_indexed_by_their_beginnings_and_none_is_left_out() {
    const ITEMS: usize = 400;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("switchboard.db");
    let (store, ids) = open_file(&file).await.unwrap();
    let world = World::found(Arc::new(store), ids).await;
    for number in 0..ITEMS {
        let mut said = item(&format!("m{number}"), &[]);
        said.text = format!("first-{number}. {} last-{number}.", "and so on ".repeat(5_000));
        world.take_one(Arrival::Item(said)).await;
    }
    let mut steps = 0;
    while world.store.index_some().await.unwrap() == Indexing::More {
        steps += 1;
        assert!(steps < ITEMS, "it does not end");
    }
    let (store, _) = {
        drop(world);
        open_file(&file).await.unwrap()
    };
    let indexed: i64 = sqlx::query_scalar("SELECT indexed FROM search_progress")
        .fetch_one(&mut *store.reader().await.unwrap())
        .await
        .unwrap();
    assert!(indexed > ITEMS as i64 - 100, "{indexed} of {ITEMS} are indexed");
    for number in [0, 1, ITEMS / 2, indexed as usize - 1, ITEMS - 1] {
        let page = store.search(&format!("first-{number}."), None, ALL).await.unwrap();
        let found: Vec<_> = page.entries.iter().map(|it| it.item.item.external_id.as_str()).collect();
        assert_eq!(found, [format!("m{number}")]);
    }
    assert!(store.search("last-0.", None, ALL).await.unwrap().entries.is_empty());
}

#[tokio::test]
async fn a_second_host_on_the_same_file_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("switchboard.db");
    let (store, _) = open_file(&file).await.unwrap();
    let Err(StoreError::InUse(named)) = open_file(&file).await else {
        panic!("two hosts have one file open");
    };
    assert_eq!(named, file.display().to_string());
    store.close().await.unwrap();
    open_file(&file).await.unwrap();
}

#[tokio::test]
async fn a_bad_entry_does_not_harm_the_others() {
    let world = open().await;
    let mut entries: Vec<_> =
        (0..9).map(|it| world.delivery(vec![inbound(&format!("m{it}"), &[])])).collect();
    // The same delivery twice, and one of an inbox that is not there.
    entries[3].delivery = entries[2].delivery;
    let mut nowhere = (*world.inbox).clone();
    nowhere.id = InboxId(1);
    entries[7].inbox = Arc::new(nowhere);
    let answers = world.store.commit_intakes(&entries, None).await.unwrap();
    let bad: Vec<_> = (0..9).filter(|it| answers[*it].is_err()).collect();
    assert_eq!(bad, [3, 7]);
    assert_eq!(world.store.counts().await.unwrap().items, 7);
    assert_eq!(world.store.deliveries(None, None, None, ALL).await.unwrap().entries.len(), 7);
}

#[tokio::test]
async fn what_is_on_an_items_path_is_found_by_index() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("switchboard.db");
    let (store, _) = open_file(&file).await.unwrap();
    for sql in [
        "SELECT 1 FROM jsonb_each(?1) AS k CROSS JOIN items AS i
         ON i.inbox = k.value ->> 0 AND i.external_id = k.value ->> 1",
        "SELECT 1 FROM jsonb_each(?1) AS k CROSS JOIN identities AS i
         ON i.channel = k.value ->> 0 AND i.external_id = k.value ->> 1",
        "SELECT 1 FROM jsonb_each(?1) AS k CROSS JOIN conversations AS c
         ON c.inbox = k.value ->> 0 AND c.thread_key = k.value ->> 1",
        "SELECT delivery FROM imports WHERE inbox = ? AND key = ?",
        "UPDATE conversations SET revision = 1 FROM jsonb_each(?1) AS r
         WHERE conversations.id = r.value ->> 0",
        "DELETE FROM events WHERE id IN (SELECT value ->> 0 FROM jsonb_each(?1))",
        "SELECT id FROM events WHERE is_next = 1 AND department = ? ORDER BY id LIMIT ?",
        "SELECT id FROM outbox WHERE inbox = ? AND state = 'queued' AND begun_at IS NULL
         AND next_attempt_at <= ? ORDER BY next_attempt_at",
        "SELECT conversation FROM timers WHERE department = ? AND due_at <= ? ORDER BY due_at LIMIT ?",
        "SELECT EXISTS (SELECT 1 FROM timers WHERE due_at <= ?)",
        "SELECT id FROM outbox WHERE begun_at IS NOT NULL",
        "DELETE FROM timers WHERE (conversation, purpose) IN (SELECT value ->> 0, value ->> 1 FROM jsonb_each(?1))",
    ] {
        let plan: Vec<(i64, i64, i64, String)> =
            sqlx::query_as(sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}")))
                .fetch_all(&mut *store.reader().await.unwrap())
                .await
                .unwrap();
        let walks = plan.iter().any(|(.., step)| {
            step.starts_with("SCAN")
                && step != "SCAN CONSTANT ROW"
                && !step.contains("INDEX")
                && !step.contains(" k ")
                && !step.contains(" r ")
                && !step.contains("jsonb_each")
        });
        assert!(!walks, "{sql}: {plan:?}");
    }
}

/// Walks from one department or inbox to the next go by an index, whatever waits at each.
#[tokio::test]
async fn what_waits_is_found_without_reading_all_of_it() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = open_file(&directory.path().join("switchboard.db")).await.unwrap();
    for (sql, table) in [
        (super::route::claim::WAITING_DEPARTMENTS, "events"),
        (super::timers::DUE_DEPARTMENTS, "timers"),
        (super::outbox::work::DUE_INBOXES, "outbox"),
    ] {
        let plan: Vec<(i64, i64, i64, String)> =
            sqlx::query_as(sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}")))
                .fetch_all(&mut *store.reader().await.unwrap())
                .await
                .unwrap();
        let walks = plan.iter().any(|(.., step)| step.starts_with("SCAN") && step.contains(table));
        let asks = plan.iter().filter(|(.., step)| step.starts_with("SEARCH")).count();
        assert!(!walks && asks >= 2, "{sql}: {plan:?}");
    }
}

#[tokio::test]
async fn a_change_of_the_audit_log_behind_the_hosts_back_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("switchboard.db");
    let (store, ids) = open_file(&file).await.unwrap();
    let world = World::found(Arc::new(store), ids).await;
    // The host is still there.
    let whole = verify_file(&file).await.unwrap();
    assert_eq!((whole.verified, whole.broken), (4, None));
    drop(world);

    for (sql, number) in [
        ("UPDATE audit SET subject = 'something else' WHERE number = 3", 3),
        ("DELETE FROM audit WHERE number = 2", 2),
        ("UPDATE audit SET number = 7 WHERE number = 4", 4),
        ("DELETE FROM audit WHERE number = 4", 4),
    ] {
        let copy = directory.path().join(format!("copy-{number}.db"));
        let options = writer_options(&file, StoreOptions::default());
        let mut original = SqliteConnection::connect_with(&options).await.unwrap();
        let target = copy.to_str().unwrap();
        sqlx::query("VACUUM INTO ?").bind(target).execute(&mut original).await.unwrap();
        original.close().await.unwrap();
        let options = writer_options(&copy, StoreOptions::default());
        let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
        assert!(sqlx::raw_sql(sql).execute(&mut connection).await.is_err(), "the file itself refuses: {sql}");
        let unlocked = "DROP TRIGGER audit_is_never_changed; DROP TRIGGER audit_is_never_shortened;";
        sqlx::raw_sql(sqlx::AssertSqlSafe(format!("{unlocked} {sql}")))
            .execute(&mut connection)
            .await
            .unwrap();
        connection.close().await.unwrap();
        let broken = verify_file(&copy).await.unwrap().broken.unwrap();
        assert_eq!(broken.number, number, "{sql}: {broken:?}");
        std::fs::remove_file(&copy).unwrap();
    }
}
