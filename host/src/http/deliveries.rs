//! Deliveries: what came in as it came in, above all what could not be read.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::call::Call;
use super::cursor::{Entries, page_request};
use super::ingest::ReceivedEntry;
use super::input::Query;
use super::output::{Answer, Download};
use super::permission;
use super::problem::{Problem, ProblemKind};
use super::route::Route;
use crate::domain::delivery::{Delivery, DeliveryOutcome, Header};
use crate::domain::organisation::Directory;
use crate::flow::{access, retry};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/v1/deliveries", permission::DELIVERIES_READ, "Lists deliveries, newest first", list),
        Route::get(
            "/v1/deliveries/{id}",
            permission::DELIVERIES_READ,
            "Shows a delivery and how it was sent",
            show,
        ),
        Route::get(
            "/v1/deliveries/{id}/raw",
            permission::DELIVERIES_READ,
            "Gives a delivery's body as it came",
            raw,
        )
        .taking_room_later(),
        Route::post(
            "/v1/deliveries/{id}/retry",
            permission::DELIVERIES_ACT,
            "Reads an unparsed delivery once more",
            read_again,
        ),
    ]
}

/// A delivery with its inbox's name.
#[derive(Serialize, JsonSchema)]
struct DeliveryEntry {
    /// The delivery.
    #[serde(flatten)]
    delivery: Delivery,
    /// The inbox's name.
    inbox_name: String,
}

impl DeliveryEntry {
    fn of(delivery: Delivery, directory: &Directory) -> Self {
        let inbox_name = directory.inbox(delivery.inbox).map(|it| it.name.clone()).unwrap_or_default();
        Self { delivery, inbox_name }
    }
}

/// Which deliveries to list.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct DeliveryQuery {
    /// Of this outcome.
    outcome: Option<DeliveryOutcome>,
    /// To the inbox of this name.
    inbox: Option<String>,
    /// Where the page begins.
    cursor: Option<String>,
    /// How many entries, 1 to 200.
    limit: Option<u32>,
}

async fn list(
    call: Call,
    Query(query): Query<DeliveryQuery>,
) -> Result<Answer<Entries<DeliveryEntry>>, Problem> {
    let page = page_request(query.cursor.as_deref(), query.limit)?;
    let directory = call.flow().directory.load_full();
    let principal = call.principal()?;
    let inbox = query.inbox.as_deref().map(|name| access::inbox(&directory, principal, name)).transpose();
    let inbox = inbox.map_err(|unknown| Problem::invalid("/query/inbox", unknown.to_string()))?;
    let inbox = inbox.map(|it| it.id);
    let found = call.flow().store.deliveries(inbox, query.outcome, principal.department, page).await?;
    Ok(Answer::of(Entries::page(found, |it| DeliveryEntry::of(it, &directory))))
}

/// A delivery and how it was sent.
#[derive(Serialize, JsonSchema)]
struct DeliveryDetail {
    /// The delivery.
    #[serde(flatten)]
    delivery: DeliveryEntry,
    /// Request method.
    method: String,
    /// The path below the inbox's address.
    path: String,
    /// The query without `?`.
    #[serde(skip_serializing_if = "Option::is_none")]
    query: Option<String>,
    /// Header fields, without those that carried credentials.
    headers: Vec<Header>,
}

async fn show(call: Call, (): ()) -> Result<Answer<DeliveryDetail>, Problem> {
    let (delivery, raw) = access::delivery_head(call.flow(), call.principal()?, call.id("id")?).await?;
    Ok(Answer::of(DeliveryDetail {
        delivery: DeliveryEntry::of(delivery, &call.flow().directory.load()),
        method: raw.method,
        path: raw.path,
        query: raw.query,
        headers: raw.headers,
    }))
}

async fn raw(call: Call, (): ()) -> Result<Download, Problem> {
    let id = call.id("id")?;
    let (delivery, _) = access::delivery_head(call.flow(), call.principal()?, id).await?;
    if delivery.purged_at.is_some() {
        let detail = "its bytes are gone: it was too old for its inbox, or told of somebody who was erased";
        return Err(Problem::new(ProblemKind::Gone, detail));
    }
    let _room = call.room_for(usize::try_from(delivery.body_bytes).unwrap_or(usize::MAX)).await?;
    let (_, raw) = access::delivery(call.flow(), call.principal()?, id).await?;
    Ok(Download(raw.body))
}

async fn read_again(call: Call, (): ()) -> Result<Answer<ReceivedEntry>, Problem> {
    let id = call.id("id")?;
    let (delivery, _) = access::delivery_head(call.flow(), call.principal()?, id).await?;
    let room = call.room_for_delivery(usize::try_from(delivery.body_bytes).unwrap_or(usize::MAX))?;
    let received = retry::retry(call.flow(), call.principal()?, id, Box::new(room)).await?;
    Ok(Answer::of(received.into()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::Router;
    use axum::body::Body;
    use axum::http::StatusCode;
    use serde_json::json;
    use tower::ServiceExt;

    use super::super::testing::Host;
    use crate::domain::delivery::RawDelivery;
    use crate::domain::ids::DeliveryId;
    use crate::domain::organisation::Inbox;
    use crate::store::{IntakeContent, IntakeEntry, IntakeOrigin};

    /// A kept delivery with a body of so many bytes.
    async fn kept(host: &Host, inbox: &Arc<Inbox>, bytes: usize) -> DeliveryId {
        let delivery = host.flow.id();
        let entry = IntakeEntry {
            delivery,
            origin: IntakeOrigin::Fresh,
            inbox: Arc::clone(inbox),
            is_authentic: false,
            raw: Arc::new(RawDelivery {
                method: "POST".to_owned(),
                path: String::new(),
                query: None,
                headers: Vec::new(),
                body: vec![b'x'; bytes],
                received_at: host.flow.now(),
            }),
            adapter: None,
            content: IntakeContent::Unparsed { reason: "unavailable: not yet".to_owned() },
            audit: None,
        };
        host.flow.store.commit_intakes(&[entry], None).await.unwrap().remove(0).unwrap();
        delivery
    }

    #[tokio::test]
    async fn delivery_that_is_read_again_takes_room_for_its_body() {
        let host = Host::start().await;
        host.post("/v1/departments", json!({ "name": "billing" })).await;
        host.post("/v1/queues", json!({ "name": "operator", "department": "billing", "kind": "operator" }))
            .await;
        let inbox = host.add_inbox().await;
        let (short, long) = (kept(&host, &inbox, 100).await, kept(&host, &inbox, 64 * 1024).await);
        let retry = async |room: &Router, id: DeliveryId| {
            let request = host.request("POST", &format!("/v1/deliveries/{id}/retry"));
            room.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap().status()
        };
        // One caller has a piece of these four.
        let small = host.with_room(4);
        assert_eq!(retry(&small, long).await, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(retry(&small, short).await, StatusCode::OK);
        assert_eq!(retry(&small, short).await, StatusCode::OK, "the room is given back");
        assert_eq!(retry(&host.with_room(32), long).await, StatusCode::OK);
    }
}
