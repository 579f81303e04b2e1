//! A case in, the decision out, nothing stored.

use super::call::Call;
use super::input::Json;
use super::output::Answer;
use super::permission;
use super::problem::Problem;
use super::route::Route;
use crate::flow::evaluate::{self, EvaluateRequest, Evaluation};

pub(super) fn routes() -> Vec<Route> {
    let summary = "Says what would be decided about a case and who proposed what; stores nothing";
    vec![Route::post("/v1/evaluate", permission::EVALUATE, summary, judge).only_while_asked()]
}

async fn judge(mut call: Call, Json(request): Json<EvaluateRequest>) -> Result<Answer<Evaluation>, Problem> {
    // The case outlives the call where the caller goes away while it waits.
    let held = Box::new(call.room());
    Ok(Answer::of(evaluate::evaluate(call.flow(), call.principal()?, request, held).await?))
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use axum::body::Body;
    use axum::http::StatusCode;
    use futures::FutureExt;
    use serde_json::json;
    use tower::ServiceExt;

    use super::super::testing::Host;
    use crate::plugin::Lane;

    #[tokio::test]
    async fn case_keeps_its_room_while_it_waits_though_its_caller_has_gone() {
        let host = Host::start().await;
        host.post("/v1/departments", json!({ "name": "billing" })).await;
        host.post("/v1/queues", json!({ "name": "operator", "department": "billing", "kind": "operator" }))
            .await;
        host.add_inbox().await;
        let case = json!({
            "now": "2026-03-02T09:00:00Z",
            "item": {
                "external_id": "imagined", "kind": "email", "visibility": "private",
                "author": { "external_id": "grace@example.org" }, "text": "a refund",
                "occurred_at": "2026-03-02T09:00:00Z",
            },
            "conversation": {
                "id": "cnv_0000000000001", "status": "open", "opened_at": "2026-03-02T09:00:00Z", "item_count": 1,
            },
            "inbox": { "name": "web", "channel": "web", "department": "billing" },
        });
        // One caller has a piece of these four, and one body takes it.
        let room = host.with_room(4);
        let evaluate = || {
            let request = host.request("POST", "/v1/evaluate").header("content-type", "application/json");
            let body = Body::from(json!({ "case": case }).to_string());
            room.clone().oneshot(request.body(body).unwrap())
        };
        let lane = Lane::Trying(None);
        let (go_on, blocked) = mpsc::channel::<()>();
        let executor = host.flow.plugins.executor();
        executor.start(lane, move || blocked.recv().unwrap()).await.unwrap();
        assert!(evaluate().now_or_never().is_none(), "it waits, and its caller goes away");
        assert_eq!(evaluate().await.unwrap().status(), StatusCode::SERVICE_UNAVAILABLE);
        go_on.send(()).unwrap();
        executor.run(lane, || ()).await.unwrap();
        assert_eq!(evaluate().await.unwrap().status(), StatusCode::OK);
    }
}
