//! What plugins say besides their answers: a policy's lines are kept with its decision, an adapter's are
//! in the host's own log.

use serde_json::json;
use tempfile::TempDir;

use crate::support::TestApp;
use crate::support::guest::{CONTENT, DONE, Guest, SENT};
use crate::support::host::Host;
use crate::support::reply::text;

/// What only the host and a channel know.
const VALUE: &str = "a value that nobody guesses";

/// Says what lies at this place of the guest's contents.
fn saying(at: u32, length: usize) -> String {
    format!("(call $log (i32.const 1) (i32.const {}) (i32.const {length}))", CONTENT + at)
}

#[tokio::test]
async fn what_a_policy_says_beyond_the_bound_is_counted() {
    let app = TestApp::company().await;
    // 1,000 lines of 1,000 bytes each, of which 64 KiB are kept; a line is kept with its level.
    let flood = format!(
        "(local $left i32) (local.set $left (i32.const 1000))
         (memory.fill (i32.const 1048576) (i32.const 97) (i32.const 1000))
         (loop $again
            (call $log (i32.const 1) (i32.const 1048576) (i32.const 1000))
            (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
         {DONE}"
    );
    let quiet = format!("(call $log (i32.const 1) (i32.const {CONTENT}) (i32.const 0)) {DONE}");
    for guest in [Guest::policy("loud", &flood), Guest::policy("quiet", &quiet)] {
        app.upload(guest.logging().component()).await.json(201);
    }
    for name in ["loud", "quiet"] {
        app.enable(json!({ "plugin": name, "mode": "shadow" })).await;
    }
    let conversation = app.say("hello").await;
    app.settle().await;
    let decision = app.decision(&conversation).await;
    let contributions = decision["contributions"].as_array().unwrap();
    let said = |name: &str| contributions.iter().find(|it| it["name"] == name).unwrap();
    let kept = said("loud")["log"].as_array().unwrap().len();
    assert_eq!(kept, (64 << 10) / (1_000 + "info: ".len()));
    assert_eq!(said("loud")["log_dropped"], 1_000 - kept);
    assert_eq!((&said("quiet")["log"], said("quiet").get("log_dropped")), (&json!(["info: "]), None));
}

#[tokio::test]
async fn what_an_adapter_says_is_in_the_hosts_log_without_secrets() {
    let received = format!("received with {VALUE}");
    let begin = format!("{} {SENT}", saying(700, "answering".len()));
    let mut guest = Guest::adapter_that_answers("talkative", &begin, SENT);
    guest.put(600, received.as_bytes());
    guest.put(700, b"answering");
    let guest = guest.saying_first(&saying(600, received.len())).logging().wanting_secret("signing", 1);

    let app = TestApp::company().await;
    app.upload(guest.component()).await.json(201);
    app.enable(json!({ "plugin": "talkative", "mode": "active" })).await;
    let secret = json!({ "name": "shared", "uses": ["verify"], "value": VALUE });
    app.post("/v1/secrets", secret).await.json(201);
    let inbox = json!({
        "name": "odd", "department": "service", "adapter": "talkative", "access": "open",
        "secrets": { "signing": "shared" },
    });
    app.post("/v1/inboxes", inbox).await.json(201);
    let token = app.token.clone();
    let (folder, _) = app.stop().await;

    let log = TempDir::new().unwrap();
    let log = log.path().join("log");
    let host = Host::start_talking(folder.path(), &token, &log).await;
    let delivered = host.caller().deliver("/in/odd", "whatever", ("x-any", "thing")).await;
    let conversation = text(&delivered, "/items/0/conversation").to_owned();
    let of = format!("/v1/conversations/{conversation}");
    host.caller().post(&format!("{of}/reply"), json!({ "agent": "ada", "text": "Hello." })).await;
    host.caller().until(&of, |shown| shown["outbox"][0]["state"] == "sent").await;
    let reply = text(&host.caller().get(&of).await, "/outbox/0/id").to_owned();
    host.kill().await;

    let log = std::fs::read_to_string(&log).unwrap();
    let line = |what: &str| log.lines().find(|line| line.contains(what)).unwrap_or_else(|| panic!("{log}"));
    let read = line("received with [secret:signing:");
    assert!(read.contains("DEBUG") && read.contains(text(&delivered, "/delivery")), "{read}");
    assert!(line("info: answering").contains(&reply), "{log}");
    assert!(!log.contains(VALUE), "{log}");
}
