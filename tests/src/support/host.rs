//! The shipped program, running: started on a folder, asked, told to stop, killed.

use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStdout, Command};

use super::program;
use super::template::{self, Stage};

/// How long another process may take to get somewhere before the test gives it up.
const PATIENCE: Duration = Duration::from_secs(120);
/// How often another process is asked how far it is: it cannot be waited for in any other way.
const ASKING: Duration = Duration::from_millis(20);

/// How long memory stays the same before it counts as settled: longer than free memory waits to be given back.
const SETTLING: Duration = Duration::from_secs(5);

/// A running `switchboard serve`.
pub struct Host {
    child: Child,
    caller: Caller,
    output: Output,
}

/// What it prints.
struct Output {
    lines: Option<Lines<BufReader<ChildStdout>>>,
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
        let mut output = Output { lines: Some(lines), read: String::new() };
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

    /// Goes away as the reader of what it prints.
    pub fn stop_reading(&mut self) {
        self.output.lines = None;
    }

    /// Waits, for ever, until it ends.
    pub async fn status(&mut self) -> ExitStatus {
        self.child.wait().await.unwrap()
    }

    /// Where it listens.
    pub fn address(&self) -> &str {
        &self.caller.address
    }

    /// A figure of the process, in bytes (proc(5), `status`).
    fn figure(&self, name: &str) -> usize {
        let id = self.child.id().expect("it runs");
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let kib = line.unwrap().trim().trim_end_matches("kB").trim();
        kib.parse::<usize>().unwrap() * 1024
    }

    /// The most that it had in memory since [`Host::forget_peak`].
    pub fn peak_bytes(&self) -> usize {
        self.figure("VmHWM")
    }

    /// Counts from now on (proc(5), `clear_refs`).
    pub fn forget_peak(&self) {
        let id = self.child.id().expect("it runs");
        std::fs::write(format!("/proc/{id}/clear_refs"), "5").unwrap();
    }

    /// What it has in memory, once that is no more than this.
    pub async fn until_small(&self, bytes: usize) {
        let mut pause = tokio::time::interval(ASKING);
        let looking = async {
            while self.figure("VmRSS") > bytes {
                pause.tick().await;
            }
        };
        let looked = tokio::time::timeout(PATIENCE, looking).await;
        let now = self.figure("VmRSS");
        looked.unwrap_or_else(|_| panic!("it keeps {now} bytes; wished: {bytes}"));
    }

    /// What it has in memory, once that stays for a while.
    pub async fn settled_bytes(&self) -> usize {
        let mut pause = tokio::time::interval(SETTLING);
        let (mut before, mut now) = (usize::MAX, self.figure("VmRSS"));
        while now.abs_diff(before) > 1024 * 1024 {
            pause.tick().await;
            pause.tick().await;
            (before, now) = (now, self.figure("VmRSS"));
        }
        now
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
        let line = self.lines.as_mut()?.next_line().await.unwrap()?;
        self.read.push_str(&line);
        self.read.push('\n');
        Some(line)
    }
}

impl Caller {
    /// Somebody else, who has this token.
    pub fn with_token(&self, token: impl Into<String>) -> Self {
        Self { token: token.into(), ..self.clone() }
    }

    /// Where something is.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What somebody without a token is answered: the status.
    pub async fn asked_by_nobody(&self, path: &str) -> u16 {
        self.client.get(self.url(path)).send().await.unwrap().status().as_u16()
    }

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
        let request = self.client.get(self.url(path));
        self.read_json(request.bearer_auth(&self.token).send().await?).await
    }

    /// Does.
    pub async fn post(&self, path: &str, body: Value) -> Value {
        self.read_json(self.try_post(path, &body).await.unwrap()).await.unwrap()
    }

    /// Changes.
    pub async fn patch(&self, path: &str, body: Value) -> Value {
        let request = self.client.patch(self.url(path)).bearer_auth(&self.token);
        let request = request.header("content-type", "application/json").body(body.to_string());
        self.read_json(request.send().await.unwrap()).await.unwrap()
    }

    /// Uploads a component.
    pub async fn upload(&self, component: Vec<u8>) -> Value {
        let request = self.client.post(self.url("/v1/plugins")).bearer_auth(&self.token);
        let request = request.header("content-type", "application/wasm").body(component);
        self.read_json(request.send().await.unwrap()).await.unwrap()
    }

    /// Delivers without the token, with this header field.
    pub async fn deliver(&self, path: &str, body: &str, header: (&str, &str)) -> Value {
        let request = self.client.post(self.url(path));
        let request = request.header("content-type", "application/json").header(header.0, header.1);
        self.read_json(request.body(body.to_owned()).send().await.unwrap()).await.unwrap()
    }

    /// Reads, whatever form it has.
    pub async fn text(&self, path: &str) -> String {
        let request = self.client.get(self.url(path)).bearer_auth(&self.token);
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
        let url = self.url(path);
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

/// Runs a command of the program; what it said, and whether it said yes.
pub async fn run(arguments: &[&str], folder: &Path) -> (bool, String) {
    let mut command = Command::new(program());
    let output = command.args(arguments).current_dir(folder).output().await.unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).unwrap())
}
