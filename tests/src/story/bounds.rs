//! What a policy is shown, what it says and what is kept of that is bounded.

use serde_json::{Value, json};
use switchboard::domain::case::shown::TEXT_BYTES_MAX;

use crate::support::TestApp;
use crate::support::guest::{Guest, Kind, LOOP, answering_list};
use crate::support::reply::text;

/// The quota `decision-bytes`.
const DECISION_BYTES_MAX: usize = 256 * 1024;

/// Where a guest makes what it proposes, beyond what the host writes into its memory.
const MADE_AT: u32 = 1 << 20;

/// A guest that proposes the same thing so often. `parts` says what it is, from its address `$at` on.
fn repeating(name: &str, kind: Kind, times: u32, parts: &str) -> Guest {
    let end = MADE_AT + 64 * times;
    let kind_number = kind as u8;
    let body = format!(
        "(local $at i32) (local.set $at (i32.const {MADE_AT}))
         (loop $next
            (i32.store8 (local.get $at) (i32.const {kind_number})) {parts}
            (local.set $at (i32.add (local.get $at) (i32.const 64)))
            (br_if $next (i32.lt_u (local.get $at) (i32.const {end}))))
         {}",
        answering_list(MADE_AT, times)
    );
    Guest::policy(name, &body).declaring(kind)
}

/// A guest that leaves so many notes of so many letters each.
fn noting(name: &str, notes: u32, letters: u32) -> Guest {
    let text_at = MADE_AT + (1 << 20);
    let parts = format!(
        "(i32.store offset=8 (local.get $at) (i32.const {text_at}))
         (i32.store offset=12 (local.get $at) (i32.const {letters}))"
    );
    let fill = format!("(memory.fill (i32.const {text_at}) (i32.const 97) (i32.const {letters}))");
    repeating(name, Kind::Note, notes, &format!("{parts} {fill}"))
}

async fn decision_on(app: &TestApp, words: &str) -> Value {
    let conversation = app.say(words).await;
    app.settle().await;
    app.decision(&conversation).await
}

async fn enable(app: &TestApp, guest: &Guest, activations: usize, mode: &str) {
    app.upload(guest.component()).await.json(201);
    for number in 0..activations {
        let name = format!("{}-{number}", guest.name());
        app.enable(json!({
            "name": name, "plugin": guest.name(), "owner": "billing", "phase": "qualify", "rank": -1, "mode": mode,
        }))
        .await;
    }
}

fn of<'a>(decision: &'a Value, name: &str) -> &'a Value {
    let contributions = decision["contributions"].as_array().unwrap();
    contributions.iter().find(|it| it["name"] == name).unwrap()
}

#[tokio::test]
async fn policy_is_shown_the_beginning_of_a_long_text_and_the_whole_is_kept() {
    let app = TestApp::staffed().await;
    let words = format!("{} refund", "x".repeat(1_000_000));
    let received = app.tell(json!({ "id": "long", "author": "u-1", "text": words })).await;
    app.settle().await;
    let decision = app.decision(&app.conversation_of(&received)).await;
    let router = of(&decision, "keyword-router");
    assert_eq!(router.get("failure"), None, "{router}");
    assert_eq!(router.get("proposals"), Some(&json!([])), "the word is behind what is shown");
    let item = app.get(&format!("/v1/items/{}", text(&received, "/items/0/item"))).await.json(200);
    assert_eq!(text(&item, "/text").len(), words.len());
    assert_eq!(decision["receipt"]["cut"], 1);

    let words = format!("{} refund", "x".repeat(TEXT_BYTES_MAX - 7));
    let decision = decision_on(&app, &words).await;
    assert_eq!(decision["outcome"]["routing"]["by"], "keyword-router", "all of that is shown");
}

#[tokio::test]
async fn abstentions_by_the_thousand_cost_no_later_policy_its_fuel() {
    let app = TestApp::staffed().await;
    enable(&app, &repeating("flood", Kind::Abstain, 5_500, ""), 3, "active").await;
    let decision = decision_on(&app, "a refund, please").await;
    assert_eq!(decision["outcome"]["routing"]["by"], "keyword-router", "{decision}");
    let flood = of(&decision, "flood-0");
    assert_eq!(flood["proposals"].as_array().unwrap().len(), 65);
    assert_eq!(flood["proposals"][64]["verdict"], "invalid");
    assert_eq!(flood["proposals_dropped"], 5_500 - 65);
}

