//! A conversation hangs together, and its events are judged in the order they happened.

use serde_json::json;

use crate::support::TestApp;
use crate::support::reply::text;

#[tokio::test]
async fn the_items_of_a_conversation_are_judged_in_order() {
    let app = TestApp::staffed().await;
    let mut items = Vec::new();
    let mut conversation = String::new();
    for number in 0..5 {
        let item =
            json!({ "id": format!("m-{number}"), "in_reply_to": "m-0", "author": "u-1", "text": "more" });
        let received = app.tell(item).await;
        items.push(text(&received, "/items/0/item").to_owned());
        conversation = app.conversation_of(&received);
        app.clock.advance_ms(10);
    }
    app.settle().await;
    let decisions = app.decisions(&conversation).await;
    let judged: Vec<_> = decisions.iter().map(|it| text(it, "/item")).collect();
    assert_eq!(judged, items);
    let counted: Vec<_> = decisions.iter().map(|it| text(it, "/event/kind")).collect();
    assert_eq!(counted, ["item-received"; 5]);
}

#[tokio::test]
async fn an_answer_joins_the_conversation_of_what_it_answers() {
    let app = TestApp::company().await;
    let first = app.tell(json!({ "id": "m-1", "author": "u-1", "text": "hello" })).await;
    let answer = app.tell(json!({ "id": "m-2", "in_reply_to": "m-1", "author": "u-1", "text": "?" })).await;
    assert_eq!(app.conversation_of(&first), app.conversation_of(&answer));
}

#[tokio::test]
async fn a_parent_that_comes_after_its_answer_joins_it() {
    let app = TestApp::company().await;
    let answer = app.tell(json!({ "id": "m-2", "in_reply_to": "m-1", "author": "u-1", "text": "?" })).await;
    let parent = app.tell(json!({ "id": "m-1", "author": "u-1", "text": "hello" })).await;
    assert_eq!(app.conversation_of(&parent), app.conversation_of(&answer));
}

#[tokio::test]
async fn an_item_that_belongs_to_two_conversations_makes_them_one() {
    let app = TestApp::company().await;
    let older = app.conversation_of(&app.tell(json!({ "id": "a", "author": "u-1", "text": "one" })).await);
    app.clock.advance_ms(10);
    let younger = app.conversation_of(&app.tell(json!({ "id": "b", "author": "u-1", "text": "two" })).await);
    app.settle().await;
    let both = json!({ "id": "c", "in_reply_to": ["a", "b"], "author": "u-1", "text": "three" });
    assert_eq!(app.conversation_of(&app.tell(both).await), older);
    app.settle().await;
    assert_eq!(app.conversation(&younger).await["merged_into"], older);
    let shown = app.conversation(&older).await;
    assert_eq!(shown["items"]["entries"].as_array().unwrap().len(), 3);
    assert_eq!(app.get("/v1/counts").await.json(200)["conversations"], 1);
    // Nobody can go on working at the one that ended.
    let note = app.post(&format!("/v1/conversations/{younger}/note"), json!({ "text": "hm" })).await;
    assert!(text(&note.problem(409), "/detail").contains(&older));
}

#[tokio::test]
async fn an_item_in_a_closed_conversation_opens_it_again() {
    let app = TestApp::staffed().await;
    let first = app.tell(json!({ "id": "m-1", "author": "u-1", "text": "a refund" })).await;
    let conversation = app.conversation_of(&first);
    app.settle().await;
    let close = json!({ "agent": "ben", "disposition": { "theme": "refund" } });
    app.post(&format!("/v1/conversations/{conversation}/close"), close).await.json(200);
    assert_eq!(app.conversation(&conversation).await["status"], "closed");

    app.tell(json!({ "id": "m-2", "in_reply_to": "m-1", "author": "u-1", "text": "still waiting" })).await;
    app.settle().await;
    let shown = app.conversation(&conversation).await;
    assert_eq!((&shown["status"], &shown["reopened_count"]), (&json!("open"), &json!(1)));
    assert_eq!(app.decision(&conversation).await["event"]["kind"], "conversation-reopened");
}
