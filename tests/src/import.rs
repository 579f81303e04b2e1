//! What customers wrote before comes in out of files, by the shipped program.

use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};
use switchboard::domain::delivery::RawDelivery;
use switchboard::domain::principal::{Principal, PrincipalKind};
use switchboard::flow::{FlowError, import};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};

use crate::support::reply::{entries, text};
use crate::support::{TestApp, program, samples};

/// A line that no adapter can read.
const UNREADABLE: &str = "{\"id\": \"lost-its-end\", \"text\": \"and then";

fn line(number: usize) -> String {
    json!({ "id": format!("old-{number}"), "author": "u-1", "text": format!("question {number}") })
        .to_string()
}

fn command(data: &Path, inbox: &str) -> Command {
    let mut command = Command::new(program());
    command.args(["import", "--inbox", inbox, "--data"]).arg(data);
    command.kill_on_drop(true).stdin(Stdio::null());
    command
}

/// Imports a file of these bytes; what the program said about it.
async fn imported(data: &Path, inbox: &str, name: &str, content: &str, flags: &[&str]) -> String {
    let file = data.join(name);
    std::fs::write(&file, content).unwrap();
    let output = command(data, inbox).args(flags).arg(&file).output().await.unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    said
}

async fn counts(app: &TestApp) -> [i64; 4] {
    let counts = app.get("/v1/counts").await.json(200);
    ["deliveries", "unparsed", "items", "decisions"].map(|it| counts[it].as_i64().unwrap())
}

async fn unparsed(app: &TestApp) -> Vec<Value> {
    entries(&app.get("/v1/deliveries?outcome=unparsed").await.json(200)).clone()
}

#[tokio::test]
async fn a_file_of_lines_is_taken_into_a_closed_inbox_once_however_often_it_is_imported() {
    let app = TestApp::staffed().await;
    app.patch("/v1/inboxes/chat", json!({ "access": "closed" })).await.json(200);
    app.deliver("chat", "application/json", line(0)).await.problem(403);

    // The first line twice, as it is and in other words; one that cannot be read.
    let reworded = line(1).replace("question", "the question");
    let refund = json!({ "id": "old-2", "author": "u-2", "text": "a refund, please" }).to_string();
    let file = [&line(1), &line(1), &reworded, UNREADABLE, &refund].map(|it| format!("{it}\n")).concat();
    let app = app
        .meanwhile(async |data| {
            let said = imported(data, "chat", "old.jsonl", &file, &[]).await;
            assert!(
                said.starts_with("5 records: 2 new items, 1 duplicates, 1 imported before, 1 unparsed"),
                "{said}"
            );
            assert!(said.contains("2 conversations' events routed"), "{said}");
        })
        .await;
    assert_eq!(counts(&app).await, [4, 1, 2, 2]);
    let refunds = app.get("/v1/conversations?queue=billing/refunds").await.json(200);
    assert_eq!(entries(&refunds).len(), 1);
    let before = unparsed(&app).await;

    let app = app
        .meanwhile(async |data| {
            let said = imported(data, "chat", "same-under-another-name.jsonl", &file, &[]).await;
            assert!(
                said.starts_with("5 records: 0 new items, 0 duplicates, 4 imported before, 1 unparsed"),
                "{said}"
            );
        })
        .await;
    assert_eq!(counts(&app).await, [4, 1, 2, 2]);
    let after = unparsed(&app).await;
    assert_eq!(text(&after[0], "/id"), text(&before[0], "/id"));
    assert_eq!((&before[0]["attempts"], &after[0]["attempts"]), (&json!(1), &json!(2)), "it was tried again");
    app.deliver("chat", "application/json", line(0)).await.problem(403);
}

#[tokio::test]
async fn an_mbox_is_taken_in_mail_by_mail_and_once() {
    let mails = [
        samples::mail("one", "Kettle", "It leaks.\r\n\r\n>From below, that is."),
        samples::mail_answer("two", "one", "It still does."),
        samples::mail("one", "Kettle", "It leaks.\r\n\r\n>From below, that is."),
        "this is no mail".to_owned(),
    ];
    let mbox =
        mails.map(|mail| format!("From someone@example.org Mon Mar  2 08:00:00 2026\n{mail}\n")).concat();
    let app = TestApp::company().await;
    let app = app
        .meanwhile(async |data| {
            let said = imported(data, "mail", "old.mbox", &mbox, &[]).await;
            assert!(
                said.starts_with("4 records: 2 new items, 0 duplicates, 1 imported before, 1 unparsed"),
                "{said}"
            );
            let said = imported(data, "mail", "old.mbox", &mbox, &[]).await;
            assert!(
                said.starts_with("4 records: 0 new items, 0 duplicates, 3 imported before, 1 unparsed"),
                "{said}"
            );
        })
        .await;
    assert_eq!(counts(&app).await, [3, 1, 2, 2]);
    let conversations = app.get("/v1/conversations").await.json(200);
    let [conversation] = &entries(&conversations)[..] else {
        panic!("not one conversation: {conversations}")
    };
    let shown = app.conversation(text(conversation, "/id")).await;
    let items = entries(&shown["items"]);
    assert!(
        items.iter().any(|it| text(it, "/text").trim() == "It leaks.\n\nFrom below, that is."),
        "{items:?}"
    );
}

