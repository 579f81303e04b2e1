//! Signing keys, proven and registered.

use serde_json::{Value, json};
use switchboard::plugin::signing::PrivateKey;

use super::TestApp;
use super::reply::text;

/// What registers a key for a department, or for the company, with the proof that it takes.
pub async fn proven(app: &TestApp, key: &PrivateKey, department: Option<&str>) -> Value {
    let installation = app.get("/v1/installation").await.json(200);
    let proof = key.prove(text(&installation, "/id"), department);
    let mut wanted = json!({ "title": "a key", "public_key": key.public_key(), "proof": proof });
    if let Some(department) = department {
        wanted["department"] = department.into();
    }
    wanted
}
