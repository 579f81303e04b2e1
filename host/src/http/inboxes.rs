//! Inboxes: the company's addresses.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::call::Call;
use super::cursor::Entries;
use super::input::Json;
use super::output::Answer;
use super::permission;
use super::problem::Problem;
use super::route::Route;
use super::view::{department_name, queue_path};
use crate::domain::allowance::Allowance;
use crate::domain::ids::{DepartmentId, InboxId};
use crate::domain::organisation::{Directory, FirstResponsePromise, Inbox, InboxAccess};
use crate::domain::retention::Retention;
use crate::domain::time::Timestamp;
use crate::flow::access;
use crate::flow::organise::{self, Access, InboxChange, InboxWithToken, NewInbox};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/v1/inboxes", permission::INBOXES_READ, "Lists the inboxes by name", list),
        Route::post("/v1/inboxes", permission::ADMIN, "Adds an inbox; its token is shown this once", add)
            .with_success(StatusCode::CREATED),
        Route::get("/v1/inboxes/{name}", permission::INBOXES_READ, "Shows an inbox", show),
        Route::patch("/v1/inboxes/{name}", permission::ADMIN, "Changes an inbox; heeds If-Match", change),
    ]
}

/// An inbox with its names, without what is kept of its token.
#[derive(Serialize, JsonSchema)]
struct InboxEntry {
    /// Its id.
    id: InboxId,
    /// Its unique name.
    name: String,
    /// Where deliveries go.
    address: String,
    /// The department that owns it.
    department: DepartmentId,
    /// The department's name.
    department_name: String,
    /// The channel's name.
    channel: String,
    /// The name of the adapter that works it.
    adapter: String,
    /// The adapter's settings.
    settings: Value,
    /// Where conversations go that no policy routes, `department/queue`.
    operator_queue: String,
    /// Where spam goes, `department/queue`.
    junk_queue: String,
    /// What it promises.
    #[serde(skip_serializing_if = "Option::is_none")]
    promise: Option<FirstResponsePromise>,
    /// Who may deliver.
    access: Access,
    /// The token, if it was just made: it cannot be shown again.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    /// Hosts that replies may go to.
    reply_hosts: Vec<String>,
    /// How much may be delivered.
    allowance: Allowance,
    /// Which stored secret is meant by each of the adapter's names for one.
    secrets: BTreeMap<String, String>,
    /// For how long it keeps what comes in.
    retention: Retention,
    /// When it was made.
    created_at: Timestamp,
    /// Counts changes, for `If-Match`.
    revision: i64,
}

impl InboxEntry {
    fn of(inbox: &Inbox, directory: &Directory) -> Self {
        Self {
            id: inbox.id,
            name: inbox.name.clone(),
            address: format!("/in/{}", inbox.name),
            department: inbox.department,
            department_name: department_name(directory, inbox.department),
            channel: inbox.channel.clone(),
            adapter: inbox.adapter.clone(),
            settings: inbox.settings.clone(),
            operator_queue: queue_path(directory, inbox.operator_queue),
            junk_queue: queue_path(directory, inbox.junk_queue),
            promise: inbox.promise,
            access: match inbox.access {
                InboxAccess::Closed => Access::Closed,
                InboxAccess::Open => Access::Open,
                InboxAccess::Token { .. } => Access::Token,
            },
            token: None,
            reply_hosts: inbox.reply_hosts.clone(),
            allowance: inbox.allowance,
            secrets: inbox.secrets.clone(),
            retention: inbox.retention,
            created_at: inbox.created_at,
            revision: inbox.revision,
        }
    }
}

fn answer(call: &Call, changed: InboxWithToken) -> Answer<InboxEntry> {
    let entry = InboxEntry::of(&changed.inbox, &call.flow().directory.load());
    let revision = entry.revision;
    let shows_secret = changed.token.is_some();
    let answer = Answer::of(InboxEntry { token: changed.token, ..entry }).tagged(revision);
    if shows_secret { answer.showing_a_secret() } else { answer }
}

async fn list(call: Call, (): ()) -> Result<Answer<Entries<InboxEntry>>, Problem> {
    let directory = call.flow().directory.load();
    let inboxes = access::inboxes(&directory, call.principal()?).into_iter();
    Ok(Answer::of(Entries::all(inboxes.map(|inbox| InboxEntry::of(inbox, &directory)))))
}

async fn add(call: Call, Json(new): Json<NewInbox>) -> Result<Answer<InboxEntry>, Problem> {
    let added = organise::add_inbox(call.flow(), call.principal()?, new).await?;
    Ok(answer(&call, added))
}

async fn show(call: Call, (): ()) -> Result<Answer<InboxEntry>, Problem> {
    let directory = call.flow().directory.load();
    let entry =
        InboxEntry::of(access::inbox(&directory, call.principal()?, call.segment("name"))?, &directory);
    let revision = entry.revision;
    Ok(Answer::of(entry).tagged(revision))
}

async fn change(call: Call, Json(change): Json<InboxChange>) -> Result<Answer<InboxEntry>, Problem> {
    let (name, seen) = (call.segment("name"), call.revision_seen()?);
    let changed = organise::change_inbox(call.flow(), call.principal()?, name, change, seen).await?;
    Ok(answer(&call, changed))
}
