//! How much there is.

use super::call::Call;
use super::output::Answer;
use super::permission;
use super::problem::Problem;
use super::route::Route;
use crate::store::Counts;

pub(super) fn routes() -> Vec<Route> {
    vec![Route::get("/v1/counts", permission::COMPANY_READ, "Says how much the repository holds", show)]
}

async fn show(call: Call, (): ()) -> Result<Answer<Counts>, Problem> {
    Ok(Answer::of(call.flow().store.counts().await?))
}
