//! The shipped program as its users have it: started, killed at any moment, started again.

use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use switchboard::store::LastEnd;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStdout, Command};
use tokio::task::JoinSet;

use crate::support::behind::Behind;
use crate::support::file::carry_over;
use crate::support::guest::{Guest, Kind};
use crate::support::reply::{entries, text};
use crate::support::template::{self, Stage};
use crate::support::{company, program};

/// How long another process may take to get somewhere before the test gives it up.
const PATIENCE: Duration = Duration::from_secs(120);
/// How often another process is asked how far it is: it cannot be waited for in any other way.
const ASKING: Duration = Duration::from_millis(20);

/// A running `switchboard serve`.
pub struct Host {
    child: Child,
    caller: Caller,
    output: Output,
}

/// What it prints.
struct Output {
    lines: Lines<BufReader<ChildStdout>>,
    /// What was read of it so far.
    read: String,
}

/// Somebody who asks it for something.
#[derive(Clone)]
pub struct Caller {
    address: String,
    token: String,
    client: reqwest::Client,
    /// Whatever was answered, where somebody wants to look through it.
    heard: Option<Arc<Mutex<Vec<u8>>>>,
}

impl Host {
    /// Starts it on this folder.
    pub async fn start(data: &Path, token: &str) -> Self {
        let started = Self::try_start(&mut command(data), token).await;
        started.unwrap_or_else(|ended| panic!("it ended before it was ready: {ended}"))
    }

    /// The same, and it writes into this file whatever it has to say, down to the smallest.
    pub async fn start_talking(data: &Path, token: &str, log: &Path) -> Self {
        let mut command = command_that_logs("trace", data);
        command.stderr(std::fs::File::create(log).unwrap());
        let started = Self::try_start(&mut command, token).await;
        started.unwrap_or_else(|ended| panic!("it ended before it was ready: {ended}"))
    }

    /// Starts it by this command; how it ended, if it did before it was ready.
    pub async fn try_start(command: &mut Command, token: &str) -> Result<Self, ExitStatus> {
        Self::start_within(command, token, PATIENCE).await
    }

    /// The same, and it is killed unless it is ready by then.
    pub async fn start_within(
        command: &mut Command,
        token: &str,
        patience: Duration,
    ) -> Result<Self, ExitStatus> {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut output = Output { lines, read: String::new() };
        let ready = tokio::time::timeout(patience, ready(&mut child, &mut output, token)).await;
        match ready {
            Ok(ready) => ready.map(|caller| Self { child, caller, output }),
            Err(_) => {
                child.kill().await.unwrap();
                Err(child.wait().await.unwrap())
            }
        }
    }

    /// Somebody who asks it for something, with the token it was started with.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// No farewell: what is not on the disk is gone.
    pub async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// The same; all that it printed.
    pub async fn kill_and_read(mut self) -> String {
        self.child.kill().await.unwrap();
        while self.output.next().await.is_some() {}
        self.output.read
    }

    /// Asks it to stop, as a system does that shuts down.
    pub fn ask_to_stop(&self) {
        self.signal("TERM");
    }

    /// Sends it a signal of this name.
    pub fn signal(&self, name: &str) {
        let id = self.child.id().expect("it runs").to_string();
        let sent = std::process::Command::new("kill").args([&format!("-{name}"), &id]).status();
        assert!(sent.unwrap().success());
    }

    /// Waits until nobody can connect any more.
    pub async fn until_it_lets_nobody_in(&self) {
        let mut pause = tokio::time::interval(ASKING);
        let trying = async {
            while self.connect().await.is_ok() {
                pause.tick().await;
            }
        };
        tokio::time::timeout(PATIENCE, trying).await.expect("it still lets people in");
    }

    /// Waits, for ever, until it ends.
    pub async fn status(&mut self) -> ExitStatus {
        self.child.wait().await.unwrap()
    }

    /// Connects to it, to speak HTTP by hand.
    pub async fn connect(&self) -> std::io::Result<TcpStream> {
        TcpStream::connect(&self.caller.address).await
    }

    /// Waits until it ends by itself.
    pub async fn ended(&mut self) -> ExitStatus {
        tokio::time::timeout(PATIENCE, self.status()).await.expect("it does not end")
    }
}

impl Output {
    async fn next(&mut self) -> Option<String> {
        let line = self.lines.next_line().await.unwrap()?;
        self.read.push_str(&line);
        self.read.push('\n');
        Some(line)
    }
}

