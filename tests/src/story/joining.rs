//! Which conversations an item joins, which are only suggested, and merges that are taken back.

use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::reply::text;
use crate::support::samples::{mail, mail_answer};

async fn say(app: &TestApp, id: &str, author: &str, to: &[&str]) -> String {
    let item = json!({ "id": id, "author": author, "in_reply_to": to, "text": format!("{id} of {author}") });
    let received = app.tell(item).await;
    app.clock.advance_ms(10);
    app.conversation_of(&received)
}

async fn act(app: &TestApp, conversation: &str, verb: &str, body: Value) -> Value {
    let done = app.post(&format!("/v1/conversations/{conversation}/{verb}"), body).await.ok();
    app.settle().await;
    done
}

async fn conversations(app: &TestApp) -> i64 {
    app.get("/v1/counts").await.json(200)["conversations"].as_i64().unwrap()
}

/// The external ids of a conversation's items.
async fn items(app: &TestApp, conversation: &str) -> Vec<String> {
    let shown = app.conversation(conversation).await;
    let items = shown["items"]["entries"].as_array().unwrap();
    items.iter().map(|it| text(it, "/external_id").to_owned()).collect()
}

/// 48 posts of 64 references each, as many people's conversations as there are references.
#[tokio::test]
async fn a_strangers_posts_merge_no_conversations_of_others() {
    let app = TestApp::company().await;
    for part in 0..4 {
        let item = |it: usize| json!({ "id": format!("m-{it}"), "author": format!("u-{it}"), "text": "?" });
        let items: Vec<_> = (part * 768..(part + 1) * 768).map(item).collect();
        app.tell(Value::Array(items)).await;
    }
    assert_eq!(conversations(&app).await, 3_072);
    for post in 0..48 {
        let parents: Vec<_> = (post * 64..(post + 1) * 64).map(|it| format!("m-{it}")).collect();
        app.tell(
            json!({ "id": format!("post-{post}"), "author": "eve", "in_reply_to": parents, "text": "!" }),
        )
        .await;
    }
    assert_eq!(conversations(&app).await, 3_072 + 48);
    let victim = app.get("/v1/conversations?limit=1").await.json(200);
    let shown = app.conversation(text(&victim, "/entries/0/id")).await;
    assert_eq!(shown["suggestions"].as_array().unwrap().len(), 8, "enough to look at, and no more");
    assert_eq!(shown["merged"], json!([]));
}

#[tokio::test]
async fn a_suggestion_is_followed_or_dismissed_by_an_agent() {
    let app = TestApp::company().await;
    let own = say(&app, "a", "mika", &[]).await;
    let other = say(&app, "b", "mikas-other-self", &["a"]).await;
    assert_ne!(own, other);
    let suggested = app.conversation(&other).await["suggestions"][0].clone();
    assert_eq!(text(&suggested, "/conversation"), own);
    assert!(text(&suggested, "/because").contains("an item here refers to it"), "{suggested}");
    let merged = act(&app, &other, "merge", json!({ "agent": "ada", "into": own })).await;
    assert_eq!(text(&merged, "/id"), own);
    assert_eq!(items(&app, &own).await, ["a", "b"]);
    assert_eq!(app.conversation(&own).await["suggestions"], json!([]));
    assert_eq!(app.conversation(&own).await["merged"], json!([other]));
    let audit = app.get("/v1/audit?limit=1").await.json(200);
    assert_eq!(text(&audit, "/entries/0/action"), "conversation.merge");

    let third = say(&app, "c", "eve", &["a"]).await;
    act(&app, &third, "dismiss-suggestion", json!({ "agent": "ada", "other": own })).await;
    assert_eq!(app.conversation(&own).await["suggestions"], json!([]));
    let again = json!({ "agent": "ada", "other": own });
    let path = format!("/v1/conversations/{third}/dismiss-suggestion");
    app.post(&path, again).await.problem(409);
}

