//! The audit log: who did what.

use super::call::Call;
use super::cursor::{Entries, PageQuery, page_request};
use super::input::Query;
use super::output::Answer;
use super::permission;
use super::problem::Problem;
use super::route::Route;
use crate::store::{AuditEntry, AuditVerification};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/v1/audit", permission::COMPANY_READ, "Lists who did what, newest first", list),
        Route::get(
            "/v1/audit/verification",
            permission::COMPANY_READ,
            "Says whether the audit log is what was written",
            verify,
        )
        .sweeping(),
    ]
}

async fn verify(call: Call, (): ()) -> Result<Answer<AuditVerification>, Problem> {
    Ok(Answer::of(call.flow().store.verify_audit().await?))
}

async fn list(call: Call, Query(query): Query<PageQuery>) -> Result<Answer<Entries<AuditEntry>>, Problem> {
    let page = page_request(query.cursor.as_deref(), query.limit)?;
    let found = call.flow().store.audit(page).await?;
    Ok(Answer::of(Entries::page(found, |entry| entry)))
}
