//! What the shipped program refuses at the command line: it names what, why, and what to do, and does nothing
//! of it.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;

use serde_json::json;
use switchboard::bundled::BUNDLED;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::guest::{CONTENT, DONE, Guest, Kind, refusing};
use crate::support::host::{Host, furnished, run};
use crate::support::template::Stage;

/// A line of what is refused: the command, what it says of it, and what it says to do.
type Refusal<'a> = (&'a str, &'a str, &'a str);

/// Runs each, and expects it to be refused so. What stands in braces is a place of this machine.
async fn are_refused(refusals: &[Refusal<'_>], places: &[(&str, &str)], folder: &Path) {
    let filled = |text: &str| {
        places.iter().fold(text.to_owned(), |text, (name, place)| text.replace(&format!("{{{name}}}"), place))
    };
    for (line, why, remedy) in refusals {
        let line = filled(line);
        let (done, said) = run(&line.split(' ').collect::<Vec<_>>(), folder).await;
        assert!(!done, "`{line}` is done: {said}");
        let (refused, what_to_do) = said
            .split_once("\nremedy: ")
            .unwrap_or_else(|| panic!("`{line}` is not told what to do: {said}"));
        assert!(refused.starts_with("switchboard: "), "`{line}` was begun: {said}");
        assert!(refused.contains(&filled(why)), "`{line}` is not told `{why}`: {said}");
        assert!(what_to_do.contains(remedy), "`{line}` is not told `{remedy}`: {said}");
    }
}

/// What a terminal obeys: its title, its screen, the order of its letters; and a remedy of its own.
const COMMANDS: &str = "\u{1b}]0;x\u{7}\u{1b}[2J\u{9b}1m\nremedy: \u{202e}run this";

/// A server that answers one request with a problem that would command a terminal; where it is.
async fn hostile_server() -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        // A client takes no response to what it has not begun to ask.
        stream.read_u8().await.unwrap();
        let problem = json!({ "detail": COMMANDS, "remedy": "nothing" }).to_string();
        let head =
            format!("HTTP/1.1 422 X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", problem.len());
        stream.write_all((head + &problem).as_bytes()).await.unwrap();
        // Until all that was sent is read, or the answer could be lost with the connection.
        let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
    });
    address
}

/// Nothing of it reaches the terminal but letters.
fn is_escaped(said: &str) {
    let obeyed = |it: &char| it.is_control() && *it != '\n' || *it == '\u{202e}';
    assert_eq!(said.chars().find(obeyed), None, "{said:?}");
    assert!(said.contains("2J") && said.contains("202e"), "{said:?}");
    assert!(!said.lines().any(|line| line.starts_with("remedy: ") && line.contains("run this")), "{said:?}");
}

#[tokio::test]
async fn text_of_others_is_escaped_on_the_terminal() {
    let folder = TempDir::new().unwrap();
    let put = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
    let item = json!({
        "external_id": COMMANDS, "kind": "post", "visibility": "public", "author": { "external_id": "a" },
        "text": "hi", "occurred_at": "2026-01-31T09:30:00Z",
    });
    put("items.jsonl", format!("{item}\n").as_bytes());
    put("a.jsonl", b"{\"body\":\"x\"}\n");
    put("why.wasm", &Guest::proposing("why", Kind::Abstain, COMMANDS).component());
    put("token", b"sbt_guess");
    let commands = COMMANDS.len() as u32;
    let log = format!("(call $log (i32.const 1) (i32.const {CONTENT}) (i32.const {commands}))");
    for (name, guest) in [
        ("refusing", Guest::policy("refusing", &refusing(CONTENT, commands))),
        ("rejecting", Guest::adapter("rejecting", &refusing(CONTENT, commands))),
        ("logging", Guest::policy("logging", DONE).logging().saying_first(&log)),
    ] {
        let mut guest = guest;
        guest.put(0, COMMANDS.as_bytes());
        put(&format!("{name}.wasm"), &guest.component());
    }
    put("version.wasm", &Guest::policy("version", DONE).version(COMMANDS).component());
    for line in [
        "plugin run why.wasm --items items.jsonl",
        "plugin run why.wasm --items items.jsonl --json",
        "plugin run refusing.wasm --items items.jsonl",
        "plugin run rejecting.wasm --items a.jsonl",
        "plugin run logging.wasm --items items.jsonl",
        "plugin check version.wasm",
        &format!("plugin publish why.wasm --token-file token --server http://{}", hostile_server().await),
    ] {
        let (_, said) = run(&line.split(' ').collect::<Vec<_>>(), folder.path()).await;
        is_escaped(&said);
    }
}

/// An address of this machine where nobody listens.
fn nowhere() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