/// Replies, notes, timers, a promise and new items in between.
#[tokio::test]
async fn a_merge_is_taken_back_with_everything_that_happened_since() {
    let app = TestApp::staffed().await;
    let mika = say(&app, "a", "mika", &[]).await;
    let otto = say(&app, "b", "otto", &[]).await;
    app.settle().await;
    let waits = async |id: &str| app.conversation(id).await["waiting_since"].clone();
    let since = [waits(&mika).await, waits(&otto).await];
    act(&app, &otto, "merge", json!({ "agent": "ada", "into": mika })).await;
    let to_mika = app.conversation(&mika).await["items"]["entries"][0]["id"].clone();
    act(&app, &mika, "reply", json!({ "agent": "ada", "text": "yes", "item": to_mika })).await;
    act(&app, &mika, "note", json!({ "agent": "ada", "text": "both are answered?" })).await;
    assert_eq!(say(&app, "c", "otto", &["b"]).await, mika);
    assert_eq!(say(&app, "d", "mika", &["a"]).await, mika);
    app.settle().await;

    let undone = act(&app, &otto, "unmerge", json!({ "agent": "ada" })).await;
    assert_eq!(
        (text(&undone, "/conversation/id"), text(&undone, "/survivor/id")),
        (otto.as_str(), mika.as_str())
    );
    assert_eq!(items(&app, &otto).await, ["b", "c"]);
    let of_mika = items(&app, &mika).await;
    assert_eq!((of_mika.len(), of_mika[0].as_str(), of_mika[2].as_str()), (3, "a", "d"));
    assert_eq!(waits(&otto).await, since[1], "Otto got no reply");
    let waits_now = waits(&mika).await;
    assert!(waits_now.is_string() && waits_now != since[0], "Mika got a reply and asks again");
    for id in [&mika, &otto] {
        let shown = app.conversation(id).await;
        assert_eq!(shown["status"], "open");
        assert_eq!(app.decision(id).await["event"]["kind"], "asked-by-hand", "policies are asked again");
    }
    assert!(app.conversation(&otto).await["deadline"].is_string(), "the first response is still due");
    assert_eq!(app.conversation(&mika).await["deadline"], Value::Null, "that was the first response");
    assert_eq!(app.conversation(&mika).await["notes"].as_array().unwrap().len(), 1);
    assert_eq!(conversations(&app).await, 2);
    let found = app.get("/v1/search?q=%22c%20of%20otto%22").await.json(200);
    assert_eq!(text(&found, "/entries/0/conversation"), otto);
    // Each goes on by itself.
    assert_eq!(say(&app, "e", "otto", &["c"]).await, otto);
    assert_eq!(say(&app, "f", "mika", &["d"]).await, mika);
    app.advance_ms(2 * crate::support::HOUR_MS).await;
    for (id, times) in [(&mika, 0), (&otto, 1)] {
        let decisions = app.decisions(id).await;
        let breached = decisions.iter().filter(|it| it["event"]["kind"] == "promise-breached").count();
        assert_eq!(breached, times, "{id}: {decisions:?}");
    }
}

#[tokio::test]
async fn an_automatic_merge_is_taken_back_too() {
    let app = TestApp::staffed().await;
    let older = say(&app, "a", "mika", &[]).await;
    let younger = say(&app, "b", "mika", &[]).await;
    app.settle().await;
    assert_eq!(say(&app, "c", "mika", &["b", "a"]).await, older);
    app.settle().await;
    act(&app, &younger, "unmerge", json!({ "agent": "ada" })).await;
    assert_eq!(items(&app, &younger).await, ["b", "c"], "with the nearest reference");
    assert_eq!(items(&app, &older).await, ["a"]);
    // What an agent took apart stays two.
    assert_eq!(say(&app, "d", "mika", &["c", "a"]).await, younger);
    assert_eq!(app.conversation(&younger).await["merged_into"], Value::Null);
}

#[tokio::test]
async fn a_merge_that_cannot_be_done_or_taken_back_says_why() {
    let app = TestApp::company().await;
    let own = say(&app, "a", "mika", &[]).await;
    let other = say(&app, "b", "otto", &[]).await;
    let post = async |id: &str, verb: &str, body: Value| {
        app.post(&format!("/v1/conversations/{id}/{verb}"), body).await
    };
    post(&own, "merge", json!({ "into": own })).await.problem(422);
    let refused = post(&own, "unmerge", json!({})).await.problem(409);
    assert!(text(&refused, "/detail").contains("nothing to take back"), "{refused}");
    let elsewhere = app.deliver("mail", "message/rfc822", mail("k-1", "kettle", "it leaks")).await.json(202);
    let elsewhere = app.conversation_of(&elsewhere);
    let refused = post(&elsewhere, "merge", json!({ "into": own })).await.problem(409);
    assert!(text(&refused, "/detail").contains("different inboxes"), "{refused}");
    post(&other, "merge", json!({ "into": own })).await.ok();
    let refused = post(&other, "merge", json!({ "into": own })).await.problem(409);
    assert!(text(&refused, "/detail").contains(&own), "{refused}");
}

