//! Secrets are used by the shipped program, at its most talkative, and then looked for in everything it
//! has written and everything it answers.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use ring::hmac;
use serde_json::{Value, json};
use switchboard::http::{Method, table};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::host::{Caller, Host};
use crate::support::reply::{entries, text};
use crate::support::template::{self, Stage};

/// What must be found nowhere.
const SECRETS: [&str; 3] = ["canary-signing-7f3a9c21", "canary-token-b81e44d0", "canary-reply-5c2d90fe"];
/// What must be found, for else nothing was looked at.
const SAID: &str = "canary-said-out-loud-1138";

#[tokio::test]
async fn a_secret_is_found_in_nothing_that_is_written_or_answered() {
    let (data, log) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let (log, template) = (log.path().join("log"), template::shared().await);
    template.furnish(Stage::Company, data.path());
    let host = Host::start_talking(data.path(), &template.token, &log).await;
    let (caller, answers) = host.caller().who_remembers();
    let (address, heard) = channel().await;
    let conversation = use_secrets(&caller, &address).await;
    // The channel repeated the secret, and its answer is kept.
    let answered = |items: &Value| items.to_string().contains("Bearer [secret:reply-token]");
    caller.until(&format!("/v1/conversations/{conversation}/items"), answered).await;
    assert!(heard.lock().unwrap().contains(SECRETS[2]), "the channel got the secret itself");
    ask_for_everything(&caller, &conversation).await;
    let printed = host.kill_and_read().await;
    assert!(printed.contains("listens on"), "what it printed is not there: {printed}");
    let answers = std::mem::take(&mut *answers.lock().unwrap());
    // Refusals and answers to changes are among them.
    for wanted in ["urn:switchboard:problem:invalid", "401 Unauthorized", "201 Created"] {
        assert!(holds(&answers, wanted.as_bytes()), "no answer has {wanted}");
    }
    let mut looked_at = vec![("its answers".to_owned(), answers)];
    looked_at.push(("its log".to_owned(), std::fs::read(&log).unwrap()));
    looked_at.push(("what it printed".to_owned(), printed.into_bytes()));
    for file in files(data.path()) {
        looked_at.push((file.display().to_string(), std::fs::read(&file).unwrap()));
    }
    for (place, bytes) in &looked_at {
        for form in SECRETS.iter().flat_map(|secret| forms(secret)) {
            assert!(!holds(bytes, &form), "{} is in {place}", String::from_utf8_lossy(&form));
        }
    }
    let said = looked_at.iter().filter(|(_, bytes)| holds(bytes, SAID.as_bytes())).count();
    assert!(said >= 2, "what was said is in the repository and the answers, or the search finds nothing");
    let log = String::from_utf8_lossy(&looked_at[1].1);
    assert!(log.contains("DEBUG") && log.contains("not believed"), "it says less than was asked for: {log}");
}

/// Keeps three secrets and uses each of them, rightly and wrongly; a conversation that was answered.
async fn use_secrets(caller: &Caller, channel: &str) -> String {
    for (name, uses, value) in
        [("signing", "verify", SECRETS[0]), ("token", "verify", SECRETS[1]), ("reply", "send", SECRETS[2])]
    {
        let hosts = if uses == "send" { json!([channel]) } else { json!([]) };
        let secret = json!({ "name": name, "uses": [uses], "hosts": hosts, "value": value });
        caller.post("/v1/secrets", secret).await;
    }
    let bind = |settings: Value, secret: &str| {
        json!({
            "settings": settings, "reply_hosts": [channel],
            "secrets": { "signing": secret, "reply-token": "reply" },
        })
    };
    let reply = json!({ "reply_url": format!("http://{channel}/replies"), "reply_token": true });
    let mut signed = reply.clone();
    signed["signature"] = json!({ "scheme": "github" });
    caller.patch("/v1/inboxes/chat", bind(signed, "signing")).await;
    let body = json!({ "id": "1", "author": "u-1", "text": SAID }).to_string();
    let code = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRETS[0].as_bytes()), body.as_bytes());
    let code = format!("sha256={}", hex(code.as_ref()));
    let received = caller.deliver("/in/chat", &body, ("x-hub-signature-256", &code)).await;
    caller.deliver("/in/chat", &body, ("x-hub-signature-256", "sha256=00")).await;
    let conversation = text(&received, "/items/0/conversation").to_owned();
    let answer = json!({ "agent": "ada", "text": "gladly" });
    caller.post(&format!("/v1/conversations/{conversation}/reply"), answer).await;
    let mut shown = reply;
    shown["signature"] = json!({ "scheme": "token", "header": "x-gitlab-token" });
    caller.patch("/v1/inboxes/chat", bind(shown, "token")).await;
    let path = format!("/in/chat?token={}", SECRETS[1]);
    let again = body.replace("\"1\"", "\"2\"");
    let received = caller.deliver(&path, &again, ("x-gitlab-token", SECRETS[1])).await;
    assert_eq!(received["outcome"], "accepted", "{received}");
    // Refusals that could quote what was sent.
    for wrong in [json!({ "name": "signing" }), json!({ "name": "more", "value": 7, "uses": "x" })] {
        let mut wrong = wrong;
        wrong["value"] = SECRETS[0].into();
        caller.post("/v1/secrets", wrong).await;
    }
    conversation
}

