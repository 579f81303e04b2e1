use axum::http::StatusCode;
use http_body_util::BodyExt;
use serde_json::{Value, json};

use super::*;

async fn sent(problem: impl Into<Problem>) -> (Response<()>, Value) {
    let (parts, body) = problem.into().response("req-1").into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    (Response::from_parts(parts, ()), serde_json::from_slice(&bytes).unwrap())
}

#[tokio::test]
async fn wrong_places_are_listed_by_pointer() {
    let (head, body) = sent(FlowError::invalid("/settings/rules/0", "`any` is missing")).await;
    assert_eq!(head.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(head.headers()[CONTENT_TYPE], MEDIA_TYPE);
    assert_eq!(
        body,
        json!({
            "type": "urn:switchboard:problem:invalid",
            "title": "Invalid",
            "status": 422,
            "detail": "`any` is missing",
            "instance": "urn:switchboard:request:req-1",
            "errors": [{ "pointer": "/settings/rules/0", "message": "`any` is missing" }],
            "remedy": "correct it and send it again; GET /openapi.json describes what is taken here",
        })
    );
}

#[tokio::test]
async fn a_refused_component_is_named_with_its_remedy() {
    let refused = FlowError::Refused {
        name: "foreign-import".to_owned(),
        found: "it imports wasi:clocks".to_owned(),
        remedy: "build it for wasm32-unknown-unknown".to_owned(),
    };
    let (head, body) = sent(refused).await;
    assert_eq!(head.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(body["name"], "foreign-import");
    assert_eq!(body["remedy"], "build it for wasm32-unknown-unknown");
}

#[tokio::test]
async fn what_a_problem_quotes_is_bounded() {
    let errors =
        (0..1_000).map(|_| FieldError { pointer: "/é".repeat(10_000), message: "é".repeat(10_000) });
    let detail = "é".repeat(1_000_000);
    let (_, body) = sent(FlowError::Invalid { detail, errors: errors.collect() }).await;
    assert_eq!(body["detail"].as_str().map(str::len), Some(DETAIL_BYTES_MAX));
    let errors = body["errors"].as_array().unwrap();
    assert_eq!(errors.len(), ERRORS_MAX);
    assert!(errors.iter().all(|it| it["message"].as_str().unwrap().len() <= DETAIL_BYTES_MAX));
    assert!(errors.iter().all(|it| it["pointer"].as_str().unwrap().len() <= POINTER_BYTES_MAX));
}

#[tokio::test]
async fn settings_that_take_too_much_are_named_with_a_remedy() {
    let (head, body) = sent(FlowError::SettingsTooCostly("it used up its time".to_owned())).await;
    assert_eq!(head.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(body["name"], "settings-too-costly");
    assert_eq!(body["errors"][0]["pointer"], "/settings");
    assert_eq!(body["remedy"], SETTINGS_TOO_COSTLY_REMEDY);
}

#[tokio::test]
async fn a_surprise_tells_the_client_nothing_of_the_inside() {
    let (head, body) = sent(FlowError::failed(std::io::Error::other("disk table xyz"))).await;
    assert_eq!(head.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert!(!body.to_string().contains("xyz"));
}

#[tokio::test]
async fn who_must_show_a_token_is_told_which_kind() {
    let (head, _) = sent(FlowError::Unauthenticated("no token".to_owned())).await;
    assert_eq!(head.headers()[WWW_AUTHENTICATE], "Bearer");
}

#[tokio::test]
async fn stale_is_a_failed_precondition_only_where_there_was_one() {
    let stale = || Problem::from(FlowError::Stale("inbox mail".to_owned()));
    assert_eq!(sent(stale()).await.0.status(), StatusCode::CONFLICT);
    assert_eq!(sent(stale().for_precondition()).await.0.status(), StatusCode::PRECONDITION_FAILED);
}
