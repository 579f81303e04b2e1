//! A plugin that fails too often is suspended, and what worked before is put back.

use serde_json::{Value, json};
use switchboard::domain::activation::Mode;
use switchboard::domain::delivery::DeliveryOutcome;
use switchboard::domain::principal::Principal;
use switchboard::flow::enable::{self, ActivationChange};
use switchboard::flow::retry;
use switchboard::store::PageRequest;

use crate::support::guest::{Guest, Kind, TRAP};
use crate::support::reply::{entries, text};
use crate::support::{MINUTE_MS, TestApp};

/// Traps on items whose id begins with `x`: the argument's record has a pointer to the id at 48.
const TRAP_ON_X: &str = "(if (i32.eq (i32.load8_u (i32.load offset=48 (local.get 0))) (i32.const 120))
    (then unreachable)) i32.const 512";

async fn publish_and_enable(app: &TestApp, guest: &Guest) {
    app.upload(guest.component()).await.json(201);
    app.enable(json!({ "plugin": guest.name(), "phase": "qualify", "mode": "active" })).await;
}

async fn shown(app: &TestApp, name: &str) -> Value {
    app.get(&format!("/v1/activations/{name}")).await.json(200)
}

/// Something new is said, under an id that begins so, and judged.
async fn say(app: &TestApp, id: &str) -> Value {
    let received = app.tell(json!({ "id": id, "author": "u-1", "text": "a refund, please" })).await;
    app.settle().await;
    app.decision(&app.conversation_of(&received)).await
}

async fn say_all(app: &TestApp, prefix: &str, ids: impl Iterator<Item = usize>) {
    for id in ids {
        say(app, &format!("{prefix}-{id}")).await;
    }
}

/// How a policy failed that was to be called, if it did.
fn failure_of<'a>(decision: &'a Value, name: &str) -> &'a str {
    let contributions = decision["contributions"].as_array().unwrap();
    let it = contributions.iter().find(|it| it["name"] == name).unwrap();
    it["failure"]["name"].as_str().unwrap_or_default()
}

