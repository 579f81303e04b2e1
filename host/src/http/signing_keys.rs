//! Keys whose signatures of releases count.

use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::call::Call;
use super::cursor::Entries;
use super::input::Json;
use super::output::Answer;
use super::permission;
use super::problem::Problem;
use super::route::Route;
use super::view::department_name;
use crate::domain::organisation::Directory;
use crate::domain::signing::SigningKey;
use crate::flow::sign::{self, NewSigningKey};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get(
            "/v1/signing-keys",
            permission::ALL,
            "Lists the keys that sign releases, oldest first",
            list,
        ),
        Route::post("/v1/signing-keys", permission::ADMIN, "Registers a key that signs releases", add)
            .with_success(StatusCode::CREATED),
        Route::post(
            "/v1/signing-keys/{id}/revoke",
            permission::ADMIN,
            "Revokes a key: what it signed is neither published nor enabled any more",
            revoke,
        ),
    ]
}

/// A key with its department's name.
#[derive(Serialize, JsonSchema)]
struct SigningKeyEntry {
    /// The key.
    #[serde(flatten)]
    key: SigningKey,
    /// The department's name; absent for the company's key.
    #[serde(skip_serializing_if = "Option::is_none")]
    department_name: Option<String>,
}

impl SigningKeyEntry {
    fn of(key: SigningKey, directory: &Directory) -> Self {
        Self { department_name: key.department.map(|id| department_name(directory, id)), key }
    }
}

async fn list(call: Call, (): ()) -> Result<Answer<Entries<SigningKeyEntry>>, Problem> {
    let keys = call.flow().store.signing_keys().await?;
    let directory = call.flow().directory.load();
    Ok(Answer::of(Entries::all(keys.into_iter().map(|it| SigningKeyEntry::of(it, &directory)))))
}

async fn add(call: Call, Json(new): Json<NewSigningKey>) -> Result<Answer<SigningKeyEntry>, Problem> {
    let key = sign::add_signing_key(call.flow(), call.principal()?, new).await?;
    Ok(Answer::of(SigningKeyEntry::of(key, &call.flow().directory.load())))
}

/// Why.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Because {
    /// Why, for people.
    pub(super) reason: String,
}

async fn revoke(call: Call, Json(because): Json<Because>) -> Result<Answer<SigningKeyEntry>, Problem> {
    let (flow, id) = (call.flow(), call.id("id")?);
    let key = sign::revoke_signing_key(flow, call.principal()?, id, &because.reason).await?;
    Ok(Answer::of(SigningKeyEntry::of(key, &flow.directory.load())))
}
