//! Tokens: who may get in, and as what.

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
use crate::domain::principal::Principal;
use crate::domain::token::Token;
use crate::flow::organise::{self, NewToken};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/v1/me", permission::ALL, "Says who the token's bearer is", me),
        Route::get("/v1/tokens", permission::TOKENS_READ, "Lists the tokens, oldest first", list),
        Route::post("/v1/tokens", permission::ADMIN, "Makes a token; it is shown this once", add)
            .with_success(StatusCode::CREATED),
        Route::get("/v1/tokens/{id}", permission::TOKENS_READ, "Shows what is kept of a token", show),
        Route::post(
            "/v1/tokens/{id}/revoke",
            permission::ADMIN,
            "Revokes a token: from the next request on it is worth nothing",
            revoke,
        ),
    ]
}

/// A token with the names of whose it is.
#[derive(Serialize, JsonSchema)]
struct TokenEntry {
    /// What is kept.
    #[serde(flatten)]
    token: Token,
    /// The department's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    department_name: Option<String>,
    /// The agent's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    agent_name: Option<String>,
    /// The token itself, if it was just made: it cannot be shown again.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

impl TokenEntry {
    fn of(token: Token, directory: &Directory) -> Self {
        Self {
            department_name: token.department.map(|id| department_name(directory, id)),
            agent_name: token.agent.and_then(|id| Some(directory.agent(id)?.name.clone())),
            secret: None,
            token,
        }
    }
}

async fn me(call: Call, (): ()) -> Result<Answer<Principal>, Problem> {
    Ok(Answer::of(call.principal()?.clone()))
}

async fn list(call: Call, (): ()) -> Result<Answer<Entries<TokenEntry>>, Problem> {
    let tokens = organise::tokens(call.flow(), call.principal()?).await?;
    let directory = call.flow().directory.load();
    Ok(Answer::of(Entries::all(tokens.into_iter().map(|it| TokenEntry::of(it, &directory)))))
}

async fn add(call: Call, Json(new): Json<NewToken>) -> Result<Answer<TokenEntry>, Problem> {
    let made = organise::add_token(call.flow(), call.principal()?, new).await?;
    let entry = TokenEntry::of(made.token, &call.flow().directory.load());
    Ok(Answer::of(TokenEntry { secret: Some(made.plain), ..entry }).showing_a_secret())
}

async fn show(call: Call, (): ()) -> Result<Answer<TokenEntry>, Problem> {
    let token = organise::token(call.flow(), call.principal()?, call.id("id")?).await?;
    Ok(Answer::of(TokenEntry::of(token, &call.flow().directory.load())))
}

async fn revoke(call: Call, (): ()) -> Result<Answer<TokenEntry>, Problem> {
    let token = organise::revoke_token(call.flow(), call.principal()?, call.id("id")?).await?;
    Ok(Answer::of(TokenEntry::of(token, &call.flow().directory.load())))
}
