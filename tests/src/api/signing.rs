//! Who answers for a release, and releases that are taken back.

use bytes::Bytes;
use serde_json::{Value, json};
use switchboard::plugin::digest::digest;
use switchboard::plugin::signing::PrivateKey;

use crate::support::TestApp;
use crate::support::guest::{Guest, Kind};
use crate::support::reply::{Reply, entries, text};
use crate::support::signing::proven;

fn component(version: &str) -> Bytes {
    Guest::proposing("judge", Kind::Abstain, "no idea").version(version).component().into()
}

/// Uploads a component with a signature, of it or of another one.
async fn upload_signed(app: &TestApp, component: &Bytes, key: &PrivateKey, signed: &Bytes) -> Reply {
    let signature = key.sign(&digest(signed));
    let value = format!("{} {}", signature.public_key, signature.signature);
    let headers = [("content-type", "application/wasm"), ("x-switchboard-signature", value.as_str())];
    app.ask("POST", "/v1/plugins?department=service", &headers, component.clone()).await
}

async fn register(app: &TestApp, key: &PrivateKey, department: Option<&str>) -> Value {
    app.post("/v1/signing-keys", proven(app, key, department).await).await.json(201)
}

async fn revoke(app: &TestApp, key: &Value) {
    let path = format!("/v1/signing-keys/{}/revoke", text(key, "/id"));
    app.post(&path, json!({ "reason": "the laptop was stolen" })).await.json(200);
}

fn rule(version: &str) -> Value {
    json!({ "name": "judge", "plugin": "judge", "version": version, "mode": "active", "owner": "service" })
}

/// Takes a version back.
async fn yank_in(app: &TestApp, version: &str) -> Value {
    let path = format!("/v1/plugins/judge/{version}/yank");
    app.post(&path, json!({ "reason": "it judges badly" })).await.json(200)
}

/// The name of the refusal.
fn name(reply: &Reply) -> String {
    text(&reply.problem(422), "/name").to_owned()
}

#[tokio::test]
async fn a_signature_says_who_answers_for_a_release() {
    let app = TestApp::company().await;
    let (key, one) = (PrivateKey::generate().unwrap(), component("1.0.0"));
    assert_eq!(name(&upload_signed(&app, &one, &key, &one).await), "signing-key-unknown");
    let registered = register(&app, &key, Some("service")).await;
    assert_eq!(name(&upload_signed(&app, &one, &key, &component("2.0.0")).await), "signature-wrong");
    let release = upload_signed(&app, &one, &key, &one).await.json(201);
    assert_eq!(release["signature"]["key"], registered["id"]);
    let kept = app.get("/v1/plugins/judge/1.0.0").await.json(200);
    assert_eq!(kept["signature"]["public_key"], key.public_key());
    app.enable(rule("1.0.0")).await;
}

#[tokio::test]
async fn a_key_signs_for_its_own_department_alone() {
    let app = TestApp::company().await;
    let (key, one) = (PrivateKey::generate().unwrap(), component("1.0.0"));
    register(&app, &key, Some("billing")).await;
    assert_eq!(name(&upload_signed(&app, &one, &key, &one).await), "signing-key-of-another");
    let companys = PrivateKey::generate().unwrap();
    register(&app, &companys, None).await;
    upload_signed(&app, &one, &companys, &one).await.json(201);
    // A department's admin registers for the department, and revokes no other's.
    let token = app.token_for(json!({ "role": "admin", "department": "service" })).await;
    let new = proven(&app, &PrivateKey::generate().unwrap(), Some("service")).await;
    let made = app.ask_as(&token, "POST", "/v1/signing-keys", Some(&new)).await.json(201);
    assert_eq!(made["department_name"], "service");
    let keys = app.get("/v1/signing-keys").await.json(200);
    for key in entries(&keys).iter().filter(|it| it["department_name"] != "service") {
        let path = format!("/v1/signing-keys/{}/revoke", text(key, "/id"));
        app.ask_as(&token, "POST", &path, Some(&json!({ "reason": "mine now" }))).await.problem(403);
    }
}

#[tokio::test]
async fn signing_key_is_registered_only_with_proof_of_the_private_key() {
    let app = TestApp::company().await;
    let key = PrivateKey::generate().unwrap();
    let right = proven(&app, &key, Some("service")).await;
    let installation = text(&app.get("/v1/installation").await.json(200), "/id").to_owned();
    let signature = key.sign(&digest(b"anything")).signature;
    for proof in [
        Value::Null,
        "AAAA".into(),
        signature.into(),
        key.prove("another-installation", Some("service")).into(),
        key.prove(&installation, Some("billing")).into(),
        key.prove(&installation, None).into(),
        PrivateKey::generate().unwrap().prove(&installation, Some("service")).into(),
    ] {
        let mut wrong = right.clone();
        wrong["proof"] = proof;
        let refused = app.post("/v1/signing-keys", wrong).await.problem(422);
        assert_eq!(text(&refused, "/name"), "signing-key-unproven");
        let remedy = text(&refused, "/remedy");
        let command = format!("plugin prove --key KEY --installation {installation} --department service");
        assert!(remedy.contains(&command), "{remedy}");
    }
    app.post("/v1/signing-keys", right).await.json(201);
}

