//! One department is flooded, and its rules take long: the others are decided and answered as if nothing were.

use std::time::Duration;

use serde_json::{Value, json};
use switchboard::flow::{deliver, escalate, route};
use tokio_util::sync::CancellationToken;

use crate::support::guest::{Guest, burning_some};
use crate::support::reply::{entries, text};
use crate::support::sending::{OTHER_URL, URL, send, sender_to, sent};
use crate::support::timing::{Timers, setter};
use crate::support::{HOUR_MS, TestApp};

/// Nearly all the fuel that a policy has for one case.
const NEARLY_ALL: u32 = 47_000_000;

/// A policy that burns so much fuel for each case, and says nothing.
fn burner(name: &str) -> Guest {
    slowed(Guest::policy(name, "i32.const 512"))
}

fn slowed(guest: Guest) -> Guest {
    guest.with("(global $burnt (mut i32) (i32.const 0))").saying_first(&burning_some(NEARLY_ALL))
}

/// An inbox of its own for the department `billing`, where this policy is asked.
async fn with_slow_billing(app: &TestApp, policy: Guest) {
    app.upload(policy.component()).await.json(201);
    app.enable(json!({
        "plugin": policy.name(), "phase": "qualify", "rank": -1, "mode": "active",
        "applies_to": { "departments": ["billing"] },
    }))
    .await;
    let inbox = json!({
        "name": "bills", "department": "billing", "adapter": "cloudevents", "channel": "web", "access": "open",
    });
    app.post("/v1/inboxes", inbox).await.json(201);
}

/// An item of a new conversation; the conversation.
async fn tell(app: &TestApp, inbox: &str, id: &str) -> String {
    let item = json!({ "id": id, "author": id, "text": "hello" });
    let received = app.deliver(inbox, "application/json", item.to_string()).await.json(202);
    app.conversation_of(&received)
}

async fn flood(app: &TestApp, items: usize) {
    for number in 0..items {
        tell(app, "bills", &format!("flood-{number}")).await;
    }
}

/// How many decisions were made before the first one about this conversation. Their ids grow.
async fn decided_before(app: &TestApp, conversation: &str) -> usize {
    let own = text(&app.decisions(conversation).await[0], "/id").to_owned();
    let mut before = 0;
    let mut path = "/v1/decisions?limit=200".to_owned();
    loop {
        let page = app.get(&path).await.json(200);
        before += entries(&page).iter().filter(|it| text(it, "/id") < own.as_str()).count();
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("/v1/decisions?limit=200&cursor={cursor}"),
            None => return before,
        }
    }
}

#[tokio::test]
async fn an_item_is_decided_within_a_few_batches_of_another_departments_backlog() {
    const BACKLOG: usize = 150;
    let app = TestApp::company().await;
    with_slow_billing(&app, burner("burner")).await;
    flood(&app, BACKLOG).await;
    let other = tell(&app, "chat", "other").await;
    route::route_until_idle(app.flow(), &CancellationToken::new()).await.unwrap();
    assert_eq!(app.flow().store.pending_events().await.unwrap(), 0, "the backlog is decided, too");
    // What the first batch of the backlog may evaluate before the other department's turn has come.
    let before = decided_before(&app, &other).await;
    assert!(before <= 32, "{before} of {BACKLOG} were decided before");
}

#[tokio::test]
async fn a_departments_slow_rules_keep_no_other_department_from_inline_routing() {
    let app = TestApp::company().await;
    with_slow_billing(&app, burner("burner")).await;
    app.flow().door.open();
    // After a few of them it is known that they take long; nothing rests by the clock, which stands.
    flood(&app, 20).await;
    let waiting = async || app.flow().store.pending_events().await.unwrap();
    let before = waiting().await;
    assert!(before > 0, "what takes long waits");
    let slow = tell(&app, "bills", "slow").await;
    assert_eq!(app.decisions(&slow).await.len(), 0);
    // On a busy machine one may take too long; not all of them.
    let mut decided = false;
    for number in 0..50 {
        let other = tell(&app, "chat", &format!("other-{number}")).await;
        decided |= app.decisions(&other).await.len() == 1;
    }
    assert!(decided, "no item of another department was decided before it was acknowledged");
    app.settle().await;
    assert_eq!((waiting().await, app.decisions(&slow).await.len()), (0, 1));
}

