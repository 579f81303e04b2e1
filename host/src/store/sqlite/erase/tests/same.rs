//! However much goes at once, the same is gone at the end, and the same is left.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, SqliteConnection};

use crate::domain::arrival::{Arrival, DeliveryState, DeliveryStatus, Edit};
use crate::domain::clock::IdGenerator;
use crate::domain::conversation::Status;
use crate::domain::erasure::{Erased, Erasing};
use crate::domain::ids::{ContactId, ConversationId, ItemId, TokenId};
use crate::domain::item::Item;
use crate::domain::time::Timestamp;
use crate::store::UpkeepStore as _;
use crate::store::conformance::personal::by;
use crate::store::conformance::sending::write;
use crate::store::conformance::shared::bounce;
use crate::store::conformance::world::{World, echo, item};
use crate::store::sqlite::erase::AtOnce;
use crate::store::sqlite::open::{reader_options, writer_options};
use crate::store::sqlite::{SqliteStore, StoreOptions, StorePath};
use crate::store::{Findings, IntakeEntry, KeptAnswer, KeyedRequest, PersonalDataStore as _, SendEnd};

/// Everything that can be about a person, and much that is not.
struct Story {
    world: World,
    directory: tempfile::TempDir,
    vera: ContactId,
    at: Timestamp,
}

fn says(id: &str, author: &str, to: &[&str]) -> Arrival {
    let subject = Some(format!("{author}-subject {id}"));
    by(author, Item { text: format!("{author}-words {id}"), subject, ..item(id, to) })
}

impl Story {
    async fn tell() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let ids = Arc::new(IdGenerator::new(1));
        let file = directory.path().join("told.db");
        let store = SqliteStore::open(StorePath::File(file), ids.clone()).await.unwrap();
        let world = World::found(Arc::new(store), ids).await;
        let vera = alone(&world).await;
        with_others(&world).await;
        merged(&world).await;
        long(&world).await;
        told_in_common(&world).await;
        waiting(&world).await;
        // Enough texts that those before are indexed; what comes now is not.
        world.take([says("much", "mia", &[]), filler()]).await;
        world.take([says("last", "vera", &[]), says("last-of-mia", "mia", &[])]).await;
        let at = world.now();
        Self { world, directory, vera, at }
    }

    /// Erases her in a copy of the file.
    async fn erase(&self, name: &str, conversations: usize, items: i64) -> (PathBuf, usize) {
        let file = self.directory.path().join(format!("{name}.db"));
        for ending in ["db", "db-wal"] {
            let told = self.directory.path().join("told").with_extension(ending);
            std::fs::copy(told, file.with_extension(ending)).unwrap();
        }
        let ids = Arc::new(IdGenerator::new(1));
        let mut store = SqliteStore::open(StorePath::File(file.clone()), ids).await.unwrap();
        store.erased_at_once = AtOnce { conversations, items };
        let mut audit = self.world.audit("contact.erase");
        (audit.id, audit.at) = (self.at.as_ms().into(), self.at);
        assert_eq!(store.begin_erasure(self.vera, &audit).await.unwrap(), None);
        let mut steps = 1;
        while store.erase_some(self.vera, self.at).await.unwrap() == Erasing::More {
            steps += 1;
        }
        assert_eq!(store.inspect().await.unwrap(), Findings::default());
        store.close().await.unwrap();
        (file, steps)
    }
}

/// Conversations in which nobody else wrote.
async fn alone(world: &World) -> ContactId {
    let ids: Vec<_> = (0..6).map(|it| format!("own-{it}")).collect();
    let taken = world.take(ids.iter().map(|it| says(it, "vera", &[]))).await;
    let own: Vec<(ItemId, ConversationId)> = taken.iter().map(|it| it.items[0]).collect();
    world.judge_quoting(&["vera"]).await;
    let edit = Edit {
        external_id: "own-0".into(),
        edited_at: world.now(),
        text: Some("vera-better".into()),
        subject: None,
        html: None,
    };
    world.take([Arrival::Edit(edit), echo("to-own-0", &["own-0"]), bounce("bounced", "to-own-0")]).await;
    world.remark(own[1].1, "agents-note on vera").await;
    write(world, own[1].1, Some(own[1].0), &["own-1"]).await.unwrap();
    let sent = write(world, own[2].1, Some(own[2].0), &["own-2"]).await.unwrap();
    let failed = write(world, own[3].1, Some(own[3].0), &["own-3"]).await.unwrap();
    world.store.claim_outbox(world.inbox.id, world.now(), 10).await.unwrap();
    let end = SendEnd::Sent(Some("channel-2".into()));
    world.store.end_send(sent, &end, world.now()).await.unwrap();
    let end = SendEnd::Failed("vera is unknown".into());
    world.store.end_send(failed, &end, world.now()).await.unwrap();
    world.alter(own[4].1, |it| it.status = Status::Closed).await;
    world.conversation(own[0].1).await.contact
}

