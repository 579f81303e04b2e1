//! What nobody could read, or nobody believes, is kept, but not all of it and not for ever.

use serde_json::{Value, json};

use super::canary::found_on_disk;
use super::retention::{DAY_MS, actions, keep, purge, raw, words};
use crate::support::TestApp;
use crate::support::reply::{entries, text};
use crate::support::samples::mail;

/// An inbox that wants its deliveries signed and says nothing about keeping them.
async fn signed() -> TestApp {
    let app = TestApp::company().await;
    let secret = json!({ "name": "webhook", "department": "service", "uses": ["verify"], "value": "a-value-of-16-or-more" });
    app.post("/v1/secrets", secret).await.json(201);
    let settings = json!({ "signature": { "scheme": "github" } });
    app.patch("/v1/inboxes/chat", json!({ "settings": settings, "secrets": { "signing": "webhook" } }))
        .await
        .json(200);
    app
}

/// What nobody believes, with so many bytes; its id.
async fn not_believed(app: &TestApp, bytes: usize) -> Value {
    app.deliver("chat", "application/json", "z".repeat(bytes)).await.problem(401);
    let list = app.get("/v1/deliveries?outcome=unparsed").await.json(200);
    json!({ "delivery": entries(&list)[0]["id"] })
}

#[tokio::test]
async fn what_nobody_could_read_goes_after_a_month_and_what_nobody_believes_after_a_week() {
    let app = signed().await;
    let forged = not_believed(&app, 100).await;
    let broken = app.deliver("mail", "application/json", "no-mail-word").await.json(202);
    assert_eq!(broken["outcome"], "unparsed", "{broken}");
    for (days, forged_status, broken_status) in [(7, 200, 200), (1, 410, 200), (22, 410, 200), (1, 410, 410)]
    {
        app.clock.advance_ms(days * DAY_MS);
        purge(&app).await;
        assert_eq!(
            (raw(&app, &forged).await, raw(&app, &broken).await),
            (forged_status, broken_status),
            "{days}"
        );
    }
    assert_eq!(found_on_disk(&app, &words(&["no-mail-word", "zzzzzzzz"])), [""; 0]);
    let shown = app.get(&format!("/v1/deliveries/{}", text(&broken, "/delivery"))).await.json(200);
    assert!(
        shown["purged_at"].is_string() && shown["reason"].is_string(),
        "its place says what it was: {shown}"
    );
    assert_eq!(actions(&app).await.iter().filter(|it| *it == "inbox.purge-unread").count(), 2);
}

#[tokio::test]
async fn what_nobody_can_read_fills_its_room_and_no_more() {
    let app = signed().await;
    keep(&app, "mail", json!({ "unread_bytes": 1_048_576 })).await;
    let broken = async || app.deliver("mail", "application/json", "z".repeat(400_000)).await;
    let kept = [broken().await.json(202), broken().await.json(202)];
    for _ in 0..2 {
        let refused = broken().await.problem(503);
        let remedy = text(&refused, "/remedy");
        assert!(remedy.contains("retention.unread_bytes") && remedy.contains("/retry"), "{refused}");
    }
    for delivery in &kept {
        assert_eq!(raw(&app, delivery).await, 200, "what was answered is kept");
    }
    let read = app.deliver("mail", "message/rfc822", mail("k", "s", "text")).await;
    assert_eq!(read.json(202)["outcome"], "accepted", "what can be read needs no room");
    assert!(
        app.get("/metrics").await.text().contains("deliveries_total{inbox=\"mail\",outcome=\"refused\"} 2")
    );
    keep(&app, "mail", json!({ "unread_bytes": 2_097_152 })).await;
    broken().await.json(202);
}

#[tokio::test]
async fn a_flood_of_what_nobody_believes_fills_its_room_and_no_more() {
    let app = signed().await;
    app.patch("/v1/inboxes/chat", json!({ "retention": { "unread_bytes": 1_048_576 } })).await.json(200);
    let mut flood = Vec::new();
    for _ in 0..12 {
        flood.push(not_believed(&app, 300_000).await);
    }
    let mut statuses = Vec::new();
    for delivery in &flood {
        statuses.push(raw(&app, delivery).await);
    }
    let kept = statuses.iter().filter(|it| **it == 200).count();
    assert!((2..=3).contains(&kept), "{statuses:?}");
    assert!(statuses.is_sorted_by_key(|it| *it == 200), "the oldest went: {statuses:?}");
    assert!(actions(&app).await.contains(&"inbox.make-room".to_owned()));
    assert_eq!(app.get("/v1/audit/verification").await.json(200)["broken"], Value::Null);
}
