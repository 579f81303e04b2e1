//! What to do about what a command refuses: whatever error it ends with is told with a remedy.
//!
//! Who knows best says it where the error arises ([`Remedy`]); for the rest, what kind of error it is says
//! enough.

use std::borrow::Cow;
use std::error::Error;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context;
use tokio::net::TcpListener;

use super::terminal::lines_shown;
use crate::config::Config;
use crate::egress::EgressError;
use crate::flow::FlowError;
use crate::flow::error::SETTINGS_TOO_COSTLY_REMEDY;
use crate::plugin::PluginError;
use crate::store::StoreError;
use crate::telemetry::outlet;

/// What to do, where nobody knows better.
const GENERAL: &str =
    "set right what is named and run it again; `--help` behind a command says what it takes";

/// What to do about damage that was met in the middle of something.
const DAMAGED: &str = "`switchboard serve` names the damage and what can be done about it";

/// An error, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[error("{error:#}")]
struct Advised {
    error: anyhow::Error,
    remedy: String,
}

/// Says what to do about an error.
pub(super) trait Remedy<T> {
    /// Has the error say this, instead of what it said before.
    fn remedy(self, what: impl Into<String>) -> anyhow::Result<T>;
}

impl<T, E: Into<anyhow::Error>> Remedy<T> for Result<T, E> {
    fn remedy(self, what: impl Into<String>) -> anyhow::Result<T> {
        self.map_err(|error| Advised { error: error.into(), remedy: what.into() }.into())
    }
}

/// An error that says what to do.
pub(super) fn refused(why: impl Into<String>, remedy: impl Into<String>) -> anyhow::Error {
    Advised { error: anyhow::Error::msg(why.into()), remedy: remedy.into() }.into()
}

/// Tells people why a command did not do what it was asked for, and what to do.
pub(super) fn tell(error: &anyhow::Error) {
    outlet::stderr().line(lines_shown(&told(error)));
    // The command may end right after this.
    outlet::stderr().finish();
}

fn told(error: &anyhow::Error) -> String {
    let why = format!("switchboard: {error:#}");
    // What is said of a damaged repository goes to the log too, and is whole as it is.
    if why.contains("\nremedy: ") { why } else { format!("{why}\nremedy: {}", remedy_of(error)) }
}

fn remedy_of(error: &anyhow::Error) -> Cow<'_, str> {
    let advised = error.chain().find_map(|it| it.downcast_ref::<Advised>());
    match advised {
        Some(advised) => Cow::Borrowed(&advised.remedy),
        None => error.chain().find_map(known).unwrap_or(Cow::Borrowed(GENERAL)),
    }
}

/// What is to be done about errors of this kind, wherever they arise.
fn known<'a>(error: &'a (dyn Error + 'static)) -> Option<Cow<'a, str>> {
    if let Some(error) = error.downcast_ref::<FlowError>() {
        return of_flow(error);
    }
    let what = if let Some(error) = error.downcast_ref::<StoreError>() {
        of_store(error)
    } else if let Some(error) = error.downcast_ref::<EgressError>() {
        Some(of_egress(error))
    } else if let Some(error) = error.downcast_ref::<PluginError>() {
        Some(of_sandbox(error))
    } else {
        error.downcast_ref::<io::Error>().and_then(|it| of_system(it.kind()))
    };
    what.map(Cow::Borrowed)
}

fn of_flow(error: &FlowError) -> Option<Cow<'_, str>> {
    let what = match error {
        FlowError::NotYet { remedy, .. } | FlowError::Refused { remedy, .. } => return Some(remedy.into()),
        FlowError::NotFound(_) => "name one that is there, as it is spelled there",
        FlowError::Gone(_) => "nothing brings it back: go on without it",
        FlowError::OverQuota(over) => return Some(over.remedy().into()),
        FlowError::Conflict(_) => "look at what is there, and ask for what agrees with it",
        FlowError::SettingsTooCostly(_) => SETTINGS_TOO_COSTLY_REMEDY,
        FlowError::Invalid { .. } => "correct it and run it again; `--help` says what is taken",
        FlowError::Forbidden(_) | FlowError::Unauthenticated(_) => "have somebody do it who may",
        FlowError::TooLarge(_) => "give less at once",
        FlowError::TooCostly => "ask for less",
        FlowError::PoolFull { remedy, .. } => return Some(remedy.into()),
        FlowError::Stale(_) | FlowError::TooMany { .. } | FlowError::Busy(_) => "run it again",
        FlowError::Unavailable(_) => "nothing was done: see that the disk has room, and run it again",
        FlowError::Damaged(_) => DAMAGED,
        // What is behind it may say more.
        FlowError::Failed(_) => return None,
    };
    Some(Cow::Borrowed(what))
}