impl Caller {
    /// The same, who keeps every answer, and those.
    pub fn who_remembers(&self) -> (Self, Arc<Mutex<Vec<u8>>>) {
        let heard = Arc::default();
        (Self { heard: Some(Arc::clone(&heard)), ..self.clone() }, heard)
    }

    /// Reads an answer to its end, unless the host goes before.
    async fn read(&self, answer: reqwest::Response) -> reqwest::Result<Bytes> {
        let head = format!("{} {:?}\n", answer.status(), answer.headers());
        let body = answer.bytes().await?;
        if let Some(heard) = &self.heard {
            heard.lock().unwrap().extend([head.as_bytes(), &body, b"\n"].concat());
        }
        Ok(body)
    }

    async fn read_json(&self, answer: reqwest::Response) -> reqwest::Result<Value> {
        Ok(json_of(&self.read(answer).await?))
    }

    /// Reads.
    pub async fn get(&self, path: &str) -> Value {
        self.try_get(path).await.unwrap()
    }

    /// The same, unless the host is gone.
    pub async fn try_get(&self, path: &str) -> reqwest::Result<Value> {
        let request = self.client.get(format!("http://{}{path}", self.address));
        self.read_json(request.bearer_auth(&self.token).send().await?).await
    }

    /// Does.
    pub async fn post(&self, path: &str, body: Value) -> Value {
        self.read_json(self.try_post(path, &body).await.unwrap()).await.unwrap()
    }

    /// Changes.
    pub async fn patch(&self, path: &str, body: Value) -> Value {
        let request = self.client.patch(format!("http://{}{path}", self.address)).bearer_auth(&self.token);
        let request = request.header("content-type", "application/json").body(body.to_string());
        self.read_json(request.send().await.unwrap()).await.unwrap()
    }

    /// Uploads a component.
    pub async fn upload(&self, component: Vec<u8>) -> Value {
        let request =
            self.client.post(format!("http://{}/v1/plugins", self.address)).bearer_auth(&self.token);
        let request = request.header("content-type", "application/wasm").body(component);
        self.read_json(request.send().await.unwrap()).await.unwrap()
    }

    /// Delivers without the token, with this header field.
    pub async fn deliver(&self, path: &str, body: &str, header: (&str, &str)) -> Value {
        let request = self.client.post(format!("http://{}{path}", self.address));
        let request = request.header("content-type", "application/json").header(header.0, header.1);
        self.read_json(request.body(body.to_owned()).send().await.unwrap()).await.unwrap()
    }

    /// Reads, whatever form it has.
    pub async fn text(&self, path: &str) -> String {
        let request = self.client.get(format!("http://{}{path}", self.address)).bearer_auth(&self.token);
        let body = self.read(request.send().await.unwrap()).await.unwrap();
        String::from_utf8_lossy(&body).into_owned()
    }

    /// The same, whatever comes of it.
    pub async fn try_post(&self, path: &str, body: &Value) -> reqwest::Result<reqwest::Response> {
        self.try_send("POST", path, None, body).await
    }

    /// Asks with any method, perhaps under an idempotency key.
    pub async fn try_send(
        &self,
        method: &str,
        path: &str,
        key: Option<&str>,
        body: &Value,
    ) -> reqwest::Result<reqwest::Response> {
        let url = format!("http://{}{path}", self.address);
        let mut request = self.client.request(method.parse().unwrap(), url).bearer_auth(&self.token);
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        request.header("content-type", "application/json").body(body.to_string()).send().await
    }

    /// Asks until the answer is as wished.
    pub async fn until(&self, path: &str, wished: impl Fn(&Value) -> bool) -> Value {
        let mut pause = tokio::time::interval(ASKING);
        let asking = async {
            loop {
                pause.tick().await;
                // A host that dies is somebody else's to notice.
                let Ok(answer) = self.try_get(path).await else { continue };
                if wished(&answer) {
                    return answer;
                }
            }
        };
        let asked = tokio::time::timeout(PATIENCE, asking).await;
        asked.unwrap_or_else(|_| panic!("{path} does not get there"))
    }
}

/// Waits until it says where it listens, and that it is ready; how it ended, if it does before.
async fn ready(child: &mut Child, output: &mut Output, token: &str) -> Result<Caller, ExitStatus> {
    let address = loop {
        let Some(line) = output.next().await else { return Err(child.wait().await.unwrap()) };
        if let Some((_, rest)) = line.split_once("http://") {
            break rest.split([',', ' ']).next().unwrap().to_owned();
        }
    };
    let caller = Caller { address, token: token.to_owned(), client: client(), heard: None };
    let ready = caller.until("/readyz", |ready| ready["status"] == "ok");
    tokio::select! {
        ended = child.wait() => return Err(ended.unwrap()),
        _ = ready => {}
    }
    Ok(caller)
}

