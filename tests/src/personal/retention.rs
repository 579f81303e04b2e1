//! Nothing is kept longer than its inbox says.

use serde_json::{Value, json};
use switchboard::flow::purge::purge_due;

use super::canary::found_on_disk;
use crate::support::behind::Behind;
use crate::support::file::replace;
use crate::support::reply::{entries, text};
use crate::support::{HOUR_MS, TestApp};

pub(super) const DAY_MS: i64 = 24 * HOUR_MS;

pub(super) fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|it| (*it).to_owned()).collect()
}

pub(super) async fn keep(app: &TestApp, inbox: &str, retention: Value) {
    app.patch(&format!("/v1/inboxes/{inbox}"), json!({ "retention": retention })).await.json(200);
}

pub(super) async fn purge(app: &TestApp) {
    assert!(purge_due(app.flow()).await.unwrap(), "the disk is still to be wiped");
}

async fn close(app: &TestApp, conversation: &str) {
    let path = format!("/v1/conversations/{conversation}/close");
    app.post(&path, json!({ "agent": "ada", "disposition": { "theme": "a-theme" } })).await.json(200);
}

pub(super) async fn raw(app: &TestApp, received: &Value) -> u16 {
    app.get(&format!("/v1/deliveries/{}/raw", text(received, "/delivery"))).await.status.as_u16()
}

pub(super) async fn actions(app: &TestApp) -> Vec<String> {
    let log = app.get("/v1/audit").await.json(200);
    entries(&log).iter().map(|it| text(it, "/action").to_owned()).collect()
}

#[tokio::test]
async fn deliveries_go_when_they_are_too_old_and_no_sooner() {
    let app = TestApp::staffed().await;
    keep(&app, "chat", json!({ "deliveries_days": 30, "unread_days": 60 })).await;
    let mut old = json!({ "id": "i-1", "author": "u-1", "text": "an-old-word" });
    old["unknown_field"] = json!("only-in-the-bytes");
    let old = app.tell(old).await;
    let mail = app.deliver("mail", "message/rfc822", crate::support::samples::mail("k", "s", "kept")).await;
    let mail = mail.json(202);
    let broken = app.deliver("chat", "application/json", "{\"cut-off").await.json(202);
    app.settle().await;
    app.clock.advance_ms(30 * DAY_MS);
    let young = app.tell(json!({ "id": "i-2", "author": "u-1", "text": "a-young-word" })).await;
    purge(&app).await;
    assert_eq!(raw(&app, &old).await, 200, "to the moment thirty days are not more than thirty days");

    app.clock.advance_ms(HOUR_MS);
    purge(&app).await;
    for (delivery, status) in [(&old, 410), (&mail, 200), (&broken, 200), (&young, 200)] {
        assert_eq!(raw(&app, delivery).await, status, "{delivery}");
    }
    assert_eq!(found_on_disk(&app, &words(&["only-in-the-bytes"])), [""; 0]);
    let item = app.get(&format!("/v1/items/{}", text(&old, "/items/0/item"))).await.json(200);
    assert_eq!(text(&item, "/text"), "an-old-word", "the item is not as old as its delivery");
    let shown = app.get(&format!("/v1/deliveries/{}", text(&old, "/delivery"))).await.json(200);
    assert!(shown["purged_at"].is_string() && shown["headers"] == json!([]), "{shown}");
    let retry = format!("/v1/deliveries/{}/retry", text(&old, "/delivery"));
    app.post(&retry, json!({})).await.problem(410);
    assert_eq!(actions(&app).await.iter().filter(|it| *it == "inbox.purge").count(), 1);
    assert!(app.get("/metrics").await.text().contains("deliveries_purged_total{inbox=\"chat\"} 1"));
}

/// What nobody could read yet is all there is of it; once it was read, it goes like the others.
#[tokio::test]
async fn an_unread_delivery_is_kept_until_it_is_read() {
    let app = TestApp::staffed().await;
    keep(&app, "chat", json!({ "deliveries_days": 1 })).await;
    app.patch("/v1/activations/cloudevents", json!({ "mode": "disabled" })).await.ok();
    app.settle().await;
    let unread = app.tell(json!({ "id": "i-1", "author": "u-1", "text": "hello", "x": "raw-word" })).await;
    assert_eq!(unread["outcome"], "unparsed");
    app.clock.advance_ms(3 * DAY_MS);
    purge(&app).await;
    assert_eq!(raw(&app, &unread).await, 200);
    app.patch("/v1/activations/cloudevents", json!({ "mode": "active" })).await.ok();
    app.settle().await;
    purge(&app).await;
    assert_eq!(raw(&app, &unread).await, 410);
    assert_eq!(found_on_disk(&app, &words(&["raw-word"])), [""; 0]);
}

