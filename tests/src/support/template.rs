//! Repositories to start from, made once a run: a test copies one instead of publishing and enabling
//! everything again.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use switchboard::app::ARTEFACT_KEY;
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
    /// Under which their compiled plugins are kept.
    artefact_key: Vec<u8>,
}

impl Template {
    /// Puts a repository at this stage into a folder, as a host would have left it there.
    pub fn furnish(&self, stage: Stage, folder: &Path) {
        let database = match stage {
            Stage::Company => &self.company,
            Stage::Staffed => &self.staffed,
        };
        fs::write(folder.join("switchboard.db"), database).unwrap();
        let mut key =
            File::options().write(true).create_new(true).mode(0o600).open(folder.join(ARTEFACT_KEY)).unwrap();
        key.write_all(&self.artefact_key).unwrap();
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
    let artefact_key = fs::read(app.file().with_file_name(ARTEFACT_KEY)).unwrap();
    app.stop().await;
    Template { token, company, staffed, artefact_key }
}

/// The repository's file, complete in itself.
///
/// Nothing writes meanwhile, so file and log together are what a power cut would leave; opening and
/// closing the copy carries the log over into the file.
pub async fn copy(app: &TestApp) -> Vec<u8> {
    app.settle().await;
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let copied = folder.path().join("switchboard.db");
    for ending in ["", "-wal"] {
        fs::copy(with_ending(&app.file(), ending), with_ending(&copied, ending)).unwrap();
    }
    let ids = Arc::new(IdGenerator::new(0));
    SqliteStore::open(StorePath::File(copied.clone()), ids).await.unwrap().close().await.unwrap();
    assert!(!with_ending(&copied, "-wal").exists(), "the log was not carried over");
    fs::read(&copied).unwrap()
}

fn with_ending(file: &Path, ending: &str) -> std::path::PathBuf {
    let mut path = file.as_os_str().to_owned();
    path.push(ending);
    path.into()
}
