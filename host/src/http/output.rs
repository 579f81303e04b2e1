//! What a handler gives, and its shape in OpenAPI.

use std::marker::PhantomData;

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, ETAG};
use axum::http::{HeaderValue, Response, StatusCode};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;

use super::problem::{Problem, ProblemKind};

const JSON: &str = "application/json";

/// The shape of an answer that says yes: its media type and schema.
#[derive(Debug)]
pub struct AnswerShape {
    /// The media type.
    pub media_type: &'static str,
    /// The schema.
    pub schema: Schema,
}

/// Something a handler gives.
pub trait Output: Send + 'static {
    /// The answer; `success` is the status that the table says.
    fn response(self, success: StatusCode) -> Response<Body>;

    /// Its shape.
    fn shape(generator: &mut SchemaGenerator) -> AnswerShape;
}

/// A JSON answer.
#[derive(Debug)]
pub struct Answer<T> {
    body: T,
    revision: Option<i64>,
    status: Option<StatusCode>,
    shows_secret: bool,
}

/// Marks an answer that shows a secret, which is kept nowhere.
#[derive(Clone, Copy, Debug)]
pub struct ShowsSecret;

impl<T> Answer<T> {
    /// An answer with this body.
    pub fn of(body: T) -> Self {
        Self { body, revision: None, status: None, shows_secret: false }
    }

    /// The same, with what to give back in `If-Match`.
    pub fn tagged(self, revision: i64) -> Self {
        Self { revision: Some(revision), ..self }
    }

    /// The same, marked because it shows a secret.
    pub fn showing_a_secret(self) -> Self {
        Self { shows_secret: true, ..self }
    }

    /// The same, with another status than the table says.
    pub fn with_status(self, status: StatusCode) -> Self {
        Self { status: Some(status), ..self }
    }
}

impl<T: Serialize + JsonSchema + Send + 'static> Output for Answer<T> {
    fn response(self, success: StatusCode) -> Response<Body> {
        let body = match serde_json::to_vec(&self.body) {
            Ok(body) => body,
            Err(error) => {
                tracing::error!(%error, "an answer cannot be written as JSON");
                return Problem::new(ProblemKind::Internal, "the answer cannot be written")
                    .response("unknown");
            }
        };
        let mut response = with_body(self.status.unwrap_or(success), JSON, body);
        if let Some(revision) = self.revision.and_then(|it| HeaderValue::try_from(format!("\"{it}\"")).ok()) {
            response.headers_mut().insert(ETAG, revision);
        }
        if self.shows_secret {
            response.extensions_mut().insert(ShowsSecret);
        }
        response
    }

    fn shape(generator: &mut SchemaGenerator) -> AnswerShape {
        AnswerShape { media_type: JSON, schema: generator.subschema_for::<T>() }
    }
}

/// A large JSON answer.
pub struct Written<T> {
    body: Vec<u8>,
    of: PhantomData<fn() -> T>,
}

impl<T: Serialize + Send + 'static> Written<T> {
    /// Writes it, which takes tens of milliseconds for megabytes, on a thread on which no other request waits.
    pub async fn write(value: T) -> Result<Self, Problem> {
        let written = tokio::task::spawn_blocking(move || serde_json::to_vec(&value)).await;
        let body = written.ok().and_then(Result::ok);
        let body = body.ok_or_else(|| Problem::new(ProblemKind::Internal, "the answer cannot be written"))?;
        Ok(Self { body, of: PhantomData })
    }
}

impl<T: JsonSchema + Send + 'static> Output for Written<T> {
    fn response(self, success: StatusCode) -> Response<Body> {
        with_body(success, JSON, self.body)
    }

    fn shape(generator: &mut SchemaGenerator) -> AnswerShape {
        AnswerShape { media_type: JSON, schema: generator.subschema_for::<T>() }
    }
}

/// Plain text.
pub struct Text {
    /// Its media type.
    pub media_type: &'static str,
    /// The text.
    pub text: String,
}

impl Output for Text {
    fn response(self, success: StatusCode) -> Response<Body> {
        with_body(success, self.media_type, self.text)
    }

    fn shape(_: &mut SchemaGenerator) -> AnswerShape {
        AnswerShape { media_type: "text/plain", schema: json_schema!({ "type": "string" }) }
    }
}

/// Bytes to be kept as a file, never to be shown by a browser: anybody may have written them.
pub struct Download(pub Vec<u8>);

impl Output for Download {
    fn response(self, success: StatusCode) -> Response<Body> {
        let mut response = with_body(success, "application/octet-stream", self.0);
        let headers = response.headers_mut();
        headers.insert("content-disposition", HeaderValue::from_static("attachment"));
        headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
        response
    }

    fn shape(_: &mut SchemaGenerator) -> AnswerShape {
        AnswerShape {
            media_type: "application/octet-stream",
            schema: json_schema!({ "description": "The bytes as they came." }),
        }
    }
}

/// An answer of this status and media type.
pub fn with_body(status: StatusCode, media_type: &'static str, body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}
