//! The shipped program is asked to stop, or stopped for a while, with something under way.

use std::time::Duration;

use serde_json::{Value, json};
use switchboard::app::Stopped;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::support::TestApp;
use crate::support::behind::Behind;
use crate::support::host::{Host, command, furnished};
use crate::support::reply::text;
use crate::support::template::Stage;

/// Longer than the host lets any call of a plugin take.
const STOPPED: Duration = Duration::from_secs(3);

fn item(id: &str) -> Value {
    json!({ "id": id, "author": "u-1", "text": "a refund, please" })
}

/// A delivery of which the host has read the head and half of the body.
struct Half {
    stream: TcpStream,
    rest: Vec<u8>,
}

impl Half {
    async fn of(host: &Host, id: &str) -> Self {
        let body = item(id).to_string().into_bytes();
        let (first, rest) = body.split_at(body.len() / 2);
        let head = format!(
            "POST /in/chat HTTP/1.1\r\nhost: h\r\nconnection: close\r\ncontent-type: application/json\r\n\
             content-length: {}\r\nexpect: 100-continue\r\n\r\n",
            body.len()
        );
        let mut stream = host.connect().await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        // It says so when it begins to read the body: from then on the request is under way.
        let mut go_on = [0; 25];
        stream.read_exact(&mut go_on).await.unwrap();
        assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
        stream.write_all(first).await.unwrap();
        Self { stream, rest: rest.to_vec() }
    }

    /// Sends the other half, and waits for no answer.
    async fn send_rest(mut self) {
        self.stream.write_all(&self.rest).await.unwrap();
    }

    /// Sends the other half; the answer.
    async fn finish(mut self) -> String {
        self.stream.write_all(&self.rest).await.unwrap();
        let mut answer = String::new();
        self.stream.read_to_string(&mut answer).await.unwrap();
        answer
    }
}

#[tokio::test]
async fn what_is_under_way_when_a_host_is_asked_to_stop_is_answered_and_stored() {
    let (data, token) = furnished(Stage::Staffed).await;
    let mut host = Host::start(data.path(), &token).await;
    let half = Half::of(&host, "begun").await;
    host.ask_to_stop();
    host.until_it_lets_nobody_in().await;
    let answer = half.finish().await;
    assert!(answer.starts_with("HTTP/1.1 202 "), "{answer}");
    assert_eq!(host.ended().await.code(), Some(0));

    let host = Host::start(data.path(), &token).await;
    let again = host.caller().post("/in/chat", item("begun")).await;
    assert_eq!(again["duplicates"], 1, "it was answered and is gone: {again}");
    host.kill().await;
}

#[tokio::test]
async fn a_host_that_is_to_stop_works_on_for_its_grace_and_a_second_signal_ends_it_at_once() {
    let (data, token) = furnished(Stage::Staffed).await;
    // Longer than the test waits for anything: only the second signal can be what ends it.
    let mut command = command(data.path());
    command.args(["--drain-grace-ms", "3600000"]);
    let mut host = Host::try_start(&mut command, &token).await.unwrap();
    let (finished, unfinished) = (Half::of(&host, "finished").await, Half::of(&host, "unfinished").await);
    host.ask_to_stop();
    let refused = host.caller().until("/readyz", |it| it["status"] == 503).await;
    assert!(text(&refused, "/detail").contains("shutting down"), "{refused}");
    assert_eq!(host.caller().get("/healthz").await["status"], "ok");
    assert_eq!(host.caller().post("/in/chat", item("late")).await["outcome"], "accepted");
    let answer = finished.finish().await;
    assert!(answer.starts_with("HTTP/1.1 202 "), "{answer}");

    host.ask_to_stop();
    assert_eq!(host.ended().await.code(), Some(130));
    drop(unfinished);
    let host = Host::start(data.path(), &token).await;
    for (id, duplicates) in [("finished", 1), ("late", 1), ("unfinished", 0)] {
        let again = host.caller().post("/in/chat", item(id)).await;
        assert_eq!(again["duplicates"], duplicates, "{id}: {again}");
    }
    host.kill().await;
}

/// A slow reader takes a little again and again, so that only the deadline of stopping ends it.
#[tokio::test]
async fn slow_reader_is_cut_off_at_the_drain_timeout() {
    let (data, token) = furnished(Stage::Company).await;
    let mut command = command(data.path());
    command.args(["--drain-timeout-ms", "100"]);
    let mut host = Host::try_start(&mut command, &token).await.unwrap();
    let mut slow = host.connect().await.unwrap();
    // More answers than all buffers on the way can hold.
    slow.write_all(&b"GET /openapi.json HTTP/1.1\r\nhost: h\r\n\r\n".repeat(400)).await.unwrap();
    slow.read_u8().await.unwrap();
    host.ask_to_stop();
    let reading = async {
        let (mut taken, mut pace) = ([0; 256], tokio::time::interval(Duration::from_millis(5)));
        loop {
            // Once the connection is closed there is nothing to read at all.
            pace.tick().await;
            let _ = slow.read(&mut taken).await;
        }
    };
    let ended = tokio::select! {
        ended = host.ended() => ended,
        () = reading => unreachable!("it reads for ever"),
    };
    assert_eq!(ended.code(), Some(0), "its requests are cut off, and everything else ends in order");
}

