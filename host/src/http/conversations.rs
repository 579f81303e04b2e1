//! Conversations, to look at.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::call::Call;
use super::cursor::{Entries, PageQuery, first_page, largest_page, page_request};
use super::decisions::DecisionShown;
use super::input::Query;
use super::output::Answer;
use super::permission;
use super::problem::Problem;
use super::queues::queue_at;
use super::response_room::PAGE_BYTES;
use super::route::Route;
use super::view::ConversationEntry;
use crate::domain::case::shown;
use crate::domain::contact::{Contact, Identity};
use crate::domain::conversation::Status;
use crate::domain::ids::{AgentId, ContactId, ConversationId};
use crate::domain::item::StoredItem;
use crate::domain::organisation::Directory;
use crate::domain::outbox::OutboxEntry;
use crate::domain::principal::Principal;
use crate::flow::converse::{self, MergeSuggestion};
use crate::flow::{Flow, FlowError, access};
use crate::store::{ConversationFilter, Note};

/// How many answers a conversation is shown with: the latest, as many as the largest page has.
const OUTBOX_SHOWN: u32 = 200;

/// How much is shown of why one of them failed.
const ERROR_BYTES_MAX: usize = 1024;

/// What a conversation takes while it is shown: three pages (items, notes, decisions), and less than one for what
/// stands around them.
const DETAIL_BYTES: usize = 4 * PAGE_BYTES;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get(
            "/v1/conversations",
            permission::CONVERSATIONS_READ,
            "Lists conversations, newest first; those of a queue in the order to be answered",
            list,
        ),
        Route::get(
            "/v1/conversations/{id}",
            permission::CONVERSATIONS_READ,
            "Shows a conversation with its first items and latest decisions, remarks and answers on their way",
            show,
        )
        .taking(DETAIL_BYTES),
        Route::get(
            "/v1/conversations/{id}/items",
            permission::CONVERSATIONS_READ,
            "Lists a conversation's items, oldest first; long ones in part",
            items,
        ),
        Route::get(
            "/v1/conversations/{id}/notes",
            permission::CONVERSATIONS_READ,
            "Lists a conversation's notes, newest first",
            notes,
        ),
    ]
}

/// Which conversations to list.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ConversationQuery {
    /// In this queue, `department/queue`.
    queue: Option<String>,
    /// In the inbox of this name.
    inbox: Option<String>,
    /// With this status.
    status: Option<Status>,
    /// Assigned to the agent of this name.
    assignee: Option<String>,
    /// With this label.
    tag: Option<String>,
    /// With this contact.
    contact: Option<ContactId>,
    /// Where the page begins.
    cursor: Option<String>,
    /// How many entries, 1 to 200.
    limit: Option<u32>,
}

async fn list(
    call: Call,
    Query(query): Query<ConversationQuery>,
) -> Result<Answer<Entries<ConversationEntry>>, Problem> {
    let page = page_request(query.cursor.as_deref(), query.limit)?;
    let directory = call.flow().directory.load_full();
    let filter = filter(query, &directory, call.principal()?)?;
    let found = call.flow().store.conversations(&filter, page).await?;
    Ok(Answer::of(Entries::page(found, |it| ConversationEntry::of(it, &directory))))
}

fn filter(
    query: ConversationQuery,
    directory: &Directory,
    principal: &Principal,
) -> Result<ConversationFilter, Problem> {
    let misnamed = |name: &str| {
        let pointer = format!("/query/{name}");
        move |unknown: FlowError| Problem::invalid(pointer, unknown.to_string())
    };
    let queue = query.queue.as_deref().map(|path| queue_at(directory, path)).transpose();
    let inbox = query.inbox.as_deref().map(|name| access::inbox(directory, principal, name)).transpose();
    let assignee = query.assignee.as_deref().map(|name| agent_named(directory, name)).transpose();
    Ok(ConversationFilter {
        department: principal.department,
        queue: queue.map_err(misnamed("queue"))?.map(|it| it.id),
        inbox: inbox.map_err(misnamed("inbox"))?.map(|it| it.id),
        status: query.status,
        assignee: assignee.map_err(misnamed("assignee"))?,
        tag: query.tag,
        contact: query.contact,
    })
}

