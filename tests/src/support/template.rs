//! Repositories to start from, made once a run: a test copies one instead of publishing and enabling
//! everything again.

use std::path::Path;
use std::sync::Arc;

use switchboard::domain::clock::IdGenerator;
use switchboard::store::sqlite::{SqliteStore, StorePath};
use tokio::sync::OnceCell;

use super::{TestApp, company};

/// How far a repository is furnished.
#[derive(Clone, Copy, Debug)]
pub enum Stage {
    /// Departments, inboxes, adapters.
    Company,
    /// The bundled policies besides.
    Staffed,
}

/// The furnished repositories.
pub struct Template {
    /// The admin's token.
    pub token: String,
    company: Vec<u8>,
    staffed: Vec<u8>,
}

impl Template {
    /// The file of a repository at this stage.
    pub fn database(&self, stage: Stage) -> &[u8] {
        match stage {
            Stage::Company => &self.company,
            Stage::Staffed => &self.staffed,
        }
    }
}

/// The templates, made by whoever asks first.
pub async fn shared() -> &'static Template {
    static TEMPLATE: OnceCell<Template> = OnceCell::const_new();
    TEMPLATE.get_or_init(make).await
}

async fn make() -> Template {
    let app = TestApp::empty().await;
    app.app().publish_bundled().await.unwrap_or_else(|error| panic!("{error:#}"));
    company::found(&app).await;
    let company = copy(&app).await;
    company::staff(&app).await;
    let staffed = copy(&app).await;
    let token = app.token.clone();
    app.stop().await;
    Template { token, company, staffed }
}

/// The repository's file, complete in itself.
///
/// Nothing writes meanwhile, so file and log together are what a power cut would leave; opening and
/// closing the copy carries the log over into the file.
async fn copy(app: &TestApp) -> Vec<u8> {
    app.settle().await;
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let copied = folder.path().join("switchboard.db");
    for ending in ["", "-wal"] {
        std::fs::copy(with_ending(&app.file(), ending), with_ending(&copied, ending)).unwrap();
    }
    let ids = Arc::new(IdGenerator::new(0));
    SqliteStore::open(StorePath::File(copied.clone()), ids).await.unwrap().close().await.unwrap();
    assert!(!with_ending(&copied, "-wal").exists(), "the log was not carried over");
    std::fs::read(&copied).unwrap()
}

fn with_ending(file: &Path, ending: &str) -> std::path::PathBuf {
    let mut path = file.as_os_str().to_owned();
    path.push(ending);
    path.into()
}
