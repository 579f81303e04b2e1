//! Files that are no plugins, and plugins that nobody should have to compile.
//!
//! What each ordinary mistake is called is tested with the marketplace (`api::plugins`).

use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use switchboard::plugin::{ChildLimits, MadeOf, Seal};

use super::aftermath::{compiles_on, goes_on};
use crate::support::TestApp;
use crate::support::guest::{
    DONE, Guest, body_of, module_of, with_idle_modules, with_nested_components, with_other_bytes,
};
use crate::support::reply::{entries, text};

fn guest() -> Guest {
    Guest::policy("hostile", DONE)
}

/// The names under which an upload may be refused; the host goes on and has kept nothing of it. What
/// was found.
async fn is_refused_as(names: &[&str], component: Vec<u8>) -> String {
    let app = TestApp::company().await;
    let before = app.get("/v1/plugins").await.json(200);
    let problem = app.upload(component).await.problem(422);
    assert!(names.contains(&text(&problem, "/name")), "{problem}");
    assert!(!text(&problem, "/remedy").is_empty(), "{problem}");
    assert!(text(&problem, "/detail").len() <= 8 * 1024);
    assert_eq!(app.get("/v1/plugins").await.json(200), before);
    compiles_on(&app).await;
    text(&problem, "/detail").to_owned()
}

#[tokio::test]
async fn more_than_a_million_functions() {
    let module = module_of(1_000_001, &body_of(0, &[]));
    is_refused_as(&["invalid"], with_idle_modules(&guest().component(), &[module])).await;
}

#[tokio::test]
async fn a_million_functions_that_are_allowed() {
    let limits =
        ChildLimits { cpu: Duration::from_secs(10), wall: Duration::from_secs(60), ..ChildLimits::ORDINARY };
    let app = TestApp::company_within(limits).await;
    let module = module_of(1_000_000, &body_of(0, &[]));
    let reply = app.upload(with_idle_modules(&guest().component(), &[module])).await;
    // A fast machine may get through; whatever comes of it has a name.
    if reply.status != 201 {
        let problem = reply.problem(422);
        let name = text(&problem, "/name");
        assert!(["too-slow-to-compile", "too-large-to-compile"].contains(&name), "{problem}");
        app.get("/v1/plugins/hostile").await.problem(404);
    }
    compiles_on(&app).await;
}

#[tokio::test]
async fn a_function_larger_than_any() {
    let module = module_of(1, &body_of(1, &[0x20, 0, 0x1a].repeat(2_600_000)));
    is_refused_as(&["invalid"], with_idle_modules(&guest().component(), &[module])).await;
}

#[tokio::test]
async fn more_than_fifty_thousand_locals() {
    let module = module_of(1, &body_of(50_001, &[]));
    is_refused_as(&["invalid"], with_idle_modules(&guest().component(), &[module])).await;
}

#[tokio::test]
async fn fifty_thousand_locals_that_are_allowed() {
    // Nothing is wrong with it, and it harms nobody.
    let module = module_of(1, &body_of(50_000, &[]));
    let app = TestApp::company().await;
    app.upload(with_idle_modules(&guest().component(), &[module])).await.json(201);
    compiles_on(&app).await;
}

#[tokio::test]
async fn thousands_of_components_one_inside_another() {
    let app = TestApp::company().await;
    for depth in [1_000, 5_000] {
        let guest = guest().version(&format!("{depth}.0.0")).component();
        let reply = app.upload(with_nested_components(&guest, depth)).await;
        // They are empty, so nothing forbids them; what counts is that the host is not impressed.
        if reply.status != 201 {
            let problem = reply.problem(422);
            let name = text(&problem, "/name");
            assert!(["invalid", "not-compilable", "crashed"].contains(&name), "{problem}");
        }
    }
    compiles_on(&app).await;
}

#[tokio::test]
async fn a_thousand_and_one_components_side_by_side() {
    let empty = b"\0asm\x0d\0\x01\0";
    let mut many = guest().component();
    for _ in 0..1_001 {
        many.extend_from_slice(&[4, empty.len() as u8]);
        many.extend_from_slice(empty);
    }
    is_refused_as(&["invalid"], many).await;
}

