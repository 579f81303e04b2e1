//! Lists come in pages.

use std::collections::HashSet;

use serde_json::json;

use crate::support::TestApp;
use crate::support::guest::{Guest, Kind};
use crate::support::reply::{entries, text};

#[tokio::test]
async fn pages_hold_every_entry_once_in_order() {
    let app = TestApp::company().await;
    for number in 0..7 {
        app.say(&format!("hello {number}")).await;
        app.clock.advance_ms(10);
    }
    app.settle().await;
    for list in
        ["/v1/conversations", "/v1/conversations?queue=service/operator", "/v1/deliveries", "/v1/decisions"]
    {
        let with = |query: &str| format!("{list}{}{query}", if list.contains('?') { "&" } else { "?" });
        let whole = app.get(&with("limit=200")).await.json(200);
        let whole: Vec<_> = entries(&whole).iter().map(|it| text(it, "/id").to_owned()).collect();
        assert_eq!(whole.len(), 7, "{list}");
        let mut paged = Vec::new();
        let mut path = with("limit=3");
        loop {
            let page = app.get(&path).await.json(200);
            paged.extend(entries(&page).iter().map(|it| text(it, "/id").to_owned()));
            let Some(cursor) = page["next_cursor"].as_str() else { break };
            path = format!("{}&cursor={cursor}", with("limit=3"));
        }
        assert_eq!(paged, whole, "{list}");
        assert_eq!(paged.iter().collect::<HashSet<_>>().len(), 7, "{list}");
    }
}

#[tokio::test]
async fn a_page_that_makes_no_sense_is_refused_at_its_place() {
    let app = TestApp::company().await;
    for list in [
        "/v1/conversations",
        "/v1/deliveries",
        "/v1/decisions",
        "/v1/plugins",
        "/v1/plugins/keyword-router",
        "/v1/activations",
        "/v1/generations",
        "/v1/audit",
    ] {
        for limit in ["0", "201"] {
            assert_eq!(app.get(&format!("{list}?limit={limit}")).await.pointers(), ["/query/limit"]);
        }
        assert_eq!(app.get(&format!("{list}?cursor=nonsense")).await.pointers(), ["/query/cursor"]);
    }
}

#[tokio::test]
async fn activations_come_in_pages_in_the_order_of_the_pipeline() {
    let app = TestApp::company().await;
    // The largest settings that there may be are several to a page.
    let filler = "x".repeat(200_000);
    app.upload(Guest::proposing("quick", Kind::Abstain, "no idea").component()).await.json(201);
    for rank in [3, 1, 2, 6, 5, 4, 7] {
        let settings = json!({ "filler": filler });
        let new =
            json!({ "name": format!("r-{rank}"), "plugin": "quick", "rank": rank, "settings": settings });
        app.post("/v1/activations", new).await.json(202);
    }
    app.settle().await;
    let of = async |path: &str| {
        let page = app.get(path).await.json(200);
        let names: Vec<_> = entries(&page).iter().map(|it| text(it, "/name").to_owned()).collect();
        (names, page["next_cursor"].as_str().map(str::to_owned))
    };
    for path in ["/v1/activations?limit=2", "/v1/activations"] {
        let (mut names, mut cursor) = of(path).await;
        assert!(cursor.is_some(), "seven of 200 kB are more than a page");
        while let Some(next) = cursor {
            let separator = if path.contains('?') { '&' } else { '?' };
            let (more, after) = of(&format!("{path}{separator}cursor={next}")).await;
            assert!(!more.is_empty());
            names.extend(more);
            cursor = after;
        }
        names.retain(|it| it.starts_with("r-"));
        assert_eq!(names, (1..=7).map(|rank| format!("r-{rank}")).collect::<Vec<_>>(), "{path}");
    }
    let versions = app.get("/v1/activations/r-1/versions?limit=1").await.json(200);
    assert_eq!(entries(&versions).len(), 1);
}

#[tokio::test]
async fn an_empty_list_is_a_list() {
    let app = TestApp::company().await;
    for list in ["/v1/conversations", "/v1/deliveries", "/v1/decisions", "/v1/search?q=nothing"] {
        assert_eq!(app.get(list).await.json(200), json!({ "entries": [] }), "{list}");
    }
}

#[tokio::test]
async fn lists_show_long_items_in_part_and_the_whole_on_request() {
    let app = TestApp::company().await;
    let long = "a refund, please, ".repeat(10_000) + "soon";
    let conversation = app.say(&long).await;
    let short = app.say("briefly: a refund").await;
    app.settle().await;
    let shown = app.conversation(&conversation).await;
    let items = app.get(&format!("/v1/conversations/{conversation}/items")).await.json(200);
    let found = app.get("/v1/search?q=refund").await.json(200);
    let [detail, list, hit] = [&shown["items"]["entries"][0], &items["entries"][0], &found["entries"][1]];
    for item in [detail, list, hit] {
        assert_eq!(item["cut"]["text_bytes"], long.len(), "{item}");
        assert!(item["text"].as_str().is_some_and(|it| it.len() <= 8_196 && long.starts_with(it)), "{item}");
    }
    let whole = app.get(&format!("/v1/items/{}", text(detail, "/id"))).await.json(200);
    assert_eq!(whole["text"], long);
    assert_eq!(whole.get("cut"), None);
    assert_eq!(app.conversation(&short).await["items"]["entries"][0].get("cut"), None);
}

#[tokio::test]
async fn a_reply_to_a_long_item_takes_its_references_along() {
    let app = TestApp::staffed().await;
    let item = json!({ "id": "m-1", "author": "u-1", "text": "x".repeat(200_000), "subject": "a parcel" });
    let conversation = app.conversation_of(&app.tell(item).await);
    app.settle().await;
    let reply = json!({ "text": "it is on its way", "agent": "ada" });
    app.post(&format!("/v1/conversations/{conversation}/reply"), reply).await.ok();
    let items = app.get(&format!("/v1/conversations/{conversation}/items")).await.json(200);
    assert_eq!(items["entries"][1]["in_reply_to"], json!(["m-1"]));
    assert_eq!(items["entries"][1]["subject"], "a parcel");
}

#[tokio::test]
async fn a_conversation_shows_its_latest_notes_and_where_the_others_are() {
    let app = TestApp::staffed().await;
    let conversation = app.say("hello").await;
    app.settle().await;
    for number in 0..3 {
        let note = json!({ "text": format!("note {number} {}", "x".repeat(3_000)), "agent": "ada" });
        app.post(&format!("/v1/conversations/{conversation}/note"), note).await.ok();
    }
    let shown = app.conversation(&conversation).await;
    let notes = shown["notes"].as_array().unwrap().iter().map(|it| text(it, "/text"));
    let texts: Vec<_> = notes.filter_map(|it| it.get(..6).filter(|it| it.starts_with("note "))).collect();
    assert_eq!(texts, ["note 0", "note 1", "note 2"], "oldest first");
    assert_eq!(shown.get("notes_next_cursor"), None);
    let first = app.get(&format!("/v1/conversations/{conversation}/notes?limit=2")).await.json(200);
    assert!(text(&first, "/entries/0/text").starts_with("note 2"), "newest first");
    let cursor = text(&first, "/next_cursor");
    let rest = app.get(&format!("/v1/conversations/{conversation}/notes?cursor={cursor}")).await.json(200);
    assert!(text(&rest, "/entries/0/text").starts_with("note 0"));
}
