//! Policies say where a conversation goes, and it is written down why.

use serde_json::{Value, json};

use crate::support::guest::{Guest, Kind};
use crate::support::reply::text;
use crate::support::{HOUR_MS, TestApp};

#[tokio::test]
async fn words_send_a_conversation_to_the_department_that_answers_them() {
    let app = TestApp::staffed().await;
    let conversation = app.say("I want a refund for the kettle.").await;
    app.settle().await;
    let shown = app.conversation(&conversation).await;
    assert_eq!(shown["destination"], json!({ "department": "billing", "queue": "refunds" }));
    assert_eq!(shown["intent"], "refund");
    assert_eq!(shown["tags"], json!(["money"]));

    let decision = app.decision(&conversation).await;
    let routing = &decision["outcome"]["routing"];
    assert_eq!(routing["by"], "keyword-router");
    assert!(text(routing, "/why").contains("refund"), "{routing}");
    let asked: Vec<_> =
        decision["contributions"].as_array().unwrap().iter().map(|it| text(it, "/name")).collect();
    assert_eq!(asked, ["reach-priority", "keyword-router", "escalate-on-silence"]);
}

#[tokio::test]
async fn reach_makes_a_conversation_urgent_and_its_deadline_short() {
    let app = TestApp::staffed().await;
    let author = json!({ "id": "u-2", "handle": "loud", "followers": 2_000_000 });
    let item = json!({ "author": author, "text": "my kettle is on fire", "kind": "mention", "visibility": "public" });
    let conversation = app.conversation_of(&app.tell(item).await);
    app.settle().await;
    let shown = app.conversation(&conversation).await;
    assert_eq!(shown["priority"], "urgent");
    assert_eq!(shown["deadline"], "2026-03-02T09:30:00.000Z");
    assert_eq!(shown["tags"], json!(["reach"]));
}

#[tokio::test]
async fn a_contact_marked_as_very_important_is_answered_before_others() {
    let app = TestApp::staffed().await;
    let first = app.say("hello").await;
    app.settle().await;
    assert_eq!(app.conversation(&first).await["priority"], "normal");

    let contact = text(&app.conversation(&first).await, "/contact/id").to_owned();
    app.patch(&format!("/v1/contacts/{contact}"), json!({ "vip": true })).await.json(200);
    let second = app.say("hello again").await;
    app.settle().await;
    let shown = app.conversation(&second).await;
    assert_eq!((&shown["priority"], &shown["tags"]), (&json!("high"), &json!(["vip"])));
}

#[tokio::test]
async fn what_no_policy_routes_is_the_operators() {
    let app = TestApp::staffed().await;
    let conversation = app.say("Do you sell teapots?").await;
    app.settle().await;
    assert_eq!(app.place(&conversation).await, "service/operator");
    let routing = app.decision(&conversation).await["outcome"]["routing"].clone();
    assert_eq!(routing["why"], "no policy routed this item");
    assert_eq!(routing["by"], Value::Null);
}

#[tokio::test]
async fn without_any_policy_everything_is_the_operators() {
    let app = TestApp::company().await;
    let conversation = app.say("refund please").await;
    app.settle().await;
    assert_eq!(app.place(&conversation).await, "service/operator");
}

#[tokio::test]
async fn a_destination_that_does_not_exist_is_named_and_leaves_it_to_the_operator() {
    let app = TestApp::company().await;
    app.enable(crate::support::company::word_to("lost", "refund", "nowhere")).await;
    let conversation = app.say("refund please").await;
    app.settle().await;
    assert_eq!(app.place(&conversation).await, "service/operator");
    let decision = app.decision(&conversation).await;
    let verdict = &decision["contributions"][0]["proposals"][0];
    assert_eq!(verdict["verdict"], "unknown-place");
    assert_eq!(verdict["detail"], "there is no department `nowhere`");
}

#[tokio::test]
async fn spam_said_while_qualifying_ends_the_run_in_the_junk_queue() {
    let app = TestApp::staffed().await;
    app.upload(Guest::proposing("spam-trap", Kind::Spam, "it sells pills").component()).await.json(201);
    app.enable(json!({ "plugin": "spam-trap", "phase": "qualify", "rank": -1, "mode": "active" })).await;
    let conversation = app.say("refund? no: pills!").await;
    app.settle().await;
    assert_eq!(app.place(&conversation).await, "service/junk");
    let decision = app.decision(&conversation).await;
    assert_eq!(decision["outcome"]["spam"], "spam-trap");
    assert_eq!(decision["outcome"]["routing"]["why"], "it sells pills");
    assert_eq!(decision["contributions"].as_array().unwrap().len(), 1, "nobody else was asked");
}

#[tokio::test]
async fn spam_said_later_is_a_remark_and_no_more() {
    let app = TestApp::staffed().await;
    app.upload(Guest::proposing("spam-trap", Kind::Spam, "it sells pills").component()).await.json(201);
    app.enable(json!({ "plugin": "spam-trap", "phase": "route", "mode": "active" })).await;
    let conversation = app.say("refund? no: pills!").await;
    app.settle().await;
    let shown = app.conversation(&conversation).await;
    assert_eq!(shown["destination"]["queue"], "refunds");
    assert_eq!(shown["notes"][0]["by"], "spam-trap");
    assert_eq!(shown["notes"][0]["text"], "looks like spam: it sells pills");
}

#[tokio::test]
async fn a_proposal_that_the_manifest_does_not_declare_is_refused_and_recorded() {
    let app = TestApp::staffed().await;
    let guest = Guest::proposing("sly", Kind::Spam, "trust me").declaring(Kind::Abstain);
    app.upload(guest.component()).await.json(201);
    app.enable(json!({ "plugin": "sly", "phase": "qualify", "rank": -1, "mode": "active" })).await;
    let conversation = app.say("refund please").await;
    app.settle().await;
    assert_eq!(app.place(&conversation).await, "billing/refunds");
    let decision = app.decision(&conversation).await;
    assert_eq!(decision["contributions"][0]["proposals"][0]["verdict"], "undeclared-proposal");
}

#[tokio::test]
async fn a_queue_lists_its_conversations_in_the_order_to_be_answered() {
    let app = TestApp::staffed().await;
    let plain = app.say("refund one").await;
    app.clock.advance_ms(1_000);
    let loud = json!({ "author": { "id": "u-9", "followers": 20_000 }, "text": "refund two" });
    let loud = app.conversation_of(&app.tell(loud).await);
    app.settle().await;
    let listed = app.get("/v1/conversations?queue=billing/refunds").await.json(200);
    let ids: Vec<_> = listed["entries"].as_array().unwrap().iter().map(|it| text(it, "/id")).collect();
    assert_eq!(ids, [loud.as_str(), plain.as_str()]);
    let queue = app.get("/v1/queues/billing/refunds").await.json(200);
    assert_eq!(queue["open"], 2);
    assert_eq!(queue["loads"][0]["priority"], "high");
}

#[tokio::test]
async fn the_promise_is_the_deadline_unless_a_policy_wants_it_sooner() {
    let app = TestApp::staffed().await;
    let conversation = app.say("hello").await;
    // Routed late: the clock counts from the receipt all the same.
    app.clock.advance_ms(HOUR_MS / 2);
    app.settle().await;
    assert_eq!(app.conversation(&conversation).await["deadline"], "2026-03-02T10:00:00.000Z");
}
