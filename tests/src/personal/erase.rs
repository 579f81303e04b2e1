//! A person is erased.

use serde_json::{Value, json};

use super::canary::{
    Person, REASON, erase, first_words, found_on_disk, tell, whole_story, with_quoting_policy,
};
use crate::support::TestApp;
use crate::support::reply::{entries, text};
use crate::support::samples::mail;

#[tokio::test]
async fn nothing_of_an_erased_person_is_in_any_file() {
    let app = TestApp::staffed().await;
    with_quoting_policy(&app).await;
    let vera = whole_story(&app, "vera").await;
    let reason = [REASON.to_owned()];
    assert_eq!(found_on_disk(&app, &vera.words()), vera.words(), "the search does not work");
    assert_eq!(found_on_disk(&app, &reason), [REASON], "no policy quoted anything");

    let erased = erase(&app, &vera.contact).await;
    assert!(erased["wiped_at"].is_string(), "{erased}");
    assert_eq!(found_on_disk(&app, &vera.words()), [""; 0]);
    assert_eq!(found_on_disk(&app, &reason), [""; 0]);
    let erased = &erased["erased"];
    for (what, count) in
        [("contacts", 1), ("conversations", 1), ("items", 4), ("revisions", 5), ("replies_cancelled", 1)]
    {
        assert_eq!(erased[what], count, "{what}: {erased}");
    }
    // The first delivery, the edit, the repetition, the echo.
    assert_eq!(erased["deliveries"], 4, "{erased}");
    assert!(erased["kept_answers"].as_u64().is_some_and(|it| it > 0), "{erased}");

    let app = app.restart().await;
    app.settle().await;
    assert_eq!(found_on_disk(&app, &vera.words()), [""; 0], "a start brought something back");
    assert_eq!(app.get("/v1/audit/verification").await.json(200)["broken"], Value::Null);
}

#[tokio::test]
async fn another_persons_words_stay() {
    let app = TestApp::staffed().await;
    let vera = whole_story(&app, "vera").await;
    let otto = whole_story(&app, "otto").await;
    erase(&app, &vera.contact).await;
    assert_eq!(found_on_disk(&app, &vera.words()), [""; 0]);
    assert_eq!(found_on_disk(&app, &otto.words()), otto.words());
    let found = app.get(&format!("/v1/search?q={}", otto.word("edited"))).await.json(200);
    assert_eq!(entries(&found).len(), 1);
    let gone = app.get(&format!("/v1/search?q={}", vera.word("edited"))).await.json(200);
    assert_eq!(entries(&gone).len(), 0);
}

#[tokio::test]
async fn records_stay_in_their_places_and_say_that_they_are_erased() {
    let app = TestApp::staffed().await;
    let vera = whole_story(&app, "vera").await;
    let before = app.conversation(&vera.conversation).await;
    let decisions = app.decisions(&vera.conversation).await;
    let counts = app.get("/v1/counts").await.json(200);
    assert!(decisions.iter().all(|it| it["is_replayable"] == json!(true)), "{decisions:?}");
    erase(&app, &vera.contact).await;

    let after = app.conversation(&vera.conversation).await;
    assert_eq!(text(&after, "/status"), "closed");
    assert!(after["erased_at"].is_string(), "{after}");
    for same in ["/id", "/inbox", "/destination", "/opened_at", "/item_count", "/contact/id"] {
        assert_eq!(after.pointer(same), before.pointer(same), "{same}");
    }
    let ids = |shown: &Value| -> Vec<Value> {
        let items = shown["items"]["entries"].as_array().unwrap();
        items.iter().map(|it| json!([it["id"], it["direction"], it["received_at"], it["revision"]])).collect()
    };
    assert_eq!(ids(&after), ids(&before));
    assert!(after["items"]["entries"].as_array().unwrap().iter().all(|it| it["erased_at"].is_string()));
    assert_eq!(app.get("/v1/counts").await.json(200), counts);
    let receipts = app.decisions(&vera.conversation).await;
    let places = |all: &[Value]| -> Vec<Value> {
        all.iter()
            .map(|it| json!([it["id"], it["at"], it["receipt"]["item"], it["receipt"]["engine"]]))
            .collect()
    };
    assert_eq!(places(&receipts), places(&decisions));
    for it in &receipts {
        assert!(it["erased_at"].is_string() && it["is_replayable"] == json!(false), "{it}");
    }
    let contact = app.get(&format!("/v1/contacts/{}", vera.contact)).await.json(200);
    assert_eq!((&contact["name"], contact["erased_at"].is_string()), (&Value::Null, true));
}

