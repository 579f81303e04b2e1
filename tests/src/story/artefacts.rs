//! Compiled plugins are believed only under this host's seal; everything else is made again.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::json;
use switchboard::app::ARTEFACT_KEY;
use switchboard::domain::activation::Activation;
use switchboard::flow::artefact::Wanted;
use switchboard::flow::catch_up;

use crate::support::company::word_to;
use crate::support::compiler::{children, endless_compiler, until};
use crate::support::{TestApp, program};

async fn activation(app: &TestApp, name: &str) -> Activation {
    let all = app.flow().store.activations().await.unwrap();
    all.into_iter().find(|it| it.name == name).unwrap()
}

/// The key and the bytes of what the repository keeps for an activation.
async fn kept(app: &TestApp, name: &str) -> (String, Vec<u8>) {
    let key = app.flow().made_of(Wanted::by(&activation(app, name).await)).key();
    let bytes = app.flow().store.artefact(&key).await.unwrap().unwrap();
    (key, bytes)
}

async fn keep(app: &TestApp, key: &str, bytes: &[u8]) {
    let bytes = bytes::Bytes::copy_from_slice(bytes);
    app.flow().store.put_artefact(key, None, bytes, None).await.unwrap();
}

async fn refused(app: &TestApp, place: &str) -> u64 {
    let metrics = app.get("/metrics").await.text();
    let series = format!("switchboard_artefacts_refused_total{{place=\"{place}\"}} ");
    metrics.lines().find_map(|line| line.strip_prefix(&series)?.parse().ok()).unwrap_or(0)
}

async fn routes(app: &TestApp) {
    let conversation = app.say("a refund, please").await;
    app.settle().await;
    assert_eq!(app.place(&conversation).await, "billing/refunds");
}

#[tokio::test]
async fn a_changed_artefact_is_not_loaded_but_made_again() {
    let app = TestApp::staffed().await;
    let (key, good) = kept(&app, "keyword-router").await;
    let mut changed = good.clone();
    // One bit, in the middle of the code.
    changed[good.len() / 2] ^= 1;
    keep(&app, &key, &changed).await;
    let app = app.restart().await;
    assert_eq!(refused(&app, "repository").await, 1);
    routes(&app).await;
    let app = app.restart_without_compiler().await;
    assert_eq!(refused(&app, "repository").await, 0, "the one made again was kept");
    routes(&app).await;
}

#[tokio::test]
async fn an_artefact_of_another_host_or_of_something_else_is_not_loaded() {
    let app = TestApp::staffed().await;
    let (key, _) = kept(&app, "keyword-router").await;
    let (_, of_another) = kept(&app, "reach-priority").await;
    // Sealed by this very host, but made of another plugin.
    keep(&app, &key, &of_another).await;
    let app = app.restart().await;
    assert_eq!(refused(&app, "repository").await, 1);
    routes(&app).await;

    // The same database under another key is another host's.
    fs::remove_file(app.file().with_file_name(ARTEFACT_KEY)).unwrap();
    let app = app.restart().await;
    assert!(refused(&app, "repository").await >= 3, "each of them was made again");
    routes(&app).await;
}

#[tokio::test]
async fn an_artefact_that_cannot_be_made_again_keeps_the_others_from_nothing() {
    let app = TestApp::staffed().await;
    let shelf = tempfile::tempdir().unwrap();
    drop(app);
    let app = TestApp::staffed_with_shelf(shelf.path()).await;
    let (key, good) = kept(&app, "reach-priority").await;
    keep(&app, &key, &good[..good.len() / 2]).await;
    let app = app.restart_without_compiler().await;
    routes(&app).await;
    let loaded = app.flow().pipeline.load_full().policies.len();
    assert_eq!(loaded, 2, "all but the damaged one");
    let app = app.restart().await;
    assert_eq!(app.flow().pipeline.load_full().policies.len(), 3, "with a compiler it is back");
}

#[tokio::test]
async fn a_shelf_is_believed_no_more_than_the_repository() {
    let shelf = tempfile::tempdir().unwrap();
    let app = TestApp::staffed_with_shelf(shelf.path()).await;
    app.enable(word_to("rules", "kettle", "billing")).await;
    assert_eq!(app.flow().plugins.compilations(), 1);
    let changed = change_all(shelf.path());
    assert_eq!(changed, 1, "what was compiled is on the shelf");

    let app = TestApp::staffed_with_shelf(shelf.path()).await;
    app.enable(word_to("rules", "kettle", "billing")).await;
    assert_eq!(refused(&app, "shelf").await, 1);
    assert_eq!(app.flow().plugins.compilations(), 1, "it was made again");

    let app = TestApp::staffed_with_shelf(shelf.path()).await;
    app.enable(word_to("rules", "kettle", "billing")).await;
    assert_eq!((refused(&app, "shelf").await, app.flow().plugins.compilations()), (0, 0));
}