#[tokio::test]
async fn what_was_said_goes_when_it_ended_long_ago() {
    let app = TestApp::staffed().await;
    keep(&app, "chat", json!({ "conversations_days": 10 })).await;
    let say = async |id: &str, author: &str, text: &str| {
        let item =
            json!({ "id": id, "author": { "id": author, "name": format!("{author}-name") }, "text": text });
        let received = app.tell(item).await;
        app.settle().await;
        app.conversation_of(&received)
    };
    let ended = say("v-1", "vera", "vera-ended").await;
    let open = say("v-2", "vera", "vera-goes-on").await;
    let once = say("o-1", "otto", "otto-ended").await;
    close(&app, &ended).await;
    close(&app, &once).await;
    app.clock.advance_ms(9 * DAY_MS);
    purge(&app).await;
    let all = words(&["vera-ended", "otto-ended", "a-theme", "otto-name"]);
    assert_eq!(found_on_disk(&app, &all), all);

    app.clock.advance_ms(2 * DAY_MS);
    purge(&app).await;
    assert_eq!(found_on_disk(&app, &all), [""; 0]);
    let stays = words(&["vera-goes-on", "vera-name"]);
    assert_eq!(found_on_disk(&app, &stays), stays, "whoever has another conversation stays");
    assert!(app.conversation(&ended).await["erased_at"].is_string());
    assert_eq!(app.conversation(&open).await["erased_at"], Value::Null);
    assert_eq!(app.get("/v1/audit/verification").await.json(200)["broken"], Value::Null);
    assert_eq!(actions(&app).await.iter().filter(|it| *it == "inbox.erase-ended").count(), 1);
    let metrics = app.get("/metrics").await.text();
    assert!(metrics.contains("erased_total{what=\"conversations\",cause=\"retention\"} 2"), "{metrics}");

    close(&app, &open).await;
    app.clock.advance_ms(11 * DAY_MS);
    purge(&app).await;
    assert_eq!(found_on_disk(&app, &stays), [""; 0], "whoever has none left goes too");
}

#[tokio::test]
async fn without_a_word_everything_is_kept() {
    let app = TestApp::staffed().await;
    let received = app.tell(json!({ "id": "i-1", "author": "u-1", "text": "a-word-to-keep" })).await;
    app.settle().await;
    close(&app, &app.conversation_of(&received)).await;
    app.clock.advance_ms(10_000 * DAY_MS);
    purge(&app).await;
    assert_eq!(raw(&app, &received).await, 200);
    assert_eq!(found_on_disk(&app, &words(&["a-word-to-keep"])), ["a-word-to-keep"]);
}

#[tokio::test]
async fn more_than_one_batch_goes_at_once() {
    let app = TestApp::company().await;
    keep(&app, "chat", json!({ "deliveries_days": 1, "conversations_days": 1 })).await;
    let items: Vec<_> =
        (0..40).map(|it| json!({ "id": format!("i-{it}"), "author": "u-1", "text": "hi" })).collect();
    app.tell(json!(items)).await;
    app.settle().await;
    let list = app.get("/v1/conversations?limit=200").await.json(200);
    for conversation in entries(&list) {
        close(&app, text(conversation, "/id")).await;
    }
    app.clock.advance_ms(2 * DAY_MS);
    purge(&app).await;
    let list = app.get("/v1/conversations?limit=200").await.json(200);
    assert_eq!(entries(&list).len(), 40);
    assert!(entries(&list).iter().all(|it| it["erased_at"].is_string()), "{list}");
}

