//! What real channels send, where a collection of it is at hand beside the project.

use std::path::{Path, PathBuf};

use futures::StreamExt;
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::reply::{entries, text};

/// How many deliveries are under way at once, so that they share transactions.
const AT_ONCE: usize = 64;

/// A folder of the collection; says that the test is skipped when it is not there.
fn collection(name: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data").join(name);
    if !folder.is_dir() {
        println!("skipped: there is no folder ../shared/data/{name} beside the project");
        return None;
    }
    Some(folder)
}

/// All files below a folder with one of these endings.
fn files(folder: &Path, endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, endings));
        } else if endings.iter().any(|ending| path.extension().is_some_and(|it| it == *ending)) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// What became of some deliveries.
#[derive(Default)]
struct Tally {
    accepted: usize,
    unparsed: usize,
}

/// Delivers everything; each is answered with 202 and a clear outcome.
async fn deliver_all(app: &TestApp, inbox: &str, content_type: &str, bodies: Vec<Vec<u8>>) -> Tally {
    let sent = bodies.into_iter().map(|body| app.deliver(inbox, content_type, body));
    let mut answers = futures::stream::iter(sent).buffer_unordered(AT_ONCE);
    let mut tally = Tally::default();
    while let Some(answer) = answers.next().await {
        let received = answer.json(202);
        match text(&received, "/outcome") {
            "accepted" => tally.accepted += 1,
            "unparsed" => {
                assert!(text(&received, "/reason").contains(": "), "{received}");
                tally.unparsed += 1;
            }
            other => panic!("{other}: {received}"),
        }
    }
    tally
}

/// Every conversation is in a queue, and every item was judged.
async fn assert_all_in_queues(app: &TestApp) -> usize {
    app.settle().await;
    let mut seen = 0;
    let mut path = "/v1/conversations?limit=200".to_owned();
    loop {
        let page = app.get(&path).await.json(200);
        for conversation in entries(&page) {
            assert!(conversation["destination"]["queue"].is_string(), "{conversation}");
            seen += 1;
        }
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/v1/conversations?limit=200&cursor={cursor}");
    }
    assert_eq!(app.flow().store.pending_events().await.unwrap(), 0);
    seen
}

#[tokio::test]
async fn real_mail_is_taken_in_or_kept_and_all_of_it_is_in_a_queue() {
    let app = TestApp::staffed().await;
    let mut bodies = Vec::new();
    for name in ["mail-mikel", "mail-stalwart", "mail-freescout"] {
        let Some(folder) = collection(name) else { return };
        let mails = files(&folder, &["eml", "txt"]);
        bodies.extend(mails.iter().map(|file| std::fs::read(file).unwrap()));
    }
    let all = bodies.len();
    let tally = deliver_all(&app, "mail", "message/rfc822", bodies).await;
    let conversations = assert_all_in_queues(&app).await;
    println!("{all} mails: {} read, {} kept, {conversations} conversations", tally.accepted, tally.unparsed);
    assert!(all > 150, "only {all} mails");
    assert!(tally.unparsed * 10 < all, "{} of {all} mails could not be read", tally.unparsed);
}

#[tokio::test]
async fn real_feeds_are_taken_in_or_kept_and_all_of_it_is_in_a_queue() {
    let app = TestApp::staffed().await;
    let mut tally = Tally::default();
    for name in ["feeds-feedjira", "feeds-gofeed", "google-alerts"] {
        let Some(folder) = collection(name) else { return };
        for (ending, content_type) in [("xml", "application/xml"), ("json", "application/feed+json")] {
            let mut bodies: Vec<_> =
                files(&folder, &[ending]).iter().map(|file| std::fs::read(file).unwrap()).collect();
            bodies.truncate(300);
            let more = deliver_all(&app, "alerts", content_type, bodies).await;
            tally.accepted += more.accepted;
            tally.unparsed += more.unparsed;
        }
    }
    let conversations = assert_all_in_queues(&app).await;
    println!("feeds: {} read, {} kept, {conversations} conversations", tally.accepted, tally.unparsed);
    assert!(tally.accepted > 50);
}

#[tokio::test]
async fn real_tweets_are_items_and_all_of_them_are_in_a_queue() {
    let app = TestApp::staffed().await;
    let Some(folder) = collection("airline-tweets") else { return };
    let rows = rows(&std::fs::read_to_string(folder.join("tweets.csv")).unwrap());
    let column = |name: &str| rows[0].iter().position(|it| it == name).unwrap();
    let (id, airline, words) = (column("tweet_id"), column("airline"), column("text"));
    let tweets: Vec<Value> = rows[1..]
        .iter()
        .filter(|row| row.len() == rows[0].len())
        .take(500)
        .map(|row| {
            json!({
                "id": row[id], "kind": "mention", "visibility": "public", "author": format!("to-{}", row[airline]),
                "text": row[words],
            })
        })
        .collect();
    let bodies = tweets.iter().map(|tweet| tweet.to_string().into_bytes()).collect();
    let tally = deliver_all(&app, "chat", "application/json", bodies).await;
    assert_eq!(tally.unparsed, 0);
    let conversations = assert_all_in_queues(&app).await;
    let counts = app.get("/v1/counts").await.json(200);
    println!("{} tweets: {} items, {conversations} conversations", tweets.len(), counts["items"]);
    assert_eq!(counts["items"], counts["decisions"]);
    assert!(conversations > 400);
}

/// Rows of comma-separated values (RFC 4180); quoted fields may hold line ends.
fn rows(csv: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut field) = (Vec::new(), Vec::new(), String::new());
    let mut quoted = false;
    let mut rest = csv.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '"' if quoted && rest.peek() == Some(&'"') => field.extend(rest.next()),
            '"' => quoted = !quoted,
            ',' if !quoted => row.push(std::mem::take(&mut field)),
            '\n' if !quoted => {
                row.push(std::mem::take(&mut field));
                rows.push(std::mem::take(&mut row));
            }
            '\r' if !quoted => {}
            _ => field.push(c),
        }
    }
    rows
}
