//! A way out that goes nowhere: it keeps what was sent and answers what it was told to.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use serde_json::Value;
use switchboard::egress::{Answer, Egress, EgressError, Request, allow};

/// Keeps requests. It checks the list of allowed hosts as the real one does.
#[derive(Default)]
pub struct RecordingEgress {
    sent: Mutex<Vec<Request>>,
    answers: Mutex<VecDeque<Result<Answer, EgressError>>>,
    is_broken: AtomicBool,
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
        let answer = Answer { status, headers: Vec::new(), body: body.into() };
        self.answers.lock().unwrap().push_back(Ok(answer));
    }

    /// The next request fails so.
    pub fn fail(&self, error: EgressError) {
        self.answers.lock().unwrap().push_back(Err(error));
    }

    /// From now on it panics, as a mistake of ours would.
    pub fn break_down(&self) {
        self.is_broken.store(true, Ordering::Relaxed);
    }
}

#[async_trait]
impl Egress for RecordingEgress {
    async fn send(&self, request: Request, allowed_hosts: &[String]) -> Result<Answer, EgressError> {
        allow::check(&request.url, allowed_hosts)?;
        assert!(!self.is_broken.load(Ordering::Relaxed), "a mistake of ours");
        self.sent.lock().unwrap().push(request);
        let scripted = self.answers.lock().unwrap().pop_front();
        scripted.unwrap_or_else(|| Ok(Answer { status: 202, headers: Vec::new(), body: Vec::new() }))
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
