//! Reach, verification, very important people.

use serde_json::{Value, json};

use crate::support::TestApp;

async fn judged(settings: Value, item: Value) -> Value {
    let app = TestApp::company().await;
    let activation =
        json!({ "plugin": "reach-priority", "phase": "qualify", "settings": settings, "mode": "active" });
    app.enable(activation).await;
    let conversation = app.conversation_of(&app.tell(item).await);
    app.settle().await;
    let shown = app.conversation(&conversation).await;
    json!([shown["priority"], shown["deadline"], shown["tags"]])
}

#[tokio::test]
async fn each_kind_of_reach_has_its_worth() {
    let settings = json!({
        "followers": [
            { "at-least": 5_000, "visibility": "public", "priority": "high", "within": "45m" },
            { "at-least": 500_000, "priority": "urgent", "within": "15m", "tags": ["crisis-watch"] },
        ],
        "vip-identities": ["@grace"],
    });
    let said =
        |author: Value, visibility: &str| json!({ "author": author, "visibility": visibility, "text": "hm" });
    let promised = "2026-03-02T10:00:00.000Z";
    for (author, visibility, expected) in [
        (json!({ "id": "a", "followers": 10 }), "public", json!(["normal", promised, []])),
        (json!({ "id": "b", "followers": 6_000 }), "private", json!(["normal", promised, []])),
        (json!({ "id": "c", "followers": 6_000 }), "public", json!(["high", "2026-03-02T09:45:00.000Z", []])),
        (
            json!({ "id": "d", "followers": 900_000 }),
            "private",
            json!(["urgent", "2026-03-02T09:15:00.000Z", ["crisis-watch"]]),
        ),
        (json!({ "id": "e", "verified": true }), "public", json!(["high", promised, []])),
        (json!({ "id": "f", "handle": "grace" }), "private", json!(["high", promised, ["vip"]])),
    ] {
        assert_eq!(judged(settings.clone(), said(author.clone(), visibility)).await, expected, "{author}");
    }
}

#[tokio::test]
async fn what_a_machine_wrote_is_left_alone() {
    let author = json!({ "id": "a", "followers": 9_000_000 });
    let item = json!({ "author": author, "automatic": "notification", "text": "ping" });
    assert_eq!(judged(json!({}), item).await[0], "normal");
}
