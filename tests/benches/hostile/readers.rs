//! One agent's token with sixty-four searches at once and sixty-four clients that read nothing, beside another
//! token's list; memory while that lasts and afterwards.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures::stream::{self, StreamExt};
use serde_json::{Value, json};
use switchboard::app::App;
use switchboard::flow::organise;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio::task::JoinSet;

use crate::program::Program;
use crate::{figure, quantile};

/// Short items, which a search of two letters walks through.
const SHORT: usize = 20_000;
/// Items of [`LARGE_BYTES`], which the clients ask for and do not read.
const LARGE: usize = 4;
const LARGE_BYTES: usize = 12 * 1024 * 1024;
const SEARCHES: usize = 64;
const CLIENTS: usize = 64;
/// How long the other token's lists are measured, alone and beside the others.
const FOR: Duration = Duration::from_secs(20);
/// How long a caller waits between two lists.
const PAUSE: Duration = Duration::from_millis(5);
/// How long the process has to give memory back.
const AFTER: Duration = Duration::from_secs(10);

/// A caller with a token.
#[derive(Clone)]
pub struct Caller {
    pub address: SocketAddr,
    pub token: String,
    pub client: reqwest::Client,
}

impl Caller {
    /// The first admin of a new repository.
    pub async fn admin(app: &App, address: SocketAddr) -> Self {
        let token =
            organise::ensure_admin_token(&app.flow).await.expect("a token").expect("a new repository");
        Self::new(address, token)
    }

    pub fn new(address: SocketAddr, token: String) -> Self {
        // Another part may have been first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        Self { address, token, client }
    }

    pub async fn get(&self, path: &str) -> (u16, usize) {
        let request = self.client.get(format!("http://{}{path}", self.address)).bearer_auth(&self.token);
        let response = request.send().await.expect("a response");
        let status = response.status().as_u16();
        (status, response.bytes().await.expect("its body").len())
    }

    pub async fn post(&self, path: &str, body: Value) -> Value {
        let request = self.client.post(format!("http://{}{path}", self.address)).bearer_auth(&self.token);
        let request = request.header("content-type", "application/json").body(body.to_string());
        let bytes = request.send().await.expect("a response").bytes().await.expect("its body");
        serde_json::from_slice(&bytes).expect("JSON")
    }

    /// The status of a change, and the name of the refusal where there is one.
    pub async fn patch(&self, path: &str, body: Value) -> (u16, String) {
        let request = self.client.patch(format!("http://{}{path}", self.address)).bearer_auth(&self.token);
        let request = request.header("content-type", "application/json").body(body.to_string());
        let response = request.send().await.expect("a response");
        let status = response.status().as_u16();
        let body: Value = serde_json::from_slice(&response.bytes().await.expect("its body")).expect("JSON");
        (status, body["name"].as_str().unwrap_or_default().to_owned())
    }

    /// Publishes a component.
    pub async fn publish(&self, component: Vec<u8>) -> u16 {
        let request =
            self.client.post(format!("http://{}/v1/plugins", self.address)).bearer_auth(&self.token);
        let request = request.header("content-type", "application/wasm").body(component);
        request.send().await.expect("a response").status().as_u16()
    }

    async fn with_new_token(&self) -> Self {
        let made = self.post("/v1/tokens", json!({ "role": "admin" })).await;
        Self { token: made["secret"].as_str().expect("a token").to_owned(), ..self.clone() }
    }
}

