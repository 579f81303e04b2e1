//! An erasure in many steps: others write in between, hosts die in between, and it comes to its end.

use std::path::Path;
use std::sync::Arc;

use crate::domain::clock::IdGenerator;
use crate::domain::conversation::Status;
use crate::domain::erasure::{Erasing, Wiping};
use crate::domain::ids::{ContactId, ConversationId};
use crate::store::Store;
use crate::store::conformance::personal::by;
use crate::store::conformance::world::{ALL, World, item};
use crate::store::sqlite::erase::{AtOnce, items, scope};
use crate::store::sqlite::{SqliteStore, StorePath, verify_file};

/// A repository in this file whose erasures take so much at once.
async fn open(file: &Path, conversations: usize, items: i64) -> (Arc<dyn Store>, Arc<IdGenerator>) {
    let ids = Arc::new(IdGenerator::new(1));
    let mut store = SqliteStore::open(StorePath::File(file.to_owned()), ids.clone()).await.unwrap();
    store.erased_at_once = AtOnce { conversations, items };
    (Arc::new(store), ids)
}

async fn found(file: &Path, conversations: usize, items: i64) -> World {
    let (store, ids) = open(file, conversations, items).await;
    World::found(store, ids).await
}

fn says(id: &str, author: &str, to: &[&str], text: &str) -> crate::domain::arrival::Arrival {
    by(author, crate::domain::item::Item { text: text.into(), ..item(id, to) })
}

/// Somebody begins this many conversations.
async fn begins(world: &World, author: &str, many: usize) -> Vec<ConversationId> {
    let ids: Vec<_> = (0..many).map(|it| format!("{author}-{it}")).collect();
    let said = ids.iter().map(|it| says(it, author, &[], &format!("{author}-words {it}")));
    world.take(said).await.iter().map(|it| it.items[0].1).collect()
}

async fn begin(world: &World, contact: ContactId) {
    let begun = world.store.begin_erasure(contact, &world.audit("contact.erase")).await.unwrap();
    assert_eq!(begun, None);
}

async fn step(world: &World, contact: ContactId) -> Erasing {
    world.store.erase_some(contact, world.now()).await.unwrap()
}

fn is_in(file: &Path, word: &str) -> bool {
    let mut bytes = std::fs::read(file).unwrap();
    bytes.extend(std::fs::read(file.with_extension("db-wal")).unwrap());
    bytes.windows(word.len()).any(|it| it == word.as_bytes())
}

async fn erased_among(world: &World, conversations: &[ConversationId]) -> usize {
    let mut erased = 0;
    for id in conversations {
        erased += usize::from(world.conversation(*id).await.erased_at.is_some());
    }
    erased
}

