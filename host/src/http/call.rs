//! A request on its way to its handler: who asks, and what for.

use std::str::FromStr;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::header::IF_MATCH;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, Uri};
use tokio_util::sync::CancellationToken;

use super::input::DELIVERY_COPIES;
use super::problem::{Problem, ProblemKind};
use super::response_room::ResponseRoom;
use super::room::{Room, Taken};
use crate::domain::caller::Caller;
use crate::domain::ids::InvalidId;
use crate::domain::organisation::Inbox;
use crate::domain::principal::Principal;
use crate::flow::Flow;
use crate::gate::Pass;

/// What every request works with.
pub struct Shared {
    /// The story.
    pub flow: Flow,
    /// Cancelled when the host no longer wants new work.
    pub draining: CancellationToken,
    /// The description of the interface, written once.
    pub openapi: Bytes,
    /// Room for what is being received.
    pub room: Room,
    /// Room for what is being sent.
    pub responses: ResponseRoom,
}

/// A request on its way to its handler.
pub struct Call {
    shared: Arc<Shared>,
    principal: Option<Principal>,
    success: StatusCode,
    parts: Parts,
    path: Option<RawPathParams>,
    inbox: Option<Arc<Inbox>>,
    room: Option<Taken>,
}

impl Call {
    /// A call by whoever it is, for a route whose yes has the status `success`.
    pub async fn new(
        shared: Arc<Shared>,
        principal: Option<Principal>,
        success: StatusCode,
        mut parts: Parts,
    ) -> Self {
        // Absent where nothing varies in the path.
        let path = RawPathParams::from_request_parts(&mut parts, &()).await.ok();
        Self { shared, principal, success, parts, path, inbox: None, room: None }
    }

    /// The same, to an inbox that admitted it.
    pub fn with_inbox(self, inbox: Arc<Inbox>) -> Self {
        Self { inbox: Some(inbox), ..self }
    }

    /// Has it hold the room that its body takes.
    pub fn holds(&mut self, room: Taken) {
        self.room = Some(room);
    }

    /// The room that its body takes, for whoever keeps the body longer than the call.
    pub fn room(&mut self) -> Option<Taken> {
        self.room.take()
    }

    /// The room that a kept delivery of so many bytes takes while it is read again: as much as when it came.
    pub fn room_for_delivery(&self, bytes: usize) -> Result<Taken, Problem> {
        let caller = Caller::of_principal(Some(self.principal()?));
        let mut room = self.shared.room.enter(caller, DELIVERY_COPIES);
        room.grow_to(bytes)?;
        Ok(room)
    }

    /// The inbox that admitted it.
    pub fn inbox(&self) -> Result<Arc<Inbox>, Problem> {
        let unknown = || Problem::new(ProblemKind::NotFound, "this is no inbox's address");
        self.inbox.clone().ok_or_else(unknown)
    }

    /// The story.
    pub fn flow(&self) -> &Flow {
        &self.shared.flow
    }

    /// What every request works with.
    pub fn shared(&self) -> &Shared {
        &self.shared
    }

    /// Who asks.
    pub fn principal(&self) -> Result<&Principal, Problem> {
        let unknown = || Problem::new(ProblemKind::Unauthenticated, "this needs to know who asks");
        self.principal.as_ref().ok_or_else(unknown)
    }

    /// Waits for room to make a response that shows one thing of so many bytes. Held until the response is made.
    pub async fn room_for(&self, bytes: usize) -> Result<Pass, Problem> {
        let caller = Caller::of_principal(Some(self.principal()?));
        self.shared.responses.enter_for_one(caller, bytes).await
    }

    /// The status of an answer that says yes.
    pub fn success(&self) -> StatusCode {
        self.success
    }

    /// Method, address and header fields.
    pub fn parts(&self) -> &Parts {
        &self.parts
    }

    /// The header fields.
    pub fn headers(&self) -> &HeaderMap {
        &self.parts.headers
    }

    /// The address.
    pub fn uri(&self) -> &Uri {
        &self.parts.uri
    }

    /// What stands in the path for this name; empty if the path has none such.
    pub fn segment(&self, name: &str) -> &str {
        let mut given = self.path.iter().flatten();
        given.find(|(key, _)| *key == name).map_or("", |(_, value)| value)
    }

    /// The identifier that stands in the path for this name.
    pub fn id<Id: FromStr<Err = InvalidId>>(&self, name: &str) -> Result<Id, Problem> {
        let id = self.segment(name).parse();
        id.map_err(|error: InvalidId| Problem::new(ProblemKind::NotFound, error.to_string()))
    }

    /// The revision that the caller saw, from `If-Match`.
    pub fn revision_seen(&self) -> Result<Option<i64>, Problem> {
        revision_seen(&self.parts.headers)
    }
}

fn revision_seen(headers: &HeaderMap) -> Result<Option<i64>, Problem> {
    let Some(value) = headers.get(IF_MATCH) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(None);
    }
    let revision = text.strip_prefix('"').and_then(|it| it.strip_suffix('"')).and_then(|it| it.parse().ok());
    let unknown = || {
        let detail = "`If-Match` names none of our revisions; give the `etag` of an answer as it is";
        Problem::new(ProblemKind::PreconditionFailed, detail)
    };
    revision.map(Some).ok_or_else(unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn if_match_gives_the_revision_that_was_seen() {
        let seen = |value: &str| {
            let headers = HeaderMap::from_iter([(IF_MATCH, value.parse().unwrap())]);
            revision_seen(&headers).ok()
        };
        assert_eq!(seen("\"12\""), Some(Some(12)));
        assert_eq!(seen("*"), Some(None));
        for wrong in ["12", "\"x\"", "W/\"12\"", ""] {
            assert_eq!(seen(wrong), None, "{wrong}");
        }
    }
}
