//! What must be true after every harm: the process lives and says so, the item is where it belongs or
//! kept, one failure is recorded by its name, and the next call works in the very slot in which the
//! guest was. That memory returns is measured where nobody else takes any (see `returns`).

use serde_json::{Value, json};
use switchboard::domain::case::{Case, Event};
use switchboard::plugin::{Lane, Policy, ReusedPolicy};

use crate::support::TestApp;
use crate::support::guest::{DONE, Guest};
use crate::support::reply::text;

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
    goes_on(&app).await;
}

/// Enables a hostile adapter with an inbox of its own, delivers to it, and expects one of the failures.
pub async fn adapter_is_survived(guest: Guest, failures: &[&str]) {
    let app = TestApp::staffed().await;
    app.upload(guest.component()).await.json(201);
    let name = guest.name();
    app.enable(json!({ "plugin": name, "mode": "active" })).await;
    let inbox = json!({ "name": name, "department": "service", "adapter": name, "access": "open" });
    app.post("/v1/inboxes", inbox).await.json(201);
    let held = all_slots_but_one(&policy(&app, "keyword-router"));
    for _ in 0..ROUNDS {
        let received = app.deliver(name, "text/plain", "whatever").await.json(202);
        assert_eq!(received["outcome"], "unparsed", "it is kept, to be read again");
        let reason = text(&received, "/reason");
        assert!(failures.iter().any(|failure| reason.starts_with(failure)), "{received}");
        // The slot that is left serves another at once.
        assert_eq!(app.tell(json!({ "author": "u-1", "text": "hello" })).await["outcome"], "accepted");
    }
    drop(held);
    assert_eq!(counted(&app, &guest, failures).await, ROUNDS as u64);
    let kept = app.get("/v1/deliveries?outcome=unparsed").await.json(200);
    assert_eq!(kept["entries"].as_array().unwrap().len(), ROUNDS);
    goes_on(&app).await;
}

/// Enables a hostile adapter with an inbox of its own, has somebody answer what came in there, and
/// expects one of the failures instead of an answer that goes out. It is tried again later, or left
/// to an agent where a request had gone out before; and other inboxes' answers go out.
pub async fn sending_is_survived(guest: Guest, failures: &[&str]) {
    let app = TestApp::staffed().await;
    let conversation = answered(&app, &guest).await;
    let held = all_slots_but_one(&policy(&app, "keyword-router"));
    app.settle().await;
    let waiting = answer(&app, &conversation).await;
    let state = if app.egress.sent().is_empty() { "queued" } else { "parked" };
    assert_eq!((&waiting["state"], &waiting["attempts"]), (&json!(state), &json!(1)), "{waiting}");
    let error = text(&waiting, "/last_error");
    assert!(failures.iter().any(|it| error.contains(&format!("the adapter failed: {it}"))), "{waiting}");
    assert!(error.len() <= 5_000, "{} bytes", error.len());
    assert_eq!(counted(&app, &guest, failures).await, 1);
    let sent = app.egress.sent().len();
    // In the slot that is left.
    let other = app.say("hello?").await;
    app.settle().await;
    reply(&app, &other).await;
    app.settle().await;
    assert_eq!(answer(&app, &other).await["state"], "sent");
    assert_eq!(app.egress.sent().len(), sent + 1);
    drop(held);
    goes_on(&app).await;
}

/// Publishes an adapter, takes something in by it, and has Ada answer; the conversation.
pub async fn answered(app: &TestApp, guest: &Guest) -> String {
    let name = guest.name();
    app.upload(guest.component()).await.json(201);
    app.enable(json!({ "plugin": name, "mode": "active" })).await;
    let inbox = json!({
        "name": name, "department": "service", "adapter": name, "access": "open",
        "reply_hosts": ["hooks.example.com"],
    });
    app.post("/v1/inboxes", inbox).await.json(201);
    let received = app.deliver(name, "text/plain", "whatever").await.json(202);
    let conversation = app.conversation_of(&received);
    app.settle().await;
    reply(app, &conversation).await;
    conversation
}

async fn reply(app: &TestApp, conversation: &str) {
    let reply = json!({ "agent": "ada", "text": "Good morning." });
    app.post(&format!("/v1/conversations/{conversation}/reply"), reply).await.json(202);
}

/// The only answer of a conversation, as it stands.
pub async fn answer(app: &TestApp, conversation: &str) -> Value {
    let shown = app.conversation(conversation).await;
    assert_eq!(shown["outbox"].as_array().unwrap().len(), 1, "{shown}");
    shown["outbox"][0].clone()
}

/// The process lives, and what comes in is taken in, judged, and put where somebody finds it.
pub async fn goes_on(app: &TestApp) {
    is_alive(app).await;
    let conversation = app.say("what comes after").await;
    app.settle().await;
    let shown = app.conversation(&conversation).await;
    assert!(shown["destination"]["department"].is_string(), "{shown}");
    assert_eq!(app.decisions(&conversation).await.len(), 1);
}

/// The same, and an honest plugin is compiled and published.
pub async fn compiles_on(app: &TestApp) {
    app.upload(Guest::policy("comes-after", DONE).component()).await.json(201);
    goes_on(app).await;
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

/// Calls the hostile policy and an honest one in turn, in one slot: neither feels the other.
async fn calls_go_on(app: &TestApp, guest: &Guest, failures: &[&str]) {
    let (hostile, honest) = (policy(app, guest.name()), policy(app, "keyword-router"));
    let kinds = app.flow().plugins.executor().run(Lane::Trying(None), move || {
        let held = all_slots_but_one(&honest);
        let call = |_| {
            let failed = hostile.evaluate(&event(), &case()).result.unwrap_err();
            let answered = honest.evaluate(&event(), &case()).result;
            assert!(!answered.expect("the honest one works").is_empty());
            failed.kind.name()
        };
        let kinds: Vec<_> = (0..ROUNDS).map(call).collect();
        drop(held);
        kinds
    });
    let kinds = kinds.await.unwrap();
    assert!(kinds.iter().all(|kind| failures.contains(kind)), "{kinds:?}");
}

/// An enabled policy.
pub fn policy(app: &TestApp, name: &str) -> Policy {
    let pipeline = app.flow().pipeline.load_full();
    pipeline.policies.iter().find(|it| it.activation.name == name).unwrap().policy.clone()
}

/// Takes every slot of the pool but one, for as long as it lives: whoever is called after a guest is
/// called where the guest was.
pub fn all_slots_but_one(policy: &Policy) -> Vec<ReusedPolicy> {
    let mut held: Vec<_> = std::iter::from_fn(|| policy.reused().ok()).collect();
    assert!(held.pop().is_some_and(|_| !held.is_empty()), "there is more than one slot");
    held
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
