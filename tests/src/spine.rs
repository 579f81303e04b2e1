//! The shipped program as its users have it: started, killed at any moment, started again.

use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use switchboard::store::LastEnd;
use tempfile::TempDir;
use tokio::io::AsyncReadExt;
use tokio::process::Command;
use tokio::task::JoinSet;

use crate::support::behind::Behind;
use crate::support::file::carry_over;
use crate::support::guest::{Guest, Kind};
use crate::support::host::{Caller, Host, command, furnished, run};
use crate::support::reply::{entries, text};
use crate::support::template::Stage;
use crate::support::{company, program};

fn item(number: usize) -> Value {
    let words = if number.is_multiple_of(2) { "a refund" } else { "a teapot" };
    json!({ "id": format!("d-{number}"), "author": "u-1", "text": words })
}

/// Delivers from several sides at once, and kills the host when one of them has seen `enough` answers
/// while the others are in the middle of something. The numbers of all deliveries that were answered.
async fn deliver_and_kill(host: Host, first: usize, enough: usize) -> Vec<usize> {
    let (next, answered) = (Arc::new(AtomicUsize::new(first)), Arc::new(Mutex::new(Vec::new())));
    let mut sides = JoinSet::new();
    for _ in 0..8 {
        let (caller, next, answered) = (host.caller().clone(), Arc::clone(&next), Arc::clone(&answered));
        sides.spawn(async move {
            for seen in 1.. {
                let number = next.fetch_add(1, Ordering::Relaxed);
                // An error is the end of the host: what was sent may be stored or not.
                let Ok(answer) = caller.try_post("/in/chat", &item(number)).await else { return };
                assert_eq!(answer.status(), 202);
                answered.lock().unwrap().push(number);
                if seen == enough {
                    return;
                }
            }
        });
    }
    sides.join_next().await.unwrap().unwrap();
    host.kill().await;
    while let Some(side) = sides.join_next().await {
        side.unwrap();
    }
    Arc::try_unwrap(answered).unwrap().into_inner().unwrap()
}

#[tokio::test]
async fn what_was_answered_survives_a_kill_at_any_moment_exactly_once_and_is_routed() {
    let (data, token) = furnished(Stage::Staffed).await;
    for (round, enough) in [1, 5, 20].into_iter().enumerate() {
        let host = Host::start(data.path(), &token).await;
        let answered = deliver_and_kill(host, round * 10_000, enough).await;
        assert!(answered.len() >= enough);

        let host = Host::start(data.path(), &token).await;
        for number in answered {
            let again = host.caller().post("/in/chat", item(number)).await;
            assert_eq!(again["duplicates"], 1, "delivery {number} was answered and is gone: {again}");
        }
        let counts =
            host.caller().until("/v1/counts", |it| it["decisions"].as_u64() >= it["items"].as_u64()).await;
        assert_eq!(counts["decisions"], counts["items"], "an item was judged twice");
        assert_all_routed(host.caller()).await;
        host.kill().await;
    }
}

async fn assert_all_routed(caller: &Caller) {
    let mut path = "/v1/conversations?limit=200".to_owned();
    loop {
        let page = caller.get(&path).await;
        for conversation in entries(&page) {
            let department = text(conversation, "/destination/department");
            let number: usize = text(conversation, "/thread_key")[2..].parse().unwrap();
            let right = if number.is_multiple_of(2) { "billing" } else { "service" };
            assert_eq!(department, right, "{conversation}");
        }
        let Some(cursor) = page["next_cursor"].as_str() else { return };
        path = format!("/v1/conversations?limit=200&cursor={cursor}");
    }
}

#[tokio::test]
async fn a_preparation_that_a_kill_interrupts_is_taken_up_again() {
    let (data, token) = furnished(Stage::Company).await;
    let host = Host::start(data.path(), &token).await;
    host.caller().post("/v1/activations", company::word_to("late", "kettle", "billing")).await;
    host.kill().await;
    let host = Host::start(data.path(), &token).await;
    host.caller().until("/v1/activations/late", |it| it["preparation"]["state"] == "ready").await;
    host.kill().await;
}

