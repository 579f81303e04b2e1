use std::collections::{BTreeMap, HashMap};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::agent::department_for;
use super::inbox_rules::check_hosts;
use super::name_of_new;
use super::secret_text::{self, Encoding, SecretText};
use crate::domain::ids::{DepartmentId, SecretId, SecretValueId};
use crate::domain::principal::Principal;
use crate::domain::release::Manifest;
use crate::domain::secret::{ACTIVE_VALUES_MAX, NEEDS_MAX, Secret, SecretUse, SecretValueFacts};
use crate::flow::{FieldError, Flow, FlowError, catch_up};
use crate::store::{StoreError, StoredSecret, StoredSecretValue};
use crate::vault::SecretValue;

/// A secret to keep.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSecret {
    /// Its unique name.
    pub name: String,
    /// The name of the department whose inboxes may use it; absent for all of the company.
    #[serde(default)]
    pub department: Option<String>,
    /// What it may be used for.
    pub uses: Vec<SecretUse>,
    /// Hosts that it may be sent to: names, optionally with a port. It goes there by `https`, or to an
    /// address that stands here itself.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// The value; it is never shown again.
    pub value: SecretText,
    /// How the value is written.
    #[serde(default)]
    pub encoding: Encoding,
}

/// What to change of a secret; absent fields stay.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SecretChange {
    /// What it may be used for, as a whole.
    pub uses: Option<Vec<SecretUse>>,
    /// Hosts that it may be sent to, as a whole.
    pub hosts: Option<Vec<String>>,
}

/// A further value of a secret.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSecretValue {
    /// The value; it is never shown again.
    pub value: SecretText,
    /// How the value is written.
    #[serde(default)]
    pub encoding: Encoding,
}

/// The secrets that the caller may know of, by name.
pub async fn secrets(flow: &Flow, principal: &Principal) -> Result<Vec<StoredSecret>, FlowError> {
    let all = flow.store.secrets().await?;
    Ok(all.into_iter().filter(|it| principal.covers_owner(it.secret.department)).collect())
}

/// The secret of this name, if the caller may know of it.
pub async fn secret(flow: &Flow, principal: &Principal, name: &str) -> Result<StoredSecret, FlowError> {
    let mut seen = secrets(flow, principal).await?;
    match seen.iter().position(|it| it.secret.name == name) {
        Some(at) => Ok(seen.swap_remove(at)),
        None => Err(FlowError::unknown("secret", name, seen.iter().map(|it| it.secret.name.as_str()))),
    }
}

/// Keeps a secret.
pub async fn add_secret(
    flow: &Flow,
    principal: &Principal,
    new: NewSecret,
) -> Result<StoredSecret, FlowError> {
    name_of_new(&new.name)?;
    let department = match &new.department {
        Some(name) => Some(department_for(&flow.directory.load(), principal, name)?.id),
        None => principal.department,
    };
    check_hosts(principal, "/hosts", &new.hosts)?;
    check_uses(&new.uses, &new.hosts)?;
    let value = secret_text::read(&new.value, new.encoding, new.uses.contains(&SecretUse::Send))?;
    let secret = Secret {
        id: flow.id(),
        name: new.name,
        department,
        uses: new.uses,
        hosts: new.hosts,
        created_at: flow.now(),
        revision: 1,
    };
    let stored = sealed(flow, &secret, &value)?;
    let entry = flow.audit(principal, "secret.add", &secret.id.to_string(), facts(&secret));
    flow.store.add_secret(&secret, &stored, &entry).await?;
    catch_up::secret_changed(flow, &secret.name).await;
    Ok(StoredSecret { secret, values: vec![stored] })
}