/// A compile child may take two minutes; a host that stops does not wait for it.
#[tokio::test]
async fn background_work_that_does_not_end_is_given_up_at_the_deadline() {
    let app = TestApp::company().await;
    app.flow().tasks.spawn(std::future::pending::<()>());
    let file = app.file();
    tokio::time::pause();
    let (_folder, stopped) = app.stopped().await;
    tokio::time::resume();
    assert_eq!(stopped, Stopped::Late);
    let marks = Behind::open(&file).await.rows().await.remove("installation").unwrap();
    assert!(marks.iter().any(|it| it.contains("host-at-work")), "the next start inspects nothing: {marks:?}");
}

/// With one thread for all of its work, which stands still.
async fn stalled() -> (TempDir, Host) {
    let (data, token) = furnished(Stage::Staffed).await;
    let mut command = command(data.path());
    command.env("TOKIO_WORKER_THREADS", "1").args(["--stall-at", "intake-read"]);
    let host = Host::try_start(&mut command, &token).await.unwrap();
    let half = Half::of(&host, "stalled").await;
    half.send_rest().await;
    // Nothing is served any more, not even a connection.
    let mut unserved = host.connect().await.unwrap();
    unserved.write_all(b"GET /healthz HTTP/1.1\r\nhost: h\r\n\r\n").await.unwrap();
    (data, host)
}

#[tokio::test]
async fn second_signal_ends_a_host_whose_runtime_stands_still() {
    let (_data, mut host) = stalled().await;
    host.ask_to_stop();
    host.signal("INT");
    assert_eq!(host.ended().await.code(), Some(130));
}

#[tokio::test]
async fn worker_that_panics_ends_the_host_with_a_reason() {
    let (data, token) = furnished(Stage::Staffed).await;
    let mut command = command(data.path());
    let log = data.path().join("log");
    command.args(["--panic-at", "intake-read"]).stderr(std::fs::File::create(&log).unwrap());
    let mut host = Host::try_start(&mut command, &token).await.unwrap();
    // Its connection may go before it is answered.
    let _ = host.caller().try_post("/in/chat", &item("lost")).await;
    assert_eq!(host.ended().await.code(), Some(1));
    let log = std::fs::read_to_string(&log).unwrap();
    assert!(log.contains("storing deliveries ended by a panic"), "{log}");
    assert!(log.contains("start the host again"), "{log}");

    let host = Host::start(data.path(), &token).await;
    assert_eq!(host.caller().post("/in/chat", item("lost")).await["outcome"], "accepted");
    host.kill().await;
}

#[tokio::test]
async fn a_host_that_stood_still_for_a_while_goes_on_and_loses_nothing() {
    let (data, token) = furnished(Stage::Staffed).await;
    let mut host = Host::start(data.path(), &token).await;
    let half = Half::of(&host, "half").await;
    let mut asked = JoinSet::new();
    for number in 0..200 {
        let caller = host.caller().clone();
        asked.spawn(async move { caller.post("/in/chat", item(&format!("n-{number}"))).await });
    }
    // In the middle of whatever it is doing for the others.
    asked.join_next().await.unwrap().unwrap();
    host.signal("STOP");
    assert!(tokio::time::timeout(STOPPED, host.status()).await.is_err(), "it ended");
    host.signal("CONT");
    let mut deliveries = 201;
    for answer in asked.join_all().await {
        // A call that was cut in two has taken too long: what it was to read is kept.
        if answer["outcome"] == "unparsed" {
            let retry = format!("/v1/deliveries/{}/retry", text(&answer, "/delivery"));
            let read = host.caller().post(&retry, json!({})).await;
            assert_eq!(read["outcome"], "accepted", "{answer} {read}");
        }
    }
    let answer = half.finish().await;
    assert!(answer.starts_with("HTTP/1.1 202 "), "{answer}");
    assert_eq!(host.caller().post("/in/chat", item("after")).await["outcome"], "accepted");
    deliveries += 1;
    let judged = |it: &Value| it["decisions"].as_u64() >= it["items"].as_u64();
    let counts = host.caller().until("/v1/counts", judged).await;
    assert_eq!(
        (&counts["items"], &counts["decisions"]),
        (&json!(deliveries), &json!(deliveries)),
        "{counts}"
    );
    assert_eq!(host.caller().get("/readyz").await["status"], "ok");
    host.kill().await;
}