#[tokio::test]
async fn a_first_start_leaves_a_token_that_lets_in_and_no_second_program_starts_beside_it() {
    let data = TempDir::new().unwrap();
    let first = Host::start(data.path(), "").await;
    let token = std::fs::read_to_string(data.path().join("admin-token")).unwrap().trim().to_owned();
    let caller = first.caller().with_token(token);
    assert_eq!(caller.post("/v1/departments", json!({ "name": "service" })).await["name"], "service");

    let mut second = command(data.path()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    second.stderr.take().unwrap().read_to_string(&mut said).await.unwrap();
    assert!(!second.wait().await.unwrap().success());
    assert!(said.contains("another host"), "{said}");
    assert_eq!(caller.get("/healthz").await["status"], "ok");
    first.kill().await;
}

/// It has done nothing, so there is nothing to inspect.
#[tokio::test]
async fn a_start_that_finds_its_port_taken_ends_in_order() {
    let (data, _) = furnished(Stage::Company).await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut command = Command::new(program());
    command.args(["serve", "--listen", &address, "--data"]).arg(data.path());
    let output = command.output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains(&address), "{said}");
    assert_eq!(carry_over(&data.path().join("switchboard.db")).await, LastEnd::Orderly);
}

#[tokio::test]
async fn the_audit_log_is_verified_beside_a_running_host() {
    let (data, token) = furnished(Stage::Company).await;
    let host = Host::start(data.path(), &token).await;
    let verify = |folder: std::path::PathBuf| async move {
        let mut command = Command::new(program());
        command.args(["audit", "verify", "--json", "--data"]).arg(folder).output().await.unwrap()
    };
    let whole = verify(data.path().to_owned()).await;
    assert_eq!(whole.status.code(), Some(0), "{whole:?}");
    let verification: Value = serde_json::from_slice(&whole.stdout).unwrap();
    assert!(verification["verified"].as_u64().unwrap() > 0, "{verification}");
    assert_eq!(verification["last_link"].as_str().unwrap().len(), 64);

    let nowhere = verify(data.path().join("nowhere")).await;
    assert_eq!(nowhere.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&nowhere.stderr).contains("--data"), "{nowhere:?}");
    assert_eq!(verify(data.path().to_owned()).await.status.code(), Some(0));

    // Somebody changes two entries in the file; the first of them is named.
    let mut behind = Behind::open(&data.path().join("switchboard.db")).await;
    behind.run("DROP TRIGGER audit_is_never_changed").await;
    behind.run("UPDATE audit SET action = 'nothing.done' WHERE number IN (3, 5)").await;
    let broken = verify(data.path().to_owned()).await;
    assert_eq!(broken.status.code(), Some(1), "{broken:?}");
    let verification: Value = serde_json::from_slice(&broken.stdout).unwrap();
    assert_eq!(verification["broken"]["number"], 3, "{verification}");
    let folder = data.path().to_str().unwrap();
    let (whole, said) = run(&["audit", "verify", "--data", folder], data.path()).await;
    assert!(!whole && said.contains("BROKEN at number 3 (aud_"), "{said}");
    host.kill().await;
}

