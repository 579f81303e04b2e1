//! Components and compiled plugins that an older host kept in rows.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use sqlx::{Connection as _, SqliteConnection};

use super::super::open::writer_options;
use super::super::{SqliteStore, StoreOptions};
use super::open_file;
use crate::domain::time::Timestamp;
use crate::store::{PluginStore, Sweep};

/// Runs statements behind the host's back.
async fn run(file: &std::path::Path, statements: &[&'static str]) {
    let options = writer_options(file, StoreOptions::default());
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    for statement in statements {
        sqlx::query(*statement).execute(&mut connection).await.unwrap();
    }
    connection.close().await.unwrap();
}

async fn read(store: &SqliteStore) -> [Option<Vec<u8>>; 3] {
    [
        store.component("digest").await.unwrap(),
        store.artefact("used").await.unwrap(),
        store.artefact("unused").await.unwrap(),
    ]
}

#[tokio::test]
async fn rows_of_an_older_host_are_read_and_moved_into_files() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("switchboard.db");
    drop(open_file(&file).await.unwrap());
    run(
        &file,
        &[
            "INSERT INTO releases (id, digest, name, version, summary, content, kept_bytes)
             VALUES (1, 'digest', 'plugin', '1.0.0', '', '{\"state\":\"published\"}', 9)",
            "INSERT INTO components (release, bytes) VALUES (1, CAST('component' AS BLOB))",
            "INSERT INTO artefacts (key, bytes) VALUES ('used', CAST('code' AS BLOB)), ('unused', x'00')",
        ],
    )
    .await;
    let (store, _) = open_file(&file).await.unwrap();
    let [component, used] = [b"component".as_slice(), b"code"].map(|it| Some(it.to_vec()));
    assert_eq!(read(&store).await, [component.clone(), used.clone(), Some(vec![0])]);

    let now = Timestamp::from_ms(1_000);
    let sweep = Sweep { now, unused_before: Timestamp::from_ms(0), at_once: None };
    let keys = HashMap::from([("used".to_owned(), None)]);
    store.sweep_artefacts(&keys, sweep).await.unwrap();
    store.sweep_components(&HashSet::new(), sweep).await.unwrap();
    assert_eq!(read(&store).await, [component, used, None]);
    for (folder, name) in [("components", "digest"), ("artefacts", "used")] {
        assert!(directory.path().join(folder).join(name).exists(), "{folder}/{name}");
    }
    for rows in ["SELECT count(*) FROM components", "SELECT count(*) FROM artefacts"] {
        let left: i64 =
            sqlx::query_scalar(rows).fetch_one(&mut *store.reader().await.unwrap()).await.unwrap();
        assert_eq!(left, 0, "{rows}");
    }
}

#[tokio::test]
async fn file_whose_row_was_never_written_is_deleted_and_no_other() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("switchboard.db");
    let (store, _) = open_file(&file).await.unwrap();
    store.put_artefact("kept", None, Bytes::from_static(b"code"), None).await.unwrap();
    // As a host leaves it that dies between the file and the row.
    store.components.write("orphan", Bytes::from_static(b"component")).await.unwrap();
    let now = Timestamp::from_ms(1_000);
    let sweep = Sweep { now, unused_before: Timestamp::from_ms(0), at_once: None };
    store.sweep_components(&HashSet::new(), sweep).await.unwrap();
    store.sweep_artefacts(&HashMap::new(), sweep).await.unwrap();
    assert_eq!(store.components.read("orphan").await.unwrap(), None);
    assert!(store.artefact("kept").await.unwrap().is_some());
}
