//! How much of each shared thing one department may have: shown, and changed.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Flow, FlowError};
use crate::domain::organisation::Directory;
use crate::domain::principal::Principal;
use crate::domain::quota::{OverQuota, Owner, Quota, QuotaLimit};
use crate::store::{QuotaChange, QuotaUse};

/// A quota of one owner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct QuotaEntry {
    /// Its name.
    pub quota: Quota,
    /// The name of the department whose it is; absent for the company's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub department_name: Option<String>,
    /// What it counts.
    pub unit: &'static str,
    /// Its value where none is set.
    pub default: u64,
    /// Its value.
    pub value: u64,
    /// How much of it is used; absent where it is counted for each case, conversation or decision alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub used: Option<u64>,
}

/// Quotas to change.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QuotasChange {
    /// The name of the department whose they are; absent for the company's own.
    #[serde(default)]
    pub department: Option<String>,
    /// New values by the quotas' names; `null` for the default. What is absent stays.
    #[serde(default)]
    pub quotas: BTreeMap<Quota, Option<u64>>,
}

impl Flow {
    /// How much of this one owner may have.
    pub fn quota(&self, owner: Owner, quota: Quota) -> QuotaLimit {
        self.directory.load().quotas().limit(owner, quota)
    }

    /// Counts a refusal because of a quota.
    pub fn note_over_quota(&self, over: &OverQuota) {
        let QuotaLimit { owner, quota, .. } = over.limit;
        self.telemetry.over_quota(label_of(owner, &self.directory.load()), quota);
    }
}

/// The quotas of a department, or the company's own when none is named. A confined caller sees those of its
/// department alone.
pub async fn quotas(
    flow: &Flow,
    principal: &Principal,
    department: Option<&str>,
) -> Result<Vec<QuotaEntry>, FlowError> {
    let owner = owner_of(flow, principal, department)?;
    let uses = flow.store.quota_uses().await?;
    Ok(entries(flow, owner, &uses))
}

fn entries(flow: &Flow, owner: Owner, uses: &[QuotaUse]) -> Vec<QuotaEntry> {
    let directory = flow.directory.load();
    let entry = |quota: Quota| {
        let used = uses.iter().find(|it| it.quota == quota && it.owner == owner).map(|it| it.used);
        QuotaEntry {
            quota,
            department_name: owner.map(|_| label_of(owner, &directory).to_owned()),
            unit: quota.unit(),
            default: quota.default_of(owner),
            value: directory.quotas().value(owner, quota),
            used: used.or(quota.is_of_what_is_kept().then_some(0)),
        }
    };
    Quota::ALL.into_iter().map(entry).collect()
}

/// Changes the quotas it names, all or none.
pub async fn change(
    flow: &Flow,
    principal: &Principal,
    wanted: QuotasChange,
) -> Result<Vec<QuotaEntry>, FlowError> {
    let owner = owner_of(flow, principal, wanted.department.as_deref())?;
    let changes: Vec<_> =
        wanted.quotas.iter().map(|(quota, value)| QuotaChange { quota: *quota, value: *value }).collect();
    for QuotaChange { quota, value } in &changes {
        if value.is_some_and(|it| it > Quota::VALUE_MAX) {
            let pointer = format!("/quotas/{}", quota.name());
            return Err(FlowError::invalid(&pointer, format!("a quota is at most {}", Quota::VALUE_MAX)));
        }
    }
    let subject = owner.map_or_else(|| "company".to_owned(), |it| it.to_string());
    let audit = flow.audit(principal, "quotas.change", &subject, json!(wanted.quotas));
    // What is used does not change by this, and is read first: nothing fails once the change is stored.
    let uses = flow.store.quota_uses().await?;
    let put = |directory: &mut Directory| {
        changes.iter().for_each(|it| directory.put_quota(owner, it.quota, it.value));
    };
    flow.change_names(flow.store.change_quotas(owner, &changes, &audit), put).await?;
    Ok(entries(flow, owner, &uses))
}

/// How long a measurement of what is used stays good enough: it reads the database, and anyone may ask for metrics.
const MEASURED_FOR_MS: i64 = 10_000;

/// Puts how much is used into the metrics, unless that was done a moment ago.
pub async fn measure(flow: &Flow) -> Result<(), FlowError> {
    if !flow.telemetry.quotas_are_due(flow.now().as_ms(), MEASURED_FOR_MS) {
        return Ok(());
    }
    let uses = flow.store.quota_uses().await?;
    let directory = flow.directory.load();
    for QuotaUse { owner, quota, used } in uses {
        let value = directory.quotas().value(owner, quota);
        flow.telemetry.quota(label_of(owner, &directory), quota, used, value);
    }
    Ok(())
}

/// The owner's name in metrics; empty for the company.
fn label_of(owner: Owner, directory: &Directory) -> &str {
    owner.and_then(|id| directory.department(id)).map_or("", |it| it.name.as_str())
}

/// The owner that a caller names: its own department when it is confined to one.
fn owner_of(flow: &Flow, principal: &Principal, department: Option<&str>) -> Result<Owner, FlowError> {
    let Some(name) = department else { return Ok(principal.department) };
    let directory = flow.directory.load();
    let seen = directory.departments().into_iter().filter(|it| principal.covers(it.id));
    let found = seen.clone().find(|it| it.name == name).map(|it| Some(it.id));
    found.ok_or_else(|| FlowError::unknown("department", name, seen.map(|it| it.name.as_str())))
}