/// She joins others, and others join her.
async fn with_others(world: &World) {
    for (number, beginner, joiner) in [(0, "otto", "vera"), (1, "vera", "otto"), (2, "mia", "vera")] {
        let id = |what: &str| format!("{what}-{number}");
        let (first, second, third) = (id("begun"), id("joined"), id("after"));
        let begun = world.take_one(says(&first, beginner, &[])).await;
        world.judge_quoting(&[beginner]).await;
        let joined = world.take([says(&second, joiner, &[&first, &id("unknown")])]).await[0].items[0];
        world.judge_quoting(&["vera", "otto"]).await;
        world.remark(begun, &format!("agents-note {number}")).await;
        let to_joiner = id("to-joiner");
        world.take([echo(&id("to-beginner"), &[&first]), echo(&to_joiner, &[&second])]).await;
        let status = DeliveryStatus {
            external_id: to_joiner.clone(),
            state: DeliveryState::Failed,
            detail: Some(format!("{joiner} is unknown")),
            at: Timestamp::from_ms(1),
        };
        world.take([Arrival::Status(status), bounce(&id("returned"), &to_joiner)]).await;
        write(world, begun, Some(joined.0), &[&second]).await.unwrap();
        // Here the company answers what she said elsewhere.
        write(world, begun, None, &["own-5"]).await.unwrap();
        world.take([says(&third, beginner, &[&second])]).await;
        world.judge_quoting(&["mia"]).await;
    }
}

/// Conversations that became one, in every order.
async fn merged(world: &World) {
    let stories: [&[&str]; 6] = [
        &["vera", "vera"],
        &["otto", "vera", "mia"],
        &["vera", "otto", "otto"],
        &["mia", "vera", "otto", "vera"],
        &["vera", "vera", "otto", "otto"],
        &["otto", "vera", "vera", "vera"],
    ];
    for (number, authors) in stories.into_iter().enumerate() {
        let ids: Vec<_> = (0..authors.len()).map(|it| format!("merged-{number}-{it}")).collect();
        for (id, author) in ids.iter().zip(authors) {
            let begun = world.take_one(says(id, author, &[])).await;
            world.judge_quoting(&["vera", "otto"]).await;
            world
                .take([echo(&format!("to-{id}"), &[id]), echo(&format!("too-{id}"), &[&format!("to-{id}")])])
                .await;
            world.remark(begun, &format!("note on {author} {id}")).await;
            world.alter(begun, |it| it.tags.extend([format!("{author}-agents-tag")])).await;
        }
        for (index, pair) in ids.windows(2).enumerate().rev() {
            let author = authors[index];
            world.take([says(&format!("joins-{number}-{index}"), author, &[&pair[1], &pair[0]])]).await;
            world.judge_quoting(&["vera"]).await;
        }
    }
}

/// More than goes at once.
async fn long(world: &World) {
    for (number, others) in [(0, &[][..]), (1, &["otto"][..]), (2, &["mia", "otto"][..])] {
        let first = format!("long-{number}");
        let conversation = world.take_one(says(&first, "vera", &[])).await;
        for round in 0..7 {
            let id = |who: &str| format!("long-{number}-{round}-{who}");
            let own = id("own");
            world.take([says(&own, "vera", &[&first, &id("unknown")])]).await;
            world.take([echo(&id("answer"), &[&own]), bounce(&id("bounce"), &id("answer"))]).await;
            for other in others.iter().filter(|_| round % 3 == 1) {
                world.take([says(&id(other), other, &[&own, &id("unknown-too")])]).await;
            }
            world.judge_quoting(&["vera", "otto"]).await;
            world.remark(conversation, &format!("agents-note {number} {round}")).await;
        }
        write(world, conversation, None, &[&first]).await.unwrap();
    }
    // One of them is a merged one.
    let younger = world.take_one(says("younger", "otto", &[])).await;
    world.take([says("younger-joined", "vera", &["younger"])]).await;
    world.judge_quoting(&["vera"]).await;
    world.take([says("younger-joins", "mia", &["younger", "long-2"])]).await;
    assert!(world.conversation(younger).await.merged_into.is_some());
}

