//! Quotas: how much of each shared thing one department may have.

use schemars::JsonSchema;
use serde::Deserialize;

use super::call::Call;
use super::cursor::Entries;
use super::input::{Json, Query};
use super::output::Answer;
use super::permission;
use super::problem::Problem;
use super::route::Route;
use crate::flow::quotas::{self, QuotaEntry, QuotasChange};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get(
            "/v1/quotas",
            permission::TOKENS_READ,
            "Lists the quotas of a department or of the company, with their defaults and how much is used",
            list,
        ),
        Route::patch(
            "/v1/quotas",
            permission::COMPANY_ADMIN,
            "Changes quotas of a department or of the company",
            change,
        ),
    ]
}

/// Whose quotas to list.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct QuotaQuery {
    /// The department's name; absent for the caller's own, or else the company's.
    department: Option<String>,
}

async fn list(call: Call, Query(query): Query<QuotaQuery>) -> Result<Answer<Entries<QuotaEntry>>, Problem> {
    let found = quotas::quotas(call.flow(), call.principal()?, query.department.as_deref()).await?;
    Ok(Answer::of(Entries::all(found)))
}

async fn change(
    call: Call,
    Json(wanted): Json<QuotasChange>,
) -> Result<Answer<Entries<QuotaEntry>>, Problem> {
    Ok(Answer::of(Entries::all(quotas::change(call.flow(), call.principal()?, wanted).await?)))
}
