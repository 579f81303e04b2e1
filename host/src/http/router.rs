//! A request's way: found in the table, admitted, read within limits, answered, counted.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{CONTENT_LENGTH, IF_MATCH};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Response};
use axum::routing::{MethodFilter, MethodRouter, any, on};
use http_body_util::BodyExt;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::call::{Call, Shared};
use super::permission::{MetricsFor, Permission};
use super::problem::{Problem, ProblemKind};
use super::response_room::{ResponseRoom, holding};
use super::room::{Room, Taken};
use super::route::{Method, Route};
use super::{auth, idempotency, openapi, table};
use crate::domain::allowance::Allowance;
use crate::domain::caller::Caller;
use crate::flow::{Flow, ingest};
use crate::store::Reading;

/// How long a body may take to arrive: long enough for the largest one over a slow line, short enough
/// that connections held open on purpose do not add up.
const BODY_TIMEOUT: Duration = Duration::from_secs(60);

/// How much memory is set aside for a body because its length was announced, before it is there.
const ANNOUNCED_BYTES_MAX: usize = 256 * 1024;

/// The header by which a request and its traces are found again.
const REQUEST_ID: &str = "x-request-id";

/// Everything that can be asked for. `draining` is cancelled when the host wants no new work.
pub fn router(flow: Flow, draining: CancellationToken) -> Router {
    router_for(MetricsFor::default(), flow, draining)
}

/// The same, with what is measured for those who may read it.
pub(super) fn router_for(metrics_for: MetricsFor, flow: Flow, draining: CancellationToken) -> Router {
    router_with(flow, draining, (Room::default(), ResponseRoom::default()), metrics_for)
}

/// The same, with so much room for bodies and responses.
pub(super) fn router_with(
    flow: Flow,
    draining: CancellationToken,
    (room, responses): (Room, ResponseRoom),
    metrics_for: MetricsFor,
) -> Router {
    let routes = table::routes_with(metrics_for);
    let openapi = openapi::written(&routes);
    let shared = Arc::new(Shared { flow, draining, openapi, room, responses });
    let mut router = Router::new();
    for route in routes {
        router = router.route(route.path, method_router(&shared, route));
    }
    let (unknown, wrong_method) = (Arc::clone(&shared), shared);
    router
        .fallback(async move |request: Request| not_found(&unknown, &request))
        .method_not_allowed_fallback(async move |request: Request| not_allowed(&wrong_method, &request))
}

fn method_router(shared: &Arc<Shared>, route: Route) -> MethodRouter {
    let filter = match route.method {
        Method::Get => Some(MethodFilter::GET),
        Method::Post => Some(MethodFilter::POST),
        Method::Patch => Some(MethodFilter::PATCH),
        Method::Delete => Some(MethodFilter::DELETE),
        Method::Any => None,
    };
    let (shared, route) = (Arc::clone(shared), Arc::new(route));
    let handler = move |request: Request| serve(Arc::clone(&shared), Arc::clone(&route), request);
    match filter {
        Some(filter) => on(filter, handler),
        None => any(handler),
    }
}

async fn serve(shared: Arc<Shared>, route: Arc<Route>, request: Request) -> Response<Body> {
    let began = Instant::now();
    let id = request_id(&shared, request.headers());
    let span =
        tracing::debug_span!("http.request", method = %request.method(), route = route.path, request = %id);
    let has_precondition = request.headers().contains_key(IF_MATCH);
    let answered = answer(&shared, &route, request).instrument(span.clone()).await;
    let mut response = answered.unwrap_or_else(|problem| {
        let problem = if has_precondition { problem.for_precondition() } else { problem };
        if problem.is_damage() {
            shared.flow.store.note_damage();
        }
        if let Some(over) = problem.over_quota() {
            shared.flow.note_over_quota(over);
        }
        if let Some(cause) = problem.cause() {
            let _entered = span.enter();
            tracing::error!(route = route.path, request = %id, error = cause, "a request failed unexpectedly");
        }
        problem.response(&id)
    });
    name_request(&mut response, &id);
    let micros = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
    shared.flow.telemetry.http_request(route.path, response.status().as_u16(), micros);
    response
}

async fn answer(
    shared: &Arc<Shared>,
    route: &Arc<Route>,
    request: Request,
) -> Result<Response<Body>, Problem> {
    let (parts, body) = request.into_parts();
    let Admitted { mut call, caller, body_bytes_max } = admit(shared, route, parts).await?;
    let mut room = shared.room.enter(caller, route.body_copies);
    let bytes = match body_bytes_max {
        0 => Vec::new(),
        most => read_body(call.headers(), body, most, &mut room).await?,
    };
    call.holds(room);
    // An inbox's deliveries are the host's own work, and what is public reads nothing and is small.
    if !matches!(route.permission, Permission::Roles(_) | Permission::Company(_)) {
        return carry_out(route, call, bytes, None).await;
    }
    let room = shared.responses.enter(caller, route.response_bytes).await?;
    let reading = Reading { caller, class: route.reading };
    Ok(holding(carry_out(route, call, bytes, Some(reading)).await?, room))
}

async fn carry_out(
    route: &Arc<Route>,
    call: Call,
    bytes: Vec<u8>,
    reading: Option<Reading>,
) -> Result<Response<Body>, Problem> {
    if !route.is_finished_alone {
        return read_for(reading, route.answer(call, bytes)).await;
    }
    // Whoever goes away in the middle leaves nothing half done.
    let route = Arc::clone(route);
    let work = async move { read_for(reading, idempotency::answer(&route, call, bytes)).await };
    let answered = tokio::spawn(work.in_current_span());
    answered.await.unwrap_or_else(|_| Err(Problem::new(ProblemKind::Internal, "answering it failed")))
}

