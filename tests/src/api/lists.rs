//! Lists come in pages.

use std::collections::HashSet;

use serde_json::json;

use crate::support::TestApp;
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
async fn an_empty_list_is_a_list() {
    let app = TestApp::company().await;
    for list in ["/v1/conversations", "/v1/deliveries", "/v1/decisions", "/v1/search?q=nothing"] {
        assert_eq!(app.get(list).await.json(200), json!({ "entries": [] }), "{list}");
    }
}
