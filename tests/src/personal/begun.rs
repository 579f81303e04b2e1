//! An erasure that has begun and is not at its end.

use std::pin::pin;

use serde_json::{Value, json};
use switchboard::domain::erasure::ErasureReason;
use switchboard::domain::ids::ContactId;
use switchboard::domain::principal::Principal;
use switchboard::flow::erase::EraseContact;

use super::canary::found_on_disk;
use crate::support::TestApp;
use crate::support::reply::{entries, text};

const WORD: &str = "a-word-that-stays-a-while";

async fn told() -> (TestApp, ContactId) {
    let app = TestApp::company().await;
    let conversation = app.say(WORD).await;
    app.settle().await;
    let contact = text(&app.conversation(&conversation).await, "/contact/id").parse().unwrap();
    (app, contact)
}

fn is_on_disk(app: &TestApp) -> bool {
    !found_on_disk(app, &[WORD.to_owned()]).is_empty()
}

async fn recorded(app: &TestApp) -> usize {
    let log = app.get("/v1/audit").await.json(200);
    entries(&log).iter().filter(|it| it["action"] == "contact.erase").count()
}

#[tokio::test]
async fn what_somebody_began_who_went_away_the_host_finishes() {
    let (app, contact) = told().await;
    let (flow, principal) = (app.flow(), Principal::system());
    {
        let asked = EraseContact { reason: ErasureReason::Objection };
        let mut asking = pin!(switchboard::flow::erase::erase(flow, &principal, contact, asked));
        // It goes on only where it is polled.
        while flow.store.begun_erasures().await.unwrap().is_empty() {
            assert!(futures::poll!(&mut asking).is_pending());
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(flow.store.erasure(contact).await.unwrap(), None);
    app.app().work();
    let wiped = async {
        while flow.store.erasure(contact).await.unwrap().is_none_or(|it| it.wiped_at.is_none()) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), wiped).await.expect("it was not finished");
    assert!(!is_on_disk(&app));
    assert_eq!(recorded(&app).await, 1);
    app.stop().await;
}

#[tokio::test]
async fn a_contact_is_shown_and_handed_out_until_the_end_and_not_longer() {
    let (app, contact) = told().await;
    let audit = app.flow().audit(&Principal::system(), "contact.erase", &contact.to_string(), Value::Null);
    assert_eq!(app.flow().store.begin_erasure(contact, &audit).await.unwrap(), None);
    let path = format!("/v1/contacts/{contact}");
    assert_eq!(app.get(&path).await.json(200)["erased_at"], Value::Null);
    assert!(app.get(&format!("{path}/export")).await.json(200).to_string().contains(WORD));
    let erase = async || app.post(&format!("{path}/erase"), json!({ "reason": "objection" })).await.json(200);
    let (one, other) = tokio::join!(erase(), erase());
    assert_eq!((&one["erased"], &one["erased_at"]), (&other["erased"], &other["erased_at"]));
    assert_eq!((&one["erased"]["contacts"], &one["erased"]["items"]), (&json!(1), &json!(1)));
    assert!(app.get(&path).await.json(200)["erased_at"].is_string());
    app.get(&format!("{path}/export")).await.problem(410);
    assert!(!is_on_disk(&app));
    assert_eq!(recorded(&app).await, 1, "it is recorded where it began");
    assert_eq!(app.get("/v1/audit/verification").await.json(200)["broken"], Value::Null);
}

#[tokio::test]
async fn what_a_host_began_that_died_the_next_one_finishes() {
    let (app, contact) = told().await;
    let audit = app.flow().audit(&Principal::system(), "contact.erase", &contact.to_string(), Value::Null);
    assert_eq!(app.flow().store.begin_erasure(contact, &audit).await.unwrap(), None);
    let app = app.restart().await;
    assert!(is_on_disk(&app));
    assert!(switchboard::flow::purge::purge_due(app.flow()).await.unwrap());
    assert!(!is_on_disk(&app));
    assert!(app.flow().store.erasure(contact).await.unwrap().unwrap().wiped_at.is_some());
    assert_eq!(recorded(&app).await, 1);
}