#[tokio::test]
async fn key_of_one_department_blocks_no_other_that_proves_it() {
    let app = TestApp::company().await;
    let (key, one) = (PrivateKey::generate().unwrap(), component("1.0.0"));
    let first = register(&app, &key, Some("billing")).await;
    register(&app, &key, Some("service")).await;
    let twice = proven(&app, &key, Some("service")).await;
    app.post("/v1/signing-keys", twice).await.problem(409);
    upload_signed(&app, &one, &key, &one).await.json(201);
    // Each department revokes its own registration.
    revoke(&app, &first).await;
    upload_signed(&app, &component("2.0.0"), &key, &component("2.0.0")).await.json(201);
    // What the company revokes counts for no department.
    let companys = register(&app, &key, None).await;
    revoke(&app, &companys).await;
    let three = component("3.0.0");
    assert_eq!(name(&upload_signed(&app, &three, &key, &three).await), "signing-key-revoked");
}

#[tokio::test]
async fn where_signatures_are_required_nothing_unsigned_gets_in() {
    let app = TestApp::company().await;
    app.upload_for("service", component("1.0.0")).await.json(201);
    app.patch("/v1/settings", json!({ "require_signatures": true })).await.json(200);
    let two = component("2.0.0");
    assert_eq!(name(&app.upload_for("service", two.clone()).await), "signature-missing");
    // What was published before counts no more than what comes now.
    assert_eq!(name(&app.post("/v1/activations", rule("1.0.0")).await), "signature-missing");
    let key = PrivateKey::generate().unwrap();
    register(&app, &key, Some("service")).await;
    upload_signed(&app, &two, &key, &two).await.json(201);
    // What is there already is signed by sending it again.
    let again = upload_signed(&app, &component("1.0.0"), &key, &component("1.0.0")).await.json(200);
    assert!(again["signature"].is_object(), "{again}");
    app.enable(rule("1.0.0")).await;
    // What comes with Switchboard is part of it.
    app.enable(json!({ "plugin": "reach-priority", "mode": "active" })).await;
    let app = app.restart().await;
    assert_eq!(app.get("/v1/settings").await.json(200)["require_signatures"], true);
}

#[tokio::test]
async fn what_a_revoked_key_signed_runs_on_and_is_never_enabled_again_until_another_key_signs_it() {
    let app = TestApp::company().await;
    let (stolen, one) = (PrivateKey::generate().unwrap(), component("1.0.0"));
    let registered = register(&app, &stolen, Some("service")).await;
    upload_signed(&app, &one, &stolen, &one).await.json(201);
    app.enable(rule("1.0.0")).await;
    revoke(&app, &registered).await;
    revoke(&app, &registered).await;
    assert_eq!(
        name(&upload_signed(&app, &component("2.0.0"), &stolen, &component("2.0.0")).await),
        "signing-key-revoked"
    );
    let shown = app.get("/v1/activations/judge").await.json(200);
    assert!(text(&shown, "/untrusted").contains("stolen"), "{shown}");
    let conversation = app.say("who hears this?").await;
    app.settle().await;
    assert_eq!(app.decision(&conversation).await["contributions"][0]["name"], "judge", "it runs on");
    let another = json!({ "name": "another", "plugin": "judge", "mode": "active" });
    assert_eq!(name(&app.post("/v1/activations", another.clone()).await), "signing-key-revoked");
    let settings = json!({ "settings": {} });
    assert_eq!(name(&app.patch("/v1/activations/judge", settings).await), "signing-key-revoked");
    // The keys are rotated: the same bytes, answered for anew.
    let fresh = PrivateKey::generate().unwrap();
    register(&app, &fresh, Some("service")).await;
    upload_signed(&app, &one, &fresh, &one).await.json(200);
    assert!(app.get("/v1/activations/judge").await.json(200)["untrusted"].is_null());
    app.post("/v1/activations", another).await.json(202);
}

#[tokio::test]
async fn a_signature_that_is_none_is_refused() {
    let app = TestApp::company().await;
    for (value, status) in [("only-one-part", 400), ("AAAA AAAA", 422), ("a b c", 400)] {
        let headers = [("content-type", "application/wasm"), ("x-switchboard-signature", value)];
        app.ask("POST", "/v1/plugins", &headers, component("1.0.0")).await.problem(status);
    }
    let key = json!({ "title": "a key", "public_key": "AAAA" });
    assert_eq!(app.post("/v1/signing-keys", key).await.pointers(), ["/public_key"]);
    assert_eq!(entries(&app.get("/v1/plugins?search=judge").await.json(200)).len(), 0);
}