/// Labels and facts of both would be the survivor's.
#[tokio::test]
async fn conversations_over_a_quota_of_labels_together_are_not_merged() {
    let app = TestApp::company().await;
    let quota = json!({ "department": "service", "quotas": { "conversation-labels": 2 } });
    app.patch("/v1/quotas", quota).await.ok();
    let mika = say(&app, "a", "mika", &[]).await;
    let mikas_other = say(&app, "b", "mika", &[]).await;
    app.settle().await;
    for (id, tags) in [(&mika, ["one", "two"]), (&mikas_other, ["two", "three"])] {
        act(&app, id, "set", json!({ "agent": "ada", "add_tags": tags })).await;
    }
    let merge = format!("/v1/conversations/{mikas_other}/merge");
    let refused = app.post(&merge, json!({ "agent": "ada", "into": mika })).await.problem(409);
    assert_eq!(
        refused["quota"],
        json!({ "name": "conversation-labels", "value": 2, "used": 2, "unit": "labels" }),
    );
    // Nor do items merge them: they are suggested, and why.
    assert_eq!(say(&app, "c", "mika", &["b", "a"]).await, mikas_other);
    let suggested = app.conversation(&mikas_other).await["suggestions"][0].clone();
    assert_eq!(text(&suggested, "/conversation"), mika);
    assert!(text(&suggested, "/because").contains("over a quota"), "{suggested}");
    act(&app, &mikas_other, "set", json!({ "agent": "ada", "remove_tags": ["three"] })).await;
    act(&app, &mikas_other, "merge", json!({ "agent": "ada", "into": mika })).await;
    assert_eq!(app.conversation(&mika).await["tags"], json!(["one", "two"]));
}

/// Any sender can write any `In-Reply-To`; a colleague who replies to our mail joins its conversation.
#[tokio::test]
async fn a_mail_joins_by_its_sender_or_by_what_we_sent() {
    let app = TestApp::company().await;
    let take = async |mail: String| {
        let received = app.deliver("mail", "message/rfc822", mail).await.json(202);
        app.settle().await;
        app.conversation_of(&received)
    };
    let colleague = |mail: String| mail.replace("Grace Example <grace@", "Hedy Example <hedy@");
    let own = take(mail("k-1", "the kettle", "it leaks")).await;
    assert_eq!(take(mail_answer("k-2", "k-1", "still")).await, own);
    assert_ne!(take(colleague(mail_answer("h-1", "k-1", "I know that"))).await, own);
    act(&app, &own, "reply", json!({ "agent": "ada", "text": "we send another" })).await;
    let reply = text(&app.conversation(&own).await, "/outbox/0/id").to_owned();
    let answer = mail_answer("h-2", "k-1", "thank you")
        .replace("<k-1@example.org>", &format!("<{reply}@example.com>"));
    assert_eq!(take(colleague(answer)).await, own);
}

/// An authenticated channel says what its items reply to, by any writer.
#[tokio::test]
async fn a_channel_with_a_token_vouches_for_its_threads() {
    let app = TestApp::company().await;
    app.vouch().await;
    let own = say(&app, "a", "mika", &[]).await;
    let other = say(&app, "b", "otto", &[]).await;
    assert_eq!(say(&app, "c", "mia", &["a", "b"]).await, own);
    assert_eq!(app.conversation(&other).await["merged_into"], own);
}

#[tokio::test]
async fn what_came_before_its_item_counts_when_that_comes() {
    let app = TestApp::company().await;
    app.vouch().await;
    let event = |id: &str, kind: &str, time: &str, data: Value| {
        let mut event = crate::support::samples::event(id, &format!("org.switchboard.{kind}"), data);
        event["time"] = json!(time);
        event
    };
    let tell = async |event: Value| {
        app.deliver("chat", "application/cloudevents+json", event.to_string()).await.json(202)
    };
    tell(event("3", "edit", "2026-03-02T08:03:00Z", json!({ "id": "a", "text": "third" }))).await;
    let removed = tell(event("4", "deletion", "2026-03-02T08:04:00Z", json!({ "id": "a" }))).await;
    assert_eq!(removed["unknown"], 1, "{removed}");
    tell(event("2", "edit", "2026-03-02T08:02:00Z", json!({ "id": "a", "text": "second" }))).await;
    let item = json!({ "id": "a", "author": { "id": "u-1" }, "text": "first" });
    let received = tell(event("1", "item", "2026-03-02T08:01:00Z", item)).await;
    let item = app.get(&format!("/v1/items/{}", text(&received, "/items/0/item"))).await.json(200);
    assert_eq!(text(&item, "/text"), "third", "{item}");
    assert!(item["deleted_at"].is_string(), "{item}");
}