fn of_store(error: &StoreError) -> Option<&'static str> {
    match error {
        StoreError::InUse(_) => Some(
            "stop that host first, or name another folder with --data; what a running host does itself is asked of \
             it over HTTP (tokens at /v1/tokens; GET /openapi.json lists everything)",
        ),
        StoreError::Unavailable(_) => {
            Some("see that the folder of --data can be written to and the disk has room, and run it again")
        }
        StoreError::Damaged(_) => Some(DAMAGED),
        _ => None,
    }
}

fn of_egress(error: &EgressError) -> &'static str {
    match error {
        EgressError::Refused(_) => "correct the address, such as http://127.0.0.1:8080",
        EgressError::NotSent(_) => "nothing was done: see that somebody listens there, and run it again",
        EgressError::NoAnswer(_) => "look whether it was done before running it again",
    }
}

fn of_sandbox(error: &PluginError) -> &'static str {
    match error {
        PluginError::Engine(_) => {
            "the sandbox reserves hundreds of gigabytes of addresses, which take no memory: lift the limit of the \
             address space (`ulimit -v`, LimitAS= of systemd), see that `vm.overcommit_memory` is not 2 and \
             `vm.max_map_count` is 65530 or more, or start with fewer --threads"
        }
        PluginError::Thread(_) => {
            "raise the limit of processes (`ulimit -u`, LimitNPROC= or TasksMax= of systemd), or start with fewer \
             --threads"
        }
    }
}

fn of_system(kind: ErrorKind) -> Option<&'static str> {
    match kind {
        ErrorKind::NotFound => {
            Some("correct the path; it is looked for from the folder in which the command runs")
        }
        ErrorKind::AlreadyExists => Some("name another file, or move the one that is there away first"),
        ErrorKind::PermissionDenied => Some("run it as somebody who may, or name another place"),
        ErrorKind::AddrInUse => {
            Some("stop what listens there already, or name another address with --listen")
        }
        ErrorKind::AddrNotAvailable => Some("name an address of this machine with --listen"),
        ErrorKind::StorageFull => Some("make room on the disk and run it again"),
        _ => None,
    }
}

/// Listens on an address.
pub(super) async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(address).await;
    // The ports below belong to the system's administrator.
    let may_not = listener.as_ref().is_err_and(|it| it.kind() == ErrorKind::PermissionDenied);
    let listener = listener.with_context(|| format!("listen on {address}"));
    match may_not {
        true => listener.remedy("name a port from 1024 on with --listen, or run it as somebody who may"),
        false => listener,
    }
}

/// The file of a repository that must be there already.
pub(super) fn existing_repository(config: &Config) -> anyhow::Result<PathBuf> {
    let file = config.repository();
    let place = config.data.display();
    match file.exists() {
        true => Ok(file),
        false => Err(refused(
            format!("there is no repository in {place}"),
            "name the folder of one with --data, before or behind the command (or with SWITCHBOARD_DATA, or as \
             `data` in the file of --config); `switchboard serve` makes a new one",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn system(kind: ErrorKind) -> anyhow::Error {
        anyhow::Error::new(io::Error::from(kind)).context("open x")
    }

    #[test]
    fn whatever_goes_wrong_says_what_to_do() {
        let in_use = StoreError::InUse("/data/switchboard.db".into());
        let not_yet = FlowError::NotYet { detail: "not yet".into(), remedy: "wait for it".into() };
        let damaged = "the repository x is damaged\nremedy: put a backup in its place";
        for (error, remedy) in [
            (anyhow::Error::msg("something"), GENERAL),
            (system(ErrorKind::NotFound), "correct the path"),
            (system(ErrorKind::AddrInUse), "--listen"),
            (system(ErrorKind::UnexpectedEof), GENERAL),
            (anyhow::Error::new(in_use).context("open the repository"), "stop that host"),
            (not_yet.into(), "wait for it"),
            (FlowError::failed(io::Error::from(ErrorKind::StorageFull)).into(), "make room"),
            (EgressError::NotSent("refused".into()).into(), "somebody listens"),
            (anyhow::Error::msg(damaged), "put a backup"),
        ] {
            let told = told(&error);
            let (why, what) = told.split_once("\nremedy: ").unwrap_or_else(|| panic!("{told}"));
            assert!(what.contains(remedy) && !what.contains("remedy: "), "{told}");
            assert!(why.starts_with("switchboard: ") && why.len() > "switchboard: ".len(), "{told}");
        }
    }

    #[test]
    fn who_knows_better_is_heard() {
        let failed = Err::<(), _>(system(ErrorKind::NotFound));
        let error = failed.remedy("sign it first").context("verify y").unwrap_err();
        assert_eq!(told(&error), "switchboard: verify y: open x: entity not found\nremedy: sign it first");
        let outer = Err::<(), _>(error).remedy("make a key first").unwrap_err();
        assert!(told(&outer).ends_with("\nremedy: make a key first"), "{}", told(&outer));
    }
}