#[tokio::test]
async fn between_two_steps_everybody_else_writes_and_whatever_came_goes_too() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("switchboard.db");
    let world = found(&file, 3, 100).await;
    let own = begins(&world, "vera", 10).await;
    let others = begins(&world, "otto", 1).await[0];
    world.take([says("vera-joins", "vera", &["otto-0"], "vera-words there")]).await;
    let vera = world.contact_of(own[0]).await;
    begin(&world, vera).await;
    assert_eq!(erased_among(&world, &own).await, 0, "it is noted, and no more");

    let (mut steps, mut gone) = (0, Vec::new());
    let ended = loop {
        let erasing = step(&world, vera).await;
        steps += 1;
        gone.push(erased_among(&world, &own).await);
        let Erasing::More = erasing else { break erasing };
        assert_eq!(world.store.erasure(vera).await.unwrap(), None);
        assert_eq!(world.store.contact(vera).await.unwrap().unwrap().0.erased_at, None);
        // Somebody else begins a conversation; she goes on in one, in one with somebody else, in a new one.
        world.take([says(&format!("mia-{steps}"), "mia", &[], &format!("mia-words {steps}"))]).await;
        world.take([says(&format!("again-{steps}"), "vera", &["vera-9"], "vera-words again")]).await;
        world.take([says(&format!("there-{steps}"), "vera", &["otto-0"], "vera-words there again")]).await;
        world.take([says(&format!("anew-{steps}"), "vera", &[], "vera-words anew")]).await;
    };
    assert_eq!(gone, [2, 5, 8, 10], "three conversations at a time, one of them with somebody else");
    let Erasing::Ended(erasure) = ended else { panic!("{ended:?}") };
    let erased = erasure.erased;
    assert_eq!((erased.contacts, erased.conversations), (1, 13));
    assert_eq!((erased.items, erased.revisions, erased.deliveries), (20, 20, 20));
    assert!(world.store.finish_erasures(world.now()).await.unwrap());
    assert!(!is_in(&file, "vera-words") && !is_in(&file, "vera@"));
    assert!(is_in(&file, "otto-words otto-0") && is_in(&file, "mia-words 1") && is_in(&file, "mia-words 3"));
    assert_eq!(world.conversation(others).await.erased_at, None);
    // Asked again, everybody hears the same.
    let again = world.store.begin_erasure(vera, &world.audit("contact.erase")).await.unwrap().unwrap();
    assert_eq!((again.erased_at, again.erased), (erasure.erased_at, erasure.erased));
    assert_eq!(step(&world, vera).await, Erasing::Over(again));
}

/// Whoever writes more than a step takes is erased all the same.
#[tokio::test]
async fn it_ends_while_the_contact_goes_on_writing() {
    let directory = tempfile::tempdir().unwrap();
    let world = found(&directory.path().join("switchboard.db"), 1, 2).await;
    let own = begins(&world, "vera", 4).await;
    // A long one, and one with somebody else.
    for number in 0..6 {
        world.take([says(&format!("long-{number}"), "vera", &["vera-0"], "more")]).await;
    }
    begins(&world, "otto", 1).await;
    world.take([says("vera-joins", "vera", &["otto-0"], "more")]).await;
    let vera = world.contact_of(own[0]).await;
    begin(&world, vera).await;
    let mut steps = 0;
    while step(&world, vera).await == Erasing::More {
        steps += 1;
        assert!(steps < 20, "it does not end");
        for number in 0..3 {
            let id = |what: &str| format!("{what}-{steps}-{number}");
            world.take([says(&id("anew"), "vera", &[], "more")]).await;
            world.take([says(&id("again"), "vera", &["vera-0"], "more")]).await;
            world.take([says(&id("there"), "vera", &["otto-0"], "more")]).await;
        }
    }
    assert!(steps > 5, "{steps}");
    let items = world.store.counts().await.unwrap().items;
    let erased = world.store.erasure(vera).await.unwrap().unwrap().erased;
    assert_eq!(erased.items, items - 1, "otto's stays");
}

#[tokio::test]
async fn a_host_that_died_in_between_leaves_the_rest_to_the_next_one() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("switchboard.db");
    let world = found(&file, 2, 100).await;
    let own = begins(&world, "vera", 7).await;
    begins(&world, "otto", 1).await;
    let vera = world.contact_of(own[0]).await;
    begin(&world, vera).await;
    begin(&world, vera).await;
    assert_eq!(step(&world, vera).await, Erasing::More);
    assert_eq!(step(&world, vera).await, Erasing::More);
    assert_eq!(erased_among(&world, &own).await, 4);
    let now = world.now();
    drop(world);

    let (store, _) = open(&file, 2, 100).await;
    assert_eq!(store.begun_erasures().await.unwrap(), [vera]);
    assert_eq!(store.erasure(vera).await.unwrap(), None);
    assert!(store.finish_erasures(now).await.unwrap());
    assert_eq!(store.begun_erasures().await.unwrap(), []);
    let erasure = store.erasure(vera).await.unwrap().unwrap();
    assert_eq!((erasure.erased_at, erasure.wiped_at), (Some(now), Some(now)));
    let erased = erasure.erased;
    assert_eq!((erased.contacts, erased.conversations, erased.items, erased.deliveries), (1, 7, 7, 7));
    assert!(!is_in(&file, "vera-words") && is_in(&file, "otto-words"));
    let audit = store.audit(ALL).await.unwrap().entries;
    assert_eq!(audit.iter().filter(|it| it.action == "contact.erase").count(), 1);
    assert_eq!(verify_file(&file).await.unwrap().broken, None);
}

