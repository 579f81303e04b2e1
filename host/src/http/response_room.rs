//! Room for responses under way: a bounded number of bytes for all of them together, from before they are
//! made until the other side has taken them. A client that does not read holds its own token's share and
//! nothing more, and the clients of a department hold the department's.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::Response;
use hyper::body::{Body as HttpBody, Frame, SizeHint};

use super::problem::{Problem, ProblemKind};
use crate::domain::caller::Caller;
use crate::domain::quota::ReachedLimit;
use crate::gate::{Gate, GateLimits, NoTurn, Pass};

/// Bytes of one piece of room, and the most that a connection is handed at once: what it was handed counts
/// no more.
const PIECE: usize = 64 * 1024;

/// Room for all responses together: 192 MiB.
const PIECES_MAX: usize = 3 * 1_024;

/// One token has a quarter, 48 MiB: an item of 12 MiB while it is made, or two dozen lists. All of a department
/// together have half while no other owner uses any, and no more than is free.
const SHARE: usize = PIECES_MAX / 4;

/// What a page of a list takes while it is made: its rows, what they are read into, and its JSON.
pub const PAGE_BYTES: usize = 2 * 1024 * 1024;

/// The most that is taken for one thing: a quarter of the share stays for the requests that wait for it, each
/// of which holds a piece.
const ONE_MAX: usize = SHARE / 4 * 3;

/// How often one thing is in memory while it is made: its row, what it is read into, and its JSON.
const WHOLE_COPIES: usize = 3;

/// How long a caller waits for room. A client that reads has taken the largest response by then.
const WAIT: Duration = Duration::from_secs(10);

/// The room of a host.
#[derive(Debug)]
pub struct ResponseRoom(Gate);

impl Default for ResponseRoom {
    fn default() -> Self {
        Self::of(PIECES_MAX, SHARE)
    }
}

impl ResponseRoom {
    /// Room for that many pieces of 64 KiB, and for so many of one caller.
    pub fn of(units: usize, share: usize) -> Self {
        Self(Gate::new(GateLimits {
            name: "responses-under-way",
            unit: "pieces of 64 KiB",
            units,
            share,
            wait: WAIT,
        }))
    }

    /// Waits until one thing of so many bytes may be made for this caller.
    pub async fn enter_for_one(&self, caller: Caller, bytes: usize) -> Result<Pass, Problem> {
        let units = bytes.saturating_mul(WHOLE_COPIES).div_ceil(PIECE);
        Ok(self.0.enter(caller, units.min(ONE_MAX)).await?)
    }

    /// Waits until so many bytes may be made for this caller.
    pub async fn enter(&self, caller: Caller, bytes: usize) -> Result<Pass, Problem> {
        Ok(self.0.enter(caller, bytes.div_ceil(PIECE)).await?)
    }
}

/// The response, which holds the room that it takes until the last of it is handed to the connection.
pub fn holding(response: Response<Body>, mut pass: Pass) -> Response<Body> {
    response.map(|body| {
        // One whose size is not known is made while it is sent, a piece at a time.
        if let Some(bytes) = body.size_hint().exact() {
            pass.resize(usize::try_from(bytes).unwrap_or(usize::MAX).div_ceil(PIECE));
        }
        Body::new(Held { body, rest: Bytes::new(), _pass: pass })
    })
}

/// A body, in pieces.
struct Held {
    body: Body,
    /// What is left of the last piece that the body gave.
    rest: Bytes,
    _pass: Pass,
}

impl HttpBody for Held {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.rest.is_empty() {
            match Pin::new(&mut self.body).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => self.rest = data,
                    Err(frame) => return Poll::Ready(Some(Ok(frame))),
                },
                other => return other,
            }
        }
        let length = self.rest.len().min(PIECE);
        // A copy: a part of the whole would keep the whole in memory after the room is given back.
        let piece = Bytes::copy_from_slice(&self.rest[..length]);
        self.rest = self.rest.slice(length..);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (rest, hint) = (self.rest.len() as u64, self.body.size_hint());
        match hint.exact() {
            Some(exact) => SizeHint::with_exact(exact + rest),
            None => SizeHint::new(),
        }
    }
}

impl From<NoTurn> for Problem {
    fn from(error: NoTurn) -> Self {
        let remedy = "nothing was done: ask again after the seconds in `retry-after`, less at once, and read responses";
        let GateLimits { name, unit, units, .. } = error.0;
        Self::new(ProblemKind::Unavailable, error.to_string())
            .limited_by(ReachedLimit::full(name, units as u64, unit))
            .with_remedy(remedy)
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;
    use crate::domain::caller::ShareOwner;
    use crate::domain::ids::TokenId;

    fn token(number: i64) -> Caller {
        Caller { owner: ShareOwner::CompanyToken(TokenId(number)), credential: number }
    }

    fn response(bytes: usize) -> Response<Body> {
        Response::new(Body::from(vec![7; bytes]))
    }

    #[tokio::test(start_paused = true)]
    async fn a_response_holds_its_bytes_until_the_last_is_taken() {
        let room = ResponseRoom::of(8, 4);
        let made = room.enter(token(1), 4 * PIECE).await.unwrap();
        let mut body = holding(response(3 * PIECE), made).into_body();
        assert_eq!(body.size_hint().exact(), Some(3 * PIECE as u64));
        let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(first.len(), PIECE);
        assert!(room.enter(token(1), 2 * PIECE).await.is_err(), "three pieces of four are under way");
        drop(room.enter(token(2), 4 * PIECE).await.expect("another caller has its own share"));
        drop(body);
        room.enter(token(1), 4 * PIECE).await.expect("all is given back");
    }

    #[tokio::test]
    async fn the_pieces_of_a_response_are_the_response() {
        let room = ResponseRoom::of(8, 8);
        for bytes in [0, 1, PIECE, PIECE + 1, 3 * PIECE] {
            let pass = room.enter(token(1), PIECE).await.unwrap();
            let taken = holding(response(bytes), pass).into_body().collect().await.unwrap().to_bytes();
            assert_eq!(taken, vec![7; bytes]);
        }
        let pieces = [Ok::<_, std::io::Error>("a"), Ok("b")];
        let stream = Response::new(Body::from_stream(futures::stream::iter(pieces)));
        let pass = room.enter(token(1), PIECE).await.unwrap();
        assert_eq!(holding(stream, pass).into_body().collect().await.unwrap().to_bytes(), "ab");
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_without_room_is_told_which_limit_it_meets() {
        let room = ResponseRoom::of(1, 1);
        let _held = room.enter(token(1), 1).await.unwrap();
        let refused = room.enter(token(1), 1).await.unwrap_err().response("req-1");
        assert_eq!(refused.status(), 503);
        assert_eq!(refused.headers()["retry-after"], "1");
        let body = refused.into_body().collect().await.unwrap().to_bytes();
        assert!(String::from_utf8_lossy(&body).contains(r#""name":"responses-under-way""#));
    }
}
