//! The marketplace: what is published, and what is refused with a name and a remedy.

use serde_json::{Value, json};
use switchboard::bundled::BUNDLED;

use crate::support::TestApp;
use crate::support::guest::{Guest, Kind, TRAP, with_other_bytes};
use crate::support::reply::{entries, text};

fn guest() -> Guest {
    Guest::proposing("judge", Kind::Abstain, "no idea")
}

/// The refusal of an upload: its name and its remedy.
async fn refused(component: Vec<u8>) -> (String, String) {
    let app = TestApp::company().await;
    let problem = app.upload(component).await.problem(422);
    assert_eq!(problem["type"], "urn:switchboard:problem:refused", "{problem}");
    (text(&problem, "/name").to_owned(), text(&problem, "/remedy").to_owned())
}

#[tokio::test]
async fn a_release_shows_what_it_is_what_it_imports_and_its_settings() {
    let app = TestApp::company().await;
    let listed = app.get("/v1/plugins?search=keyword").await.json(200);
    let version = text(&listed, "/entries/0/manifest/version").to_owned();
    let shown = app.get(&format!("/v1/plugins/keyword-router/{version}")).await.json(200);
    assert_eq!(shown["manifest"]["kind"], "policy");
    assert_eq!(shown["manifest"]["settings_schema"]["type"], "object");
    assert!(shown["manifest"]["proposals"].as_array().unwrap().contains(&json!("destination")));
    let imports = shown["imports"].as_array().unwrap();
    assert!(imports.iter().all(|it| it == "switchboard:plugin/log@0.2.0"), "{imports:?}");
    assert_eq!(entries(&app.get("/v1/plugins/keyword-router").await.json(200)).len(), 1);
}

#[tokio::test]
async fn every_bundled_plugin_is_published_by_name() {
    let app = TestApp::company().await;
    let listed = app.get("/v1/plugins").await.json(200);
    let mut names: Vec<_> = entries(&listed).iter().map(|it| text(it, "/manifest/name")).collect();
    names.sort_unstable();
    let mut bundled: Vec<_> = BUNDLED.iter().map(|(name, _)| *name).collect();
    bundled.sort_unstable();
    assert_eq!(names, bundled);
    assert_eq!(bundled.len(), 6);
}

#[tokio::test]
async fn a_component_is_published_for_a_department_and_the_same_bytes_again_are_no_error() {
    let app = TestApp::company().await;
    let wasm = [("content-type", "application/wasm")];
    let upload = app.ask("POST", "/v1/plugins?department=billing", &wasm, guest().component()).await;
    assert_eq!(upload.json(201)["owner_name"], "billing");
    let again = app.upload(guest().component()).await.json(200);
    assert_eq!(again["id"], upload.json(201)["id"]);
    let unknown = app.ask("POST", "/v1/plugins?department=astrology", &wasm, guest().component()).await;
    assert_eq!(unknown.pointers(), ["/query/department"]);
}

#[tokio::test]
async fn the_same_version_with_other_bytes_is_a_conflict() {
    let app = TestApp::company().await;
    app.upload(guest().component()).await.json(201);
    let other = app.upload(with_other_bytes(&guest().component())).await.problem(409);
    assert!(text(&other, "/detail").contains("raise the version"), "{other}");
    let (_, bundled) = BUNDLED.iter().find(|(name, _)| *name == "email").unwrap();
    app.upload(with_other_bytes(bundled)).await.problem(409);
}

#[tokio::test]
async fn a_foreign_import_is_refused_by_its_name_with_a_remedy_for_each_language() {
    let app = TestApp::company().await;
    let wasi = r#"(component (import "wasi:cli/stdout@0.2.0" (instance)))"#;
    let problem = app.upload(wat::parse_str(wasi).unwrap()).await.problem(422);
    assert_eq!(problem["name"], "foreign-import");
    assert!(text(&problem, "/detail").contains("wasi:cli/stdout@0.2.0"), "{problem}");
    for language in ["Rust", "JavaScript", "Python"] {
        assert!(text(&problem, "/remedy").contains(language), "{problem}");
    }
}

#[tokio::test]
async fn a_component_of_another_world_is_refused() {
    let (name, remedy) = refused(wat::parse_str("(component)").unwrap()).await;
    assert_eq!(name, "wrong-world");
    assert!(remedy.contains("switchboard:plugin/plugin@0.2.0"), "{remedy}");
}

#[tokio::test]
async fn a_core_module_is_refused() {
    let (name, remedy) = refused(guest().core_module()).await;
    assert_eq!(name, "core-module");
    assert!(remedy.contains("switchboard plugin build"), "{remedy}");
}

#[tokio::test]
async fn the_text_form_is_refused() {
    let (name, remedy) = refused(guest().text().into_bytes()).await;
    assert_eq!(name, "text-format");
    assert!(remedy.contains("wasm-tools parse"), "{remedy}");
}

#[tokio::test]
async fn a_truncated_component_is_refused_wherever_it_ends() {
    let app = TestApp::company().await;
    let component = guest().component();
    for end in [9, component.len() / 3, component.len() / 2, component.len() - 1] {
        let problem = app.upload(component[..end].to_vec()).await.problem(422);
        assert_eq!(problem["name"], "truncated", "cut after {end} bytes: {problem}");
    }
}

#[tokio::test]
async fn what_is_no_webassembly_at_all_is_refused() {
    assert_eq!(refused(b"%PDF-1.7 ...".to_vec()).await.0, "not-wasm");
    // Compiled artefacts are ELF files.
    assert_eq!(refused(b"\x7fELF".to_vec()).await.0, "precompiled");
    let app = TestApp::company().await;
    let empty = app.upload(Vec::new()).await.problem(422);
    assert!(!text(&empty, "/remedy").is_empty(), "{empty}");
}

#[tokio::test]
async fn a_manifest_that_breaks_the_contract_is_refused_and_says_where() {
    let app = TestApp::company().await;
    let bad = Guest::policy("Look-Alike", TRAP).version("one");
    let problem = app.upload(bad.component()).await.problem(422);
    assert_eq!(problem["name"], "bad-manifest");
    for part in ["name: ", "version: "] {
        assert!(text(&problem, "/detail").contains(part), "{problem}");
    }
}

#[tokio::test]
async fn a_component_that_is_too_large_is_refused() {
    let app = TestApp::company().await;
    app.upload(vec![0; 32 * 1024 * 1024 + 1]).await.problem(413);
}

#[tokio::test]
async fn a_refused_component_leaves_nothing_behind() {
    let app = TestApp::company().await;
    let before = app.get("/v1/plugins").await.json(200);
    app.upload(guest().core_module()).await.problem(422);
    assert_eq!(app.get("/v1/plugins").await.json(200), before);
    let counts: Value = app.get("/v1/counts").await.json(200);
    assert_eq!(counts["deliveries"], 0);
}