#[tokio::test]
async fn a_departments_due_timers_keep_no_other_departments_target_waiting() {
    const CONVERSATIONS: usize = 40;
    let app = TestApp::company().await;
    let timers = Timers { count: 32, delay_ms: 1_000, other_keys: false };
    with_slow_billing(&app, setter("setter", timers)).await;
    flood(&app, CONVERSATIONS).await;
    let other = tell(&app, "chat", "other").await;
    app.settle().await;
    app.clock.advance_ms(2 * HOUR_MS);
    // One transaction of many: most of what is due is not fired yet.
    let now = app.flow().now();
    let fired = app.flow().store.fire_timers(now, 256).await.unwrap();
    assert!(app.flow().store.timers_are_due(now).await.unwrap(), "{fired} were all");
    route::route_batch(app.flow()).await.unwrap();
    let kinds: Vec<String> =
        app.decisions(&other).await.iter().map(|it| text(it, "/event/kind").to_owned()).collect();
    assert_eq!(kinds.len(), 2, "{kinds:?}");
    assert!(kinds[1].starts_with("promise-"), "{kinds:?}");
    escalate::fire_due(app.flow()).await.unwrap();
    assert!(!app.flow().store.timers_are_due(now).await.unwrap());
}

#[tokio::test]
async fn timers_beyond_a_departments_quota_are_refused_by_its_name() {
    let app = TestApp::company().await;
    let timers = Timers { count: 32, delay_ms: HOUR_MS, other_keys: false };
    with_slow_billing(&app, setter("setter", timers)).await;
    let quota = json!({ "department": "billing", "quotas": { "waiting-timers": 40 } });
    app.patch("/v1/quotas", quota).await.json(200);
    let [first, second] = ["first", "second"];
    let (first, second) = (tell(&app, "bills", first).await, tell(&app, "bills", second).await);
    app.settle().await;
    let mut applied = 0;
    for conversation in [&first, &second] {
        let decision = app.decision(conversation).await;
        let proposals = decision["contributions"][0]["proposals"].as_array().unwrap().clone();
        let refused = proposals.iter().filter(|it| it["verdict"] == "invalid");
        assert!(
            refused.clone().all(|it| text(it, "/detail").contains("`waiting-timers` is 40")),
            "{decision}"
        );
        applied += proposals.len() - refused.count();
    }
    assert_eq!(applied, 40);
    let quotas = app.get("/v1/quotas?department=billing").await.json(200);
    let waiting = entries(&quotas).iter().find(|it| it["quota"] == "waiting-timers").unwrap();
    assert_eq!((&waiting["used"], &waiting["value"]), (&json!(40), &json!(40)));
}

/// An adapter of this name whose replies go to this place, and an inbox of this department for each name.
async fn with_senders(app: &TestApp, adapter: &str, url: &str, department: &str, inboxes: &[String]) {
    app.upload(sender_to(url, adapter, &send(), &sent()).component()).await.json(201);
    app.enable(json!({ "plugin": adapter, "mode": "active" })).await;
    for name in inboxes {
        let inbox = json!({
            "name": name, "department": department, "adapter": adapter, "access": "open",
            "reply_hosts": ["hooks.example.com", "mutes.example.com"],
        });
        app.post("/v1/inboxes", inbox).await.json(201);
    }
}

async fn reply(app: &TestApp, conversation: &str) {
    let reply = json!({ "agent": "ada", "text": "Good morning." });
    app.post(&format!("/v1/conversations/{conversation}/reply"), reply).await.json(202);
}

async fn state(app: &TestApp, conversation: &str) -> Value {
    app.conversation(conversation).await["outbox"][0]["state"].clone()
}

/// Sends what is due until this reply is sent, then has the silent host answer; how many were tried.
async fn send_until_sent(app: &TestApp, conversation: &str) -> usize {
    let stop = CancellationToken::new();
    let mut sending = std::pin::pin!(deliver::send_due(app.flow(), &stop));
    // Far longer than it takes anywhere.
    let is_sent = tokio::time::timeout(Duration::from_secs(60), async {
        while state(app, conversation).await != "sent" {
            tokio::task::yield_now().await;
        }
    });
    tokio::select! {
        ended = &mut sending => panic!("a silent channel answered: {ended:?}"),
        sent = is_sent => sent.expect("it waits for silent channels"),
    }
    app.egress.answer_all();
    sending.await.unwrap()
}

#[tokio::test]
async fn a_department_whose_channels_are_all_silent_keeps_no_others_reply_waiting() {
    let app = TestApp::company().await;
    let silent: Vec<_> = (0..80).map(|it| format!("silent-{it}")).collect();
    with_senders(&app, "mute", OTHER_URL, "billing", &silent).await;
    with_senders(&app, "prompt", URL, "service", &["prompt".to_owned()]).await;
    let mut conversations = Vec::new();
    for inbox in silent.iter().map(String::as_str).chain(["prompt"]) {
        let received = app.deliver(inbox, "text/plain", "?").await.json(202);
        conversations.push(app.conversation_of(&received));
    }
    app.settle().await;
    for conversation in &conversations {
        reply(&app, conversation).await;
    }
    app.egress.keep_silent("mutes.example.com");
    let tried = send_until_sent(&app, conversations.last().unwrap()).await;
    assert_eq!(tried, conversations.len());
    for conversation in &conversations {
        assert_eq!(state(&app, conversation).await, "sent");
    }
}