#[tokio::test]
async fn whoever_has_a_plugin_refused_is_told_what_to_do() {
    let folder = TempDir::new().unwrap();
    let put = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
    let judge = Guest::proposing("judge", Kind::Abstain, "no idea").component();
    let bundled = |name: &str| BUNDLED.iter().find(|(it, _)| *it == name).unwrap().1;
    for name in ["judge.wasm", "signed.wasm", "changed.wasm"] {
        put(name, &judge);
    }
    put("router.wasm", bundled("keyword-router"));
    put("adapter.wasm", bundled("cloudevents"));
    put("text.wasm", b"(component)");
    put("token", b"sbt_guess");
    put("empty.jsonl", b"\n\n");
    let item = json!({
        "external_id": "1", "kind": "post", "visibility": "public", "author": { "external_id": "a" }, "text": "hi",
        "occurred_at": "2026-01-31T09:30:00Z",
    });
    put("items.jsonl", format!("{item}\n{{\"text\":1}}\n").as_bytes());
    put("settings.json", br#"{"rules":[{"name":"one","any":["kettle"],"priority":"extreme"}]}"#);
    for made in [
        "plugin keygen -o key.pem",
        "plugin sign signed.wasm --key key.pem",
        "plugin sign changed.wasm --key key.pem",
    ] {
        let (done, said) = run(&made.split(' ').collect::<Vec<_>>(), folder.path()).await;
        assert!(done, "{made}: {said}");
    }
    put("changed.wasm", &[judge.as_slice(), &[0, 1, 0]].concat());

    let publish = "plugin publish judge.wasm --token-file token --server http://{nowhere}";
    are_refused(
        &[
            (publish, "publish to http://{nowhere}: not sent: ", "switchboard serve"),
            ("plugin publish judge.wasm --token-file none", "read the token from none", "--token-file"),
            ("plugin publish none.wasm", "read none.wasm", "correct the path"),
            ("plugin keygen -o key.pem", "make key.pem", "--output"),
            ("plugin sign judge.wasm --key none.pem", "read none.pem", "switchboard plugin keygen"),
            ("plugin prove --key none.pem --installation here", "read none.pem", "switchboard plugin keygen"),
            ("plugin sign judge.wasm --key token", "no ed25519 private key", "switchboard plugin keygen"),
            (
                "plugin verify judge.wasm",
                "read judge.wasm.sig",
                "switchboard plugin sign judge.wasm --key KEY",
            ),
            ("plugin verify changed.wasm", "did not sign this", "anew"),
            ("plugin verify signed.wasm --public-key another", "and not by another", "--public-key"),
            ("plugin check text.wasm", "text.wasm: refused (text-format)", "wasm-tools"),
            ("plugin build .", "holds no Cargo.toml", "the plugin's crate"),
            ("plugin run judge.wasm --items none.jsonl", "read none.jsonl", "correct the path"),
            (
                "plugin run judge.wasm --items empty.jsonl",
                "empty.jsonl holds nothing",
                "switchboard schema item",
            ),
            ("plugin run adapter.wasm --items empty.jsonl", "empty.jsonl holds nothing", "deliveries"),
            // The first line is in order, and is not run either.
            ("plugin run judge.wasm --items items.jsonl", "read line 2", "switchboard schema item"),
            ("plugin run router.wasm --items items.jsonl", "the settings as a whole: ", "--settings"),
            (
                "plugin run router.wasm --items items.jsonl --settings settings.json",
                "`/rules/0/priority`: ",
                "settings.json",
            ),
        ],
        &[("nowhere", &nowhere())],
        folder.path(),
    )
    .await;
}

#[tokio::test]
async fn whoever_has_a_repository_refused_is_told_what_to_do() {
    let (data, token) = furnished(Stage::Company).await;
    let (free, _) = furnished(Stage::Company).await;
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("wrong.toml"), "lisen = 1\n").unwrap();
    std::fs::write(folder.path().join("old.jsonl"), "{}\n").unwrap();
    let host = Host::start(data.path(), &token).await;
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().to_string();
    let serve = "serve --log off --listen {port} --data {free}";
    are_refused(
        &[
            (serve, "listen on {port}", "--listen"),
            (
                "serve --log off --listen 127.0.0.1:0 --data {data}",
                "another host has {data}",
                "stop that host first",
            ),
            ("token list --log off --data {data}", "another host has {data}", "/v1/tokens"),
            (
                "import --inbox chat old.jsonl --data {data}",
                "another host has {data}",
                "stop that host first",
            ),
            ("token list", "no repository in switchboard-data", "--data"),
            ("audit verify", "no repository in switchboard-data", "--data"),
            ("import --inbox chat old.jsonl", "no repository in switchboard-data", "--data"),
            ("import --inbox none old.jsonl --data {free}", "no inbox `none`", "that is there"),
            ("import --inbox chat none.jsonl --data {free}", "open none.jsonl", "correct the path"),
            ("token revoke tok_x --log off --data {free}", "tok_x", "switchboard token list"),
            ("token new --role agent --log off --data {free}", "the agent whose token", "--help"),
            ("serve --config none.toml", "read none.toml", "correct the path"),
            ("serve --config wrong.toml", "lisen", "--help"),
        ],
        &[("port", &port), ("data", data.path().to_str().unwrap()), ("free", free.path().to_str().unwrap())],
        folder.path(),
    )
    .await;
    host.kill().await;
}
