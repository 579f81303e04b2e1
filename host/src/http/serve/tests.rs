//! What a connection may do, over real sockets. Time is the runtime's own: it moves on as soon as
//! everybody waits, so nobody does for real.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::*;
use crate::http::testing::Host;

struct TestHost {
    address: std::net::SocketAddr,
    stop: CancellationToken,
    close: oneshot::Sender<()>,
    serving: JoinHandle<()>,
}

impl TestHost {
    async fn start(connections_max: usize) -> Self {
        Self::start_with(Places::new(connections_max, PeerLimit::default())).await
    }

    async fn start_with(places: Places) -> Self {
        let host = Host::start().await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, stop) = (listener.local_addr().unwrap(), host.draining.clone());
        let (close, closing_time) = oneshot::channel();
        let closing_time = async move { drop(closing_time.await) };
        let router = router_for(MetricsFor::default(), host.flow.clone(), stop.clone());
        let listening = Listening { listener, places, router };
        let serving = tokio::spawn(listening.serve_until(closing_time, DRAIN_TIMEOUT));
        Self { address, stop, close, serving }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }
}

/// Everything that comes until the other side closes.
async fn to_the_end(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

/// Checks that nothing comes for a while that is long for the host, and shorter than anybody's patience.
/// The clock must stand.
async fn hears_nothing(stream: &mut TcpStream) {
    let heard = tokio::time::timeout(HEAD_TIMEOUT / 3, stream.read_u8()).await;
    assert!(heard.is_err(), "there is a place for it: {heard:?}");
}

const ALIVE: &[u8] = b"GET /healthz HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n";

#[tokio::test]
async fn a_request_is_answered() {
    let host = TestHost::start(8).await;
    let mut stream = host.connect().await;
    stream.write_all(ALIVE).await.unwrap();
    assert!(to_the_end(&mut stream).await.starts_with("HTTP/1.1 200 OK\r\n"));
}

#[tokio::test]
async fn a_head_that_does_not_end_is_not_waited_for() {
    let host = TestHost::start(8).await;
    let mut stream = host.connect().await;
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: h\r\nx-slow: ").await.unwrap();
    tokio::time::pause();
    // Ends at all, which it would not if the host waited.
    assert!(!to_the_end(&mut stream).await.contains("200 OK"));
}

#[tokio::test]
async fn a_head_without_measure_is_refused() {
    let host = TestHost::start(8).await;
    let mut stream = host.connect().await;
    let long = format!("GET /healthz HTTP/1.1\r\nhost: h\r\nx-long: {}\r\n\r\n", "a".repeat(HEAD_BYTES_MAX));
    stream.write_all(long.as_bytes()).await.unwrap();
    let mut status = [0; 12];
    stream.read_exact(&mut status).await.unwrap();
    assert_eq!(std::str::from_utf8(&status).unwrap(), "HTTP/1.1 431");
}

#[tokio::test]
async fn who_finds_no_place_is_answered_when_one_is_free() {
    let host = TestHost::start(1).await;
    let idle = host.connect().await;
    let mut waiting = host.connect().await;
    waiting.write_all(ALIVE).await.unwrap();
    tokio::time::pause();
    hears_nothing(&mut waiting).await;
    drop(idle);
    assert!(to_the_end(&mut waiting).await.starts_with("HTTP/1.1 200 OK\r\n"));
}

#[tokio::test]
async fn whoever_has_too_many_connections_loses_the_next_and_nobody_else_does() {
    let limit = PeerLimit { most: 2, exempt: Vec::new() };
    let host = TestHost::start_with(Places::new(8, limit)).await;
    let mut own = [host.connect().await, host.connect().await];
    let mut one_too_many = host.connect().await;
    assert_eq!(to_the_end(&mut one_too_many).await, "");
    let elsewhere = tokio::net::TcpSocket::new_v4().unwrap();
    elsewhere.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    let mut other = elsewhere.connect(host.address).await.unwrap();
    for stream in own.iter_mut().chain([&mut other]) {
        stream.write_all(ALIVE).await.unwrap();
        assert!(to_the_end(stream).await.starts_with("HTTP/1.1 200 OK\r\n"));
    }
    // Whoever ended some has them again.
    let mut again = host.connect().await;
    again.write_all(ALIVE).await.unwrap();
    assert!(to_the_end(&mut again).await.starts_with("HTTP/1.1 200 OK\r\n"));
}

#[tokio::test]
async fn an_idle_connection_does_not_keep_the_host_from_stopping() {
    let host = TestHost::start(8).await;
    let mut idle = host.connect().await;
    idle.write_all(b"GET /healthz HTTP/1.1\r\nhost: h\r\n\r\n").await.unwrap();
    let mut status = [0; 12];
    idle.read_exact(&mut status).await.unwrap();
    host.close.send(()).unwrap();
    host.serving.await.unwrap();
    assert!(TcpStream::connect(host.address).await.is_err());
}

#[tokio::test]
async fn a_host_that_is_to_stop_says_so_before_it_turns_anybody_away() {
    let host = TestHost::start(8).await;
    host.stop.cancel();
    for (path, status) in [("/readyz", "503"), ("/healthz", "200")] {
        let mut stream = host.connect().await;
        let request = format!("GET {path} HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let answer = to_the_end(&mut stream).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    }
    host.close.send(()).unwrap();
    host.serving.await.unwrap();
}

#[tokio::test]
async fn who_asks_and_never_reads_the_answers_loses_the_place() {
    let host = TestHost::start(1).await;
    tokio::time::pause();
    let mut greedy = host.connect().await;
    // More answers than all buffers on the way can hold.
    let ask = b"GET /openapi.json HTTP/1.1\r\nhost: h\r\n\r\n".repeat(400);
    greedy.write_all(&ask).await.unwrap();
    let mut next = host.connect().await;
    next.write_all(ALIVE).await.unwrap();
    hears_nothing(&mut next).await;
    assert!(to_the_end(&mut next).await.starts_with("HTTP/1.1 200 OK\r\n"));
    drop(greedy);
}

/// A slow reader takes a little again and again, so that no bound of time on taking nothing ends it.
#[tokio::test]
async fn a_slow_reader_does_not_keep_the_host_from_stopping() {
    let host = TestHost::start(1).await;
    tokio::time::pause();
    let mut slow = host.connect().await;
    // More answers than all buffers on the way can hold.
    let ask = b"GET /openapi.json HTTP/1.1\r\nhost: h\r\n\r\n".repeat(400);
    slow.write_all(&ask).await.unwrap();
    slow.read_u8().await.unwrap();
    host.close.send(()).unwrap();
    let mut serving = host.serving;
    let began = tokio::time::Instant::now();
    let mut taken = vec![0; 1024];
    loop {
        tokio::select! {
            served = &mut serving => break served.unwrap(),
            () = tokio::time::sleep(UNREAD_TIMEOUT / 4) => drop(slow.read(&mut taken).await),
        }
    }
    let took = began.elapsed();
    assert!(took < DRAIN_TIMEOUT + UNREAD_TIMEOUT / 4, "it stopped after {took:?}");
}