pub async fn measure() {
    println!("\n{SEARCHES} searches and {CLIENTS} clients that read nothing, of one token; another's list");
    let program = Arc::new(Program::start());
    let admin = program.admin.clone();
    let large = fill(&admin).await;
    let (other, busy) = (admin.with_new_token().await, admin.with_new_token().await);

    let mut idle = lists(&other).await;
    let before = program.resident_mib();
    let (stop, searched) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let mut work = JoinSet::new();
    for _ in 0..SEARCHES {
        let (busy, stop, searched) = (busy.clone(), Arc::clone(&stop), Arc::clone(&searched));
        work.spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                if busy.get("/v1/search?q=qz").await.0 == 200 {
                    searched.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
    }
    for number in 0..CLIENTS {
        let (busy, stop, id) = (busy.clone(), Arc::clone(&stop), large[number % large.len()].clone());
        work.spawn(async move { read_nothing(&busy, &format!("/v1/items/{id}"), &stop).await });
    }
    let (mut most, measuring) = (before, Arc::new(AtomicBool::new(true)));
    let looking = {
        let (measuring, program) = (Arc::clone(&measuring), Arc::clone(&program));
        tokio::spawn(async move {
            while measuring.load(Ordering::Relaxed) {
                most = most.max(program.resident_mib());
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            most
        })
    };
    let mut beside = lists(&other).await;
    measuring.store(false, Ordering::Relaxed);
    let most = looking.await.expect("the one who looks");
    stop.store(true, Ordering::Relaxed);
    while let Some(ended) = work.join_next().await {
        ended.expect("a caller");
    }
    tokio::time::sleep(AFTER).await;

    let p99 = quantile(&mut idle, 0.99);
    figure("another's list alone, p50", quantile(&mut idle, 0.5), "ms");
    figure("another's list alone, p99", p99, "ms");
    figure("another's list beside them, p50", quantile(&mut beside, 0.5), "ms");
    let goal = format!("another's list beside them, p99 (goal: at most {:.1})", 5.0 * p99);
    figure(&goal, quantile(&mut beside, 0.99), "ms");
    figure("searches that were done meanwhile", searched.load(Ordering::Relaxed) as f64, "times");
    figure("memory before", before, "MiB");
    figure("memory grown by, at most (goal: at most 256)", most - before, "MiB");
    let left = program.resident_mib() - before;
    figure("memory grown by, ten seconds later (goal: at most 100)", left, "MiB");
}

/// Puts items in; the ids of the large ones.
async fn fill(admin: &Caller) -> Vec<String> {
    admin.post("/v1/departments", json!({ "name": "service" })).await;
    // The plugins that come with the program are published while it serves.
    while admin.get("/v1/plugins/cloudevents").await.0 != 200 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    admin.post("/v1/activations", json!({ "plugin": "cloudevents", "mode": "active" })).await;
    let inbox =
        json!({ "name": "chat", "department": "service", "adapter": "cloudevents", "access": "open" });
    while admin.post("/v1/inboxes", inbox.clone()).await["name"] != "chat" {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let say = async |number: usize| {
        let text = format!("a refund for parcel {number}, please, it never came");
        admin.post("/in/chat", json!({ "id": format!("s-{number}"), "author": "u-1", "text": text })).await
    };
    stream::iter(0..SHORT).map(say).buffer_unordered(64).for_each(async |_| {}).await;
    let mut large = Vec::new();
    for number in 0..LARGE {
        let text = "a refund ".repeat(LARGE_BYTES / 9);
        let item = json!({ "id": format!("l-{number}"), "author": "u-1", "text": text });
        let taken = admin.post("/in/chat", item).await;
        large.push(taken["items"][0]["item"].as_str().unwrap_or_else(|| panic!("{taken}")).to_owned());
    }
    large
}

/// Milliseconds to each list.
async fn lists(caller: &Caller) -> Vec<f64> {
    let (began, mut times) = (Instant::now(), Vec::new());
    while began.elapsed() < FOR {
        let asked = Instant::now();
        let (status, _) = caller.get("/v1/conversations").await;
        assert_eq!(status, 200, "another's list is refused");
        times.push(asked.elapsed().as_secs_f64() * 1_000.0);
        tokio::time::sleep(PAUSE).await;
    }
    times
}

/// Asks again and again, and reads no more than whether there is a response.
async fn read_nothing(caller: &Caller, path: &str, stop: &AtomicBool) {
    let request =
        format!("GET {path} HTTP/1.1\r\nhost: it\r\nauthorization: Bearer {}\r\n\r\n", caller.token);
    while !stop.load(Ordering::Relaxed) {
        let socket = TcpSocket::new_v4().expect("a socket");
        // What the system takes off the host's hands is not the host's to hold.
        socket.set_recv_buffer_size(4_096).expect("a small buffer");
        let mut stream = socket.connect(caller.address).await.expect("connect");
        stream.write_all(request.as_bytes()).await.expect("ask");
        let mut status = [0; 12];
        stream.read_exact(&mut status).await.expect("a status");
        // One that is served stays, and holds what it was given.
        while status.ends_with(b"200") && !stop.load(Ordering::Relaxed) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}