#[tokio::test]
async fn a_time_that_nobody_means_is_refused_at_its_place() {
    let app = TestApp::company().await;
    for (retention, place) in [
        (json!({ "deliveries_days": 0 }), "/retention/deliveries_days"),
        (json!({ "conversations_days": 40_000 }), "/retention/conversations_days"),
        (json!({ "unread_days": 0 }), "/retention/unread_days"),
        (json!({ "unauthentic_days": 40_000 }), "/retention/unauthentic_days"),
        (json!({ "unread_bytes": 1_000 }), "/retention/unread_bytes"),
        (json!({ "months": 3 }), "/retention"),
    ] {
        let change = json!({ "retention": retention });
        let refused = app.patch("/v1/inboxes/chat", change.clone()).await.pointers();
        assert!(refused[0].starts_with(place), "{change}: {refused:?}");
    }
    let shown = app.get("/v1/inboxes/chat").await.json(200);
    assert_eq!(shown["retention"], json!({}), "by default everything is kept");
    keep(&app, "chat", json!({ "deliveries_days": 7 })).await;
    let app = app.restart().await;
    let shown = app.get("/v1/inboxes/chat").await.json(200);
    assert_eq!(shown["retention"], json!({ "deliveries_days": 7 }));
}

/// One conversation that cannot be erased, because what was decided about it cannot be read.
#[tokio::test]
async fn an_inbox_that_fails_keeps_no_other_from_being_purged_nor_the_disk_from_being_wiped() {
    let app = TestApp::staffed().await;
    super::canary::with_quoting_policy(&app).await;
    keep(&app, "chat", json!({ "conversations_days": 10 })).await;
    keep(&app, "mail", json!({ "deliveries_days": 10 })).await;
    let mail = app.deliver("mail", "message/rfc822", crate::support::samples::mail("k", "s", "kept")).await;
    let mail = mail.json(202);
    app.patch("/v1/activations/quoter", json!({ "mode": "disabled" })).await.ok();
    app.settle().await;
    let gone = app.say("a-word-to-erase").await;
    app.settle().await;
    app.patch("/v1/activations/quoter", json!({ "mode": "active" })).await.ok();
    app.settle().await;
    let stuck = app.tell(json!({ "id": "s-1", "author": "u-2", "text": "stuck" })).await;
    app.settle().await;
    close(&app, &app.conversation_of(&stuck)).await;
    let app = app
        .meanwhile(async |folder| {
            let (word, instead) = ("quokka-quotes-the-reason\"", "quokka-quotes-the-reaso\"n");
            replace(&folder.join("switchboard.db"), word, instead).await;
        })
        .await;
    let contact = text(&app.conversation(&gone).await, "/contact/id").parse().unwrap();
    let audit = app.flow().audit(
        &switchboard::domain::principal::Principal::system(),
        "contact.erase",
        "x",
        Value::Null,
    );
    app.flow().store.erase_contact(contact, &audit).await.unwrap();
    app.clock.advance_ms(11 * DAY_MS);
    assert!(purge_due(app.flow()).await.is_err(), "what cannot be erased is said");
    assert_eq!(raw(&app, &mail).await, 410);
    assert!(app.flow().store.erasure(contact).await.unwrap().unwrap().wiped_at.is_some());
}

/// They go by themselves, and not only when somebody asks under a key again.
#[tokio::test]
async fn kept_answers_go_after_a_day() {
    let app = TestApp::staffed().await;
    let conversation = app.say("hello").await;
    app.settle().await;
    let headers = [("content-type", "application/json"), ("idempotency-key", "key-of-a-note")];
    let path = format!("/v1/conversations/{conversation}/note");
    app.ask("POST", &path, &headers, json!({ "agent": "ada", "text": "a-note" }).to_string()).await.ok();
    let mut behind = Behind::open(&app.file()).await;
    let mut kept = async || {
        let rows = behind.rows().await.remove("keyed_requests").unwrap_or_default();
        rows.iter().filter(|row| row.contains("key-of-a-note")).count()
    };
    app.clock.advance_ms(DAY_MS);
    purge(&app).await;
    assert_eq!(kept().await, 1, "a day is not more than a day");
    app.clock.advance_ms(1);
    purge(&app).await;
    assert_eq!(kept().await, 0);
}

/// The worker looks at its start, and every hour by the host's clock.
#[tokio::test]
async fn the_host_purges_by_itself() {
    let app = TestApp::company().await;
    keep(&app, "chat", json!({ "deliveries_days": 1 })).await;
    let received = app.tell(json!({ "id": "i-1", "author": "u-1", "text": "hello" })).await;
    app.app().work();
    app.clock.advance_ms(2 * DAY_MS);
    let path = format!("/v1/deliveries/{}/raw", text(&received, "/delivery"));
    let purged = async {
        while app.get(&path).await.status != 410 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), purged).await.expect("nothing was purged");
    app.stop().await;
}