#[tokio::test]
async fn what_is_delivered_again_brings_nothing_back() {
    let app = TestApp::staffed().await;
    let vera = whole_story(&app, "vera").await;
    erase(&app, &vera.contact).await;
    let again = tell(&app, "vera", &first_words("vera")).await;
    assert_eq!((again["duplicates"].clone(), again["items"].clone()), (json!(1), json!([])), "{again}");
    let edit = json!({
        "specversion": "1.0", "id": "late", "source": "https://shop.example.com",
        "type": "org.switchboard.edit", "datacontenttype": "application/json",
        "data": { "id": vera.word("id"), "text": vera.word("edited") },
    });
    assert_eq!(tell(&app, "vera", &edit).await["unknown"], 1);
    app.settle().await;
    assert_eq!(found_on_disk(&app, &vera.words()), [""; 0]);
    let app = app.restart().await;
    assert_eq!(tell(&app, "vera", &first_words("vera")).await["duplicates"], 1, "a start forgot it");
    assert_eq!(found_on_disk(&app, &vera.words()), [""; 0]);

    let mut new = first_words("vera");
    new["data"]["id"] = json!("something-new");
    let received = tell(&app, "vera", &new).await;
    let contact = app.conversation(&app.conversation_of(&received)).await["contact"]["id"].clone();
    assert_ne!(contact, json!(vera.contact), "whoever comes back is somebody new");
}

#[tokio::test]
async fn a_delivery_that_could_not_be_read_then_brings_nothing_back_either() {
    let app = TestApp::staffed().await;
    let first = app.deliver("mail", "message/rfc822", mail("k-1", "a kettle", "vera-leaks")).await.json(202);
    let words = ["vera-leaks".to_owned()];
    let shown = app.conversation(&app.conversation_of(&first)).await;
    app.patch("/v1/activations/email", json!({ "mode": "disabled" })).await.ok();
    app.settle().await;
    let unread = app.deliver("mail", "message/rfc822", mail("k-1", "a kettle", "vera-leaks")).await.json(202);
    assert_eq!(unread["outcome"], "unparsed", "{unread}");
    erase(&app, text(&shown, "/contact/id")).await;
    assert_eq!(found_on_disk(&app, &words), ["vera-leaks"], "nobody knows yet whose words these are");
    app.patch("/v1/activations/email", json!({ "mode": "active" })).await.ok();
    app.settle().await;
    let read = app.get(&format!("/v1/deliveries/{}", text(&unread, "/delivery"))).await.json(200);
    assert_eq!((&read["outcome"], read["purged_at"].is_string()), (&json!("accepted"), true), "{read}");
}

