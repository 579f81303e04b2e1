//! How the host before ended, and what is found in what it left.

use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _};

use super::*;
use crate::store::{Findings, LastEnd, Store, UpkeepStore};

#[tokio::test]
async fn it_is_known_whether_the_host_before_ended_in_order() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("switchboard.db");
    let (store, _) = open_file(&file).await.unwrap();
    assert_eq!(store.last_end(), LastEnd::Orderly, "there was none");
    drop(store);
    for _ in 0..2 {
        let (store, _) = open_file(&file).await.unwrap();
        assert_eq!(store.last_end(), LastEnd::Sudden);
    }
    let (store, _) = open_file(&file).await.unwrap();
    store.close().await.unwrap();
    let (store, _) = open_file(&file).await.unwrap();
    assert_eq!(store.last_end(), LastEnd::Orderly);
    store.note_orderly_end().await.unwrap();
    drop(store);
    assert_eq!(open_file(&file).await.unwrap().0.last_end(), LastEnd::Orderly);
}

/// What is found in a repository with one conversation to which this was done behind the host's back.
async fn found_after(sql: &str) -> Findings {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("switchboard.db");
    let (store, ids) = open_file(&file).await.unwrap();
    let store = Arc::new(store);
    let world = World::found(Arc::clone(&store) as Arc<dyn Store>, ids).await;
    world.take_one(inbound("a", &[])).await;
    assert_eq!(store.inspect().await.unwrap(), Findings::default());
    drop(world);
    drop(store);
    let options = writer_options(&file, StoreOptions::default()).foreign_keys(false);
    let mut connection = options.connect().await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    open_file(&file).await.unwrap().0.inspect().await.unwrap()
}

#[tokio::test]
async fn what_is_gone_is_named_as_damage() {
    for (sql, says) in [
        ("DELETE FROM conversations", "of `items` refers to a row of `conversations` that is gone"),
        ("DROP TRIGGER audit_is_never_shortened; DELETE FROM audit WHERE number = 4", "ends at 3, not at 4"),
        ("DELETE FROM installation WHERE name = 'audit-head'", "ends at 4, not at 0"),
    ] {
        let found = found_after(sql).await;
        assert!(found.damage.iter().any(|it| it.contains(says)), "{sql}: {found:?}");
    }
}

#[tokio::test]
async fn what_waits_for_nothing_is_named_and_no_damage() {
    for sql in ["DELETE FROM events", "UPDATE events SET is_next = 0"] {
        let found = found_after(sql).await;
        assert_eq!(found.damage, Vec::<String>::new(), "{sql}");
        assert!(found.stuck[0].starts_with("conversation cnv_"), "{sql}: {found:?}");
    }
}

#[tokio::test]
async fn pages_that_are_not_what_was_written_are_named_as_damage() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("switchboard.db");
    let (store, ids) = open_file(&file).await.unwrap();
    let store = Arc::new(store);
    let world = World::found(Arc::clone(&store) as Arc<dyn Store>, ids).await;
    for number in 0..50 {
        world.take_one(inbound(&format!("m{number}"), &[])).await;
    }
    drop(world);
    Arc::into_inner(store).unwrap().close().await.unwrap();
    let mut bytes = std::fs::read(&file).unwrap();
    let length = bytes.len();
    bytes[length / 2..length / 2 + 40_000].fill(0xa5);
    std::fs::write(&file, bytes).unwrap();
    match open_file(&file).await {
        Ok((store, _)) => assert!(!store.inspect().await.unwrap().damage.is_empty()),
        Err(error) => assert!(matches!(error, StoreError::Damaged(_)), "{error}"),
    }
}

#[tokio::test]
async fn damage_that_was_met_at_work_is_remembered_whatever_the_end() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("switchboard.db");
    let (store, _) = open_file(&file).await.unwrap();
    store.note_damage();
    store.close().await.unwrap();
    let (store, _) = open_file(&file).await.unwrap();
    assert_eq!(store.last_end(), LastEnd::Sudden);
    store.close().await.unwrap();
    assert_eq!(open_file(&file).await.unwrap().0.last_end(), LastEnd::Orderly, "it was inspected");
}