/// A channel that answers with what it was sent; its address, and what it heard.
async fn channel() -> (String, Arc<Mutex<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let heard = Arc::new(Mutex::new(String::new()));
    let kept = Arc::clone(&heard);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(repeat(stream, Arc::clone(&kept)));
        }
    });
    (address, heard)
}

async fn repeat(mut stream: TcpStream, heard: Arc<Mutex<String>>) {
    let mut request = vec![0; 64 * 1024];
    let mut length = 0;
    // What it wants to see stands in the head.
    while !holds(&request[..length], b"\r\n\r\n") {
        length += stream.read(&mut request[length..]).await.unwrap();
    }
    let said = String::from_utf8_lossy(&request[..length]).into_owned();
    heard.lock().unwrap().push_str(&said);
    let body = json!({ "id": said }).to_string();
    let head = format!(
        "HTTP/1.1 200 OK\r\nconnection: close\r\nx-echo: {}\r\ncontent-length: {}\r\n\r\n",
        SECRETS[2],
        body.len()
    );
    // The host may have enough before the end.
    let _ = stream.write_all((head + &body).as_bytes()).await;
}

/// Whatever can be read: every address there is, with everything that lists name.
async fn ask_for_everything(caller: &Caller, conversation: &str) {
    let shown = caller.get(&format!("/v1/conversations/{conversation}")).await;
    let items = caller.get(&format!("/v1/conversations/{conversation}/items")).await;
    for route in table::routes().into_iter().filter(|it| it.method == Method::Get) {
        let given = match route.path {
            "/v1/search" => "?q=canary",
            "/v1/generations/difference" => "?from=1&to=2",
            "/v1/audit" | "/v1/deliveries" | "/v1/conversations" | "/v1/decisions" => "?limit=200",
            _ => "",
        };
        let list = match collection(route.path) {
            "contacts" => json!({ "entries": [shown["contact"]] }),
            "items" => items.clone(),
            "healthz" | "readyz" | "metrics" | "openapi.json" | "search" => Value::Null,
            collection => caller.get(&format!("/v1/{collection}")).await,
        };
        let paths = match route.path_parameters().next() {
            None => vec![route.path.to_owned()],
            Some(_) => entries(&list).iter().map(|it| with_names_of(route.path, it)).collect(),
        };
        assert!(!paths.is_empty(), "there is nothing to ask {} for", route.path);
        for path in paths {
            assert!(!path.contains('{'), "the test does not know what to ask {path} for");
            let answer = caller.text(&format!("{path}{given}")).await;
            assert!(!answer.contains("urn:switchboard:problem"), "{path}: {answer}");
        }
    }
}

/// What an address is about.
fn collection(path: &str) -> &str {
    let mut parts = path.split('/').skip(1);
    let first = parts.next().unwrap_or_default();
    if first == "v1" { parts.next().unwrap_or_default() } else { first }
}

/// The address of something, by what it says of itself.
fn with_names_of(path: &str, it: &Value) -> String {
    let name = |pointer| it.pointer(pointer).map(|it| it.as_str().map_or(it.to_string(), str::to_owned));
    let version = name("/version").or(name("/manifest/version"));
    let queue = it["path"].as_str().and_then(|it| it.split_once('/'));
    let given = [
        ("{id}", name("/id")),
        ("{name}", name("/name").or(name("/manifest/name"))),
        ("{number}", name("/number")),
        ("{version}", version),
        ("{department}", queue.map(|it| it.0.to_owned())),
        ("{queue}", queue.map(|it| it.1.to_owned())),
    ];
    given.into_iter().fold(path.to_owned(), |path, (part, value)| match value {
        Some(value) => path.replace(part, &value),
        None => path,
    })
}

/// Every file of the repository's folder but the key itself.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|it| it.unwrap().path());
    entries.filter(|it| it.is_file() && !it.ends_with("secrets-key")).collect()
}

/// The ways in which a value could be written down.
fn forms(secret: &str) -> Vec<Vec<u8>> {
    let base64 = base64::Engine::encode(&base64::engine::general_purpose::STANDARD_NO_PAD, secret);
    // What stands before it may shift the last characters.
    let base64 = base64[..base64.len() - 2].to_owned();
    vec![secret.as_bytes().to_vec(), base64.into_bytes(), hex(secret.as_bytes()).into_bytes()]
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn holds(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|it| it == wanted)
}