/// Changes the last byte of everything on a shelf but its key; how many.
fn change_all(shelf: &Path) -> usize {
    let entries = fs::read_dir(shelf).unwrap().map(|entry| entry.unwrap().path());
    let artefacts: Vec<_> = entries.filter(|path| path.file_name().unwrap() != "key").collect();
    for path in &artefacts {
        let mut bytes = fs::read(path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(path, bytes).unwrap();
    }
    artefacts.len()
}

#[tokio::test]
async fn the_key_is_made_at_the_first_start_for_its_owner_alone() {
    let app = TestApp::empty().await;
    let key = app.file().with_file_name(ARTEFACT_KEY);
    let before = fs::read(&key).unwrap();
    assert_eq!((before.len(), fs::metadata(&key).unwrap().permissions().mode() & 0o777), (64, 0o600));
    let app = app.restart().await;
    assert_eq!(fs::read(app.file().with_file_name(ARTEFACT_KEY)).unwrap(), before);
}

#[tokio::test]
async fn rule_whose_artefact_cannot_be_kept_works_all_the_same() {
    let app = TestApp::staffed().await;
    let path = "/v1/activations/keyword-router";
    app.patch(path, json!({ "mode": "disabled" })).await.json(202);
    // What is compiled is found nowhere and can be written nowhere.
    let folder = app.file().with_file_name("artefacts");
    fs::rename(&folder, folder.with_extension("away")).unwrap();
    std::os::unix::fs::symlink("/nonexistent/folder", &folder).unwrap();
    app.patch(path, json!({ "mode": "active" })).await.json(202);
    routes(&app).await;
    assert_eq!(app.get(path).await.json(200)["preparation"]["state"], "ready");
}

#[tokio::test]
async fn plugin_left_out_for_the_hosts_own_fault_is_loaded_later() {
    let app = TestApp::staffed().await;
    let (key, good) = kept(&app, "keyword-router").await;
    keep(&app, &key, &good[..good.len() / 2]).await;
    let folder = tempfile::tempdir().unwrap();
    let compiler = folder.path().join("compiler");
    let app = app.restart_with_compiler(compiler.clone()).await;
    let loaded = || app.flow().pipeline.load_full().policies.len();
    let all = loaded() + 1;
    catch_up::catch_up(app.flow()).await.unwrap();
    assert_eq!(loaded(), all - 1, "not at once");
    app.clock.advance_ms(1_000);
    catch_up::catch_up(app.flow()).await.unwrap();
    assert_eq!(loaded(), all - 1, "there is no compiler yet");
    std::os::unix::fs::symlink(program(), &compiler).unwrap();
    app.clock.advance_ms(1_000);
    catch_up::catch_up(app.flow()).await.unwrap();
    assert_eq!(loaded(), all - 1, "each time in vain, twice as long passes");
    app.clock.advance_ms(1_000);
    catch_up::catch_up(app.flow()).await.unwrap();
    assert_eq!(loaded(), all);
    routes(&app).await;
}

#[tokio::test]
async fn rule_is_switched_off_while_another_is_being_compiled_to_be_loaded() {
    let app = TestApp::staffed().await;
    let (key, good) = kept(&app, "reach-priority").await;
    app.patch("/v1/activations/reach-priority", json!({ "mode": "disabled" })).await.json(202);
    let folder = tempfile::tempdir().unwrap();
    let app = app.restart_with_compiler(endless_compiler(folder.path())).await;
    keep(&app, &key, &good[..good.len() / 2]).await;
    let enabling = app.patch("/v1/activations/reach-priority", json!({ "mode": "active" }));
    let switching_off = async {
        until(async || !children(folder.path()).is_empty()).await;
        app.patch("/v1/activations/keyword-router", json!({ "mode": "disabled" })).await
    };
    // The first waits for the compiler, and the second for nothing.
    tokio::select! {
        _ = enabling => panic!("a compiler that never ends has compiled"),
        changed = switching_off => changed.json(202),
    };
    let names: Vec<_> =
        app.flow().pipeline.load_full().policies.iter().map(|it| it.activation.name.clone()).collect();
    assert!(!names.contains(&"keyword-router".to_owned()), "{names:?}");
}
