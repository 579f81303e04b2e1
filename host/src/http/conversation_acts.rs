//! Conversations, to do something with. Every act heeds `If-Match`.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::call::Call;
use super::input::Json;
use super::output::Answer;
use super::permission;
use super::problem::Problem;
use super::route::Route;
use super::view::ConversationEntry;
use crate::domain::conversation::{Conversation, Disposition};
use crate::domain::ids::{ConversationId, ItemId};
use crate::domain::proposal::{Destination, Listening, Priority};
use crate::flow::Flow;
use crate::flow::converse::{self, Act, Claiming, Facts, HandOff, Reply};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::post(
            "/v1/conversations/{id}/claim",
            permission::CONVERSATIONS_ACT,
            "Assigns a conversation to an agent",
            claim,
        ),
        Route::post(
            "/v1/conversations/{id}/release",
            permission::CONVERSATIONS_ACT,
            "Gives a conversation back to its queue",
            release,
        ),
        Route::post(
            "/v1/conversations/{id}/note",
            permission::CONVERSATIONS_ACT,
            "Leaves a remark that customers do not see",
            note,
        ),
        Route::post(
            "/v1/conversations/{id}/reply",
            permission::CONVERSATIONS_ACT,
            "Answers the customer",
            reply,
        )
        .with_success(StatusCode::ACCEPTED),
        Route::post(
            "/v1/conversations/{id}/hand-off",
            permission::CONVERSATIONS_ACT,
            "Hands a conversation to others",
            hand_off,
        ),
        Route::post(
            "/v1/conversations/{id}/set",
            permission::CONVERSATIONS_ACT,
            "Sets what a person knows better than policies",
            set,
        ),
        Route::post(
            "/v1/conversations/{id}/close",
            permission::CONVERSATIONS_ACT,
            "Ends a conversation with what was learned",
            close,
        ),
        Route::post(
            "/v1/conversations/{id}/reopen",
            permission::CONVERSATIONS_ACT,
            "Takes a closed conversation up again",
            reopen,
        ),
        Route::post(
            "/v1/conversations/{id}/ask-again",
            permission::CONVERSATIONS_ACT,
            "Has the policies judge it once more",
            ask_again,
        ),
        Route::post(
            "/v1/conversations/{id}/merge",
            permission::CONVERSATIONS_ACT,
            "Merges a conversation into another, which goes on",
            merge,
        ),
        Route::post(
            "/v1/conversations/{id}/unmerge",
            permission::CONVERSATIONS_ACT,
            "Takes back that a conversation was merged into another",
            unmerge,
        ),
        Route::post(
            "/v1/conversations/{id}/dismiss-suggestion",
            permission::CONVERSATIONS_ACT,
            "Takes the suggestion off that two conversations belong together",
            dismiss_suggestion,
        ),
    ]
}

fn act(call: &Call, agent: Option<String>) -> Result<Act, Problem> {
    Ok(Act {
        principal: call.principal()?.clone(),
        conversation: call.id("id")?,
        agent,
        revision: call.revision_seen()?,
    })
}

fn shown(flow: &Flow, conversation: Conversation) -> Answer<ConversationEntry> {
    let revision = conversation.revision;
    Answer::of(ConversationEntry::of(conversation, &flow.directory.load())).tagged(revision)
}

/// On whose behalf.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ActRequest {
    /// The name of the agent it is done for.
    agent: Option<String>,
}

/// A claim.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ClaimRequest {
    /// The name of the agent who gets it.
    agent: Option<String>,
    /// What to do when a colleague has it.
    #[serde(default)]
    claiming: Claiming,
}

async fn claim(call: Call, Json(it): Json<ClaimRequest>) -> Result<Answer<ConversationEntry>, Problem> {
    let changed = converse::claim(call.flow(), &act(&call, it.agent)?, it.claiming).await?;
    Ok(shown(call.flow(), changed))
}

async fn release(call: Call, Json(it): Json<ActRequest>) -> Result<Answer<ConversationEntry>, Problem> {
    Ok(shown(call.flow(), converse::release(call.flow(), &act(&call, it.agent)?).await?))
}

/// A remark.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NoteRequest {
    /// The name of the agent whose remark it is.
    agent: Option<String>,
    /// The remark.
    text: String,
}

async fn note(call: Call, Json(it): Json<NoteRequest>) -> Result<Answer<ConversationEntry>, Problem> {
    Ok(shown(call.flow(), converse::note(call.flow(), &act(&call, it.agent)?, &it.text).await?))
}

/// An answer.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ReplyRequest {
    /// The name of the agent who answers.
    agent: Option<String>,
    /// What it says.
    text: String,
    /// The item it answers; the customer's latest when absent.
    item: Option<ItemId>,
}

/// An answer on its way.
#[derive(Serialize, JsonSchema)]
struct ReplyEntry {
    /// The item it became.
    item: ItemId,
    /// The conversation afterwards.
    conversation: ConversationEntry,
}