#[tokio::test]
async fn invalid_note_is_kept_with_its_beginning_and_its_length() {
    let app = TestApp::staffed().await;
    enable(&app, &noting("noisy", 1, 1_900_000), 3, "shadow").await;
    let decision = decision_on(&app, "a refund, please").await;
    let note = &of(&decision, "noisy-0")["proposals"][0];
    assert_eq!(note["verdict"], "invalid");
    let kept = text(note, "/text");
    assert!(kept.ends_with("(1900000 bytes)") && kept.len() < 300, "{kept}");
    assert!(decision.to_string().len() < 16 * 1024);
}

#[tokio::test]
async fn decision_stays_below_its_size_whatever_policies_say() {
    let app = TestApp::staffed().await;
    enable(&app, &noting("talkative", 60, 3_900), 2, "active").await;
    enable(&app, &noting("whispering", 60, 3_900), 3, "shadow").await;
    let decision = decision_on(&app, "a refund, please").await;
    assert_eq!(decision["outcome"]["routing"]["by"], "keyword-router", "{}", decision["outcome"]["routing"]);
    let bytes = decision["contributions"].to_string().len() + decision["outcome"].to_string().len();
    assert!(bytes <= DECISION_BYTES_MAX, "{bytes}");
    assert_eq!(of(&decision, "whispering-2")["shortened"], true, "there is no room for all of it");
    assert_eq!(of(&decision, "talkative-0").get("shortened"), None, "active ones come first");
    let refused = decision["contributions"].to_string();
    assert!(refused.contains("decision-bytes"), "what is not applied names the quota");
}

#[tokio::test]
async fn owner_whose_policies_used_up_a_case_leaves_the_others_their_time() {
    let app = TestApp::staffed().await;
    app.upload(Guest::policy("slow", LOOP).component()).await.json(201);
    for number in 0..8 {
        app.enable(json!({
            "name": format!("slow-{number}"), "plugin": "slow", "owner": "billing", "phase": "qualify",
            "rank": -1, "mode": "shadow",
        }))
        .await;
    }
    let decision = decision_on(&app, "a refund, please").await;
    assert_eq!(decision["outcome"]["routing"]["by"], "keyword-router", "{decision}");
    let last = of(&decision, "slow-7");
    assert_eq!(text(last, "/failure/name"), "over-budget", "{last}");
    assert!(text(last, "/failure/detail").contains("`case-fuel`"), "{last}");
    assert_eq!(last["fuel"], 0, "it is not called");
}

#[tokio::test]
async fn labels_of_a_conversation_are_bounded_for_policies_and_for_agents() {
    let app = TestApp::staffed().await;
    let rules: Vec<_> = (0..3)
        .map(|part| {
            let tags: Vec<_> = (0..30).map(|number| format!("label-{part}-{number}")).collect();
            json!({ "name": format!("rule-{part}"), "any": ["label"], "tags": tags })
        })
        .collect();
    app.enable(json!({
        "name": "labels", "plugin": "keyword-router", "mode": "active",
        "settings": { "match": "all", "rules": rules },
    }))
    .await;
    let conversation = app.say("label me").await;
    app.settle().await;
    let decision = app.decision(&conversation).await;
    let refused = &of(&decision, "labels")["proposals"][2];
    assert_eq!(refused["verdict"], "invalid", "{refused}");
    assert!(text(refused, "/detail").contains("`conversation-labels`"), "{refused}");
    let labels = |shown: &Value| shown["tags"].as_array().unwrap().len();
    assert_eq!(labels(&app.conversation(&conversation).await), 60);

    let set = format!("/v1/conversations/{conversation}/set");
    let more: Vec<_> = (0..5).map(|it| format!("more-{it}")).collect();
    let problem = app.post(&set, json!({ "agent": "ada", "add_tags": more })).await.problem(409);
    assert!(text(&problem, "/detail").contains("`conversation-labels`"), "{problem}");
    app.post(&set, json!({ "agent": "ada", "add_tags": more[..4] })).await.json(200);
}
