//! Decisions: what was decided, who proposed what, and who contradicted whom.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::call::Call;
use super::cursor::{Entries, page_request};
use super::input::Query;
use super::output::Answer;
use super::problem::{Problem, ProblemKind};
use super::route::{Permission, Route};
use crate::domain::decision::{Decision, Judged};
use crate::domain::ids::{ConversationId, DecisionId};

pub(super) fn routes() -> Vec<Route> {
    let admin = Permission::Admin;
    vec![
        Route::get("/v1/decisions", admin, "Lists decisions, newest first", list),
        Route::get(
            "/v1/decisions/{id}",
            admin,
            "Shows a decision with each policy's proposals, their reasons and the conflicts",
            show,
        ),
    ]
}

/// Which decisions to list.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct DecisionQuery {
    /// About this conversation.
    conversation: Option<ConversationId>,
    /// Where the page begins.
    cursor: Option<String>,
    /// How many entries, 1 to 200.
    limit: Option<u32>,
}

/// A decision with its conflicts drawn out.
#[derive(Serialize, JsonSchema)]
struct DecisionEntry {
    /// The decision.
    #[serde(flatten)]
    decision: Decision,
    /// Proposals that contradicted what stands.
    conflicts: Vec<Conflict>,
}

/// A proposal that contradicted what stands.
#[derive(Serialize, JsonSchema)]
struct Conflict {
    /// The name of the activation that lost.
    by: String,
    /// What it proposed, and to whom it lost.
    #[serde(flatten)]
    judged: Judged,
}

impl DecisionEntry {
    fn of(decision: Decision) -> Self {
        let conflicts = decision.conflicts();
        let conflicts = conflicts.map(|(contribution, judged)| Conflict {
            by: contribution.name.to_string(),
            judged: judged.clone(),
        });
        Self { conflicts: conflicts.collect(), decision }
    }
}

async fn list(
    call: Call,
    Query(query): Query<DecisionQuery>,
) -> Result<Answer<Entries<DecisionEntry>>, Problem> {
    let page = page_request(query.cursor.as_deref(), query.limit)?;
    let found = call.flow().store.decisions(query.conversation, page).await?;
    Ok(Answer::of(Entries::page(found, DecisionEntry::of)))
}

async fn show(call: Call, (): ()) -> Result<Answer<DecisionEntry>, Problem> {
    let id: DecisionId = call.id("id")?;
    let found = call.flow().store.decision(id).await?;
    let unknown = || Problem::new(ProblemKind::NotFound, format!("there is no decision {id}"));
    Ok(Answer::of(DecisionEntry::of(found.ok_or_else(unknown)?)))
}