fn agent_named(directory: &Directory, name: &str) -> Result<AgentId, FlowError> {
    directory.agent_named(name).map(|agent| agent.id).ok_or_else(|| {
        let known = directory.agents();
        FlowError::unknown("agent", name, known.iter().map(|it| it.name.as_str()))
    })
}

/// A conversation with everything around it.
#[derive(Serialize, JsonSchema)]
struct ConversationDetail {
    /// The conversation.
    #[serde(flatten)]
    conversation: ConversationEntry,
    /// With whom.
    #[serde(skip_serializing_if = "Option::is_none")]
    contact: Option<Contact>,
    /// The presences of whom.
    identities: Vec<Identity>,
    /// The first items, oldest first; `/v1/conversations/{id}/items` has them all.
    items: Entries<StoredItem>,
    /// The latest notes, oldest first.
    notes: Vec<Note>,
    /// What to give as `cursor` to `/v1/conversations/{id}/notes` for those before; absent where these are all.
    #[serde(skip_serializing_if = "Option::is_none")]
    notes_next_cursor: Option<String>,
    /// The latest decisions, newest first; `/v1/decisions` has them all.
    decisions: Entries<DecisionShown>,
    /// The latest 200 answers and how far they are, oldest first.
    outbox: Vec<OutboxEntry>,
    /// Conversations that may belong to it, 8 at most.
    suggestions: Vec<MergeSuggestion>,
    /// Conversations that were merged into it: each can be taken out with `POST /v1/conversations/{id}/unmerge`.
    merged: Vec<ConversationId>,
}

async fn show(call: Call, (): ()) -> Result<Answer<ConversationDetail>, Problem> {
    let flow = call.flow();
    let conversation = access::conversation(flow, call.principal()?, call.id("id")?).await?;
    let (id, revision) = (conversation.id, conversation.revision);
    let (contact, identities) = match flow.store.contact(conversation.contact).await? {
        Some((contact, identities)) => (Some(contact), identities),
        None => (None, Vec::new()),
    };
    let mut notes = Entries::page(flow.store.notes_page(id, largest_page()).await?, |note| note);
    notes.entries.reverse();
    let detail = ConversationDetail {
        conversation: ConversationEntry::of(conversation, &flow.directory.load()),
        contact,
        identities,
        items: Entries::page(flow.store.items(id, first_page()).await?, |item| item),
        notes: notes.entries,
        notes_next_cursor: notes.next_cursor,
        decisions: Entries::page(
            flow.store.decisions(Some(id), None, first_page()).await?,
            DecisionShown::in_a_list,
        ),
        outbox: latest_outbox(flow, id).await?,
        suggestions: converse::suggestions(flow, call.principal()?, id).await?,
        merged: flow.store.merged_into(id).await?,
    };
    Ok(Answer::of(detail).tagged(revision))
}

async fn latest_outbox(flow: &Flow, id: ConversationId) -> Result<Vec<OutboxEntry>, Problem> {
    let mut entries = flow.store.latest_outbox(id, OUTBOX_SHOWN).await?;
    for error in entries.iter_mut().filter_map(|it| it.last_error.as_mut()) {
        shown::cut(error, ERROR_BYTES_MAX);
    }
    Ok(entries)
}

async fn notes(call: Call, Query(query): Query<PageQuery>) -> Result<Answer<Entries<Note>>, Problem> {
    let page = page_request(query.cursor.as_deref(), query.limit)?;
    let conversation = access::conversation(call.flow(), call.principal()?, call.id("id")?).await?;
    let found = call.flow().store.notes_page(conversation.id, page).await?;
    Ok(Answer::of(Entries::page(found, |note| note)))
}

async fn items(call: Call, Query(query): Query<PageQuery>) -> Result<Answer<Entries<StoredItem>>, Problem> {
    let page = page_request(query.cursor.as_deref(), query.limit)?;
    let conversation = access::conversation(call.flow(), call.principal()?, call.id("id")?).await?;
    let found = call.flow().store.items(conversation.id, page).await?;
    Ok(Answer::of(Entries::page(found, |item| item)))
}
