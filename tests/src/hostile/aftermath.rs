//! What must be true after every harm: the process lives and says so, the item is where it belongs or
//! kept, one failure is recorded by its name, the next call works in the same slots, memory returns.

use serde_json::{Value, json};
use switchboard::domain::case::{Case, Event};
use switchboard::plugin::Lane;

use crate::support::TestApp;
use crate::support::guest::Guest;
use crate::support::reply::text;

/// What a process may keep after calls that each took 50 MiB and more, eight times: far less than
/// all of it, and room for what other tests of this process do meanwhile.
const KEPT_BYTES_MAX: u64 = 256 << 20;

/// How often a guest is called again to see what it leaves behind.
const ROUNDS: usize = 8;

/// How a guest that never ends is stopped: by its fuel, or by the clock where the machine is so busy
/// that it comes first.
pub const ENDLESS: &[&str] = &["fuel", "deadline"];

/// Enables a hostile policy before the others, takes items in, and expects one of the failures.
pub async fn policy_is_survived(guest: Guest, failures: &[&str]) {
    let app = TestApp::staffed().await;
    app.upload(guest.component()).await.json(201);
    app.enable(json!({ "plugin": guest.name(), "phase": "qualify", "rank": -1, "mode": "active" })).await;
    for _ in 0..2 {
        let conversation = app.say("a refund, please").await;
        app.settle().await;
        assert_eq!(app.place(&conversation).await, "billing/refunds");
        one_failure_is_recorded(&app.decision(&conversation).await, &guest, failures);
    }
    assert_eq!(counted(&app, &guest, failures).await, 2, "each failure is counted once");
    calls_go_on(&app, &guest, failures).await;
    is_alive(&app).await;
}

/// Enables a hostile adapter with an inbox of its own, delivers to it, and expects one of the failures.
pub async fn adapter_is_survived(guest: Guest, failures: &[&str]) {
    let app = TestApp::staffed().await;
    app.upload(guest.component()).await.json(201);
    adapter_is_survived_by(&app, guest, failures).await;
}

/// The same where the guest is published already.
pub async fn adapter_is_survived_by(app: &TestApp, guest: Guest, failures: &[&str]) {
    let name = guest.name();
    app.enable(json!({ "plugin": name, "mode": "active" })).await;
    let inbox = json!({ "name": name, "department": "service", "adapter": name, "access": "open" });
    app.post("/v1/inboxes", inbox).await.json(201);
    let before = resident_bytes();
    for _ in 0..ROUNDS {
        let received = app.deliver(name, "text/plain", "whatever").await.json(202);
        assert_eq!(received["outcome"], "unparsed", "it is kept, to be read again");
        let reason = text(&received, "/reason");
        assert!(failures.iter().any(|failure| reason.starts_with(failure)), "{received}");
        // The same threads and slots serve others at once.
        assert_eq!(app.tell(json!({ "author": "u-1", "text": "hello" })).await["outcome"], "accepted");
    }
    memory_returned(before);
    assert_eq!(counted(app, &guest, failures).await, ROUNDS as u64);
    let kept = app.get("/v1/deliveries?outcome=unparsed").await.json(200);
    assert_eq!(kept["entries"].as_array().unwrap().len(), ROUNDS);
    is_alive(app).await;
}

/// The process answers, and its metrics can be read.
pub async fn is_alive(app: &TestApp) {
    assert_eq!(app.get("/healthz").await.json(200)["status"], "ok");
    assert_eq!(app.get("/readyz").await.json(200)["status"], "ok");
}

fn one_failure_is_recorded(decision: &Value, guest: &Guest, failures: &[&str]) {
    let contributions = decision["contributions"].as_array().unwrap();
    assert_eq!(contributions.len(), 4, "the others were asked: {decision}");
    let failed: Vec<_> = contributions.iter().filter(|it| it.get("failure").is_some()).collect();
    assert_eq!(failed.len(), 1, "{decision}");
    assert_eq!(failed[0]["name"], guest.name());
    assert!(failures.contains(&text(failed[0], "/failure/name")), "{}", failed[0]);
    assert!(text(failed[0], "/failure/detail").len() <= 4096);
    assert_eq!(failed[0]["proposals"], json!([]), "what it had half said is gone");
}

/// How often the guest's failures of these names were counted.
pub async fn counted(app: &TestApp, guest: &Guest, failures: &[&str]) -> u64 {
    let metrics = app.get("/metrics").await.text();
    let count = |failure: &&str| {
        let name = guest.name();
        let series = format!("switchboard_plugin_failures_total{{plugin=\"{name}\",failure=\"{failure}\"}} ");
        metrics.lines().find_map(|line| line.strip_prefix(&series)?.parse::<u64>().ok()).unwrap_or(0)
    };
    failures.iter().map(count).sum()
}

/// Calls the hostile policy and an honest one in turn, on one thread: neither feels the other.
async fn calls_go_on(app: &TestApp, guest: &Guest, failures: &[&str]) {
    let pipeline = app.flow().pipeline.load_full();
    let named = |name: &str| pipeline.policies.iter().find(|it| it.activation.name == name).unwrap().clone();
    let (hostile, honest) = (named(guest.name()), named("keyword-router"));
    let before = resident_bytes();
    let kinds = app.flow().plugins.executor().run(Lane::Judging, move || {
        let call = |_| {
            let failed = hostile.policy.evaluate(&event(), &case()).result.unwrap_err();
            let answered = honest.policy.evaluate(&event(), &case()).result;
            assert!(!answered.expect("the honest one works").is_empty());
            failed.kind.name()
        };
        (0..ROUNDS).map(call).collect::<Vec<_>>()
    });
    let kinds = kinds.await.unwrap();
    assert!(kinds.iter().all(|kind| failures.contains(kind)), "{kinds:?}");
    memory_returned(before);
}

/// The process is not much larger than it was.
pub fn memory_returned(before: u64) {
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown <= KEPT_BYTES_MAX, "{grown} bytes more than before");
}

/// What the process has in memory.
pub fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

/// A new item.
pub fn event() -> Event {
    serde_json::from_value(json!({ "id": "evt_0000000000001", "kind": "item-received", "at": 1_000 }))
        .unwrap()
}

/// A case that the router of the example company has something to say about.
pub fn case() -> Case {
    serde_json::from_value(json!({
        "now": 2_000,
        "item": {
            "external_id": "m1", "kind": "post", "visibility": "public", "text": "a refund, please",
            "author": { "external_id": "u-1" }, "occurred_at": 1_000,
        },
        "conversation": {
            "id": "cnv_0000000000001", "status": "open", "opened_at": 1_000, "item_count": 1,
        },
        "inbox": { "name": "chat", "channel": "web", "department": "service" },
    }))
    .unwrap()
}