/// The command that serves from a folder.
pub fn command(data: &Path) -> Command {
    command_that_logs("warn", data)
}

/// The command that serves from a folder and logs so much.
pub fn command_that_logs(log: &str, data: &Path) -> Command {
    let mut command = Command::new(program());
    command.args(["serve", "--listen", "127.0.0.1:0", "--log", log, "--data"]).arg(data);
    command.kill_on_drop(true).stdin(Stdio::null());
    command
}

fn client() -> reqwest::Client {
    // Another test may have chosen the provider already; either is fine.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap()
}

fn json_of(bytes: &[u8]) -> Value {
    let unread = |error| panic!("{error}: {}", String::from_utf8_lossy(bytes));
    serde_json::from_slice(bytes).unwrap_or_else(unread)
}

/// Reads an answer to its end, unless the host goes before.
pub async fn try_read(answer: reqwest::Response) -> reqwest::Result<Value> {
    Ok(json_of(&answer.bytes().await?))
}

/// A folder with a furnished repository, and the admin's token.
pub async fn furnished(stage: Stage) -> (TempDir, String) {
    let template = template::shared().await;
    let data = TempDir::new().unwrap();
    template.furnish(stage, data.path());
    (data, template.token.clone())
}

fn item(number: usize) -> Value {
    let words = if number.is_multiple_of(2) { "a refund" } else { "a teapot" };
    json!({ "id": format!("d-{number}"), "author": "u-1", "text": words })
}

/// Delivers from several sides at once, and kills the host when one of them has seen `enough` answers
/// while the others are in the middle of something. The numbers of all deliveries that were answered.
async fn deliver_and_kill(host: Host, first: usize, enough: usize) -> Vec<usize> {
    let (next, answered) = (Arc::new(AtomicUsize::new(first)), Arc::new(Mutex::new(Vec::new())));
    let mut sides = JoinSet::new();
    for _ in 0..8 {
        let (caller, next, answered) = (host.caller.clone(), Arc::clone(&next), Arc::clone(&answered));
        sides.spawn(async move {
            for seen in 1.. {
                let number = next.fetch_add(1, Ordering::Relaxed);
                // An error is the end of the host: what was sent may be stored or not.
                let Ok(answer) = caller.try_post("/in/chat", &item(number)).await else { return };
                assert_eq!(answer.status(), 202);
                answered.lock().unwrap().push(number);
                if seen == enough {
                    return;
                }
            }
        });
    }
    sides.join_next().await.unwrap().unwrap();
    host.kill().await;
    while let Some(side) = sides.join_next().await {
        side.unwrap();
    }
    Arc::try_unwrap(answered).unwrap().into_inner().unwrap()
}

#[tokio::test]
async fn what_was_answered_survives_a_kill_at_any_moment_exactly_once_and_is_routed() {
    let (data, token) = furnished(Stage::Staffed).await;
    for (round, enough) in [1, 5, 20].into_iter().enumerate() {
        let host = Host::start(data.path(), &token).await;
        let answered = deliver_and_kill(host, round * 10_000, enough).await;
        assert!(answered.len() >= enough);

        let host = Host::start(data.path(), &token).await;
        for number in answered {
            let again = host.caller.post("/in/chat", item(number)).await;
            assert_eq!(again["duplicates"], 1, "delivery {number} was answered and is gone: {again}");
        }
        let counts =
            host.caller.until("/v1/counts", |it| it["decisions"].as_u64() >= it["items"].as_u64()).await;
        assert_eq!(counts["decisions"], counts["items"], "an item was judged twice");
        assert_all_routed(&host.caller).await;
        host.kill().await;
    }
}

async fn assert_all_routed(caller: &Caller) {
    let mut path = "/v1/conversations?limit=200".to_owned();
    loop {
        let page = caller.get(&path).await;
        for conversation in entries(&page) {
            let department = text(conversation, "/destination/department");
            let number: usize = text(conversation, "/thread_key")[2..].parse().unwrap();
            let right = if number.is_multiple_of(2) { "billing" } else { "service" };
            assert_eq!(department, right, "{conversation}");
        }
        let Some(cursor) = page["next_cursor"].as_str() else { return };
        path = format!("/v1/conversations?limit=200&cursor={cursor}");
    }
}