/// It may have passed what is erased later.
#[tokio::test]
async fn a_walk_that_began_before_the_end_wipes_nothing_of_it() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("switchboard.db");
    let world = found(&file, 2, 100).await;
    let vera = world.contact_of(begins(&world, "vera", 5).await[0]).await;
    begin(&world, vera).await;
    assert_eq!(step(&world, vera).await, Erasing::More);
    assert_eq!(world.store.wipe_some(world.now()).await.unwrap(), Wiping::More, "a walk has begun");
    while step(&world, vera).await == Erasing::More {}
    assert_eq!(world.store.wipe_some(world.now()).await.unwrap(), Wiping::More, "it is at its end");
    assert_eq!(world.store.erasure(vera).await.unwrap().unwrap().wiped_at, None);
    assert_eq!(world.store.wipe_some(world.now()).await.unwrap(), Wiping::More, "there is another one");
    assert!(world.store.finish_erasures(world.now()).await.unwrap());
    assert!(world.store.erasure(vera).await.unwrap().unwrap().wiped_at.is_some());
    assert!(!is_in(&file, "vera-words"));
}

#[tokio::test]
async fn two_who_erase_the_same_contact_are_in_nobodys_way() {
    let directory = tempfile::tempdir().unwrap();
    let world = found(&directory.path().join("switchboard.db"), 1, 100).await;
    let vera = world.contact_of(begins(&world, "vera", 6).await[0]).await;
    let at = world.now();
    let erase = async || {
        let erasure = world.store.erase_contact(vera, &world.audit("contact.erase")).await.unwrap();
        (erasure.erased.conversations, erasure.erased.items, erasure.erased.contacts)
    };
    let go_on = async || while matches!(world.store.erase_some(vera, at).await, Ok(Erasing::More)) {};
    let (one, other, ()) = tokio::join!(erase(), erase(), go_on());
    assert_eq!((one, other), ((6, 6, 1), (6, 6, 1)));
    let audit = world.store.audit(ALL).await.unwrap().entries;
    assert_eq!(audit.iter().filter(|it| it.action == "contact.erase").count(), 1);
}

/// Retention may take the last of the contact's conversations meanwhile.
#[tokio::test]
async fn whose_erasure_has_begun_is_left_to_it_by_retention() {
    let directory = tempfile::tempdir().unwrap();
    let world = found(&directory.path().join("switchboard.db"), 1, 100).await;
    let own = begins(&world, "vera", 1).await;
    world.route_all().await;
    world.alter(own[0], |it| it.status = Status::Closed).await;
    let vera = world.contact_of(own[0]).await;
    begin(&world, vera).await;
    let (before, audit) = (world.now(), world.audit("inbox.erase-ended"));
    let ended = world.store.erase_ended(world.inbox.id, before, 10, &audit).await.unwrap().erased;
    assert_eq!((ended.conversations, ended.contacts), (1, 0));
    assert_eq!(world.store.erasure(vera).await.unwrap(), None);
    let Erasing::Ended(erasure) = step(&world, vera).await else { panic!("it does not end") };
    assert_eq!((erasure.erased.conversations, erasure.erased.items, erasure.erased.contacts), (0, 0, 1));
}

