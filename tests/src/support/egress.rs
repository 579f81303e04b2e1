//! A way out that goes nowhere: it keeps what was sent and answers what it was told to.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use serde_json::Value;
use switchboard::egress::{Answer, Egress, EgressError, Request, allow};
use tokio::sync::{Semaphore, oneshot};

/// Keeps requests. It checks the list of allowed hosts as the real one does.
#[derive(Default)]
pub struct RecordingEgress {
    sent: Mutex<Vec<Request>>,
    answers: Mutex<VecDeque<Scripted>>,
    held: Mutex<Option<oneshot::Receiver<()>>>,
    silent: Mutex<Option<(&'static str, Arc<Semaphore>)>>,
}

/// What a request meets.
enum Scripted {
    Answer(Answer),
    Failure(EgressError),
    /// The host's own mistake.
    Panic,
}

impl RecordingEgress {
    /// Everything sent so far.
    pub fn sent(&self) -> Vec<Request> {
        self.sent.lock().unwrap().clone()
    }

    /// The one request that was sent.
    #[track_caller]
    pub fn only(&self) -> Request {
        let mut sent = self.sent();
        assert_eq!(sent.len(), 1, "one request was expected: {sent:?}");
        sent.remove(0)
    }

    /// The next request is answered with this status and body; those without an answer get 202.
    pub fn answer(&self, status: u16, body: &str) {
        self.answer_with(status, &[], body);
    }

    /// The same, with header fields.
    pub fn answer_with(&self, status: u16, headers: &[(&str, &str)], body: &str) {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let answer = Answer { status, headers, body: body.into() };
        self.answers.lock().unwrap().push_back(Scripted::Answer(answer));
    }

    /// The next request makes the host panic.
    pub fn panic(&self) {
        self.answers.lock().unwrap().push_back(Scripted::Panic);
    }

    /// The next request is not answered until something is sent here.
    pub fn hold_next(&self) -> oneshot::Sender<()> {
        let (release, held) = oneshot::channel();
        *self.held.lock().unwrap() = Some(held);
        release
    }

    /// No request to this host is answered until [`Self::answer_all`].
    pub fn keep_silent(&self, host: &'static str) {
        *self.silent.lock().unwrap() = Some((host, Arc::new(Semaphore::new(0))));
    }

    /// The silent host answers everything from now on.
    pub fn answer_all(&self) {
        let silent = self.silent.lock().unwrap().take();
        silent.inspect(|(_, gate)| gate.close());
    }

    /// The next request fails so.
    pub fn fail(&self, error: EgressError) {
        self.answers.lock().unwrap().push_back(Scripted::Failure(error));
    }
}

#[async_trait]
impl Egress for RecordingEgress {
    async fn send(&self, request: Request, allowed_hosts: &[String]) -> Result<Answer, EgressError> {
        allow::check(&request.url, allowed_hosts)?;
        let is_to = |host: &str| request.url.contains(host);
        let silent = self.silent.lock().unwrap().clone().filter(|(host, _)| is_to(host));
        self.sent.lock().unwrap().push(request);
        if let Some((_, gate)) = silent {
            // It is never given a permit: the gate is closed when the host answers.
            let _ = gate.acquire().await;
        }
        let held = self.held.lock().unwrap().take();
        if let Some(held) = held {
            held.await.unwrap();
        }
        let scripted = self.answers.lock().unwrap().pop_front();
        match scripted {
            Some(Scripted::Answer(answer)) => Ok(answer),
            Some(Scripted::Failure(error)) => Err(error),
            Some(Scripted::Panic) => panic!("as the test wants it"),
            None => Ok(Answer { status: 202, headers: Vec::new(), body: Vec::new() }),
        }
    }
}

/// A header field of a request.
pub fn header<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    let found = request.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.as_str())
}

/// The body of a request as JSON.
pub fn json(request: &Request) -> Value {
    serde_json::from_slice(&request.body).unwrap()
}
