use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::agent::{department_for, misnamed};
use super::inbox_rules::{check_allowance, check_hosts, check_promise, check_retention};
use super::name_of_new;
use super::secret::{Bindings, check_bindings};
use super::token::new_secret;
use crate::domain::allowance::Allowance;
use crate::domain::ids::{DepartmentId, QueueId, SecretId};
use crate::domain::organisation::{Directory, FirstResponsePromise, Inbox, InboxAccess, Queue, QueueKind};
use crate::domain::principal::Principal;
use crate::domain::release::{Manifest, check_name};
use crate::domain::retention::Retention;
use crate::flow::{Flow, FlowError};
use crate::store::{ChannelScope, StoreError};

/// Who may deliver to an inbox, as it is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// Nobody yet.
    #[default]
    Closed,
    /// Anybody who knows the address.
    Open,
    /// Whoever shows the token; it is made now and shown once.
    Token,
}

/// An inbox to add.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewInbox {
    /// Its unique name.
    pub name: String,
    /// The name of the department that owns it.
    pub department: String,
    /// The name of the adapter that works it.
    pub adapter: String,
    /// The channel's name; the adapter's when absent.
    #[serde(default)]
    pub channel: Option<String>,
    /// The adapter's settings.
    #[serde(default = "no_settings")]
    pub settings: Value,
    /// Where conversations go that no policy routes, `department/queue`; when absent, the owning
    /// department's queue `operator`, which is made if there is none.
    #[serde(default)]
    pub operator_queue: Option<String>,
    /// Where spam goes, `department/queue`; when absent, the owning department's queue `junk`, which
    /// is made if there is none.
    #[serde(default)]
    pub junk_queue: Option<String>,
    /// What it promises.
    #[serde(default)]
    pub promise: Option<FirstResponsePromise>,
    /// Who may deliver.
    #[serde(default)]
    pub access: Access,
    /// Hosts that replies may go to: names, optionally with a port.
    #[serde(default)]
    pub reply_hosts: Vec<String>,
    /// How much may be delivered.
    #[serde(default)]
    pub allowance: Allowance,
    /// Which stored secret is meant by each of the adapter's names for one.
    #[serde(default)]
    pub secrets: BTreeMap<String, String>,
    /// For how long it keeps what comes in.
    #[serde(default)]
    pub retention: Retention,
}

fn no_settings() -> Value {
    Value::Object(Map::new())
}

/// An inbox, and its token if one was just made.
#[derive(Clone, Debug, PartialEq)]
pub struct InboxWithToken {
    /// The inbox.
    pub inbox: Inbox,
    /// The token in plain: it cannot be shown again.
    pub token: Option<String>,
}

/// Adds an inbox.
pub async fn add_inbox(
    flow: &Flow,
    principal: &Principal,
    new: NewInbox,
) -> Result<InboxWithToken, FlowError> {
    let bound = check_new(flow, principal, &new).await?;
    let detail = json!({ "access": new.access, "reply_hosts": new.reply_hosts, "secrets": bound });
    let department = department_for(&flow.directory.load(), principal, &new.department)?.id;
    let operator_queue = match &new.operator_queue {
        Some(path) => queue_given(&flow.directory.load(), principal, "/operator_queue", path)?,
        None => queue_of_kind(flow, principal, department, QueueKind::Operator).await?,
    };
    let junk_queue = match &new.junk_queue {
        Some(path) => queue_given(&flow.directory.load(), principal, "/junk_queue", path)?,
        None => queue_of_kind(flow, principal, department, QueueKind::Junk).await?,
    };
    let (access, token) = grant(new.access)?;
    let inbox = Inbox {
        id: flow.id(),
        name: new.name,
        department,
        channel: new.channel.unwrap_or_else(|| new.adapter.clone()),
        adapter: new.adapter,
        settings: new.settings,
        operator_queue,
        junk_queue,
        promise: new.promise,
        access,
        reply_hosts: new.reply_hosts,
        allowance: new.allowance,
        secrets: new.secrets,
        retention: new.retention,
        created_at: flow.now(),
        revision: 1,
    };
    let entry = flow.audit(principal, "inbox.add", &inbox.id.to_string(), detail);
    let scope = match principal.department {
        Some(_) => ChannelScope::Department,
        None => ChannelScope::Company,
    };
    flow.store.add_inbox(&inbox, scope, &entry).await?;
    flow.names_changed(|directory| directory.put_inbox(inbox.clone())).await;
    Ok(InboxWithToken { inbox, token })
}