#[tokio::test]
async fn a_length_that_promises_more_than_there_is() {
    let mut component = guest().component();
    // A section of four gigabytes, of which nothing follows.
    component.extend_from_slice(&[0, 0xff, 0xff, 0xff, 0xff, 0x0f]);
    is_refused_as(&["truncated", "invalid"], component).await;
}

#[tokio::test]
async fn compiled_machine_code() {
    let app = TestApp::company().await;
    // As wasmtime writes it: an ELF file.
    let problem = app.upload(b"\x7fELF\x02\x01\x01\0and so on".to_vec()).await.problem(422);
    assert_eq!(problem["name"], "precompiled");
    compiles_on(&app).await;
}

#[tokio::test]
async fn machine_code_that_this_host_made_itself() {
    let app = TestApp::company().await;
    let made = app.flow().plugins.inspect(None, Bytes::from(guest().component())).await.unwrap();
    let of = MadeOf { release: made.digest.clone(), settings: String::new(), engine: "any".to_owned() };
    // Under seal as it is kept, and as it is loaded: behind the seal's 32 bytes.
    let sealed = Seal::of_this_process().unwrap().close(&of, &made.artefact);
    let code = sealed[32..].to_vec();
    assert!(code.starts_with(b"\x7fELF"), "this is what wasmtime makes");
    for (file, name) in [(code, "precompiled"), (sealed, "not-wasm")] {
        let problem = app.upload(file).await.problem(422);
        assert_eq!(problem["name"], name, "{problem}");
    }
    app.get("/v1/plugins/hostile").await.problem(404);
    compiles_on(&app).await;
}

#[tokio::test]
async fn what_the_contract_has_no_use_for_is_refused_by_its_name() {
    let fields = [
        ("(memory 1 1 shared)", "shared memories"),
        ("(memory 1) (memory 1)", "multiple memories"),
        (
            "(func (param v128 v128) (result v128) (i8x16.relaxed_swizzle (local.get 0) (local.get 1)))",
            "relaxed SIMD",
        ),
    ];
    for (field, name) in fields {
        let module = wat::parse_str(format!("(module {field})")).unwrap();
        let found = is_refused_as(&["invalid"], with_idle_modules(&guest().component(), &[module])).await;
        assert!(found.contains(name), "{found}");
    }
}

#[tokio::test]
async fn a_policy_that_would_verify_signatures() {
    let component = guest().with_secrets_for_a_policy().component();
    let found = is_refused_as(&["foreign-import"], component).await;
    assert!(found.contains("is a policy and imports `switchboard:plugin/secrets@0.2.0`"), "{found}");
}

#[tokio::test]
async fn names_that_are_paths_or_look_like_another() {
    let app = TestApp::company().await;
    let before = entries(&app.get("/v1/plugins").await.json(200)).len();
    for name in [
        "../keyword-router",
        "keyword-router/..",
        "/etc/passwd",
        "keyword\\router",
        ".",
        "..",
        "",
        // A Cyrillic letter, a full-width one, a joiner that is not seen, a dash that is none.
        "k\u{435}yword-router",
        "\u{ff4b}eyword-router",
        "keyword\u{200d}-router",
        "keyword\u{2010}router",
        "Keyword-Router",
        "keyword-router ",
        "keyword-router\0",
        "%2e%2e",
        "-keyword",
        "a\nb",
    ] {
        let problem = app.upload(Guest::policy(name, DONE).component()).await.problem(422);
        assert_eq!(problem["name"], "bad-manifest", "{name:?}: {problem}");
    }
    assert_eq!(entries(&app.get("/v1/plugins").await.json(200)).len(), before);
    compiles_on(&app).await;
}