/// Changes what a secret may be used for, if it still has the `expected` revision where one is given.
pub async fn change_secret(
    flow: &Flow,
    principal: &Principal,
    name: &str,
    change: SecretChange,
    expected: Option<i64>,
) -> Result<StoredSecret, FlowError> {
    let StoredSecret { mut secret, values } = to_change(flow, principal, name, expected).await?;
    if let Some(uses) = change.uses {
        // What is sent was checked for that when it was set.
        if uses.contains(&SecretUse::Send) && !secret.is_for(SecretUse::Send) {
            let message = "it was not kept to be sent; keep another secret for that";
            return Err(FlowError::invalid("/uses", message));
        }
        secret.uses = uses;
    }
    if let Some(hosts) = change.hosts {
        check_hosts(principal, "/hosts", &hosts)?;
        secret.hosts = hosts;
    }
    check_uses(&secret.uses, &secret.hosts)?;
    secret.revision += 1;
    let entry = flow.audit(principal, "secret.change", &secret.id.to_string(), facts(&secret));
    flow.store.change_secret(&secret, &entry).await?;
    flow.safe.follow(&flow.store).await;
    Ok(StoredSecret { secret, values })
}

/// Adds a value: it is the one that is sent from now on, and those before it still count for what comes
/// in, until they are retired.
pub async fn add_secret_value(
    flow: &Flow,
    principal: &Principal,
    name: &str,
    new: NewSecretValue,
    expected: Option<i64>,
) -> Result<StoredSecret, FlowError> {
    let StoredSecret { mut secret, mut values } = to_change(flow, principal, name, expected).await?;
    if values.iter().filter(|it| it.sealed.is_some()).count() >= ACTIVE_VALUES_MAX {
        let detail = format!(
            "`{name}` has {ACTIVE_VALUES_MAX} values that count; retire one with POST \
             /v1/secrets/{name}/values/{{id}}/retire"
        );
        return Err(FlowError::Conflict(detail));
    }
    let value = secret_text::read(&new.value, new.encoding, secret.is_for(SecretUse::Send))?;
    let stored = sealed(flow, &secret, &value)?;
    secret.revision += 1;
    let detail = json!({ "value": stored.facts.id });
    let entry = flow.audit(principal, "secret.value.add", &secret.id.to_string(), detail);
    flow.store.add_secret_value(&secret, &stored, &entry).await?;
    catch_up::secret_changed(flow, name).await;
    values.push(stored);
    Ok(StoredSecret { secret, values })
}

/// Retires a value: it counts no more, and is deleted. Retiring it again changes nothing.
pub async fn retire_secret_value(
    flow: &Flow,
    principal: &Principal,
    name: &str,
    id: SecretValueId,
) -> Result<StoredSecret, FlowError> {
    let mut stored = to_change(flow, principal, name, None).await?;
    let Some(value) = stored.values.iter_mut().find(|it| it.facts.id == id) else {
        return Err(FlowError::NotFound(format!("secret `{name}` has no value {id}")));
    };
    let (now, detail) = (flow.now(), json!({ "value": id }));
    let entry = flow.audit(principal, "secret.value.retire", &stored.secret.id.to_string(), detail);
    match flow.store.retire_secret_value(id, now, &entry).await {
        Ok(()) | Err(StoreError::Stale(_)) => {}
        Err(error) => return Err(error.into()),
    }
    flow.safe.forget(name, id).await;
    flow.safe.follow(&flow.store).await;
    value.facts.retired_at.get_or_insert(now);
    value.sealed = None;
    Ok(stored)
}

/// Which stored secret an inbox is to use for each of its adapter's names, and which it uses now.
#[derive(Clone, Copy)]
pub(super) struct Bindings<'a> {
    pub(super) wanted: &'a BTreeMap<String, String>,
    pub(super) present: &'a BTreeMap<String, String>,
}

