//! Decisions: what was decided, who proposed what, and who contradicted whom.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::call::Call;
use super::cursor::{Entries, page_request};
use super::input::Query;
use super::output::Answer;
use super::permission;
use super::problem::Problem;
use super::route::Route;
use crate::domain::decision::{Decision, Judged};
use crate::domain::ids::ConversationId;
use crate::flow::access;

/// What a list shows of the texts of one decision: a hundred times an ordinary one.
const LISTED_BYTES_MAX: usize = 256 * 1024;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/v1/decisions", permission::DECISIONS_READ, "Lists decisions, newest first", list),
        Route::get(
            "/v1/decisions/{id}",
            permission::DECISIONS_READ,
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

/// A decision, or most of a very large one.
#[derive(Serialize, JsonSchema)]
pub(super) struct DecisionShown {
    /// The decision.
    #[serde(flatten)]
    decision: Decision,
    /// Set where texts and log lines are cut because the decision is very large; the whole is at
    /// `/v1/decisions/{id}`.
    #[serde(skip_serializing_if = "is_false")]
    is_cut: bool,
}

fn is_false(it: &bool) -> bool {
    !it
}

impl DecisionShown {
    /// As lists show it.
    pub(super) fn in_a_list(mut decision: Decision) -> Self {
        let is_cut = decision.cut_to(LISTED_BYTES_MAX);
        Self { decision, is_cut }
    }
}

/// A decision with its conflicts drawn out.
#[derive(Serialize, JsonSchema)]
struct DecisionEntry {
    /// The decision.
    #[serde(flatten)]
    shown: DecisionShown,
    /// Proposals that contradicted what stands.
    conflicts: Vec<Conflict>,
    /// Whether what it was made of is still there, so that it can be made again.
    is_replayable: bool,
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
    fn of(shown: DecisionShown) -> Self {
        let decision = &shown.decision;
        let conflicts = decision.conflicts();
        let conflicts = conflicts.map(|(contribution, judged)| Conflict {
            by: contribution.name.to_string(),
            judged: judged.clone(),
        });
        let is_replayable = decision.erased_at.is_none();
        Self { conflicts: conflicts.collect(), is_replayable, shown }
    }
}

async fn list(
    call: Call,
    Query(query): Query<DecisionQuery>,
) -> Result<Answer<Entries<DecisionEntry>>, Problem> {
    let page = page_request(query.cursor.as_deref(), query.limit)?;
    let found = call.flow().store.decisions(query.conversation, call.principal()?.department, page).await?;
    Ok(Answer::of(Entries::page(found, |it| DecisionEntry::of(DecisionShown::in_a_list(it)))))
}

async fn show(call: Call, (): ()) -> Result<Answer<DecisionEntry>, Problem> {
    let decision = access::decision(call.flow(), call.principal()?, call.id("id")?).await?;
    Ok(Answer::of(DecisionEntry::of(DecisionShown { decision, is_cut: false })))
}