/// An import that has taken in `begun`, of which the last line is unreadable, and waits for more.
async fn waiting_for_more(data: &Path, begun: &str) -> (Child, ChildStdin) {
    let mut import = command(data, "chat");
    import.arg("/dev/stdin").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut import = import.spawn().unwrap();
    let mut file = import.stdin.take().unwrap();
    file.write_all(begun.as_bytes()).await.unwrap();
    file.flush().await.unwrap();
    let last = format!("record {}:", begun.lines().count());
    let mut complaints = BufReader::new(import.stderr.take().unwrap()).lines();
    // It complains in order, once everything before is stored.
    while let Some(complaint) = complaints.next_line().await.unwrap() {
        if complaint.contains(&last) {
            return (import, file);
        }
    }
    panic!("it ended early");
}

/// Nine lines, of which the sixth is unreadable.
fn nine_lines() -> Vec<String> {
    (1..=9).map(|number| if number == 6 { UNREADABLE.to_owned() } else { line(number) } + "\n").collect()
}

#[tokio::test]
async fn an_interrupted_import_says_where_it_stood_and_goes_on_from_there() {
    let lines = nine_lines();
    let app = TestApp::company().await;
    let app = app
        .meanwhile(async |data| {
            let (mut import, file) = waiting_for_more(data, &lines[..6].concat()).await;
            let pid = import.id().unwrap().to_string();
            assert!(Command::new("sh").args(["-c", "kill -INT $0", &pid]).status().await.unwrap().success());
            let mut said = BufReader::new(import.stdout.take().unwrap());
            let mut tally = String::new();
            said.read_line(&mut tally).await.unwrap();
            assert!(tally.starts_with("6 records: 5 new items, 0 duplicates, 1 unparsed"), "{tally}");
            // The file, which it was waiting for, ends.
            drop(file);
            let mut told = String::new();
            said.read_to_string(&mut told).await.unwrap();
            assert!(told.contains("Go on with --from 7"), "{told}");
            assert!(import.wait().await.unwrap().success());

            let said = imported(data, "chat", "old.jsonl", &lines.concat(), &["--from", "7"]).await;
            assert!(said.starts_with("3 records: 3 new items, 0 duplicates\n8 conversations'"), "{said}");
        })
        .await;
    assert_eq!(counts(&app).await, [9, 1, 8, 8]);
}

#[tokio::test]
async fn an_import_that_was_killed_is_simply_repeated() {
    let lines = nine_lines();
    let app = TestApp::company().await;
    let app = app
        .meanwhile(async |data| {
            let (mut import, _file) = waiting_for_more(data, &lines[..6].concat()).await;
            import.kill().await.unwrap();
            let said = imported(data, "chat", "old.jsonl", &lines.concat(), &[]).await;
            assert!(
                said.starts_with("9 records: 3 new items, 0 duplicates, 5 imported before, 1 unparsed"),
                "{said}"
            );
        })
        .await;
    assert_eq!(counts(&app).await, [9, 1, 8, 8]);
}

#[tokio::test]
async fn only_an_admin_imports_and_only_where_somebody_can_read_it() {
    let app = TestApp::company().await;
    let raw = RawDelivery {
        method: "POST".to_owned(),
        path: String::new(),
        query: None,
        headers: Vec::new(),
        body: line(1).into_bytes(),
        received_at: app.flow().now(),
    };
    let agent = Principal { kind: PrincipalKind::Agent, ..Principal::admin() };
    let refused = import::import(app.flow(), &agent, "chat", raw.clone()).await;
    assert!(matches!(refused, Err(FlowError::Forbidden(_))), "{refused:?}");
    let lost = import::import(app.flow(), &Principal::admin(), "shop", raw.clone()).await;
    assert!(matches!(lost, Err(FlowError::NotFound(ref known)) if known.contains("chat")), "{lost:?}");

    app.patch("/v1/activations/cloudevents", json!({ "mode": "disabled" })).await.json(202);
    let unread = import::import(app.flow(), &Principal::admin(), "chat", raw).await;
    assert!(matches!(unread, Err(FlowError::Conflict(ref why)) if why.contains("cloudevents")), "{unread:?}");
    assert_eq!(counts(&app).await, [0, 0, 0, 0]);
}