/// Has what the work reads count to its caller, if it has one.
async fn read_for<T>(reading: Option<Reading>, work: impl Future<Output = T>) -> T {
    match reading {
        Some(reading) => reading.scope(work).await,
        None => work.await,
    }
}

/// A request that may be read.
struct Admitted {
    call: Call,
    /// The owner of the token, or of the inbox at its own door, and which it is.
    caller: Caller,
    body_bytes_max: usize,
}

/// Whether somebody may ask, before anything of the body is read.
async fn admit(shared: &Arc<Shared>, route: &Route, parts: Parts) -> Result<Admitted, Problem> {
    let flow = &shared.flow;
    let bearer = auth::admit(flow, &parts.headers, route.permission)?;
    let (principal, mut allowance) = match bearer {
        Some(bearer) => (Some(bearer.principal), bearer.allowance),
        None => (None, Allowance::default()),
    };
    let mut caller = Caller::of_principal(principal.as_ref());
    let mut call = Call::new(Arc::clone(shared), principal, route.success, parts).await;
    if route.permission == Permission::Inbox {
        let credentials = auth::inbox_credentials(call.headers());
        let admitted = ingest::admit(flow, call.segment("inbox"), credentials)?;
        allowance = admitted.allowance;
        caller = Caller::of_inbox(&admitted.inbox);
        call = call.with_inbox(admitted.inbox);
    }
    let granted = allowance.body_bytes.and_then(|it| usize::try_from(it).ok()).unwrap_or(usize::MAX);
    Ok(Admitted { call, caller, body_bytes_max: route.body_bytes_max.min(granted.max(1)) })
}

async fn read_body(
    headers: &HeaderMap,
    body: Body,
    most: usize,
    room: &mut Taken,
) -> Result<Vec<u8>, Problem> {
    let announced = headers.get(CONTENT_LENGTH).and_then(|it| it.to_str().ok()?.parse().ok()).unwrap_or(0);
    if announced > most {
        return Err(too_large(most));
    }
    // Room is taken as bytes come: announcing many takes none from others.
    room.grow_to(announced.min(1))?;
    let bytes = Vec::with_capacity(announced.min(ANNOUNCED_BYTES_MAX));
    match tokio::time::timeout(BODY_TIMEOUT, collect(body, bytes, most, room)).await {
        Ok(collected) => collected,
        Err(_) => Err(too_slow()),
    }
}

async fn collect(
    mut body: Body,
    mut bytes: Vec<u8>,
    most: usize,
    room: &mut Taken,
) -> Result<Vec<u8>, Problem> {
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| broken_off())?;
        let Ok(data) = frame.into_data() else { continue };
        if data.len() > most - bytes.len() {
            return Err(too_large(most));
        }
        room.grow_in_turn_to(bytes.len() + data.len()).await?;
        bytes.extend_from_slice(&data);
    }
    Ok(bytes)
}

fn too_large(most: usize) -> Problem {
    let detail = format!("the body has more than the {most} bytes taken here");
    let remedy = "send less at once; where an allowance says so few, an admin can change it";
    Problem::new(ProblemKind::TooLarge, detail).with_remedy(remedy)
}

fn too_slow() -> Problem {
    let detail = format!("the body did not arrive within {} seconds", BODY_TIMEOUT.as_secs());
    let remedy = "nothing was accepted: send it again over a faster line, or less at once";
    Problem::new(ProblemKind::TooSlow, detail).with_remedy(remedy)
}

fn broken_off() -> Problem {
    let problem = Problem::new(ProblemKind::Malformed, "the body broke off");
    problem.with_remedy("nothing was accepted: send the whole of it again")
}

fn not_found(shared: &Shared, request: &Request) -> Response<Body> {
    let detail = format!("there is nothing at {}", request.uri().path());
    let problem = Problem::new(ProblemKind::NotFound, detail);
    refuse(shared, request, &problem.with_remedy("GET /openapi.json lists every address"))
}

fn not_allowed(shared: &Shared, request: &Request) -> Response<Body> {
    let detail = format!("{} cannot be asked for with {}", request.uri().path(), request.method());
    let problem = Problem::new(ProblemKind::MethodNotAllowed, detail);
    refuse(shared, request, &problem.with_remedy("the header `allow` of this answer says with what"))
}

fn refuse(shared: &Shared, request: &Request, problem: &Problem) -> Response<Body> {
    let id = request_id(shared, request.headers());
    let mut response = problem.response(&id);
    name_request(&mut response, &id);
    shared.flow.telemetry.http_request("unknown", response.status().as_u16(), 0);
    response
}

/// The id that the caller gave, if it is harmless, or a new one.
fn request_id(shared: &Shared, headers: &HeaderMap) -> String {
    let given = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok());
    let harmless = |id: &&str| {
        (1..=64).contains(&id.len())
            && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    match given.filter(harmless) {
        Some(id) => id.to_owned(),
        None => format!("{:x}", shared.flow.id::<i64>()),
    }
}

fn name_request(response: &mut Response<Body>, id: &str) {
    // Harmless characters only, so it is a header value.
    if let Ok(value) = HeaderValue::from_str(id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
}

#[cfg(test)]
#[path = "router/tests.rs"]
mod tests;
