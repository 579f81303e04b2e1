use std::sync::Arc;

use serde_json::{Value, json};

use super::super::testing::{Answered, Host};
use super::*;
use crate::domain::arrival::Arrival;
use crate::domain::delivery::RawDelivery;
use crate::domain::ids::ConversationId;
use crate::domain::item::{Author, Item, ItemKind, Visibility};
use crate::domain::organisation::Inbox;
use crate::store::{IntakeContent, IntakeEntry, IntakeOrigin, SendEnd};

/// A host with two departments, two agents, and one conversation whose customer waits.
struct Desk {
    host: Host,
    conversation: ConversationId,
}

impl Desk {
    async fn open() -> Self {
        let host = Host::start().await;
        for department in ["billing", "legal"] {
            host.post("/v1/departments", json!({ "name": department })).await;
        }
        for agent in ["ann", "bob"] {
            host.post("/v1/agents", json!({ "name": agent, "department": "billing" })).await;
        }
        host.post("/v1/queues", json!({ "name": "operator", "department": "billing", "kind": "operator" }))
            .await;
        let inbox = host.add_inbox().await;
        let conversation = take_in(&host, inbox).await;
        Self { host, conversation }
    }

    async fn act(&self, verb: &str, body: Value) -> Answered {
        self.host.post(&self.path(verb), body).await
    }

    async fn shown(&self) -> Value {
        self.host.get(&format!("/v1/conversations/{}", self.conversation)).await.body
    }

    fn path(&self, verb: &str) -> String {
        format!("/v1/conversations/{}/{verb}", self.conversation)
    }
}

async fn take_in(host: &Host, inbox: Arc<Inbox>) -> ConversationId {
    let flow = &host.flow;
    let item = Item {
        external_id: "m1".to_owned(),
        in_reply_to: Vec::new(),
        kind: ItemKind::Form,
        visibility: Visibility::Private,
        author: Author { external_id: "cara".to_owned(), ..Author::default() },
        subject: Some("My order".to_owned()),
        text: "Where is my order?".to_owned(),
        quoted: None,
        html: None,
        language: None,
        permalink: None,
        attachments: Vec::new(),
        occurred_at: flow.now(),
        automatic: None,
        attributes: Vec::new(),
    };
    let raw = RawDelivery {
        method: "POST".to_owned(),
        path: String::new(),
        query: None,
        headers: Vec::new(),
        body: b"raw".to_vec(),
        received_at: flow.now(),
    };
    let entry = IntakeEntry {
        delivery: flow.id(),
        origin: IntakeOrigin::Fresh,
        inbox,
        is_authentic: true,
        raw: Arc::new(raw),
        adapter: None,
        content: IntakeContent::Arrivals(vec![Arrival::Item(item)]),
        audit: None,
    };
    let committed = flow.store.commit_intakes(&[entry], None).await.unwrap().remove(0).unwrap();
    committed.items[0].1
}

