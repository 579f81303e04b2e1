//! Whom the shipped program lets read its files.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use tempfile::TempDir;
use tokio::process::Command;

use crate::support::host::{Host, command, furnished};
use crate::support::program;
use crate::support::template::Stage;

/// Runs it under a umask that keeps nothing from others.
fn with_open_umask(command: &Command) -> Command {
    let command = command.as_std();
    let mut shell = Command::new("sh");
    shell.args(["-c", "umask 0; exec \"$0\" \"$@\""]).arg(command.get_program()).args(command.get_args());
    shell.kill_on_drop(true);
    shell
}

/// Everything in a folder that others may read or change, the folder too.
fn open_to_others(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut left = vec![folder.to_owned()];
    while let Some(path) = left.pop() {
        let seen = fs::metadata(&path).unwrap();
        if seen.mode() & 0o077 != 0 {
            found.push(format!("{} {:o}", path.display(), seen.mode() & 0o777));
        }
        if seen.is_dir() {
            left.extend(fs::read_dir(&path).unwrap().map(|it| it.unwrap().path()));
        }
    }
    found
}

#[tokio::test]
async fn files_of_a_host_are_for_their_owner_alone() {
    let outer = TempDir::new().unwrap();
    let data = outer.path().join("data");
    let mut host = Host::try_start(&mut with_open_umask(&command(&data)), "").await.unwrap();
    let files = fs::read_dir(&data).unwrap().count();
    assert!(files >= 5, "only {files} files are there");
    assert_eq!(open_to_others(&data), [""; 0]);
    host.ask_to_stop();
    assert_eq!(host.ended().await.code(), Some(0));
    assert_eq!(open_to_others(&data), [""; 0]);
}

#[tokio::test]
async fn files_that_were_open_to_others_are_closed_at_the_start() {
    let (data, token) = furnished(Stage::Company).await;
    for (name, mode) in [("", 0o755), ("switchboard.db", 0o666)] {
        fs::set_permissions(data.path().join(name), Permissions::from_mode(mode)).unwrap();
    }
    let host = Host::try_start(&mut with_open_umask(&command(data.path())), &token).await.unwrap();
    assert_eq!(open_to_others(data.path()), [""; 0]);
    host.kill().await;
}

#[tokio::test]
async fn private_keys_are_for_their_owner_alone() {
    let folder = TempDir::new().unwrap();
    let mut keygen = Command::new(program());
    keygen.args(["plugin", "keygen", "-o"]).arg(folder.path().join("key.pem"));
    assert!(with_open_umask(&keygen).output().await.unwrap().status.success());
    assert_eq!(fs::metadata(folder.path().join("key.pem")).unwrap().mode() & 0o777, 0o600);
}
