//! Search over items.

use schemars::JsonSchema;
use serde::Deserialize;

use super::call::Call;
use super::cursor::{Entries, page_request};
use super::input::Query;
use super::output::Answer;
use super::permission;
use super::problem::Problem;
use super::route::Route;
use crate::domain::item::StoredItem;

/// The longest query, in characters: each word of it is looked up.
const QUERY_CHARS_MAX: usize = 500;

pub(super) fn routes() -> Vec<Route> {
    let summary =
        "Finds items whose text, subject or author contains every word (in quotes: the phrase), newest first";
    vec![Route::get("/v1/search", permission::CONVERSATIONS_READ, summary, search).searching()]
}

/// What to look for.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SearchQuery {
    /// Words, or a phrase in quotes.
    q: String,
    /// Where the page begins.
    cursor: Option<String>,
    /// How many entries, 1 to 200.
    limit: Option<u32>,
}

async fn search(
    call: Call,
    Query(query): Query<SearchQuery>,
) -> Result<Answer<Entries<StoredItem>>, Problem> {
    let page = page_request(query.cursor.as_deref(), query.limit)?;
    let words = query.q.trim();
    if words.is_empty() || words.chars().count() > QUERY_CHARS_MAX {
        let message = format!("say in 1 to {QUERY_CHARS_MAX} characters what to look for");
        return Err(Problem::invalid("/query/q", message));
    }
    let found = call.flow().store.search(words, call.principal()?.department, page).await?;
    Ok(Answer::of(Entries::page(found, |hit| hit.item)))
}
