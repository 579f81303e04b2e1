//! Somebody who asks `/healthz` again and again, from a thread of its own.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long nobody asks between two answers.
const PAUSE: Duration = Duration::from_millis(5);

/// Asks until it is stopped.
pub struct Caller {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Vec<f64>>,
}

impl Caller {
    pub fn start(address: SocketAddr) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopping = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut stream = TcpStream::connect(address).expect("connect");
            stream.set_nodelay(true).expect("send at once");
            let mut times = Vec::new();
            while !stopping.load(Ordering::Relaxed) {
                let began = Instant::now();
                ask(&mut stream);
                times.push(began.elapsed().as_secs_f64() * 1_000.0);
                pause();
            }
            times
        });
        Self { stop, thread }
    }

    /// Stops; milliseconds to each answer.
    pub fn stop(self) -> Vec<f64> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("the caller of /healthz")
    }
}

fn ask(stream: &mut TcpStream) {
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").expect("ask");
    let mut answer = [0; 4096];
    let mut length = 0;
    // A short answer, whose body is one line of JSON.
    while !answer[..length].ends_with(b"}") {
        let read = stream.read(&mut answer[length..]).expect("an answer");
        assert!(read > 0, "the host closed the connection");
        length += read;
    }
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer[..length]));
}

#[expect(clippy::disallowed_methods, reason = "callers come at intervals")]
fn pause() {
    std::thread::sleep(PAUSE);
}
