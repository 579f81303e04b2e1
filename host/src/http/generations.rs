//! Generations: the states of the pipeline, one after the other.

use schemars::JsonSchema;
use serde::Deserialize;

use super::call::Call;
use super::cursor::{Entries, PageQuery, page_request};
use super::input::Query;
use super::output::Answer;
use super::permission;
use super::problem::{Problem, ProblemKind};
use super::route::Route;
use crate::domain::generation::{Generation, GenerationDifference, difference as compare};
use crate::flow::Flow;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/v1/generations", permission::COMPANY_READ, "Lists the generations, newest first", list),
        Route::get(
            "/v1/generations/difference",
            permission::COMPANY_READ,
            "Says how two generations differ",
            difference,
        ),
        Route::get("/v1/generations/{number}", permission::COMPANY_READ, "Shows a generation", show),
    ]
}

async fn list(call: Call, Query(query): Query<PageQuery>) -> Result<Answer<Entries<Generation>>, Problem> {
    let page = page_request(query.cursor.as_deref(), query.limit)?;
    let found = call.flow().store.generations(page).await?;
    Ok(Answer::of(Entries::page(found, |generation| generation)))
}

async fn show(call: Call, (): ()) -> Result<Answer<Generation>, Problem> {
    let text = call.segment("number");
    let Ok(number) = text.parse() else {
        return Err(Problem::new(ProblemKind::NotFound, format!("`{text}` is no number of a generation")));
    };
    Ok(Answer::of(generation(call.flow(), number).await?))
}

/// Which two to compare.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct DifferenceQuery {
    /// The number of the one.
    from: i64,
    /// The number of the other.
    to: i64,
}

async fn difference(
    call: Call,
    Query(query): Query<DifferenceQuery>,
) -> Result<Answer<GenerationDifference>, Problem> {
    let from = generation(call.flow(), query.from).await?;
    let to = generation(call.flow(), query.to).await?;
    Ok(Answer::of(compare(&from, &to)))
}

async fn generation(flow: &Flow, number: i64) -> Result<Generation, Problem> {
    if let Some(found) = flow.store.generation(number).await? {
        return Ok(found);
    }
    let exists = match flow.store.latest_generation().await? {
        Some(latest) => {
            format!("there are 1 to {}, of which old ones that no decision names are deleted", latest.number)
        }
        None => "there is none yet".to_owned(),
    };
    Err(Problem::new(ProblemKind::NotFound, format!("there is no generation {number}; {exists}")))
}
