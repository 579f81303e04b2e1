//! A case that is only imagined is judged like a real one, and leaves no trace.

use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::reply::text;

fn case(words: &str) -> Value {
    json!({
        "now": "2026-03-02T09:00:00Z",
        "item": {
            "external_id": "imagined", "kind": "email", "visibility": "private",
            "author": { "external_id": "grace@example.org" }, "text": words,
            "occurred_at": "2026-03-02T09:00:00Z",
        },
        "conversation": {
            "id": "cnv_0000000000001", "status": "open", "opened_at": "2026-03-02T09:00:00Z", "item_count": 1,
        },
        "inbox": { "name": "chat", "channel": "web", "department": "service" },
    })
}

#[tokio::test]
async fn an_imagined_case_is_judged_and_nothing_is_stored() {
    let app = TestApp::staffed().await;
    let before = app.get("/v1/counts").await.json(200);
    let judged = app.post("/v1/evaluate", json!({ "case": case("a refund, please") })).await.json(200);
    assert_eq!(judged["outcome"]["routing"]["destination"]["department"], "billing");
    assert_eq!(judged["outcome"]["routing"]["by"], "keyword-router");
    let asked: Vec<_> =
        judged["contributions"].as_array().unwrap().iter().map(|it| text(it, "/name")).collect();
    assert_eq!(asked, ["reach-priority", "keyword-router", "escalate-on-silence"]);
    assert_eq!(app.get("/v1/counts").await.json(200), before);
    assert_eq!(app.get("/v1/decisions").await.json(200)["entries"], json!([]));
}

#[tokio::test]
async fn an_imagined_case_is_judged_as_the_real_one_is() {
    let app = TestApp::staffed().await;
    let conversation = app.say("a refund, please").await;
    app.settle().await;
    let real = app.decision(&conversation).await["outcome"].clone();
    let imagined = app.post("/v1/evaluate", json!({ "case": case("a refund, please") })).await.json(200);
    for part in ["routing", "intent", "tags"] {
        assert_eq!(imagined["outcome"][part], real[part], "{part}");
    }
}

#[tokio::test]
async fn where_policies_caused_one_another_for_too_long_nobody_is_asked_of_what_is_imagined_either() {
    let app = TestApp::staffed().await;
    let ask = async |depth: u8| {
        let event = json!({
            "id": "evt_0000000000001", "kind": "item-received", "at": "2026-03-02T09:00:00Z", "depth": depth,
        });
        app.post("/v1/evaluate", json!({ "case": case("a refund"), "event": event })).await.json(200)
    };
    assert_eq!(ask(15).await["outcome"]["routing"]["destination"]["department"], "billing");
    let too_deep = ask(16).await;
    assert_eq!(too_deep["contributions"], json!([]));
    let routing = &too_deep["outcome"]["routing"];
    assert_eq!(text(routing, "/destination/queue"), "operator");
    assert!(text(routing, "/why").contains("causing one another"), "{routing}");
}

#[tokio::test]
async fn only_the_policies_named_are_asked() {
    let app = TestApp::staffed().await;
    let ask = async |names: Value| {
        app.post("/v1/evaluate", json!({ "case": case("a refund"), "activations": names })).await
    };
    let judged = ask(json!(["reach-priority"])).await.json(200);
    assert_eq!(judged["contributions"].as_array().unwrap().len(), 1);
    let unknown = ask(json!(["astrology"])).await.problem(404);
    assert!(text(&unknown, "/detail").contains("keyword-router"), "{unknown}");
    let many = |count| json!(vec!["reach-priority"; count]);
    ask(many(128)).await.json(200);
    assert_eq!(ask(many(129)).await.pointers(), ["/activations"]);
}

#[tokio::test]
async fn a_case_of_an_unknown_inbox_or_place_is_refused() {
    let app = TestApp::staffed().await;
    let mut case = case("a refund");
    case["conversation"]["destination"] = json!({ "department": "astrology" });
    let misplaced = app.post("/v1/evaluate", json!({ "case": case })).await;
    assert_eq!(misplaced.pointers(), ["/case/conversation/destination"]);
    case["inbox"]["name"] = json!("cat");
    let unknown = app.post("/v1/evaluate", json!({ "case": case })).await.problem(404);
    assert!(text(&unknown, "/detail").contains("chat"), "{unknown}");
}
