//! The shipped program, whose standard output and standard error have no reader, no room, or a reader that does
//! not read. No command panics, and a host does all of its work.

use std::fs::File;
use std::io::{PipeReader, pipe};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};
use switchboard::bundled::BUNDLED;
use tempfile::TempDir;
use tokio::process::Command;

use crate::support::host::{Host, command_that_logs, furnished, run};
use crate::support::program;
use crate::support::reply::text;
use crate::support::template::Stage;

/// The status of a command whose reader has gone, as a shell reports SIGPIPE.
const READER_GONE: i32 = 141;

/// The status with which Rust ends a program whose main thread panics.
const PANICKED: i32 = 101;

/// Where output is lost.
#[derive(Clone, Copy, Debug)]
enum Lost {
    /// The pipe's reader has gone.
    NoReader,
    /// The disk is full.
    NoRoom,
}

impl Lost {
    fn stream(self) -> Stdio {
        match self {
            Self::NoReader => pipe().unwrap().1.into(),
            Self::NoRoom => File::options().write(true).open("/dev/full").unwrap().into(),
        }
    }

    /// How a command ends whose output was lost and which succeeded otherwise.
    fn status(self) -> i32 {
        match self {
            Self::NoReader => READER_GONE,
            Self::NoRoom => 1,
        }
    }
}

/// How a command ends where it can print.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ends {
    /// With 0, and something on its standard output.
    Printing,
    /// With another status, and the reason on its standard error.
    Refused,
}

/// Commands of every kind. What stands in braces is a folder.
const COMMANDS: [(&str, Ends); 17] = [
    ("schema case", Ends::Printing),
    ("--help", Ends::Refused),
    ("--version", Ends::Refused),
    ("no-such-command", Ends::Refused),
    ("token list --data {data}", Ends::Printing),
    ("token new --role auditor --data {data}", Ends::Printing),
    ("token revoke tok_x --data {data}", Ends::Refused),
    ("audit verify --data {data}", Ends::Printing),
    ("import --inbox chat old.jsonl --data {data}", Ends::Printing),
    ("import --inbox none old.jsonl --data {data}", Ends::Refused),
    ("plugin check router.wasm", Ends::Printing),
    ("plugin verify router.wasm", Ends::Printing),
    ("plugin sign router.wasm --key none.pem", Ends::Refused),
    ("plugin publish router.wasm --token-file none", Ends::Refused),
    ("plugin run router.wasm --items none.jsonl", Ends::Refused),
    ("serve --listen 192.0.2.1:1 --data {data}", Ends::Refused),
    ("demo --json", Ends::Printing),
];

async fn ends(line: &str, lost: Lost, folder: &Path) -> std::process::ExitStatus {
    let mut command = Command::new(program());
    command.args(line.split(' ')).current_dir(folder).stdin(Stdio::null()).kill_on_drop(true);
    command.stdout(lost.stream()).stderr(lost.stream()).status().await.unwrap()
}

#[tokio::test]
async fn no_command_panics_where_its_output_is_lost() {
    let (data, _) = furnished(Stage::Company).await;
    let folder = TempDir::new().unwrap();
    let router = BUNDLED.iter().find(|(name, _)| *name == "keyword-router").unwrap().1;
    std::fs::write(folder.path().join("router.wasm"), router).unwrap();
    let item = json!({ "id": "old-1", "author": "u-1", "text": "a refund, please" });
    std::fs::write(folder.path().join("old.jsonl"), format!("{item}\n")).unwrap();
    for made in ["plugin keygen -o key.pem", "plugin sign router.wasm --key key.pem"] {
        let (done, said) = run(&made.split(' ').collect::<Vec<_>>(), folder.path()).await;
        assert!(done, "{made}: {said}");
    }
    for lost in [Lost::NoReader, Lost::NoRoom] {
        for (line, expected) in COMMANDS {
            let line = line.replace("{data}", data.path().to_str().unwrap());
            let status = ends(&line, lost, folder.path()).await;
            let code = status.code();
            assert!(
                code.is_some_and(|it| it != PANICKED),
                "`{line}`, {lost:?}: {status}, signal {:?}",
                status.signal()
            );
            if expected == Ends::Printing {
                assert_eq!(code, Some(lost.status()), "`{line}`, {lost:?}");
            }
        }
    }
}

fn item(id: &str) -> Value {
    json!({ "id": id, "author": "u-1", "text": "a refund, please" })
}

/// Has each of its workers do something.
async fn works(host: &Host, id: &str) {
    let caller = host.caller();
    let delivered = caller.post("/in/chat", item(id)).await;
    assert_eq!(delivered["outcome"], "accepted", "{delivered}");
    let conversation = format!("/v1/conversations/{}", text(&delivered, "/items/0/conversation"));
    caller.until(&conversation, |it| it["destination"].is_object()).await;
    caller.post(&format!("{conversation}/reply"), json!({ "agent": "ada", "text": "Hello." })).await;
    caller.until(&conversation, |it| it["outbox"][0]["attempts"].as_u64() > Some(0)).await;
    assert_eq!(caller.get("/readyz").await["status"], "ok");
}

async fn dropped(host: &Host) -> u64 {
    let metrics = host.caller().text("/metrics").await;
    let line = metrics.lines().find(|it| it.starts_with("switchboard_log_lines_dropped_total "));
    line.and_then(|it| it.rsplit(' ').next()?.parse().ok()).unwrap_or_else(|| panic!("{metrics}"))
}

/// A host that logs all there is to a standard error that is lost.
async fn start(data: &Path, token: &str, stderr: Stdio) -> Host {
    let mut command = command_that_logs("trace", data);
    command.stderr(stderr);
    let started = Host::try_start(&mut command, token).await;
    started.unwrap_or_else(|ended| panic!("it ended before it was ready: {ended}"))
}

#[tokio::test]
async fn host_whose_output_is_lost_works_on_and_ends_when_told() {
    for lost in [Lost::NoReader, Lost::NoRoom] {
        let (data, token) = furnished(Stage::Staffed).await;
        let mut host = start(data.path(), &token, lost.stream()).await;
        host.stop_reading();
        works(&host, "first").await;
        assert!(dropped(&host).await > 0);
        host.kill().await;

        // It says that the one before did not end in order.
        let mut host = start(data.path(), &token, lost.stream()).await;
        host.stop_reading();
        works(&host, "second").await;
        host.ask_to_stop();
        assert_eq!(host.ended().await.code(), Some(0), "{lost:?}");
    }
}

#[tokio::test]
async fn host_whose_log_is_not_read_works_on_and_ends_when_told() {
    let (data, token) = furnished(Stage::Staffed).await;
    let (reader, writer): (PipeReader, _) = pipe().unwrap();
    let mut host = start(data.path(), &token, writer.into()).await;
    // More than a pipe holds.
    for number in 0..50 {
        host.caller().post("/in/chat", item(&format!("d-{number}"))).await;
    }
    works(&host, "last").await;
    host.ask_to_stop();
    assert_eq!(host.ended().await.code(), Some(0));
    drop(reader);
}