#[tokio::test]
async fn a_preparation_that_a_kill_interrupts_is_taken_up_again() {
    let (data, token) = furnished(Stage::Company).await;
    let host = Host::start(data.path(), &token).await;
    host.caller.post("/v1/activations", company::word_to("late", "kettle", "billing")).await;
    host.kill().await;
    let host = Host::start(data.path(), &token).await;
    host.caller.until("/v1/activations/late", |it| it["preparation"]["state"] == "ready").await;
    host.kill().await;
}

#[tokio::test]
async fn a_first_start_leaves_a_token_that_lets_in_and_no_second_program_starts_beside_it() {
    let data = TempDir::new().unwrap();
    let first = Host::start(data.path(), "").await;
    let token = std::fs::read_to_string(data.path().join("admin-token")).unwrap().trim().to_owned();
    let caller = Caller { token, ..first.caller.clone() };
    assert_eq!(caller.post("/v1/departments", json!({ "name": "service" })).await["name"], "service");

    let mut second = command(data.path()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    second.stderr.take().unwrap().read_to_string(&mut said).await.unwrap();
    assert!(!second.wait().await.unwrap().success());
    assert!(said.contains("another host"), "{said}");
    assert_eq!(caller.get("/healthz").await["status"], "ok");
    first.kill().await;
}

/// It has done nothing, so there is nothing to inspect.
#[tokio::test]
async fn a_start_that_finds_its_port_taken_ends_in_order() {
    let (data, _) = furnished(Stage::Company).await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut command = Command::new(program());
    command.args(["serve", "--listen", &address, "--data"]).arg(data.path());
    let output = command.output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains(&address), "{said}");
    assert_eq!(carry_over(&data.path().join("switchboard.db")).await, LastEnd::Orderly);
}

#[tokio::test]
async fn the_audit_log_is_verified_beside_a_running_host() {
    let (data, token) = furnished(Stage::Company).await;
    let host = Host::start(data.path(), &token).await;
    let verify = |folder: std::path::PathBuf| async move {
        let mut command = Command::new(program());
        command.args(["audit", "verify", "--json", "--data"]).arg(folder).output().await.unwrap()
    };
    let whole = verify(data.path().to_owned()).await;
    assert_eq!(whole.status.code(), Some(0), "{whole:?}");
    let verification: Value = serde_json::from_slice(&whole.stdout).unwrap();
    assert!(verification["verified"].as_u64().unwrap() > 0, "{verification}");
    assert_eq!(verification["last_link"].as_str().unwrap().len(), 64);

    let nowhere = verify(data.path().join("nowhere")).await;
    assert_eq!(nowhere.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&nowhere.stderr).contains("--data"), "{nowhere:?}");
    assert_eq!(verify(data.path().to_owned()).await.status.code(), Some(0));

    // Somebody changes two entries in the file; the first of them is named.
    let mut behind = Behind::open(&data.path().join("switchboard.db")).await;
    behind.run("DROP TRIGGER audit_is_never_changed").await;
    behind.run("UPDATE audit SET action = 'nothing.done' WHERE number IN (3, 5)").await;
    let broken = verify(data.path().to_owned()).await;
    assert_eq!(broken.status.code(), Some(1), "{broken:?}");
    let verification: Value = serde_json::from_slice(&broken.stdout).unwrap();
    assert_eq!(verification["broken"]["number"], 3, "{verification}");
    let folder = data.path().to_str().unwrap();
    let (whole, said) = run(&["audit", "verify", "--data", folder], data.path()).await;
    assert!(!whole && said.contains("BROKEN at number 3 (aud_"), "{said}");
    host.kill().await;
}

/// Runs a command of the program; what it said, and whether it said yes.
pub async fn run(arguments: &[&str], folder: &Path) -> (bool, String) {
    let mut command = Command::new(program());
    let output = command.args(arguments).current_dir(folder).output().await.unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).unwrap())
}

