//! Compiled plugins are believed only under this host's seal; everything else is made again.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use switchboard::app::ARTEFACT_KEY;
use switchboard::domain::activation::Activation;
use switchboard::flow::artefact::Wanted;

use crate::support::TestApp;
use crate::support::company::word_to;

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
