//! What an address answered.

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::Value;

/// An answer of the HTTP interface.
#[derive(Debug)]
pub struct Reply {
    /// What was asked for, for messages.
    pub asked: String,
    /// Status.
    pub status: StatusCode,
    /// Header fields.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Reply {
    /// The body as JSON, of an answer that must have this status.
    #[track_caller]
    pub fn json(&self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{} answered {}", self.asked, self.text());
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{}: {error}", self.asked))
    }

    /// The body as JSON, of an answer that must say yes.
    #[track_caller]
    pub fn ok(&self) -> Value {
        assert!(self.status.is_success(), "{} answered {}: {}", self.asked, self.status, self.text());
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{}: {error}", self.asked))
    }

    /// The problem of an answer that must say no with this status, as RFC 9457 wants it, and says what to
    /// do.
    #[track_caller]
    pub fn problem(&self, status: u16) -> Value {
        let problem = self.json(status);
        assert_eq!(self.headers["content-type"], "application/problem+json", "{}", self.asked);
        assert_eq!(problem["status"], status, "{}", self.asked);
        assert!(problem["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{problem}");
        assert!(says_what_to_do(&problem), "{} is not told what to do: {problem}", self.asked);
        problem
    }

    /// The places that a problem points at, of an answer that must have status 422.
    #[track_caller]
    pub fn pointers(&self) -> Vec<String> {
        let problem = self.problem(422);
        let errors = problem["errors"].as_array().unwrap_or_else(|| panic!("no errors: {problem}"));
        errors.iter().map(|it| it["pointer"].as_str().unwrap().to_owned()).collect()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Whether a refusal has a remedy, and whatever is wrong in what was sent has a place and a text.
fn says_what_to_do(problem: &Value) -> bool {
    let errors = problem["errors"].as_array().map_or(&[][..], Vec::as_slice);
    let has_place = |it: &Value| it["pointer"].is_string() && !text(it, "/message").is_empty();
    !text(problem, "/remedy").is_empty() && errors.iter().all(has_place)
}

/// The entries of a list.
#[track_caller]
pub fn entries(list: &Value) -> &Vec<Value> {
    list["entries"].as_array().unwrap_or_else(|| panic!("this is no list: {list}"))
}

/// The text at this place; empty when there is none.
pub fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}
