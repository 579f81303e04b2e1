//! A compile child that never ends, so that preparations wait for as long as a test wants.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// A compile child that notes its number and never ends by itself.
pub fn endless_compiler(folder: &Path) -> PathBuf {
    let program = folder.join("endless-compiler");
    let log = folder.join("children");
    // Settings are checked all the same.
    let script = format!(
        "#!/bin/sh\ncase $1 in validation-child) exec {} \"$@\";; esac\necho $$ >> {}\nexec /bin/sleep 1000000\n",
        super::program().display(),
        log.display()
    );
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
    program
}

/// Waits until something holds.
pub async fn until(mut holds: impl AsyncFnMut() -> bool) {
    while !holds().await {
        tokio::task::yield_now().await;
    }
}

/// The numbers of the children that were started.
pub fn children(folder: &Path) -> Vec<String> {
    let log = fs::read_to_string(folder.join("children")).unwrap_or_default();
    log.lines().map(str::to_owned).collect()
}

/// Whether a process is at work: one that was killed may wait for its parent to look.
pub fn is_at_work(process: &str) -> bool {
    let status = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let state = status.rsplit_once(") ").map(|(_, rest)| rest.starts_with(['Z', 'X']));
    state.is_some_and(|is_dead| !is_dead)
}
