//! Conversations, items, contacts and search.

use serde_json::json;

use crate::support::TestApp;
use crate::support::reply::{entries, text};

#[tokio::test]
async fn a_conversation_shows_everything_around_it() {
    let app = TestApp::staffed().await;
    let conversation = app.say("a refund, please").await;
    app.settle().await;
    let shown = app.conversation(&conversation).await;
    assert_eq!(shown["inbox_name"], "chat");
    assert_eq!(shown["identities"][0]["external_id"], "u-1");
    assert_eq!(shown["items"]["entries"][0]["text"], "a refund, please");
    assert_eq!(shown["decisions"]["entries"].as_array().unwrap().len(), 1);
    let decision = text(&shown, "/decisions/entries/0/id").to_owned();
    assert_eq!(app.get(&format!("/v1/decisions/{decision}")).await.json(200)["conversation"], conversation);
    let items = app.get(&format!("/v1/conversations/{conversation}/items")).await.json(200);
    assert_eq!(items["entries"], shown["items"]["entries"]);
}

#[tokio::test]
async fn conversations_are_found_by_queue_inbox_status_assignee_label_and_contact() {
    let app = TestApp::staffed().await;
    let refund = app.say("a refund, please").await;
    let other =
        app.deliver("chat", "application/json", r#"{"author": "u-2", "text": "hello"}"#).await.json(202);
    app.settle().await;
    let claim = json!({ "agent": "ben" });
    app.post(&format!("/v1/conversations/{refund}/claim"), claim).await.json(200);
    let contact = text(&app.conversation(&refund).await, "/contact/id").to_owned();
    for query in ["queue=billing/refunds", "assignee=ben", "tag=money", &format!("contact={contact}")] {
        let found = app.get(&format!("/v1/conversations?{query}")).await.json(200);
        let ids: Vec<_> = entries(&found).iter().map(|it| text(it, "/id")).collect();
        assert_eq!(ids, [refund.as_str()], "{query}");
    }
    let both = app.get("/v1/conversations?inbox=chat&status=open").await.json(200);
    assert_eq!(entries(&both).len(), 2);
    assert_eq!(text(&both, "/entries/0/id"), app.conversation_of(&other), "the newest comes first");
    assert_eq!(entries(&app.get("/v1/conversations?inbox=mail").await.json(200)).len(), 0);
}

#[tokio::test]
async fn a_filter_that_names_nothing_is_refused_at_its_place() {
    let app = TestApp::company().await;
    for (query, pointer) in [
        ("queue=billing/astrology", "/query/queue"),
        ("inbox=cat", "/query/inbox"),
        ("assignee=nobody", "/query/assignee"),
    ] {
        assert_eq!(app.get(&format!("/v1/conversations?{query}")).await.pointers(), [pointer]);
    }
    assert_eq!(app.get("/v1/deliveries?inbox=cat").await.pointers(), ["/query/inbox"]);
    app.get("/v1/conversations?color=red").await.problem(422);
}

#[tokio::test]
async fn an_id_that_is_of_another_kind_or_unknown_finds_nothing() {
    let app = TestApp::company().await;
    let conversation = app.say("hello").await;
    let number = conversation.split_once('_').unwrap().1.to_owned();
    for path in [
        "/v1/conversations/cnv_0000000000007".to_owned(),
        "/v1/conversations/nonsense".to_owned(),
        format!("/v1/items/itm_{number}"),
        format!("/v1/items/{conversation}"),
        "/v1/contacts/ctc_0000000000007".to_owned(),
        "/v1/decisions/dec_0000000000007".to_owned(),
        "/v1/deliveries/dlv_0000000000007".to_owned(),
        "/v1/deliveries/dlv_0000000000007/raw".to_owned(),
    ] {
        app.get(&path).await.problem(404);
    }
    app.post("/v1/conversations/cnv_0000000000007/claim", json!({ "agent": "ada" })).await.problem(404);
    app.post("/v1/deliveries/dlv_0000000000007/retry", json!({})).await.problem(404);
}

#[tokio::test]
async fn words_are_found_in_text_subject_and_author_in_any_language() {
    let app = TestApp::company().await;
    let german = json!({
        "author": { "id": "u-1", "name": "Jürgen Beispiel" }, "subject": "Wasserkocher", "text": "Er läuft aus.",
    });
    app.tell(german).await;
    app.tell(json!({ "author": "u-2", "text": "ケトルの返金をお願いします" })).await;
    let found = async |q: &str| {
        let hits = app.get(&format!("/v1/search?q={q}")).await.json(200);
        entries(&hits).iter().map(|it| text(it, "/author/external_id").to_owned()).collect::<Vec<_>>()
    };
    // Percent-encoded: läuft, Jürgen, 返金を.
    assert_eq!(found("l%C3%A4uft").await, ["u-1"]);
    assert_eq!(found("wasserkocher").await, ["u-1"]);
    assert_eq!(found("J%C3%BCrgen").await, ["u-1"]);
    assert_eq!(found("%E8%BF%94%E9%87%91%E3%82%92").await, ["u-2"]);
    assert_eq!(found("teapot").await, Vec::<String>::new());
    assert_eq!(app.get("/v1/search?q=").await.pointers(), ["/query/q"]);
}

#[tokio::test]
async fn an_act_for_an_agent_who_does_not_exist_is_refused() {
    let app = TestApp::company().await;
    let conversation = app.say("hello").await;
    let path = format!("/v1/conversations/{conversation}");
    let refused = app.post(&format!("{path}/claim"), json!({ "agent": "nobody" })).await;
    assert_eq!(refused.pointers(), ["/agent"]);
    assert_eq!(app.post(&format!("{path}/claim"), json!({})).await.pointers(), ["/agent"]);
    let away = json!({ "to": { "department": "astrology" } });
    assert_eq!(app.post(&format!("{path}/hand-off"), away).await.pointers(), ["/to"]);
    assert_eq!(app.post(&format!("{path}/note"), json!({ "text": "" })).await.pointers(), ["/text"]);
    app.post(&format!("{path}/set"), json!({})).await.problem(422);
    app.post(&format!("{path}/release"), json!({})).await.problem(409);
    app.post(&format!("{path}/reopen"), json!({})).await.problem(409);
}

#[tokio::test]
async fn what_a_person_sets_is_marked_as_the_persons() {
    let app = TestApp::company().await;
    let conversation = app.say("hello").await;
    app.settle().await;
    let set = json!({
        "agent": "ada", "intent": "greeting", "listening": "to-us", "language": "en", "add_tags": ["kind"],
    });
    let shown = app.post(&format!("/v1/conversations/{conversation}/set"), set).await.json(200);
    insta::with_settings!({ sort_maps => true }, {
        insta::assert_json_snapshot!(shown["person_set"], @r#"
        {
          "destination": false,
          "intent": true,
          "language": true,
          "listening": true,
          "priority": false
        }
        "#);
    });
    assert_eq!(shown["tags"], json!(["kind"]));
    let set = json!({ "remove_tags": ["kind"] });
    let shown = app.post(&format!("/v1/conversations/{conversation}/set"), set).await.json(200);
    assert_eq!(shown["tags"], json!([]));
}
