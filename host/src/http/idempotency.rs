//! Requests that can be sent again: `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header).
//!
//! A caller that does not hear an answer does not know whether what it asked for was done. With a key of
//! its own choice it may ask again, for a day (less where its token has very many others answered): what was done is answered again and not done again. A
//! request is claimed before it is carried out, so that not even a host that dies in between does it twice;
//! what was refused was not done, and may be asked for anew.

use axum::body::{Body, Bytes};
use axum::http::header::{CONTENT_TYPE, ETAG};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use http_body_util::BodyExt;

use super::call::Call;
use super::output::ShowsSecret;
use super::problem::{Problem, ProblemKind};
use super::route::Route;
use crate::flow::Flow;
use crate::flow::purge::ANSWERS_KEPT_MS;
use crate::store::{Claimed, KeptAnswer, KeyedRequest};

const KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Says that an answer was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// The longest key, in characters.
const KEY_CHARS_MAX: usize = 255;

/// Answers a request, or answers it again if it has a key that was answered before.
pub async fn answer(route: &Route, call: Call, body: Vec<u8>) -> Result<Response<Body>, Problem> {
    let Some(request) = keyed(&call, &body)? else { return route.answer(call, body).await };
    let flow = call.flow().clone();
    let now = flow.now();
    match flow.store.claim_request(&request, now, now.plus_ms(-ANSWERS_KEPT_MS)).await? {
        Claimed::New => {}
        Claimed::Answered(kept) => return again(kept),
        Claimed::OtherRequest => {
            let detail = "the idempotency key was used for another request; choose a new one";
            return Err(Problem::new(ProblemKind::Invalid, detail));
        }
        Claimed::Unanswered(since) => {
            let detail = format!(
                "a request with this idempotency key was begun at {since} and its answer is not known: it \
                 is still under way, or the host died in between"
            );
            let remedy = "ask again shortly; if this does not change, look whether it was done, and then use a new key";
            return Err(Problem::new(ProblemKind::Conflict, detail).with_remedy(remedy));
        }
    }
    let answered = route.answer(call, body).await;
    match answered {
        Ok(response) => keep(&flow, &request, response).await,
        Err(problem) => {
            // After a surprise nobody knows what was done.
            if !problem.is_surprise()
                && let Err(error) = flow.store.forget_request(&request).await
            {
                tracing::error!(%error, "an idempotency key stays claimed, though nothing was done");
            }
            Err(problem)
        }
    }
}

/// The request with its key, if it has one.
fn keyed(call: &Call, body: &[u8]) -> Result<Option<KeyedRequest>, Problem> {
    let Some(value) = call.headers().get(KEY) else { return Ok(None) };
    let Some(token) = call.principal()?.token else { return Ok(None) };
    let key = value.to_str().unwrap_or_default().trim();
    if key.is_empty() || key.len() > KEY_CHARS_MAX {
        let detail = format!("an idempotency key has 1 to {KEY_CHARS_MAX} visible ASCII characters");
        return Err(Problem::new(ProblemKind::Malformed, detail));
    }
    let parts = call.parts();
    let condition = parts.headers.get("if-match").map_or(&b""[..], HeaderValue::as_bytes);
    let asked =
        [parts.method.as_str().as_bytes(), parts.uri.to_string().as_bytes(), condition, body].join(&b'\0');
    Ok(Some(KeyedRequest { token, key: key.to_owned(), fingerprint: call.flow().safe.fingerprint(&asked) }))
}

async fn keep(
    flow: &Flow,
    request: &KeyedRequest,
    response: Response<Body>,
) -> Result<Response<Body>, Problem> {
    let (parts, body) = response.into_parts();
    let broke_off = |_| Problem::new(ProblemKind::Internal, "the answer could not be kept");
    let bytes = body.collect().await.map_err(broke_off)?.to_bytes();
    let kept = KeptAnswer {
        status: parts.status.as_u16(),
        content_type: text(&parts.headers, &CONTENT_TYPE),
        etag: text(&parts.headers, &ETAG),
        body: parts.extensions.get::<ShowsSecret>().is_none().then(|| bytes.to_vec()),
    };
    // It was done, whether its answer can be kept or not.
    if let Err(error) = flow.store.keep_answer(request, &kept).await {
        tracing::error!(%error, "an answer cannot be given again");
    }
    Ok(Response::from_parts(parts, Body::from(bytes)))
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name).and_then(|it| it.to_str().ok()).map(str::to_owned)
}

/// The answer that was given before.
fn again(kept: KeptAnswer) -> Result<Response<Body>, Problem> {
    let Some(body) = kept.body else {
        let detail = "it was done, and its answer showed a secret, which is shown once and kept nowhere";
        let remedy = "make another, with a new idempotency key, and revoke the one that was not received";
        return Err(Problem::new(ProblemKind::Conflict, detail).with_remedy(remedy));
    };
    let mut response = Response::new(Body::from(Bytes::from(body)));
    *response.status_mut() = StatusCode::from_u16(kept.status).unwrap_or(StatusCode::OK);
    let headers = response.headers_mut();
    for (name, value) in [(CONTENT_TYPE, kept.content_type), (ETAG, kept.etag)] {
        if let Some(value) = value.and_then(|it| HeaderValue::try_from(it).ok()) {
            headers.insert(name, value);
        }
    }
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
    Ok(response)
}