#[tokio::test]
async fn a_release_that_was_taken_back_runs_on_and_is_never_enabled_again() {
    let app = TestApp::company().await;
    for version in ["1.0.0", "1.1.0", "2.0.0"] {
        app.upload_for("service", component(version)).await.json(201);
    }
    app.enable(rule("1.1.0")).await;
    app.patch("/v1/activations/judge", json!({ "version": "2.0.0" })).await.json(202);
    app.settle().await;
    let yanked = yank_in(&app, "2.0.0").await;
    assert_eq!((&yanked["state"], &yanked["reason"]), (&json!("yanked"), &json!("it judges badly")));
    yank_in(&app, "1.1.0").await;
    let conversation = app.say("who hears this?").await;
    app.settle().await;
    assert_eq!(app.decision(&conversation).await["contributions"][0]["release"], "judge@2.0.0");
    let shown = app.get("/v1/activations/judge").await.json(200);
    assert!(text(&shown, "/untrusted").contains("it judges badly"), "{shown}");
    // Neither by name, nor by going back, nor by switching off and on.
    let refused = app.post("/v1/activations", rule("2.0.0")).await.problem(409);
    assert!(text(&refused, "/detail").contains("it judges badly"), "{refused}");
    app.post("/v1/activations/judge/roll-back", json!({})).await.problem(409);
    let app = app.restart().await;
    let conversation = app.say("and who hears this?").await;
    app.settle().await;
    assert_eq!(app.decision(&conversation).await["contributions"][0]["release"], "judge@2.0.0");
    for mode in ["shadow", "disabled"] {
        app.patch("/v1/activations/judge", json!({ "mode": "disabled" })).await.json(202);
        app.patch("/v1/activations/judge", json!({ "mode": "active" })).await.problem(409);
        // Not even for the moment until another version is ready.
        let other = json!({ "mode": "active", "version": "1.0.0" });
        app.patch("/v1/activations/judge", other).await.problem(409);
        app.patch("/v1/activations/judge", json!({ "mode": mode })).await;
    }
    // The highest version is the highest of those that can be had.
    let newest = json!({ "name": "newest", "plugin": "judge" });
    assert_eq!(app.post("/v1/activations", newest).await.json(202)["version"], "1.0.0");
    yank_in(&app, "1.0.0").await;
    let none = app.post("/v1/activations", json!({ "name": "none", "plugin": "judge" })).await.problem(409);
    assert!(text(&none, "/detail").contains("every version"), "{none}");
    app.post("/v1/plugins/judge/2.0.0/unyank", json!({})).await.json(200);
    app.patch("/v1/activations/judge", json!({ "mode": "active" })).await.json(202);
}

#[tokio::test]
async fn a_release_taken_back_while_it_is_prepared_does_not_take_over() {
    let app = TestApp::company().await;
    for version in ["1.0.0", "2.0.0"] {
        app.upload_for("service", component(version)).await.json(201);
    }
    app.enable(rule("1.0.0")).await;
    app.patch("/v1/activations/judge", json!({ "version": "2.0.0" })).await.json(202);
    let because = json!({ "reason": "it judges badly" });
    app.post("/v1/plugins/judge/2.0.0/yank", because).await.json(200);
    app.settle().await;
    let shown = app.get("/v1/activations/judge").await.json(200);
    // Whichever was first: it did not take over, or says that it should be replaced.
    match text(&shown, "/version") {
        "1.0.0" => assert_eq!(shown["next"]["preparation"]["failure"], "untrusted", "{shown}"),
        _ => assert!(text(&shown, "/untrusted").contains("it judges badly"), "{shown}"),
    }
}

#[tokio::test]
async fn the_same_bytes_are_answered_for_by_their_owner_whoever_sends_them_again() {
    let app = TestApp::company().await;
    let one = component("1.0.0");
    app.upload_for("service", one.clone()).await.json(201);
    let (ours, theirs) = (PrivateKey::generate().unwrap(), PrivateKey::generate().unwrap());
    register(&app, &ours, Some("service")).await;
    register(&app, &theirs, Some("billing")).await;
    let again = async |department: &str, key: &PrivateKey| {
        let signature = key.sign(&digest(&one));
        let value = format!("{} {}", signature.public_key, signature.signature);
        let headers = [("content-type", "application/wasm"), ("x-switchboard-signature", value.as_str())];
        app.ask("POST", &format!("/v1/plugins{department}"), &headers, one.clone()).await
    };
    assert_eq!(name(&again("?department=billing", &theirs).await), "signing-key-of-another");
    again("", &ours).await.json(200);
}

#[tokio::test]
async fn only_its_owner_takes_a_release_back_and_says_why() {
    let app = TestApp::company().await;
    app.upload_for("service", component("1.0.0")).await.json(201);
    let path = "/v1/plugins/judge/1.0.0/yank";
    for (department, status) in [("billing", 403), ("service", 200)] {
        let author = app.token_for(json!({ "role": "author", "department": department })).await;
        let answer = app.ask_as(&author, "POST", path, Some(&json!({ "reason": "wrong" }))).await;
        assert_eq!(answer.status.as_u16(), status, "{}", answer.text());
    }
    assert_eq!(app.post(path, json!({ "reason": " " })).await.pointers(), ["/reason"]);
    app.post("/v1/plugins/judge/9.9.9/yank", json!({ "reason": "wrong" })).await.problem(404);
    let log = app.get("/v1/audit?limit=1").await.json(200);
    assert_eq!(log["entries"][0]["action"], "plugin.yank");
}