fn names(decision: &Value) -> Vec<&str> {
    decision["contributions"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn policy_that_fails_on_everything_is_suspended_until_an_admin_sets_its_mode() {
    let app = TestApp::staffed().await;
    publish_and_enable(&app, &Guest::policy("hostile", TRAP)).await;
    for number in 0..5 {
        let decision = say(&app, &format!("a-{number}")).await;
        assert_eq!(decision["outcome"]["routing"]["destination"]["department"], "billing");
        assert!(names(&decision).contains(&"hostile"));
    }
    let suspended = shown(&app, "hostile").await;
    assert_eq!(suspended["suspended"], true, "{suspended}");
    assert_eq!(suspended["suspension"]["cause"], "in-a-row");
    assert_eq!(suspended["suspension"]["failures"], 5);
    assert_eq!(suspended["suspension"]["failure"]["name"], "trap");
    assert_eq!(suspended["suspension"].get("put_back"), None, "there is nothing to put back");
    let scopes = &suspended["suspensions"];
    assert_eq!((scopes.as_array().unwrap().len(), &scopes[0]["scope"]), (1, &json!("company")), "{scopes}");
    let decision = say(&app, "b").await;
    assert_eq!(failure_of(&decision, "hostile"), "suspended", "it is not called");

    let metrics = app.get("/metrics").await.text();
    assert!(metrics.contains("switchboard_activation_suspended{activation=\"hostile\"} 1"), "{metrics}");
    let counter = "switchboard_activation_suspensions_total{activation=\"hostile\",cause=\"in-a-row\",scope=\"company\"} 1";
    assert!(metrics.contains(counter), "{metrics}");
    let audit = app.get("/v1/audit").await.json(200);
    let entry = entries(&audit).iter().find(|it| it["action"] == "activation.suspend").unwrap();
    assert_eq!(
        (&entry["principal"]["kind"], &entry["detail"]["failure"]),
        (&json!("system"), &json!("trap"))
    );

    let app = app.restart_without_compiler().await;
    assert_eq!(shown(&app, "hostile").await["suspended"], true, "a restart forgets nothing");
    app.patch("/v1/activations/hostile", json!({ "mode": "active" })).await.json(202);
    assert_eq!(shown(&app, "hostile").await["suspended"], false);
    let decision = say(&app, "c").await;
    assert_eq!(failure_of(&decision, "hostile"), "trap", "it is called again, and counted from the start");
    assert_eq!(shown(&app, "hostile").await["suspended"], false);
}

#[tokio::test]
async fn the_last_good_release_is_put_back() {
    let app = TestApp::staffed().await;
    publish_and_enable(&app, &Guest::proposing("judge", Kind::Abstain, "no idea")).await;
    app.upload(Guest::policy("judge", TRAP).version("2.0.0").component()).await.json(201);
    app.patch("/v1/activations/judge", json!({ "version": "2.0.0" })).await.json(202);
    app.settle().await;
    say_all(&app, "a", 0..5).await;
    let put_back = shown(&app, "judge").await;
    assert_eq!((&put_back["version"], &put_back["revision"]), (&json!("1.0.0"), &json!(3)), "{put_back}");
    assert_eq!(put_back["suspended"], false);
    assert_eq!(put_back["suspension"]["revision"], 2);
    assert_eq!(put_back["suspension"]["put_back"], 1);
    let decision = say(&app, "b").await;
    let contributions = decision["contributions"].as_array().unwrap();
    let judge = contributions.iter().find(|it| it["name"] == "judge").unwrap();
    assert_eq!((&judge["release"], judge.get("failure")), (&json!("judge@1.0.0"), None));
}

#[tokio::test]
async fn what_failed_before_is_not_put_back_again() {
    let app = TestApp::staffed().await;
    publish_and_enable(&app, &Guest::policy("judge", TRAP)).await;
    let other = Guest::policy("judge", &format!("(nop) {TRAP}")).version("2.0.0");
    app.upload(other.component()).await.json(201);
    say_all(&app, "a", 0..5).await;
    app.patch("/v1/activations/judge", json!({ "version": "2.0.0" })).await.json(202);
    app.settle().await;
    assert_eq!(shown(&app, "judge").await["suspended"], false, "another version begins with a clean record");
    say_all(&app, "b", 0..5).await;
    let suspended = shown(&app, "judge").await;
    assert_eq!((&suspended["suspended"], &suspended["revision"]), (&json!(true), &json!(2)), "{suspended}");
    assert_eq!(suspended.get("next"), None);
}

#[tokio::test]
async fn share_of_failures_is_that_of_a_minute() {
    let app = TestApp::staffed().await;
    publish_and_enable(&app, &Guest::policy("moody", TRAP_ON_X)).await;
    // Every fourth call fails, but of too few to say so; a minute later they are forgotten.
    for number in 0..16 {
        say(&app, &format!("{}-{number}", if number % 4 == 3 { "x" } else { "a" })).await;
    }
    let report = shown(&app, "moody").await["health"].clone();
    assert_eq!((&report["calls"], &report["failures"]), (&json!(16), &json!(4)), "{report}");
    app.clock.advance_ms(MINUTE_MS);
    assert_eq!(shown(&app, "moody").await["health"]["calls"], 0);
    say_all(&app, "b", 0..19).await;
    say(&app, "x-one-of-twenty").await;
    assert_eq!(shown(&app, "moody").await["suspended"], false);
    say_all(&app, "x-more", 0..4).await;
    let suspended = shown(&app, "moody").await;
    assert_eq!(suspended["suspended"], false, "it fails on what one sender writes");
    assert_eq!(suspended["suspensions"][0]["scope"], "sender", "{suspended}");
    assert_eq!(suspended["suspensions"][0]["failures"], 5);
}

#[tokio::test]
async fn share_of_failures_suspends_without_any_row() {
    let app = TestApp::staffed().await;
    publish_and_enable(&app, &Guest::policy("moody", TRAP_ON_X)).await;
    for number in 0..24 {
        say(&app, &format!("{}-{number}", if number % 4 == 3 { "x" } else { "a" })).await;
    }
    let suspended = shown(&app, "moody").await;
    let sender = &suspended["suspensions"][0];
    assert_eq!((&sender["scope"], &sender["cause"]), (&json!("sender"), &json!("share")), "{suspended}");
    // A sender is counted from the first failure on.
    assert_eq!((&sender["failures"], &sender["calls"]), (&json!(6), &json!(21)));
}

#[tokio::test]
async fn a_case_that_is_only_imagined_counts_for_nothing() {
    let app = TestApp::staffed().await;
    publish_and_enable(&app, &Guest::policy("hostile", TRAP)).await;
    let case = serde_json::to_value(crate::hostile::aftermath::case()).unwrap();
    for _ in 0..10 {
        app.post("/v1/evaluate", json!({ "case": case })).await.json(200);
    }
    assert_eq!(shown(&app, "hostile").await["suspended"], false);
}

#[tokio::test]
async fn an_adapter_that_fails_too_often_gives_way_to_the_release_before() {
    let app = TestApp::company().await;
    app.upload(Guest::adapter_that_reads("reader").component()).await.json(201);
    app.enable(json!({ "plugin": "reader", "mode": "active" })).await;
    let inbox = json!({ "name": "reader", "department": "service", "adapter": "reader", "access": "open" });
    app.post("/v1/inboxes", inbox).await.json(201);
    app.upload(Guest::adapter("reader", TRAP).version("2.0.0").component()).await.json(201);
    app.patch("/v1/activations/reader", json!({ "version": "2.0.0" })).await.json(202);
    app.settle().await;
    for _ in 0..5 {
        assert_eq!(app.deliver("reader", "text/plain", "?").await.json(202)["outcome"], "unparsed");
    }
    app.settle().await;
    let put_back = shown(&app, "reader").await;
    assert_eq!(put_back["version"], "1.0.0", "{put_back}");
    let unread = app.get("/v1/deliveries?outcome=unparsed").await.json(200);
    assert_eq!(entries(&unread).len(), 0, "what the bad one could not read was read again");
}

#[tokio::test]
async fn one_inboxs_deliveries_suspend_no_adapter_that_others_use() {
    let app = TestApp::company().await;
    app.upload(Guest::adapter_that_reads("reader").component()).await.json(201);
    app.enable(json!({ "plugin": "reader", "mode": "active" })).await;
    for name in ["one", "two"] {
        let inbox = json!({ "name": name, "department": "service", "adapter": "reader", "access": "open" });
        app.post("/v1/inboxes", inbox).await.json(201);
    }
    app.upload(Guest::adapter("reader", TRAP).version("2.0.0").component()).await.json(201);
    app.patch("/v1/activations/reader", json!({ "version": "2.0.0" })).await.json(202);
    app.settle().await;
    for _ in 0..10 {
        app.deliver("one", "text/plain", "?").await.json(202);
    }
    app.settle().await;
    assert_eq!(shown(&app, "reader").await["version"], "2.0.0");
    app.deliver("two", "text/plain", "?").await.json(202);
    app.settle().await;
    assert_eq!(shown(&app, "reader").await["version"], "1.0.0", "it fails on everything");
}

#[tokio::test]
async fn an_adapter_with_nothing_to_put_back_goes_on() {
    let app = TestApp::company().await;
    app.upload(Guest::adapter("only", TRAP).component()).await.json(201);
    app.enable(json!({ "plugin": "only", "mode": "active" })).await;
    let inbox = json!({ "name": "only", "department": "service", "adapter": "only", "access": "open" });
    app.post("/v1/inboxes", inbox).await.json(201);
    for _ in 0..6 {
        let received = app.deliver("only", "text/plain", "?").await.json(202);
        assert!(text(&received, "/reason").starts_with("trap"), "it is still asked: {received}");
    }
    app.settle().await;
    let going_on = shown(&app, "only").await;
    assert_eq!(
        (&going_on["suspended"], &going_on["health"]["failures_in_a_row"]),
        (&json!(false), &json!(6))
    );
}

#[tokio::test]
async fn host_that_stops_begins_to_read_no_more_kept_deliveries() {
    let app = TestApp::company().await;
    app.upload(Guest::adapter("reader", TRAP).component()).await.json(201);
    app.enable(json!({ "plugin": "reader", "mode": "active" })).await;
    let inbox = json!({ "name": "reader", "department": "service", "adapter": "reader", "access": "open" });
    app.post("/v1/inboxes", inbox).await.json(201);
    for _ in 0..3 {
        assert_eq!(app.deliver("reader", "text/plain", "?").await.json(202)["outcome"], "unparsed");
    }
    app.patch("/v1/activations/reader", json!({ "mode": "disabled" })).await.json(202);
    app.upload(Guest::adapter_that_reads("reader").version("2.0.0").component()).await.json(201);
    app.patch("/v1/activations/reader", json!({ "version": "2.0.0" })).await.json(202);
    app.settle().await;
    let (flow, principal) = (app.flow(), Principal::system());
    let page = PageRequest { after: None, limit: 10 };
    let unread = async || {
        let unparsed = Some(DeliveryOutcome::Unparsed);
        flow.store.deliveries(None, unparsed, None, page).await.unwrap().entries.len()
    };
    flow.stop.cancel();
    let change = ActivationChange { mode: Some(Mode::Active), ..ActivationChange::default() };
    enable::change(flow, &principal, "reader", change, None).await.unwrap();
    app.prepared().await;
    assert_eq!(unread().await, 3);
    let one = flow.store.deliveries(None, None, None, page).await.unwrap().entries[0].id;
    retry::retry(flow, &principal, one, Box::new(())).await.unwrap();
    assert_eq!(unread().await, 2, "the adapter could read them");
}