/// Everything that can be refused before anything is written; the secrets that it is to use.
async fn check_new(
    flow: &Flow,
    principal: &Principal,
    new: &NewInbox,
) -> Result<BTreeMap<String, SecretId>, FlowError> {
    name_of_new(&new.name)?;
    if let Some(channel) = &new.channel {
        check_name(channel).map_err(|error| FlowError::invalid("/channel", error.to_string()))?;
    }
    let department = department_for(&flow.directory.load(), principal, &new.department)?.id;
    check_channel(flow, principal, department, new.channel.as_ref().unwrap_or(&new.adapter))?;
    check_promise(new.promise)?;
    check_hosts(principal, "/reply_hosts", &new.reply_hosts)?;
    check_allowance(new.allowance)?;
    check_retention(new.retention)?;
    let manifest = check_adapter(flow, &new.adapter)?;
    let bindings = Bindings { wanted: &new.secrets, present: &BTreeMap::new() };
    let bound = check_bindings(flow, principal, department, &manifest, bindings).await?;
    flow.check_inbox_settings(department, &new.adapter, &new.settings).await?;
    Ok(bound)
}

/// Who is known on a channel is known to everybody who has an inbox on it, and a delivery says who wrote it:
/// to share a channel between departments is for admins of the whole company.
fn check_channel(
    flow: &Flow,
    principal: &Principal,
    department: DepartmentId,
    channel: &str,
) -> Result<(), FlowError> {
    let directory = flow.directory.load();
    let shared = directory.inboxes().iter().any(|it| it.channel == channel && it.department != department);
    if !shared || principal.department.is_none() {
        return Ok(());
    }
    let message = format!(
        "the channel `{channel}` is another department's too; choose another name for it, or have an admin \
         of the whole company add the inbox"
    );
    Err(FlowError::invalid("/channel", message))
}

/// What the adapter of this name says of itself, if it is enabled.
pub(super) fn check_adapter(flow: &Flow, name: &str) -> Result<Arc<Manifest>, FlowError> {
    let pipeline = flow.pipeline.load();
    if let Some(enabled) = pipeline.adapter(name) {
        return Ok(Arc::clone(&enabled.manifest));
    }
    let unknown = FlowError::unknown("enabled adapter", name, pipeline.adapter_names());
    let remedy = "publish it to /v1/plugins, enable it through /v1/activations, and wait until it is ready";
    Err(FlowError::invalid("/adapter", format!("{unknown}; {remedy}")))
}

/// Who may deliver, and the token in plain if that takes one.
pub(super) fn grant(access: Access) -> Result<(InboxAccess, Option<String>), FlowError> {
    Ok(match access {
        Access::Closed => (InboxAccess::Closed, None),
        Access::Open => (InboxAccess::Open, None),
        Access::Token => {
            let token = new_secret()?;
            (InboxAccess::Token { sha256: token.sha256 }, Some(token.plain))
        }
    })
}

/// The queue that `department/queue` names, if the caller may have conversations sent there.
pub(super) fn queue_given(
    directory: &Directory,
    principal: &Principal,
    pointer: &str,
    path: &str,
) -> Result<QueueId, FlowError> {
    let queues = directory.queues().into_iter().filter(|it| principal.covers(it.department));
    let paths: Vec<_> = queues.map(|it| (queue_path(directory, it), it.id)).collect();
    let found = paths.iter().find(|(known, _)| known == path).map(|(_, id)| *id);
    found.ok_or_else(|| {
        misnamed(pointer, &FlowError::unknown("queue", path, paths.iter().map(|(path, _)| path.as_str())))
    })
}

fn queue_path(directory: &Directory, queue: &Queue) -> String {
    let department = directory.department(queue.department).map_or("", |it| it.name.as_str());
    format!("{department}/{}", queue.name)
}

/// The department's oldest queue of a kind, made if there is none.
async fn queue_of_kind(
    flow: &Flow,
    principal: &Principal,
    department: DepartmentId,
    kind: QueueKind,
) -> Result<QueueId, FlowError> {
    let find = || {
        let directory = flow.directory.load();
        let of_kind = |queue: &&&Queue| queue.department == department && queue.kind == kind;
        directory.queues().iter().find(of_kind).map(|queue| queue.id)
    };
    if let Some(id) = find() {
        return Ok(id);
    }
    let (name, title) = match kind {
        QueueKind::Operator => ("operator", "What no policy routed"),
        QueueKind::Junk => ("junk", "What a policy called spam"),
        QueueKind::Ordinary => (super::FIRST_QUEUE, "General"),
    };
    let queue = Queue {
        id: flow.id(),
        department,
        name: name.to_owned(),
        title: title.to_owned(),
        kind,
        created_at: flow.now(),
    };
    let entry = flow.audit(principal, "queue.add", &queue.id.to_string(), Value::Null);
    match flow.store.add_queue(&queue, &entry).await {
        Ok(()) => {
            let id = queue.id;
            flow.names_changed(|directory| directory.put_queue(queue)).await;
            Ok(id)
        }
        // Another caller made one in the meantime, or one of that name serves another purpose.
        Err(StoreError::Taken(what)) => {
            flow.refresh_directory().await?;
            find().ok_or_else(|| StoreError::Taken(what).into())
        }
        Err(error) => Err(error.into()),
    }
}
