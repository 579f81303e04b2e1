//! Items, one at a time.

use super::call::Call;
use super::output::Answer;
use super::problem::{Problem, ProblemKind};
use super::route::{Permission, Route};
use crate::domain::ids::ItemId;
use crate::domain::item::StoredItem;

pub(super) fn routes() -> Vec<Route> {
    vec![Route::get("/v1/items/{id}", Permission::Admin, "Shows an item in its latest revision", show)]
}

async fn show(call: Call, (): ()) -> Result<Answer<StoredItem>, Problem> {
    let id: ItemId = call.id("id")?;
    let found = call.flow().store.item(id).await?;
    let unknown = || Problem::new(ProblemKind::NotFound, format!("there is no item {id}"));
    Ok(Answer::of(found.ok_or_else(unknown)?))
}
