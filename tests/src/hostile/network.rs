//! The compile child's network: it has none, or the operator is told.

use std::fs;
use std::process::{self, Stdio};

use tempfile::TempDir;
use tokio::process::Command;

use crate::support::company::word_to;
use crate::support::host::{Host, command_that_logs};
use crate::support::program;
use crate::support::template::{self, Stage};

/// Runs a program where nobody may make a network's name space, not even its administrator.
const WITHOUT_NAMESPACES: [&str; 5] = [
    "--user",
    "--map-root-user",
    "sh",
    "-c",
    "echo 0 > /proc/sys/user/max_net_namespaces && exec \"$0\" \"$@\"",
];

/// It is in a name space of its own, where the system lets it make one, and nothing but the loopback
/// is there.
pub fn has_no_network(pid: u32) {
    let namespace = |pid: &str| {
        fs::read_link(format!("/proc/{pid}/ns/net")).unwrap_or_else(|error| panic!("look at {pid}: {error}"))
    };
    if namespace("self") == namespace(&pid.to_string()) {
        assert!(!may_leave_network(), "it could have left the network and did not");
        return;
    }
    let devices = fs::read_to_string(format!("/proc/{pid}/net/dev")).unwrap();
    let names: Vec<_> =
        devices.lines().skip(2).filter_map(|line| line.split(':').next()).map(str::trim).collect();
    assert!(names.iter().all(|name| *name == "lo"), "{names:?}");
}

/// Whether this system lets a process like ours leave the network.
fn may_leave_network() -> bool {
    ["--net", "--map-root-user --net"].iter().any(|flags| {
        let unshare = std::process::Command::new("unshare").args(flags.split(' ')).arg("true").output();
        unshare.is_ok_and(|it| it.status.success())
    })
}

/// Whether this system lets a test take the name spaces away.
fn may_take_namespaces() -> bool {
    let tried = process::Command::new("unshare").args(WITHOUT_NAMESPACES).arg("true").output();
    tried.is_ok_and(|it| it.status.success())
}

#[tokio::test]
async fn a_child_that_keeps_its_network_says_so_once_to_the_operator() {
    let (data, template) = (TempDir::new().unwrap(), template::shared().await);
    template.furnish(Stage::Company, data.path());
    let log = TempDir::new().unwrap();
    let log = log.path().join("log");
    let mut command = command_that_logs("warn", data.path());
    let taken = may_take_namespaces();
    if taken {
        let plain = command;
        command = Command::new("unshare");
        command.args(WITHOUT_NAMESPACES).arg(program()).args(plain.as_std().get_args());
        command.kill_on_drop(true).stdin(Stdio::null());
    }
    command.stderr(fs::File::create(&log).unwrap());
    let host = Host::try_start(&mut command, &template.token).await.unwrap();
    for name in ["one", "two"] {
        host.caller().post("/v1/activations", word_to(name, name, "billing")).await;
        let ready = |shown: &serde_json::Value| shown["preparation"]["state"] == "ready";
        host.caller().until(&format!("/v1/activations/{name}"), ready).await;
    }
    host.kill().await;
    let log = fs::read_to_string(&log).unwrap();
    let told = log.lines().filter(|line| line.contains("uploads are compiled with the network in reach"));
    let kept = taken || !may_leave_network();
    assert_eq!(told.count(), usize::from(kept), "{log}");
}
