//! A host that starts where another did not end in order looks at what it left first.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde_json::Value;
use switchboard::crash::Point;
use tempfile::TempDir;
use tokio::process::Command;

use crate::support::host::{Host, command_that_logs};
use crate::support::template::{self, Stage};

/// What a host says that inspects.
const INSPECTS: &str = "did not end in order";

/// What SQLite reads and writes at once.
const PAGE: u64 = 4_096;

/// Starts it, and stops it in order if it gets ready; what it said, and whether that went well.
async fn serve(folder: &Path, token: &str) -> (bool, String) {
    let (mut command, errors) = loud(folder);
    let ended = match Host::try_start(&mut command, token).await {
        Ok(mut host) => {
            host.ask_to_stop();
            host.ended().await
        }
        Err(ended) => ended,
    };
    (ended.success(), fs::read_to_string(errors).unwrap())
}

/// A command that leaves in a file what it says.
fn loud(folder: &Path) -> (Command, PathBuf) {
    let errors = folder.join("errors");
    let mut command = command_that_logs("info", folder);
    command.stderr(File::create(&errors).unwrap());
    (command, errors)
}

async fn furnished() -> (TempDir, String) {
    let template = template::shared().await;
    let folder = TempDir::new().unwrap();
    template.furnish(Stage::Staffed, folder.path());
    (folder, template.token.clone())
}

/// Overwrites some pages of the file from this tenth of it on, as a bad disk does.
fn spoil(folder: &Path, tenth: u64) {
    let file = File::options().write(true).open(folder.join("switchboard.db")).unwrap();
    let pages = file.metadata().unwrap().len() / PAGE;
    for page in pages * tenth / 10..pages * tenth / 10 + 20 {
        file.write_all_at(&[0xa5; PAGE as usize], page * PAGE).unwrap();
    }
}

#[tokio::test]
async fn after_a_host_that_did_not_end_in_order_the_next_inspects_the_repository() {
    let (folder, token) = furnished().await;
    for _ in 0..2 {
        let (well, said) = serve(folder.path(), &token).await;
        assert!(well && !said.contains(INSPECTS), "the last one ended in order: {said}");
    }
    Host::start(folder.path(), &token).await.kill().await;
    let (well, said) = serve(folder.path(), &token).await;
    assert!(well && said.contains(INSPECTS) && said.contains("is whole"), "{said}");
    let (well, said) = serve(folder.path(), &token).await;
    assert!(well && !said.contains(INSPECTS), "that one ended in order: {said}");
}

#[tokio::test]
async fn no_host_starts_on_a_damaged_repository_after_one_that_did_not_end_in_order() {
    let (folder, token) = furnished().await;
    Host::start(folder.path(), &token).await.kill().await;
    spoil(folder.path(), 4);
    // It does not become better by trying.
    for _ in 0..2 {
        let (well, said) = serve(folder.path(), &token).await;
        assert!(!well && said.contains("is damaged"), "{said}");
        assert!(said.contains("switchboard.db") && said.contains("remedy: put a backup"), "{said}");
    }
}

#[tokio::test]
async fn no_host_starts_on_what_is_no_repository() {
    let (folder, token) = furnished().await;
    fs::write(folder.path().join("switchboard.db"), [0xa5; 3 * PAGE as usize]).unwrap();
    let (well, said) = serve(folder.path(), &token).await;
    assert!(!well && said.contains("is damaged") && said.contains("not a database"), "{said}");
}

/// Of a large repository not everything is looked at before the host works.
#[tokio::test]
async fn damage_that_is_found_while_the_host_works_ends_it() {
    let (folder, token) = furnished().await;
    let mut command = command_that_logs("warn", folder.path());
    command.args(["--checkpoint-pages", "1"]);
    let host = Host::try_start(&mut command, &token).await.unwrap();
    // No adapter can read it, so nobody looks at it again but who inspects.
    for _ in 0..40 {
        let kept = host.caller().post("/in/chat", Value::String("x".repeat(100_000))).await;
        assert_eq!(kept["outcome"], "unparsed", "{kept}");
    }
    host.kill().await;
    spoil(folder.path(), 9);

    let (mut command, errors) = loud(folder.path());
    command.args(["--inspection-patience-ms", "0"]);
    let ended = match Host::try_start(&mut command, &token).await {
        Ok(mut host) => host.ended().await,
        Err(ended) => ended,
    };
    let said = fs::read_to_string(errors).unwrap();
    assert!(!ended.success() && said.contains("inspected further while the host works"), "{said}");
    assert!(said.contains("is damaged") && said.contains("remedy: put a backup"), "{said}");
    let (well, said) = serve(folder.path(), &token).await;
    assert!(!well && said.contains("is damaged"), "nobody forgets: {said}");
}

#[tokio::test]
async fn a_first_start_that_dies_is_made_up_for_by_the_next() {
    let folder = TempDir::new().unwrap();
    for point in [Point::StoreLocked, Point::StoreMigrated, Point::AppOpened] {
        let mut command = command_that_logs("error", folder.path());
        command.arg("--crash-at").arg(point.to_possible_value().unwrap().get_name());
        let ended = Host::try_start(&mut command, "").await.err();
        assert_eq!(ended.and_then(|it| it.signal()), Some(9), "{point:?}");
    }
    let host = Host::start(folder.path(), "").await;
    assert!(folder.path().join("admin-token").exists(), "nobody was shown a token before");
    host.kill().await;
}