/// What is shortened is merged into an older conversation, with somebody else, before it is gone.
#[tokio::test]
async fn a_long_conversation_that_is_merged_while_it_is_shortened_goes_all_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("switchboard.db");
    let world = found(&file, 1, 3).await;
    let older = begins(&world, "otto", 1).await[0];
    let own = begins(&world, "vera", 1).await[0];
    // Of what is gone by then something came that goes elsewhere with the merge.
    world.judge_quoting(&["vera"]).await;
    for number in 0..10 {
        let id = format!("long-{number}");
        world.take([says(&id, "vera", &["vera-0"], &format!("vera-words {id}"))]).await;
    }
    world.judge_quoting(&[]).await;
    let vera = world.contact_of(own).await;
    begin(&world, vera).await;
    assert_eq!(step(&world, vera).await, Erasing::More);
    let items = world.store.items(own, ALL).await.unwrap().entries;
    assert_eq!(items.iter().filter(|it| it.erased_at.is_some()).count(), 3);
    let joins = world.take_one(says("joins", "mia", &["otto-0", "long-9"], "mia-words")).await;
    assert_eq!((joins, world.conversation(own).await.merged_into), (older, Some(older)));
    while step(&world, vera).await == Erasing::More {}
    assert!(world.store.finish_erasures(world.now()).await.unwrap());
    for word in ["vera-words", "vera-tag", "vera-fact", "vera-note", "vera-timer", "vera-intent"] {
        assert!(!is_in(&file, word), "{word}");
    }
    assert!(is_in(&file, "otto-words") && is_in(&file, "mia-words"));
    let erased = world.store.erasure(vera).await.unwrap().unwrap().erased;
    assert_eq!((erased.items, erased.conversations, erased.decisions), (11, 1, 11));
}

/// What a merge brings along is older than what was gone through.
#[tokio::test]
async fn what_is_merged_into_a_long_conversation_while_it_is_shortened_goes_too() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("switchboard.db");
    let world = found(&file, 1, 3).await;
    let own = begins(&world, "vera", 2).await;
    for number in 0..10 {
        let id = format!("long-{number}");
        world.take([says(&id, "vera", &["vera-0"], &format!("vera-words {id}"))]).await;
    }
    let vera = world.contact_of(own[0]).await;
    begin(&world, vera).await;
    assert_eq!(world.store.pending_events().await.unwrap(), 12);
    assert_eq!(step(&world, vera).await, Erasing::More);
    assert_eq!(step(&world, vera).await, Erasing::More);
    assert_eq!(world.store.pending_events().await.unwrap(), 6, "what is gone is not judged any more");
    assert!(
        world.claim().await.iter().all(|it| it.item.erased_at.is_none() && !it.item.item.text.is_empty())
    );
    world.take([says("joins", "vera", &["long-9", "vera-1"], "vera-words joined")]).await;
    assert_eq!(world.conversation(own[1]).await.merged_into, Some(own[0]));
    while step(&world, vera).await == Erasing::More {}
    assert!(world.store.finish_erasures(world.now()).await.unwrap());
    assert!(!is_in(&file, "vera-words"));
    assert_eq!(world.store.erasure(vera).await.unwrap().unwrap().erased.items, 13);
}

/// Each step would cost more the more there is of others.
#[tokio::test]
async fn what_leads_to_a_conversation_is_found_by_its_name() {
    let ids = Arc::new(IdGenerator::new(1));
    let store = SqliteStore::open(StorePath::Temporary, ids).await.unwrap();
    let mut writer = store.writer.lock().await;
    scope::of_contact(ContactId(1), Some(&[]), None, &mut writer.connection).await.unwrap();
    for sql in [items::FORGET_OWN, items::FORGET_ANSWERED] {
        let plan: Vec<(i64, i64, i64, String)> =
            sqlx::query_as(sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}")))
                .fetch_all(&mut writer.connection)
                .await
                .unwrap();
        let looks_up = "SEARCH thread_references USING PRIMARY KEY (inbox=? AND reference=?)";
        assert_eq!(plan[0].3, looks_up, "{plan:?}");
    }
}