#[tokio::test]
async fn a_colleague_is_told_who_has_it_and_may_take_over() {
    let desk = Desk::open().await;
    let claimed = desk.act("claim", json!({ "agent": "ann" })).await;
    assert_eq!(claimed.status, StatusCode::OK, "{}", claimed.body);
    assert_eq!(claimed.body["destination"]["assignee"], "ann");
    assert_eq!(claimed.body["person_set"]["destination"], true);
    let refused = desk.act("claim", json!({ "agent": "bob" })).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert!(refused.body["detail"].as_str().unwrap().contains("ann has it"));
    let taken = desk.act("claim", json!({ "agent": "bob", "claiming": "take_over" })).await;
    assert_eq!(taken.body["destination"]["assignee"], "bob");
    let released = desk.act("release", json!({})).await;
    assert!(released.body["destination"]["assignee"].is_null());
    assert_eq!(desk.act("release", json!({})).await.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn a_claim_needs_a_person_who_exists() {
    let desk = Desk::open().await;
    for body in [json!({}), json!({ "agent": "zoe" })] {
        let refused = desk.act("claim", body).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(refused.body["errors"][0]["pointer"], "/agent");
    }
}

#[tokio::test]
async fn a_reply_ends_the_waiting_and_is_on_its_way() {
    let desk = Desk::open().await;
    let replied = desk.act("reply", json!({ "agent": "ann", "text": "It left today." })).await;
    assert_eq!(replied.status, StatusCode::ACCEPTED, "{}", replied.body);
    let shown = desk.shown().await;
    assert_eq!(shown["status"], "pending");
    assert!(shown["waiting_since"].is_null());
    assert_eq!(shown["item_count"], 2);
    assert_eq!(shown["outbox"][0]["item"], replied.body["item"]);
    let answer = &shown["items"]["entries"][1];
    assert_eq!(answer["direction"], "outbound");
    assert_eq!(answer["in_reply_to"], json!(["m1"]));
    assert_eq!(answer["author"]["external_id"], "ann");
}

#[tokio::test]
async fn long_reason_why_a_reply_failed_is_shown_in_part() {
    let desk = Desk::open().await;
    desk.act("reply", json!({ "agent": "ann", "text": "It left today." })).await;
    let flow = &desk.host.flow;
    let inbox = flow.directory.load().inbox_named("web").unwrap().id;
    let entry = flow.store.claim_outbox(inbox, flow.now(), 1).await.unwrap().remove(0).entry.id;
    flow.store.begin_send(entry, flow.now()).await.unwrap();
    let end = SendEnd::Failed("e".repeat(4_096));
    flow.store.end_send(entry, &end, flow.now()).await.unwrap();
    let shown = desk.shown().await;
    let error = shown["outbox"][0]["last_error"].as_str().unwrap();
    assert!(error.len() <= 1_024 && error.ends_with(" […]"), "{error}");
}

#[tokio::test]
async fn nothing_ends_without_a_disposition() {
    let desk = Desk::open().await;
    let refused = desk.act("close", json!({})).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(refused.body["errors"][0]["pointer"], "/disposition");
    assert!(refused.body["detail"].as_str().unwrap().contains("the customer waits since"));
    let closed = desk.act("close", json!({ "disposition": { "theme": "late-delivery" } })).await;
    assert_eq!(closed.body["status"], "closed");
    assert_eq!(desk.act("reply", json!({ "text": "Hello" })).await.status, StatusCode::CONFLICT);
    let reopened = desk.act("reopen", json!({})).await;
    assert_eq!(reopened.body["status"], "open");
    assert_eq!(reopened.body["reopened_count"], 1);
}

#[tokio::test]
async fn a_hand_off_leads_to_another_department_with_its_summary() {
    let desk = Desk::open().await;
    let to = json!({ "to": { "department": "legal" }, "summary": "Wants a written statement." });
    let handed = desk.act("hand-off", to.clone()).await;
    assert_eq!(handed.body["destination"], json!({ "department": "legal", "queue": "general" }));
    assert_eq!(handed.body["handed_over_count"], 1);
    assert_eq!(desk.shown().await["notes"][0]["text"], "Wants a written statement.");
    assert_eq!(desk.act("hand-off", to).await.status, StatusCode::CONFLICT);
    let nowhere = desk.act("hand-off", json!({ "to": { "department": "sales" } })).await;
    assert_eq!(nowhere.body["errors"][0]["pointer"], "/to");
}

#[tokio::test]
async fn conversation_handed_on_too_often_is_for_the_operator_to_hand_on() {
    let desk = Desk::open().await;
    let hand_to = async |to: Value| desk.act("hand-off", json!({ "to": to })).await;
    let legal = json!({ "department": "legal" });
    let billing = json!({ "department": "billing", "queue": "general" });
    // It begins with the operator, whose hand-off is the first.
    for hop in 0..converse::HAND_OFFS_MAX {
        let to = if hop % 2 == 0 { &legal } else { &billing };
        assert_eq!(hand_to(to.clone()).await.status, StatusCode::OK, "{hop}");
    }
    let before = desk.shown().await;
    let refused = hand_to(legal.clone()).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    let detail = refused.body["detail"].as_str().unwrap();
    assert!(detail.contains("16 times") && detail.contains(r#""queue":"operator""#), "{detail}");
    assert_eq!(desk.shown().await, before, "it stays where it was, and as it was");

    let operator = json!({ "department": "billing", "queue": "operator" });
    assert_eq!(hand_to(operator).await.status, StatusCode::OK);
    let anew = hand_to(legal).await;
    assert_eq!(anew.body["destination"], json!({ "department": "legal", "queue": "general" }));
    assert_eq!(anew.body["handed_over_count"], 1);
    assert_eq!(hand_to(billing).await.body["handed_over_count"], 2);
}

#[tokio::test]
async fn what_a_person_sets_is_marked_as_set() {
    let desk = Desk::open().await;
    let facts = json!({ "priority": "urgent", "intent": "refund", "add_tags": ["vip", "late"] });
    let set = desk.act("set", facts).await;
    assert_eq!(set.body["priority"], "urgent");
    assert_eq!(set.body["tags"], json!(["late", "vip"]));
    assert_eq!(set.body["person_set"]["priority"], true);
    assert_eq!(set.body["person_set"]["intent"], true);
    assert_eq!(set.body["person_set"]["language"], false);
    assert_eq!(desk.act("set", json!({})).await.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn whoever_saw_an_older_revision_is_told() {
    let desk = Desk::open().await;
    let before = desk.host.get(&format!("/v1/conversations/{}", desk.conversation)).await;
    let etag = before.headers["etag"].to_str().unwrap();
    let note = || json!({ "agent": "ann", "text": "Called back." });
    let first = desk.host.send_json("POST", &desk.path("note"), Some(etag), note()).await;
    assert_eq!(first.status, StatusCode::OK);
    let second = desk.host.send_json("POST", &desk.path("note"), Some(etag), note()).await;
    assert_eq!(second.status, StatusCode::PRECONDITION_FAILED);
    let fresh = first.headers["etag"].to_str().unwrap();
    assert_eq!(
        desk.host.send_json("POST", &desk.path("note"), Some(fresh), note()).await.status,
        StatusCode::OK
    );
    assert_eq!(desk.shown().await["notes"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn asking_again_leaves_the_place_to_the_policies() {
    let desk = Desk::open().await;
    desk.act("claim", json!({ "agent": "ann" })).await;
    let before = desk.host.flow.store.pending_events().await.unwrap();
    let asked = desk.act("ask-again", json!({})).await;
    assert_eq!(asked.body["person_set"]["destination"], false);
    assert_eq!(desk.host.flow.store.pending_events().await.unwrap(), before + 1);
}

#[tokio::test]
async fn every_act_is_in_the_audit_log_without_its_words() {
    let desk = Desk::open().await;
    desk.act("note", json!({ "agent": "ann", "text": "Sounds angry." })).await;
    desk.act("close", json!({ "disposition": { "theme": "late-delivery" } })).await;
    let log = desk.host.get("/v1/audit?limit=2").await.body;
    let actions: Vec<_> = log["entries"].as_array().unwrap().iter().map(|it| it["action"].clone()).collect();
    assert_eq!(actions, ["conversation.close", "conversation.note"]);
    assert!(!log.to_string().contains("angry"));
}

#[tokio::test]
async fn lists_and_search_find_the_conversation_by_name() {
    let desk = Desk::open().await;
    desk.act("claim", json!({ "agent": "ann" })).await;
    for query in ["inbox=web", "assignee=ann", "queue=billing/operator", "status=open"] {
        let found = desk.host.get(&format!("/v1/conversations?{query}")).await;
        assert_eq!(found.body["entries"][0]["id"], desk.conversation.to_string(), "{query}: {}", found.body);
    }
    let hit = desk.host.get("/v1/search?q=order").await;
    assert_eq!(hit.body["entries"][0]["text"], "Where is my order?");
    let waiting = desk.host.get("/v1/queues/billing/operator").await;
    assert_eq!(waiting.body["open"], 1);
    let contact = desk.shown().await["contact"]["id"].as_str().unwrap().to_owned();
    let changed =
        desk.host.send_json("PATCH", &format!("/v1/contacts/{contact}"), None, json!({ "vip": true })).await;
    assert_eq!(changed.body["vip"], true);
}
