//! Who gets an answer, where the file is behind what is written into it now.

use std::sync::Arc;

use crate::domain::clock::IdGenerator;
use crate::store::conformance::personal::by;
use crate::store::conformance::sending::{answer, write};
use crate::store::conformance::world::{World, item};
use crate::store::sqlite::{SqliteStore, StorePath};
use crate::store::{OutboxStore, Store};

async fn open() -> (Arc<SqliteStore>, World) {
    let ids = Arc::new(IdGenerator::new(1));
    let store = Arc::new(SqliteStore::open(StorePath::Temporary, ids.clone()).await.unwrap());
    let world = World::found(Arc::clone(&store) as Arc<dyn Store>, ids).await;
    (store, world)
}

async fn execute(store: &SqliteStore, sql: &'static str) {
    sqlx::raw_sql(sql).execute(&mut store.writer.lock().await.connection).await.unwrap();
}

/// An erasure may come between the look at an answer and the look at whom it is for.
#[tokio::test]
async fn nobody_gets_an_answer_who_is_erased_while_it_is_fetched() {
    let (store, world) = open().await;
    let (_, outbox) = answer(&world).await;
    execute(&store, "UPDATE contacts SET erased_at = 1").await;
    let work = store.claim_outbox(world.inbox.id, world.now(), 10).await.unwrap().remove(0);
    assert_eq!((work.entry.id, work.recipient), (outbox, None));
}

/// Answers that were written before their recipients were.
#[tokio::test]
async fn an_older_answer_goes_to_whom_it_answers_or_else_to_whom_its_conversation_is_with() {
    const MIGRATION: &str = include_str!("../migrations/0021_recipients.sql");
    let (store, world) = open().await;
    let vera = world.take([by("vera", item("a", &[]))]).await[0].items[0];
    let otto = world.take([by("otto", item("b", &["a"]))]).await[0].items[0];
    let to_otto = write(&world, vera.1, Some(otto.0), &["b", "a"]).await.unwrap();
    let to_vera = write(&world, vera.1, None, &[]).await.unwrap();
    execute(&store, "UPDATE outbox SET recipient = NULL").await;
    execute(&store, &MIGRATION[MIGRATION.find("UPDATE").unwrap()..]).await;
    let work = store.claim_outbox(world.inbox.id, world.now(), 10).await.unwrap();
    let recipient = |id| {
        let work = work.iter().find(|it| it.entry.id == id).unwrap();
        work.recipient.as_ref().unwrap().author.external_id.as_str()
    };
    assert_eq!([recipient(to_otto), recipient(to_vera)], ["otto", "vera"]);
}
