//! Repositories to start from, made once a run: a test copies one instead of publishing and enabling
//! everything again.

use std::fs::{self, DirBuilder, File};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
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
    company: Copied,
    staffed: Copied,
}

/// What a repository consists of: files by their places in its folder.
pub struct Copied(Vec<(PathBuf, Vec<u8>)>);

impl Copied {
    /// Puts them into a folder, for their owner alone, as a host would have left them there.
    pub fn put_into(&self, folder: &Path) {
        for (place, bytes) in &self.0 {
            let path = folder.join(place);
            DirBuilder::new().recursive(true).mode(0o700).create(path.parent().unwrap()).unwrap();
            let mut file = File::options().write(true).create_new(true).mode(0o600).open(path).unwrap();
            file.write_all(bytes).unwrap();
        }
    }
}

impl Template {
    /// Puts a repository at this stage into a folder, as a host would have left it there.
    pub fn furnish(&self, stage: Stage, folder: &Path) {
        let repository = match stage {
            Stage::Company => &self.company,
            Stage::Staffed => &self.staffed,
        };
        repository.put_into(folder);
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

/// The repository: its database, complete in itself, and the files beside it.
///
/// Nothing writes meanwhile, so file and log together are what a power cut would leave; opening and
/// closing the copy carries the log over into the file.
pub async fn copy(app: &TestApp) -> Copied {
    app.settle().await;
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let copied = folder.path().join("switchboard.db");
    for ending in ["", "-wal"] {
        fs::copy(with_ending(&app.file(), ending), with_ending(&copied, ending)).unwrap();
    }
    let ids = Arc::new(IdGenerator::new(0));
    SqliteStore::open(StorePath::File(copied.clone()), ids).await.unwrap().close().await.unwrap();
    assert!(!with_ending(&copied, "-wal").exists(), "the log was not carried over");
    let mut files = vec![("switchboard.db".into(), fs::read(&copied).unwrap())];
    let beside = app.file().parent().unwrap().to_owned();
    files.push((ARTEFACT_KEY.into(), fs::read(beside.join(ARTEFACT_KEY)).unwrap()));
    for folder in ["artefacts", "components"] {
        for entry in fs::read_dir(beside.join(folder)).unwrap() {
            let place = Path::new(folder).join(entry.unwrap().file_name());
            let bytes = fs::read(beside.join(&place)).unwrap();
            files.push((place, bytes));
        }
    }
    Copied(files)
}

fn with_ending(file: &Path, ending: &str) -> std::path::PathBuf {
    let mut path = file.as_os_str().to_owned();
    path.push(ending);
    path.into()
}
