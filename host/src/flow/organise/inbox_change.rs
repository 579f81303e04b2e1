use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};

use super::inbox::{Access, InboxWithToken, check_adapter, grant, queue_given};
use super::inbox_rules::{check_allowance, check_hosts, check_promise, check_retention};
use super::secret::{Bindings, check_bindings};
use crate::domain::allowance::Allowance;
use crate::domain::ids::SecretId;
use crate::domain::organisation::{FirstResponsePromise, Inbox};
use crate::domain::principal::Principal;
use crate::domain::retention::Retention;
use crate::flow::{Flow, FlowError, access, catch_up};

/// What to change of an inbox; absent fields stay.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct InboxChange {
    /// The adapter's settings, as a whole.
    pub settings: Option<Value>,
    /// Where conversations go that no policy routes, `department/queue`.
    pub operator_queue: Option<String>,
    /// Where spam goes, `department/queue`.
    pub junk_queue: Option<String>,
    /// What it promises; `null` to promise nothing.
    #[serde(deserialize_with = "given")]
    pub promise: Option<Option<FirstResponsePromise>>,
    /// Who may deliver; `token` makes a new token, and the one before is no longer valid.
    pub access: Option<Access>,
    /// Hosts that replies may go to, as a whole.
    pub reply_hosts: Option<Vec<String>>,
    /// How much may be delivered, as a whole.
    pub allowance: Option<Allowance>,
    /// Which stored secret is meant by each of the adapter's names for one, as a whole.
    pub secrets: Option<BTreeMap<String, String>>,
    /// For how long it keeps what comes in, as a whole.
    pub retention: Option<Retention>,
}

/// Tells `null` from absent: this is only called when the field is there.
fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(from).map(Some)
}

/// Changes an inbox, if it still has the `expected` revision where one is given.
pub async fn change_inbox(
    flow: &Flow,
    principal: &Principal,
    name: &str,
    change: InboxChange,
    expected: Option<i64>,
) -> Result<InboxWithToken, FlowError> {
    // Another host may have changed it: the names in memory are not what a revision is checked against.
    flow.refresh_directory().await?;
    let inbox = Inbox::clone(access::inbox(&flow.directory.load(), principal, name)?);
    if expected.is_some_and(|revision| revision != inbox.revision) {
        return Err(FlowError::Stale(format!("inbox {name}")));
    }
    if let Some(settings) = &change.settings {
        flow.check_inbox_settings(inbox.department, &inbox.adapter, settings).await?;
    }
    let mut bound = None;
    if let Some(wanted) = &change.secrets {
        let manifest = check_adapter(flow, &inbox.adapter)?;
        let bindings = Bindings { wanted, present: &inbox.secrets };
        bound = Some(check_bindings(flow, principal, inbox.department, &manifest, bindings).await?);
    }
    let detail = facts(&change, bound);
    let binds = change.secrets.is_some();
    let (inbox, token) = changed(flow, principal, inbox, change)?;
    let entry = flow.audit(principal, "inbox.change", &inbox.id.to_string(), detail);
    flow.store.change_inbox(&inbox, &entry).await?;
    flow.refresh_directory().await?;
    if binds {
        catch_up::inbox_changed(flow, &inbox).await;
    }
    Ok(InboxWithToken { inbox, token })
}

/// What the audit log keeps: which fields were changed, and what was granted by that.
fn facts(change: &InboxChange, bound: Option<BTreeMap<String, SecretId>>) -> Value {
    let fields = [
        ("settings", change.settings.is_some()),
        ("operator_queue", change.operator_queue.is_some()),
        ("junk_queue", change.junk_queue.is_some()),
        ("promise", change.promise.is_some()),
        ("access", change.access.is_some()),
        ("reply_hosts", change.reply_hosts.is_some()),
        ("allowance", change.allowance.is_some()),
        ("secrets", change.secrets.is_some()),
        ("retention", change.retention.is_some()),
    ];
    let changed: Vec<_> = fields.iter().filter(|(_, is_there)| *is_there).map(|(name, _)| *name).collect();
    let mut facts = json!({ "changed": changed });
    if let Some(access) = change.access {
        facts["access"] = json!(access);
    }
    if let Some(hosts) = &change.reply_hosts {
        facts["reply_hosts"] = json!(hosts);
    }
    if let Some(bound) = bound {
        facts["secrets"] = json!(bound);
    }
    facts
}

fn changed(
    flow: &Flow,
    principal: &Principal,
    mut inbox: Inbox,
    change: InboxChange,
) -> Result<(Inbox, Option<String>), FlowError> {
    let directory = flow.directory.load();
    if let Some(settings) = change.settings {
        inbox.settings = settings;
    }
    if let Some(path) = &change.operator_queue {
        inbox.operator_queue = queue_given(&directory, principal, "/operator_queue", path)?;
    }
    if let Some(path) = &change.junk_queue {
        inbox.junk_queue = queue_given(&directory, principal, "/junk_queue", path)?;
    }
    if let Some(promise) = change.promise {
        check_promise(promise)?;
        inbox.promise = promise;
    }
    if let Some(hosts) = change.reply_hosts {
        check_hosts(principal, "/reply_hosts", &hosts)?;
        inbox.reply_hosts = hosts;
    }
    if let Some(allowance) = change.allowance {
        check_allowance(allowance)?;
        inbox.allowance = allowance;
    }
    if let Some(secrets) = change.secrets {
        inbox.secrets = secrets;
    }
    if let Some(retention) = change.retention {
        check_retention(retention)?;
        inbox.retention = retention;
    }
    let mut token = None;
    if let Some(access) = change.access {
        (inbox.access, token) = grant(access)?;
    }
    inbox.revision += 1;
    Ok((inbox, token))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_promise_can_be_left_alone_taken_back_and_given() {
        let read = |json: &str| serde_json::from_str::<InboxChange>(json).unwrap().promise;
        assert_eq!(read("{}"), None);
        assert_eq!(read(r#"{"promise":null}"#), Some(None));
        let given = FirstResponsePromise { within_ms: 10, warn_before_ms: 1 };
        assert_eq!(read(r#"{"promise":{"within_ms":10,"warn_before_ms":1}}"#), Some(Some(given)));
    }
}