#[tokio::test]
async fn another_departments_name() {
    let app = TestApp::company().await;
    app.upload_for("billing", guest().component()).await.json(201);
    let squatted = app.upload_for("service", guest().version("2.0.0").component()).await.problem(403);
    assert!(text(&squatted, "/detail").contains("hostile"), "{squatted}");
    // Nor may a department take the name of what came with Switchboard.
    let bundled = Guest::policy("keyword-router", DONE).version("99.0.0").component();
    app.upload_for("service", bundled).await.problem(403);
    app.upload_for("billing", guest().version("2.0.0").component()).await.json(201);
    compiles_on(&app).await;
}

#[tokio::test]
async fn name_that_looks_like_another_owners_is_refused() {
    let app = TestApp::company().await;
    app.upload_for("billing", Guest::policy("late-fees", DONE).component()).await.json(201);
    for (name, other) in [("keyword-r0uter", "keyword-router"), ("ema1l", "email"), ("latefee5", "late-fees")]
    {
        let problem = app.upload_for("service", Guest::policy(name, DONE).component()).await.problem(409);
        assert!(text(&problem, "/detail").contains(other), "{problem}");
    }
    // To itself an owner may look alike.
    app.upload_for("billing", Guest::policy("late-fee5", DONE).component()).await.json(201);
    compiles_on(&app).await;
}

#[tokio::test]
async fn version_of_more_than_64_characters_is_refused() {
    let long = format!("1.0.0+{}", "x".repeat(59));
    let found = is_refused_as(&["bad-manifest"], guest().version(&long).component()).await;
    assert!(found.contains("the most is 64"), "{found}");
    let longer = format!("1.0.0+{}", "x".repeat(1_000_000));
    is_refused_as(&["bad-manifest"], guest().version(&longer).component()).await;
}

#[tokio::test]
async fn release_is_found_by_its_digest_too() {
    let app = TestApp::company().await;
    let published = app.upload(guest().component()).await.json(201);
    let path = format!("/v1/plugins/hostile/{}", text(&published, "/digest"));
    assert_eq!(app.get(&path).await.json(200)["manifest"]["version"], "1.0.0");
    let yanked = app.post(&format!("{path}/yank"), json!({ "reason": "its version is too long" })).await;
    assert_eq!(yanked.json(200)["state"], "yanked");
}

#[tokio::test]
async fn summary_that_hides_or_reorders_text_is_refused() {
    for summary in ["\u{200b}\u{2060}", "Sends \u{202e}esiarp", "Two\nlines"] {
        let found = is_refused_as(&["bad-manifest"], guest().summed_up(summary).component()).await;
        assert!(found.contains("summary: "), "{found}");
    }
}

#[tokio::test]
async fn the_same_version_with_other_bytes() {
    let app = TestApp::company().await;
    app.upload(guest().component()).await.json(201);
    app.upload(with_other_bytes(&guest().component())).await.problem(409);
    compiles_on(&app).await;
}

#[tokio::test]
async fn a_component_cut_at_every_border() {
    let app = TestApp::company().await;
    let component = guest().component();
    // Every byte is tried beside the reader itself; here, through everything, a few of each part.
    for end in (0..component.len() - 100).step_by(component.len() / 40) {
        let problem = app.upload(component[..end].to_vec()).await.problem(422);
        let name = text(&problem, "/name");
        assert!(["truncated", "invalid", "wrong-world"].contains(&name), "{end}: {problem}");
    }
    compiles_on(&app).await;
}

#[tokio::test]
async fn settings_of_ten_megabytes_or_ten_thousand_levels() {
    let app = TestApp::company().await;
    let settings = |settings: &str| format!(r#"{{"plugin":"keyword-router","settings":{settings}}}"#);
    let json = [("content-type", "application/json")];
    let large = settings(&format!("{{\"rules\":\"{}\"}}", "x".repeat(10 << 20)));
    app.ask("POST", "/v1/activations", &json, large).await.problem(413);
    let deep = settings(&format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000)));
    let refused = app.ask("POST", "/v1/activations", &json, deep).await;
    assert!([400, 422].contains(&refused.status.as_u16()), "{}", refused.text());
    assert_eq!(app.flow().plugins.compilations(), 0, "no plugin saw any of it");
    goes_on(&app).await;
}