#[tokio::test]
async fn a_release_is_signed_verified_and_published_by_commands() {
    let (data, token) = furnished(Stage::Company).await;
    let host = Host::start(data.path(), &token).await;
    let folder = TempDir::new().unwrap();
    let work = folder.path();
    let guest = Guest::proposing("judge", Kind::Abstain, "no idea").component();
    std::fs::write(work.join("judge.wasm"), &guest).unwrap();
    std::fs::write(work.join("token"), &token).unwrap();
    let server = host.caller().url("");
    let publish = ["plugin", "publish", "judge.wasm", "--server", &server, "--token-file", "token"];

    let (done, said) = run(&["plugin", "keygen", "-o", "key.pem"], work).await;
    assert!(done, "{said}");
    let public_key = said.lines().find(|it| it.ends_with('=')).unwrap().to_owned();
    let (again, said) = run(&["plugin", "keygen", "-o", "key.pem"], work).await;
    assert!(!again, "a key is never written over: {said}");
    assert!(run(&["plugin", "sign", "judge.wasm", "--key", "key.pem"], work).await.0);
    assert!(run(&["plugin", "verify", "judge.wasm", "--public-key", &public_key], work).await.0);
    let (verified, said) = run(&["plugin", "verify", "judge.wasm", "--public-key", "another"], work).await;
    assert!(!verified && said.contains(&public_key), "{said}");

    let (published, said) = run(&publish, work).await;
    assert!(!published && said.contains("remedy: have an admin register it"), "{said}");
    let installation = host.caller().get("/v1/installation").await;
    let prove = ["plugin", "prove", "--key", "key.pem", "--installation", text(&installation, "/id")];
    let (proven, said) = run(&prove, work).await;
    let key: Value = serde_json::from_str(said.lines().next().unwrap_or_default()).unwrap();
    assert!(proven && key["public_key"] == *public_key, "{said}");
    host.caller().post("/v1/signing-keys", key).await;
    let (published, said) = run(&publish, work).await;
    assert!(published && said.contains("judge@1.0.0 published, signed"), "{said}");

    std::fs::write(work.join("judge.wasm"), [guest.as_slice(), &[0, 1, 0]].concat()).unwrap();
    let (verified, said) = run(&["plugin", "verify", "judge.wasm"], work).await;
    assert!(!verified && said.contains("did not sign this"), "{said}");
    host.kill().await;
}

#[tokio::test]
async fn whoever_has_the_repository_makes_tokens_while_the_host_does_not_run() {
    let (data, token) = furnished(Stage::Company).await;
    let folder = data.path().to_str().unwrap();
    let new =
        ["token", "--log", "off", "--data", folder, "new", "--role", "auditor", "--department", "billing"];
    let (made, said) = run(&new, data.path()).await;
    let secret = said.lines().find(|it| it.starts_with("sbt_")).unwrap_or_else(|| panic!("{said}"));
    assert!(made && said.contains("auditor of billing"), "{said}");
    let host = Host::start(data.path(), &token).await;
    let auditor = host.caller().with_token(secret);
    assert_eq!(auditor.get("/v1/me").await["kind"], "auditor");
    let (made, said) = run(&new, data.path()).await;
    assert!(!made && said.contains("another host"), "{said}");
    host.kill().await;
    // Which repository is meant stands where one would put it.
    let id = said_id(&run(&["token", "list", "--log", "off", "--data", folder], data.path()).await.1);
    assert!(run(&["--data", folder, "token", "--log", "off", "revoke", &id], data.path()).await.0);
    let host = Host::start(data.path(), &token).await;
    let auditor = host.caller().with_token(secret);
    assert_eq!(auditor.get("/v1/me").await["status"], 401);
    host.kill().await;
}

#[tokio::test]
async fn what_is_measured_is_shown_to_nobody_without_a_token_where_the_host_is_told_so() {
    let (data, token) = furnished(Stage::Company).await;
    let host = Host::start(data.path(), &token).await;
    assert_eq!(host.caller().asked_by_nobody("/metrics").await, 200, "as long as nobody says otherwise");
    host.kill().await;
    let host = Host::try_start(command(data.path()).args(["--metrics", "token"]), &token).await.unwrap();
    assert_eq!(host.caller().asked_by_nobody("/metrics").await, 401);
    assert_eq!(host.caller().asked_by_nobody("/readyz").await, 200);
    assert!(host.caller().text("/metrics").await.contains("switchboard_items_total"));
    let described = host.caller().get("/openapi.json").await;
    assert_eq!(described["paths"]["/metrics"]["get"]["security"], json!([{ "token": [] }]), "it says so too");
    host.kill().await;
}

/// The id of the auditor's token in a list of tokens.
fn said_id(list: &str) -> String {
    let line = list.lines().find(|it| it.contains("auditor")).unwrap_or_else(|| panic!("{list}"));
    line.split_whitespace().next().unwrap().to_owned()
}