/// Deliveries and kept answers that tell of several conversations.
async fn told_in_common(world: &World) {
    let all =
        vec![says("common-0", "vera", &[]), says("common-1", "vera", &[]), says("common-2", "mia", &[])];
    let entries: Vec<IntakeEntry> = vec![world.delivery(all.clone()), world.delivery(all)];
    let answers = world.store.commit_intakes(&entries, None).await.unwrap();
    let items = answers.into_iter().next().unwrap().unwrap().items;
    let edit = |id: &str| {
        Arrival::Edit(Edit {
            external_id: id.into(),
            edited_at: world.now(),
            text: Some("vera-better".into()),
            subject: None,
            html: None,
        })
    };
    world.take([edit("late"), edit("too-late")]).await;
    world.take([says("late", "vera", &[])]).await;
    for (key, named) in [("one", &items[..1]), ("all", &items[..]), ("mia", &items[2..])] {
        let (token, fingerprint) = (TokenId(1), "f".to_owned());
        let request = KeyedRequest { token, key: key.into(), fingerprint };
        world.store.claim_request(&request, world.now(), Timestamp::from_ms(0)).await.unwrap();
        let body = format!("{:?}", named.iter().map(|it| it.1.to_string()).collect::<Vec<_>>());
        let body = Some(body.into_bytes());
        let answer = KeptAnswer { status: 200, content_type: None, etag: None, body };
        world.store.keep_answer(&request, &answer).await.unwrap();
    }
}

/// Some wait to be judged, one once more.
async fn waiting(world: &World) {
    world.take([says("waits", "vera", &["own-5"]), says("waits-there", "vera", &["begun-0"])]).await;
    world.take([says("waits-otto", "otto", &["begun-1"]), says("waits-anew", "vera", &[])]).await;
    let claims: Vec<_> = world.claim().await.into_iter().map(|it| it.claim).collect();
    assert!(claims.len() > 3);
    world.store.postpone(&claims[..2], world.now()).await.unwrap();
    let mut elsewhere = world.delivery(vec![says("elsewhere", "vera", &[]), says("elsewhere", "otto", &[])]);
    elsewhere.inbox = Arc::clone(&world.other_inbox);
    assert!(world.store.commit_intakes(&[elsewhere], None).await.unwrap().remove(0).is_ok());
}

fn filler() -> Arrival {
    by("mia", Item { text: "a kettle ".repeat(300_000), ..item("filler", &[]) })
}

/// Rows that say when something was written down, or how often, and not what.
const NOT_COMPARED: [&str; 3] = ["events.id", "event_waits.event", "conversations.revision"];

/// Every row of every table.
async fn rows(file: &Path) -> BTreeMap<String, Vec<String>> {
    let mut connection = reader_options(file).connect().await.unwrap();
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT name FROM sqlite_schema
         WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name NOT LIKE 'item_search%'",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    let mut rows = BTreeMap::new();
    for table in tables {
        rows.insert(table.clone(), rows_of(&table, &mut connection).await);
    }
    connection.close().await.unwrap();
    // It counts the transactions.
    rows.get_mut("installation").unwrap().retain(|it| !it.contains("to-be-wiped"));
    rows
}