/// Checks what an inbox of this department is to use for its adapter's names; which secrets these are.
pub(super) async fn check_bindings(
    flow: &Flow,
    principal: &Principal,
    department: DepartmentId,
    manifest: &Manifest,
    Bindings { wanted, present }: Bindings<'_>,
) -> Result<BTreeMap<String, SecretId>, FlowError> {
    let all = flow.store.secrets().await?;
    let ids: HashMap<&str, SecretId> = all.iter().map(|it| (it.secret.name.as_str(), it.secret.id)).collect();
    let bound = wanted.iter().filter_map(|(name, stored)| Some((name.clone(), *ids.get(stored.as_str())?)));
    let bound = bound.collect();
    let known: Vec<_> =
        all.iter().filter(|it| principal.covers_owner(it.secret.department)).cloned().collect();
    // What somebody else bound may stay, whoever changes something else.
    let changed = wanted.iter().filter(|(name, stored)| present.get(*name) != Some(*stored));
    let wrong = changed.filter_map(|(name, stored)| {
        let message = binding_error(department, manifest, &known, name, stored)?;
        Some(FieldError { pointer: format!("/secrets/{name}"), message })
    });
    let errors: Vec<_> = wrong.take(NEEDS_MAX).collect();
    match errors.is_empty() {
        true => Ok(bound),
        false => Err(FlowError::Invalid { detail: "some secrets cannot be used so".to_owned(), errors }),
    }
}

fn binding_error(
    department: DepartmentId,
    manifest: &Manifest,
    known: &[StoredSecret],
    name: &str,
    stored: &str,
) -> Option<String> {
    let Some(need) = manifest.secrets.iter().find(|it| it.name == name) else {
        let names = manifest.secrets.iter().map(|it| it.name.as_str());
        return Some(FlowError::unknown("secret of the adapter", name, names).to_string());
    };
    let usable = |it: &&StoredSecret| it.secret.department.is_none_or(|owner| owner == department);
    let Some(found) = known.iter().filter(usable).find(|it| it.secret.name == stored) else {
        let names = known.iter().filter(usable).map(|it| it.secret.name.as_str());
        let unknown = FlowError::unknown("secret for this inbox's department", stored, names);
        return Some(format!("{unknown}; keep it with POST /v1/secrets"));
    };
    let is_for = need.uses.iter().any(|wanted| found.secret.is_for(*wanted));
    let message =
        || format!("`{stored}` is for {:?}, and `{name}` is wanted for {:?}", found.secret.uses, need.uses);
    (!is_for).then(message)
}

async fn to_change(
    flow: &Flow,
    principal: &Principal,
    name: &str,
    expected: Option<i64>,
) -> Result<StoredSecret, FlowError> {
    let stored = secret(flow, principal, name).await?;
    match expected {
        Some(revision) if revision != stored.secret.revision => {
            Err(FlowError::Stale(format!("secret {name}")))
        }
        _ => Ok(stored),
    }
}

fn sealed(flow: &Flow, secret: &Secret, value: &SecretValue) -> Result<StoredSecretValue, FlowError> {
    let facts = SecretValueFacts { id: flow.id(), created_at: flow.now(), retired_at: None };
    let sealed = flow.safe.seal(secret.id, facts.id, value).map_err(FlowError::failed)?;
    Ok(StoredSecretValue { facts, sealed: Some(sealed) })
}

/// As many as there are.
const USES_MAX: usize = 3;

fn check_uses(uses: &[SecretUse], hosts: &[String]) -> Result<(), FlowError> {
    if uses.len() > USES_MAX {
        return Err(FlowError::invalid("/uses", "say each use once: verify, challenge, send"));
    }
    if uses.is_empty() {
        return Err(FlowError::invalid("/uses", "say what it is for: verify, challenge, send"));
    }
    match (uses.contains(&SecretUse::Send), hosts.is_empty()) {
        (true, true) => {
            Err(FlowError::invalid("/hosts", "say where it may be sent, such as `api.example.com`"))
        }
        (false, false) => {
            Err(FlowError::invalid("/hosts", "it is not to be sent anywhere; add `send` to its uses"))
        }
        _ => Ok(()),
    }
}

/// What the audit log keeps, so that it can be told later who let what go where: no names, no values.
fn facts(secret: &Secret) -> Value {
    json!({ "department": secret.department, "uses": secret.uses, "hosts": secret.hosts })
}
