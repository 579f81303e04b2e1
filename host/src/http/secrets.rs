//! Secrets: what is known of them. Their values go in and never come out.

use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;

use super::call::Call;
use super::cursor::Entries;
use super::input::Json;
use super::output::Answer;
use super::permission;
use super::problem::Problem;
use super::route::Route;
use super::view::department_name;
use crate::domain::organisation::Directory;
use crate::domain::secret::{Secret, SecretValueFacts};
use crate::flow::Flow;
use crate::flow::organise::{self, NewSecret, NewSecretValue, SecretChange};
use crate::store::StoredSecret;

pub(super) fn routes() -> Vec<Route> {
    let created = StatusCode::CREATED;
    vec![
        Route::get("/v1/secrets", permission::TOKENS_READ, "Lists the secrets by name", list),
        Route::post("/v1/secrets", permission::ADMIN, "Keeps a secret; its value is never shown", add)
            .with_success(created),
        Route::get("/v1/secrets/{name}", permission::TOKENS_READ, "Shows what is known of a secret", show),
        Route::patch(
            "/v1/secrets/{name}",
            permission::ADMIN,
            "Changes what a secret may be used for; heeds If-Match",
            change,
        ),
        Route::post(
            "/v1/secrets/{name}/values",
            permission::ADMIN,
            "Adds a value: it is sent from now on, those before it still count for what comes in",
            add_value,
        )
        .with_success(created),
        Route::post(
            "/v1/secrets/{name}/values/{id}/retire",
            permission::ADMIN,
            "Retires a value: it counts no more, and is deleted",
            retire,
        ),
    ]
}

/// A secret with what is known of its values.
#[derive(Serialize, JsonSchema)]
struct SecretEntry {
    /// The secret.
    #[serde(flatten)]
    secret: Secret,
    /// The department's name; absent for the company's.
    #[serde(skip_serializing_if = "Option::is_none")]
    department_name: Option<String>,
    /// Its values, oldest first; the newest that counts is the one that is sent.
    values: Vec<SecretValueEntry>,
}

/// What is known of a value.
#[derive(Serialize, JsonSchema)]
struct SecretValueEntry {
    /// The value's facts.
    #[serde(flatten)]
    facts: SecretValueFacts,
    /// Whether it counts and can be opened: `false` for one that was sealed with another key.
    readable: bool,
}

impl SecretEntry {
    fn of(stored: StoredSecret, flow: &Flow, directory: &Directory) -> Self {
        let value = |facts: SecretValueFacts| SecretValueEntry {
            facts,
            readable: facts.retired_at.is_none() && flow.safe.is_readable(facts.id),
        };
        Self {
            department_name: stored.secret.department.map(|id| department_name(directory, id)),
            secret: stored.secret,
            values: stored.values.into_iter().map(|it| value(it.facts)).collect(),
        }
    }
}

fn answer(call: &Call, stored: StoredSecret) -> Answer<SecretEntry> {
    let revision = stored.secret.revision;
    Answer::of(SecretEntry::of(stored, call.flow(), &call.flow().directory.load())).tagged(revision)
}

async fn list(call: Call, (): ()) -> Result<Answer<Entries<SecretEntry>>, Problem> {
    let flow = call.flow();
    let secrets = organise::secrets(flow, call.principal()?).await?;
    let directory = flow.directory.load();
    Ok(Answer::of(Entries::all(secrets.into_iter().map(|it| SecretEntry::of(it, flow, &directory)))))
}

async fn add(call: Call, Json(new): Json<NewSecret>) -> Result<Answer<SecretEntry>, Problem> {
    let stored = organise::add_secret(call.flow(), call.principal()?, new).await?;
    Ok(answer(&call, stored))
}

async fn show(call: Call, (): ()) -> Result<Answer<SecretEntry>, Problem> {
    let stored = organise::secret(call.flow(), call.principal()?, call.segment("name")).await?;
    Ok(answer(&call, stored))
}

async fn change(call: Call, Json(change): Json<SecretChange>) -> Result<Answer<SecretEntry>, Problem> {
    let (name, seen) = (call.segment("name"), call.revision_seen()?);
    let stored = organise::change_secret(call.flow(), call.principal()?, name, change, seen).await?;
    Ok(answer(&call, stored))
}

async fn add_value(call: Call, Json(new): Json<NewSecretValue>) -> Result<Answer<SecretEntry>, Problem> {
    let (name, seen) = (call.segment("name"), call.revision_seen()?);
    let stored = organise::add_secret_value(call.flow(), call.principal()?, name, new, seen).await?;
    Ok(answer(&call, stored))
}

async fn retire(call: Call, (): ()) -> Result<Answer<SecretEntry>, Problem> {
    let (name, id) = (call.segment("name"), call.id("id")?);
    let stored = organise::retire_secret_value(call.flow(), call.principal()?, name, id).await?;
    Ok(answer(&call, stored))
}
