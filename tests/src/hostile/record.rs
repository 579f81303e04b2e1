//! Every limit has its own name: in the decision, in the metrics, and in what an activation shows.

use serde_json::json;

use super::aftermath::{counted, goes_on};
use crate::support::TestApp;
use crate::support::guest::{DONE, Guest, Kind, LOOP, TRAP, answering_list, filling, refusing};
use crate::support::reply::text;

/// A guest for each name. The clock's is last, because only it depends on the machine.
fn guests() -> Vec<(&'static str, Guest)> {
    let deeper = "(func $deeper (param i64) (result i64)
        (i64.add (call $deeper (i64.add (local.get 0) (i64.const 1))) (i64.const 1)))";
    let recursion = Guest::policy("stack", "(drop (call $deeper (i64.const 0))) i32.const 512").with(deeper);
    let nonsense = format!("(i32.store8 (i32.const 512) (i32.const 7)) {DONE}");
    let fill = "(loop $again (memory.fill (i32.const 1048576) (i32.const 1) (i32.const 4194304)) (br $again))
        unreachable";
    vec![
        ("fuel", Guest::policy("fuel", LOOP)),
        ("memory", Guest::policy("memory", &filling())),
        ("stack", recursion),
        ("output-too-large", Guest::policy("output-too-large", &refusing(0, 3 << 20))),
        ("trap", Guest::policy("trap", TRAP)),
        ("refused", Guest::policy("refused", &refusing(4096, 0))),
        ("bad-output", Guest::policy("bad-output", &nonsense)),
        ("deadline", Guest::policy("deadline", fill)),
    ]
}

#[tokio::test]
async fn each_limit_is_named_in_decision_metrics_and_activation() {
    let app = TestApp::company().await;
    // Of one owner they would use up what it may use for a case.
    let owners = ["service", "billing", "communications", "management"];
    for ((name, guest), owner) in guests().into_iter().zip(owners.into_iter().cycle()) {
        app.upload(guest.component()).await.json(201);
        app.enable(json!({ "plugin": name, "owner": owner, "mode": "shadow" })).await;
    }
    let conversation = app.say("hello").await;
    app.settle().await;
    let decision = app.decision(&conversation).await;
    for (name, guest) in guests() {
        // On a busy machine the clock may come before the fuel, and the other way round.
        let names: &[&str] =
            if ["fuel", "deadline"].contains(&name) { &["fuel", "deadline"] } else { &[name] };
        let contributions = decision["contributions"].as_array().unwrap();
        let said = contributions.iter().find(|it| it["name"] == name).unwrap();
        assert!(names.contains(&text(said, "/failure/name")), "{said}");
        assert_eq!(counted(&app, &guest, names).await, 1, "{name}");
        let shown = app.get(&format!("/v1/activations/{name}")).await.json(200);
        assert!(names.contains(&text(&shown, "/health/last_failure/name")), "{shown}");
        assert_eq!(shown["health"]["failures"], 1);
    }
    goes_on(&app).await;
}

#[tokio::test]
async fn a_proposal_that_is_not_declared_is_named_and_counted() {
    let app = TestApp::company().await;
    let guest = Guest::proposing("sly", Kind::Spam, "all of it").declaring(Kind::Abstain);
    app.upload(guest.component()).await.json(201);
    app.enable(json!({ "plugin": "sly", "phase": "qualify", "mode": "active" })).await;
    let conversation = app.say("hello").await;
    app.settle().await;
    let decision = app.decision(&conversation).await;
    assert_eq!(decision["contributions"][0]["proposals"][0]["verdict"], "undeclared-proposal");
    assert_eq!(app.place(&conversation).await, "service/operator", "it has no effect");
    assert_eq!(counted(&app, &guest, &["undeclared-proposal"]).await, 1);
    goes_on(&app).await;
}

#[tokio::test]
async fn an_adapters_failure_is_named_in_the_delivery_and_the_metrics() {
    let app = TestApp::company().await;
    for (name, body) in [("trap", TRAP.to_owned()), ("bad-output", answering_list(4096, 1 << 31))] {
        let guest = Guest::adapter(name, &body);
        app.upload(guest.component()).await.json(201);
        app.enable(json!({ "plugin": name, "mode": "active" })).await;
        let inbox = json!({ "name": name, "department": "service", "adapter": name, "access": "open" });
        app.post("/v1/inboxes", inbox).await.json(201);
        let received = app.deliver(name, "text/plain", "whatever").await.json(202);
        assert!(text(&received, "/reason").starts_with(name), "{received}");
        assert_eq!(counted(&app, &guest, &[name]).await, 1);
        let shown = app.get(&format!("/v1/activations/{name}")).await.json(200);
        assert_eq!(shown["health"]["last_failure"]["name"], name, "{shown}");
    }
    goes_on(&app).await;
}