#[tokio::test]
async fn what_was_to_be_done_is_not_done_any_more() {
    let app = TestApp::staffed().await;
    let vera = whole_story(&app, "vera").await;
    let sent = app.egress.sent().len();
    erase(&app, &vera.contact).await;
    app.advance_ms(100 * crate::support::HOUR_MS).await;
    assert_eq!(app.egress.sent().len(), sent, "an answer went out to somebody who is erased");
    let shown = app.conversation(&vera.conversation).await;
    let last = shown["outbox"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(text(&last, "/state"), "failed");
    assert_eq!(text(&last, "/last_error"), "erased before it was sent");
    let act = format!("/v1/conversations/{}/reopen", vera.conversation);
    app.post(&act, json!({ "agent": "ada" })).await.problem(410);
    app.patch(&format!("/v1/contacts/{}", vera.contact), json!({ "vip": true })).await.problem(410);
    app.get(&format!("/v1/deliveries/{}/raw", vera.delivery)).await.problem(410);
    app.post(&format!("/v1/deliveries/{}/retry", vera.delivery), json!({})).await.problem(410);
}

#[tokio::test]
async fn what_was_answered_about_an_erased_person_is_not_answered_again() {
    let app = TestApp::staffed().await;
    let vera = whole_story(&app, "vera").await;
    let otto = whole_story(&app, "otto").await;
    erase(&app, &vera.contact).await;
    let note = async |person: &Person| {
        let text = person.word("note");
        let key = format!("{}-note-{}", person.name, text.len());
        let headers = [("content-type", "application/json"), ("idempotency-key", key.as_str())];
        let path = format!("/v1/conversations/{}/note", person.conversation);
        app.ask("POST", &path, &headers, json!({ "agent": "ada", "text": text }).to_string()).await
    };
    let again = note(&vera).await.problem(410);
    assert!(text(&again, "/detail").contains("was done"), "{again}");
    let kept = note(&otto).await;
    kept.ok();
    assert_eq!(kept.headers["idempotency-replayed"], "true", "another's answer stays");
}

#[tokio::test]
async fn who_is_erased_twice_is_erased_once() {
    let app = TestApp::company().await;
    let conversation = app.say("hello").await;
    let contact = text(&app.conversation(&conversation).await, "/contact/id").to_owned();
    let first = erase(&app, &contact).await;
    app.advance_ms(1_000).await;
    assert_eq!(erase(&app, &contact).await, first);
    let log = app.get("/v1/audit").await.json(200);
    let of_it = entries(&log).iter().filter(|it| it["action"] == "contact.erase");
    let of_it: Vec<_> = of_it.map(|it| (text(it, "/subject"), it["detail"].clone())).collect();
    assert_eq!(of_it, [(contact.as_str(), json!({ "reason": "consent-withdrawn" }))]);
}

#[tokio::test]
async fn an_erasure_has_a_reason_of_the_law_and_no_text() {
    let app = TestApp::company().await;
    let conversation = app.say("hello").await;
    let contact = text(&app.conversation(&conversation).await, "/contact/id").to_owned();
    let path = format!("/v1/contacts/{contact}/erase");
    for body in
        [json!({}), json!({ "reason": "Vera asked" }), json!({ "reason": "objection", "who": "Vera" })]
    {
        let refused = app.post(&path, body.clone()).await;
        assert_eq!(refused.status, 422, "{body}: {}", refused.text());
    }
    assert!(app.conversation(&conversation).await["erased_at"].is_null());
    app.post("/v1/contacts/ctc_0000000000001/erase", json!({ "reason": "objection" })).await.problem(404);
}

#[tokio::test]
async fn an_erasure_whose_host_died_before_the_disk_was_wiped_is_finished_at_the_next_start() {
    let app = TestApp::company().await;
    let conversation = app.say("a-word-that-stays-a-while").await;
    let words = ["a-word-that-stays-a-while".to_owned()];
    let contact: switchboard::domain::ids::ContactId =
        text(&app.conversation(&conversation).await, "/contact/id").parse().unwrap();
    // The host dies after the transaction, before the disk is wiped.
    let flow = app.flow();
    let audit = flow.audit(
        &switchboard::domain::principal::Principal::system(),
        "contact.erase",
        &contact.to_string(),
        Value::Null,
    );
    let erasure = flow.store.erase_contact(contact, &audit).await.unwrap();
    assert_eq!(erasure.wiped_at, None);
    assert_eq!(found_on_disk(&app, &words), ["a-word-that-stays-a-while"], "it shows what the rest is for");
    let app = app.restart().await;
    switchboard::flow::purge::purge_due(app.flow()).await.unwrap();
    assert_eq!(found_on_disk(&app, &words), [""; 0]);
    let erasure = app.flow().store.erasure(contact).await.unwrap().unwrap();
    assert!(erasure.wiped_at.is_some());
}
