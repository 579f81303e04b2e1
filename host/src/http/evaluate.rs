//! A case in, the decision out, nothing stored.

use super::call::Call;
use super::input::Json;
use super::output::Answer;
use super::permission;
use super::problem::Problem;
use super::route::Route;
use crate::flow::evaluate::{self, EvaluateRequest, Evaluation};

pub(super) fn routes() -> Vec<Route> {
    let summary = "Says what would be decided about a case and who proposed what; stores nothing";
    vec![Route::post("/v1/evaluate", permission::EVALUATE, summary, judge).only_while_asked()]
}

async fn judge(call: Call, Json(request): Json<EvaluateRequest>) -> Result<Answer<Evaluation>, Problem> {
    Ok(Answer::of(evaluate::evaluate(call.flow(), call.principal()?, request).await?))
}
