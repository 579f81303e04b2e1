//! What the system gives the shipped program, and what it does where that is little.

use std::fs::File;
use std::path::Path;

use serde_json::json;
use tokio::process::Command;

use crate::support::host::{Host, command_that_logs, furnished};
use crate::support::template::Stage;

/// The command that serves from a folder, under this limit.
fn limited(limit: &str, data: &Path) -> Command {
    let serve = command_that_logs("warn", data);
    let serve = serve.as_std();
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("ulimit {limit} && exec \"$0\" \"$@\"")]);
    shell.arg(serve.get_program()).args(serve.get_args()).kill_on_drop(true);
    shell
}

#[tokio::test]
async fn host_takes_fewer_connections_where_it_gets_few_files_and_says_so() {
    let (data, token) = furnished(Stage::Staffed).await;
    let log = data.path().join("log");
    let mut command = limited("-n 300", data.path());
    command.stderr(File::create(&log).unwrap());
    let mut host = Host::try_start(&mut command, &token).await.unwrap();
    // Idle ones take all the places that there are; beyond them the host waits, and fails at nothing.
    let mut idle = Vec::new();
    for _ in 0..250 {
        idle.push(host.connect().await.unwrap());
    }
    drop(idle);
    let item = json!({ "id": "d-1", "author": "u-1", "text": "a refund, please" });
    assert_eq!(host.caller().post("/in/chat", item).await["outcome"], "accepted");
    host.ask_to_stop();
    assert_eq!(host.ended().await.code(), Some(0));
    let log = std::fs::read_to_string(&log).unwrap();
    assert!(log.contains("files=300") && log.contains("LimitNOFILE="), "{log}");
    assert!(!log.contains("could not be accepted"), "{log}");
}

#[tokio::test]
async fn host_that_gets_too_little_ends_with_a_remedy() {
    let (data, _) = furnished(Stage::Company).await;
    for (limit, why, remedy) in
        [("-n 20", "20 open files", "LimitNOFILE="), ("-v 8000000", "start the sandbox", "ulimit -v")]
    {
        let refused = limited(limit, data.path()).output().await.unwrap();
        let said = String::from_utf8(refused.stderr).unwrap();
        assert_eq!(refused.status.code(), Some(1), "{limit}: {said}");
        let (refused, what_to_do) =
            said.split_once("\nremedy: ").unwrap_or_else(|| panic!("{limit}: {said}"));
        assert!(refused.contains(why), "{limit}: {said}");
        assert!(what_to_do.contains(remedy), "{limit}: {said}");
    }
}
