//! The way out: requests that adapters hand out, sent to hosts that an inbox allows.
//!
//! Called by `flow`, `cli` and `app`; calls nobody.
//!
//! **Invariant:** only this room knows an HTTP client.
//! **Invariant:** what an adapter hands out goes only to a host on its inbox's list, and never to a private address
//! unless that list names the address itself.

use std::fmt;

use async_trait::async_trait;

pub mod allow;
pub mod http;

/// A request to send. Secrets may stand in its URL, its header fields and its body.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// Method, upper case.
    pub method: String,
    /// Absolute URL.
    pub url: String,
    /// Header fields.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        let mut shown = f.debug_struct("Request");
        shown.field("method", &self.method).field("headers", &names).field("body_bytes", &self.body.len());
        shown.finish_non_exhaustive()
    }
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Header fields, names lower case.
    pub headers: Vec<(String, String)>,
    /// The body, at most [`ANSWER_BYTES_MAX`].
    pub body: Vec<u8>,
}

/// The longest answer that is read; a channel's answer to a reply is small.
pub const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// Why no answer came, by what the caller does next.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EgressError {
    /// It may not be sent: somebody has to change the inbox or the adapter.
    #[error("not allowed: {0}")]
    Refused(String),
    /// It certainly did not go out: try again.
    #[error("not sent: {0}")]
    NotSent(String),
    /// It may or may not have arrived.
    #[error("no answer: {0}")]
    NoAnswer(String),
}

/// Sends requests. Tests and demonstrations record instead.
#[async_trait]
pub trait Egress: Send + Sync + 'static {
    /// Sends one request to one of the allowed hosts and waits for the answer.
    async fn send(&self, request: Request, allowed_hosts: &[String]) -> Result<Answer, EgressError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_printed_without_what_may_be_secret() {
        let request = Request {
            method: "POST".to_owned(),
            url: "https://api.example.com/canary".to_owned(),
            headers: vec![("authorization".to_owned(), "Bearer canary".to_owned())],
            body: b"canary".to_vec(),
        };
        let shown = format!("{request:?}");
        assert!(shown.contains("authorization") && !shown.contains("canary"), "{shown}");
    }
}