async fn rows_of(table: &str, connection: &mut SqliteConnection) -> Vec<String> {
    let columns: Vec<String> = sqlx::query_scalar("SELECT name FROM pragma_table_info(?)")
        .bind(table)
        .fetch_all(&mut *connection)
        .await
        .unwrap();
    let compared: Vec<_> = columns
        .iter()
        .filter(|it| !NOT_COMPARED.contains(&format!("{table}.{it}").as_str()))
        .map(|it| format!("'{it} ' || quote(\"{it}\")"))
        .collect();
    if compared.is_empty() {
        return Vec::new();
    }
    let sql = format!("SELECT {} AS row FROM \"{table}\" ORDER BY row", compared.join(" || ', ' || "));
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(connection).await.unwrap()
}

/// Which texts the index has for pieces of words; it is sound.
async fn indexed(file: &Path) -> Vec<Vec<i64>> {
    let mut connection = writer_options(file, StoreOptions::default()).connect().await.unwrap();
    let mut found = Vec::new();
    for piece in ["wor", "ver", "ott", "mia", "bet", "ket", "sub"] {
        let sql = "SELECT rowid FROM item_search WHERE item_search MATCH ? ORDER BY rowid";
        let rows = sqlx::query_scalar(sql).bind(format!("\"{piece}\"")).fetch_all(&mut connection).await;
        found.push(rows.unwrap());
    }
    let check = "INSERT INTO item_search (item_search) VALUES ('integrity-check')";
    sqlx::raw_sql(check).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    found
}

async fn revisions(file: &Path) -> Vec<(i64, i64)> {
    let mut connection = reader_options(file).connect().await.unwrap();
    let sql = "SELECT id, revision FROM conversations ORDER BY id";
    sqlx::query_as(sql).fetch_all(&mut connection).await.unwrap()
}

const ALL_AT_ONCE: (usize, i64) = (1_000_000, 1_000_000);

#[tokio::test]
async fn a_little_at_a_time_erases_the_same_as_all_at_once() {
    let story = Story::tell().await;
    let (whole, steps) = story.erase("whole", ALL_AT_ONCE.0, ALL_AT_ONCE.1).await;
    assert_eq!(steps, 1);
    let (expected, expected_index) = (rows(&whole).await, indexed(&whole).await);
    says_what_it_should(&expected);
    for (name, conversations, items, steps_min) in [
        ("ones", 1, 1, 60),
        ("few", 2, 3, 40),
        ("some", 3, 8, 15),
        ("long-alone", 1_000_000, 8, 10),
        ("each", 1, 1_000_000, 25),
    ] {
        let (file, steps) = story.erase(name, conversations, items).await;
        assert!(steps >= steps_min, "{name}: only {steps} steps");
        for (table, found) in rows(&file).await {
            assert_eq!(found, expected[&table], "{name}: {table}");
        }
        assert_eq!(indexed(&file).await, expected_index, "{name}");
        if items == ALL_AT_ONCE.1 {
            assert_eq!(revisions(&file).await, revisions(&whole).await, "{name}: each changed once");
        }
    }
}

/// The story holds what it is for.
fn says_what_it_should(rows: &BTreeMap<String, Vec<String>>) {
    let of_her: Vec<_> =
        rows.iter().flat_map(|(table, rows)| rows.iter().map(move |row| (table, row))).collect();
    let of_her: Vec<_> = of_her.into_iter().filter(|(_, row)| row.contains("vera")).collect();
    assert!(of_her.is_empty(), "this is left of her: {of_her:#?}");
    let told = format!("{rows:?}");
    for stays in
        ["otto-words", "mia-words", "otto-tag", "otto-fact", "note on mia", "agents-note 0", "a kettle"]
    {
        assert!(told.contains(stays), "{stays} is gone");
    }
    let erasure = &rows["erasures"][0];
    let json = &erasure[erasure.find('{').unwrap()..=erasure.rfind('}').unwrap()];
    let erased: Erased = serde_json::from_str(json).unwrap();
    for (what, count) in [
        ("conversations", erased.conversations),
        ("items", erased.items),
        ("replies", erased.replies_cancelled),
        ("notes", erased.notes),
        ("decisions", erased.decisions),
        ("deliveries", erased.deliveries),
        ("kept answers", erased.kept_answers),
    ] {
        assert!(count > 1, "{what}: {erased:?}");
    }
    assert!(erased.revisions > erased.items, "{erased:?}");
    assert!(rows["begun_erasures"].is_empty() && !rows["timers"].is_empty() && !rows["events"].is_empty());
}
