//! Items, one at a time.

use super::call::Call;
use super::output::Answer;
use super::permission;
use super::problem::Problem;
use super::route::Route;
use crate::domain::item::StoredItem;
use crate::flow::access;

pub(super) fn routes() -> Vec<Route> {
    vec![Route::get(
        "/v1/items/{id}",
        permission::CONVERSATIONS_READ,
        "Shows an item in its latest revision",
        show,
    )]
}

async fn show(call: Call, (): ()) -> Result<Answer<StoredItem>, Problem> {
    Ok(Answer::of(access::item(call.flow(), call.principal()?, call.id("id")?).await?))
}
