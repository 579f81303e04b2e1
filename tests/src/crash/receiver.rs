//! Where replies go: counts what comes in under which key.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use http::{Request, Response};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A channel that takes every reply.
pub struct Receiver {
    /// Where.
    pub address: SocketAddr,
    received: Arc<Mutex<BTreeMap<String, usize>>>,
    listening: JoinHandle<()>,
}

impl Receiver {
    /// Listens until it goes.
    pub async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let received = Arc::default();
        let listening = tokio::spawn(listen(listener, Arc::clone(&received)));
        Self { address, received, listening }
    }

    /// How often something came in under each key.
    pub fn received(&self) -> BTreeMap<String, usize> {
        self.received.lock().unwrap().clone()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn listen(listener: TcpListener, received: Arc<Mutex<BTreeMap<String, usize>>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let received = Arc::clone(&received);
        let answer = service_fn(move |request: Request<Incoming>| {
            let key = request.headers()["idempotency-key"].to_str().unwrap().to_owned();
            *received.lock().unwrap().entry(key).or_default() += 1;
            std::future::ready(Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(b"{}")))))
        });
        // A host that dies breaks its connections off.
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
    }
}