async fn reply(call: Call, Json(it): Json<ReplyRequest>) -> Result<Answer<ReplyEntry>, Problem> {
    let reply = Reply { text: it.text, item: it.item };
    let (changed, item) = converse::reply(call.flow(), &act(&call, it.agent)?, &reply).await?;
    let revision = changed.revision;
    let conversation = ConversationEntry::of(changed, &call.flow().directory.load());
    Ok(Answer::of(ReplyEntry { item, conversation }).tagged(revision))
}

/// A hand-off.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct HandOffRequest {
    /// The name of the agent who hands it on.
    agent: Option<String>,
    /// Who takes over.
    to: Destination,
    /// What they need to know.
    summary: Option<String>,
}

async fn hand_off(call: Call, Json(it): Json<HandOffRequest>) -> Result<Answer<ConversationEntry>, Problem> {
    let hand_off = HandOff { to: it.to, summary: it.summary };
    Ok(shown(call.flow(), converse::hand_off(call.flow(), &act(&call, it.agent)?, &hand_off).await?))
}

/// What a person says of a conversation; absent fields stay.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SetRequest {
    /// The name of the agent who says so.
    agent: Option<String>,
    /// How soon it matters.
    priority: Option<Priority>,
    /// What the customer wants.
    intent: Option<String>,
    /// Which kind of listening it is.
    listening: Option<Listening>,
    /// BCP 47 tag of its language.
    language: Option<String>,
    /// Labels to add.
    #[serde(default)]
    add_tags: BTreeSet<String>,
    /// Labels to remove.
    #[serde(default)]
    remove_tags: BTreeSet<String>,
}

async fn set(call: Call, Json(it): Json<SetRequest>) -> Result<Answer<ConversationEntry>, Problem> {
    let facts = Facts {
        priority: it.priority,
        intent: it.intent,
        listening: it.listening,
        language: it.language,
        add_tags: it.add_tags,
        remove_tags: it.remove_tags,
    };
    Ok(shown(call.flow(), converse::set(call.flow(), &act(&call, it.agent)?, &facts).await?))
}

/// An end.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CloseRequest {
    /// The name of the agent who ends it.
    agent: Option<String>,
    /// What was learned; without it nothing ends.
    disposition: Option<Disposition>,
}

async fn close(call: Call, Json(it): Json<CloseRequest>) -> Result<Answer<ConversationEntry>, Problem> {
    let (act, disposition) = (act(&call, it.agent)?, it.disposition.as_ref());
    Ok(shown(call.flow(), converse::close(call.flow(), &act, disposition).await?))
}

async fn reopen(call: Call, Json(it): Json<ActRequest>) -> Result<Answer<ConversationEntry>, Problem> {
    Ok(shown(call.flow(), converse::reopen(call.flow(), &act(&call, it.agent)?).await?))
}

async fn ask_again(call: Call, Json(it): Json<ActRequest>) -> Result<Answer<ConversationEntry>, Problem> {
    Ok(shown(call.flow(), converse::ask_again(call.flow(), &act(&call, it.agent)?).await?))
}

/// A merge.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct MergeRequest {
    /// The name of the agent who merges.
    agent: Option<String>,
    /// The conversation that goes on.
    into: ConversationId,
}

/// The conversation that goes on.
async fn merge(call: Call, Json(it): Json<MergeRequest>) -> Result<Answer<ConversationEntry>, Problem> {
    Ok(shown(call.flow(), converse::merge(call.flow(), &act(&call, it.agent)?, it.into).await?))
}

/// Two conversations that were one.
#[derive(Serialize, JsonSchema)]
struct UnmergedEntry {
    /// The one that had ended.
    conversation: ConversationEntry,
    /// The one that it had ended in.
    survivor: ConversationEntry,
}

async fn unmerge(call: Call, Json(it): Json<ActRequest>) -> Result<Answer<UnmergedEntry>, Problem> {
    let undone = converse::unmerge(call.flow(), &act(&call, it.agent)?).await?;
    let revision = undone.ended.revision;
    let directory = call.flow().directory.load();
    let conversation = ConversationEntry::of(undone.ended, &directory);
    let survivor = ConversationEntry::of(undone.survivor, &directory);
    Ok(Answer::of(UnmergedEntry { conversation, survivor }).tagged(revision))
}

/// A suggestion that is none.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct DismissRequest {
    /// The name of the agent who decides.
    agent: Option<String>,
    /// The conversation that was suggested.
    other: ConversationId,
}

async fn dismiss_suggestion(
    call: Call,
    Json(it): Json<DismissRequest>,
) -> Result<Answer<ConversationEntry>, Problem> {
    let act = act(&call, it.agent)?;
    Ok(shown(call.flow(), converse::dismiss_suggestion(call.flow(), &act, it.other).await?))
}

#[cfg(test)]
#[path = "conversation_acts/tests.rs"]
mod tests;