#[tokio::test]
async fn a_release_is_signed_verified_and_published_by_commands() {
    let (data, token) = furnished(Stage::Company).await;
    let host = Host::start(data.path(), &token).await;
    let folder = TempDir::new().unwrap();
    let work = folder.path();
    let guest = Guest::proposing("judge", Kind::Abstain, "no idea").component();
    std::fs::write(work.join("judge.wasm"), &guest).unwrap();
    std::fs::write(work.join("token"), &token).unwrap();
    let server = format!("http://{}", host.caller.address);
    let publish = ["plugin", "publish", "judge.wasm", "--server", &server, "--token-file", "token"];

    let (done, said) = run(&["plugin", "keygen", "-o", "key.pem"], work).await;
    assert!(done, "{said}");
    let public_key = said.lines().find(|it| it.ends_with('=')).unwrap().to_owned();
    let (again, said) = run(&["plugin", "keygen", "-o", "key.pem"], work).await;
    assert!(!again, "a key is never written over: {said}");
    assert!(run(&["plugin", "sign", "judge.wasm", "--key", "key.pem"], work).await.0);
    assert!(run(&["plugin", "verify", "judge.wasm", "--public-key", &public_key], work).await.0);
    let (verified, said) = run(&["plugin", "verify", "judge.wasm", "--public-key", "another"], work).await;
    assert!(!verified && said.contains(&public_key), "{said}");

    let (published, said) = run(&publish, work).await;
    assert!(!published && said.contains("remedy: have an admin register it"), "{said}");
    let key = json!({ "title": "a key", "public_key": public_key });
    host.caller.post("/v1/signing-keys", key).await;
    let (published, said) = run(&publish, work).await;
    assert!(published && said.contains("judge@1.0.0 published, signed"), "{said}");

    std::fs::write(work.join("judge.wasm"), [guest.as_slice(), &[0, 1, 0]].concat()).unwrap();
    let (verified, said) = run(&["plugin", "verify", "judge.wasm"], work).await;
    assert!(!verified && said.contains("did not sign this"), "{said}");
    host.kill().await;
}

#[tokio::test]
async fn whoever_has_the_repository_makes_tokens_while_the_host_does_not_run() {
    let (data, token) = furnished(Stage::Company).await;
    let folder = data.path().to_str().unwrap();
    let new =
        ["token", "--log", "off", "--data", folder, "new", "--role", "auditor", "--department", "billing"];
    let (made, said) = run(&new, data.path()).await;
    let secret = said.lines().find(|it| it.starts_with("sbt_")).unwrap_or_else(|| panic!("{said}"));
    assert!(made && said.contains("auditor of billing"), "{said}");
    let host = Host::start(data.path(), &token).await;
    let auditor = Caller { token: secret.to_owned(), ..host.caller.clone() };
    assert_eq!(auditor.get("/v1/me").await["kind"], "auditor");
    let (made, said) = run(&new, data.path()).await;
    assert!(!made && said.contains("another host"), "{said}");
    host.kill().await;
    // Which repository is meant stands where one would put it.
    let id = said_id(&run(&["token", "list", "--log", "off", "--data", folder], data.path()).await.1);
    assert!(run(&["--data", folder, "token", "--log", "off", "revoke", &id], data.path()).await.0);
    let host = Host::start(data.path(), &token).await;
    let auditor = Caller { token: secret.to_owned(), ..host.caller.clone() };
    assert_eq!(auditor.get("/v1/me").await["status"], 401);
    host.kill().await;
}

/// A request of somebody without a token; the answer's status.
async fn asked_by_nobody(host: &Host, path: &str) -> u16 {
    let url = format!("http://{}{path}", host.caller.address);
    host.caller.client.get(url).send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn what_is_measured_is_shown_to_nobody_without_a_token_where_the_host_is_told_so() {
    let (data, token) = furnished(Stage::Company).await;
    let host = Host::start(data.path(), &token).await;
    assert_eq!(asked_by_nobody(&host, "/metrics").await, 200, "as long as nobody says otherwise");
    host.kill().await;
    let host = Host::try_start(command(data.path()).args(["--metrics", "token"]), &token).await.unwrap();
    assert_eq!(asked_by_nobody(&host, "/metrics").await, 401);
    assert_eq!(asked_by_nobody(&host, "/readyz").await, 200);
    assert!(host.caller.text("/metrics").await.contains("switchboard_items_total"));
    let described = host.caller.get("/openapi.json").await;
    assert_eq!(described["paths"]["/metrics"]["get"]["security"], json!([{ "token": [] }]), "it says so too");
    host.kill().await;
}

/// The id of the auditor's token in a list of tokens.
fn said_id(list: &str) -> String {
    let line = list.lines().find(|it| it.contains("auditor")).unwrap_or_else(|| panic!("{list}"));
    line.split_whitespace().next().unwrap().to_owned()
}
