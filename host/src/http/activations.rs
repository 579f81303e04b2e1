//! Activations: plugins that are enabled, and how.

use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::call::Call;
use super::cursor::{Entries, PageQuery, page_request};
use super::input::{Json, Query};
use super::output::Answer;
use super::permission;
use super::problem::Problem;
use super::route::Route;
use super::view::department_name;
use crate::domain::activation::{Activation, ActivationVersion};
use crate::domain::breaker::scopes::{Scope, ScopedSuspension};
use crate::domain::organisation::Directory;
use crate::domain::principal::Principal;
use crate::flow::enable::{self, ActivationChange, NewActivation};
use crate::flow::health::HealthReport;
use crate::flow::{Flow, sign};
use crate::store::Page;

const ALL: &str = "/v1/activations";
const ONE: &str = "/v1/activations/{name}";

pub(super) fn routes() -> Vec<Route> {
    let accepted = StatusCode::ACCEPTED;
    vec![
        Route::get(
            ALL,
            permission::ACTIVATIONS_READ,
            "Lists the activations in the pipeline's order, disabled ones too",
            list,
        ),
        Route::post(ALL, permission::ADMIN, "Enables a plugin; it is prepared in the background", add)
            .with_success(accepted),
        Route::get(ONE, permission::ACTIVATIONS_READ, "Shows an activation, its state and what failed", show),
        Route::patch(ONE, permission::ADMIN, "Changes or disables an activation; heeds If-Match", change)
            .with_success(accepted),
        Route::delete(
            ONE,
            permission::ADMIN,
            "Deletes an activation that is disabled, and shows it a last time; heeds If-Match",
            delete,
        ),
        Route::get(
            "/v1/activations/{name}/versions",
            permission::ACTIVATIONS_READ,
            "Lists an activation's versions, newest first",
            versions,
        ),
        Route::post(
            "/v1/activations/{name}/roll-back",
            permission::ADMIN,
            "Puts an earlier version of release and settings back; heeds If-Match",
            roll_back,
        )
        .with_success(accepted),
    ]
}

/// An activation with its owner's name.
#[derive(Serialize, JsonSchema)]
struct ActivationEntry {
    /// The activation.
    #[serde(flatten)]
    activation: Activation,
    /// The name of the department whose rule it is; absent for the company's.
    #[serde(skip_serializing_if = "Option::is_none")]
    owner_name: Option<String>,
    /// Whether it failed too often for the whole company and is called on trial alone; any change of its mode
    /// ends that.
    suspended: bool,
    /// For whom it is suspended, the widest scope first: those of departments that the caller may see.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    suspensions: Vec<SuspensionEntry>,
    /// Why the release should be replaced: it was taken back, or its signature does not count any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    untrusted: Option<String>,
    /// How its calls went within the last minute; absent while it is not asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    health: Option<HealthReport>,
}

/// A suspension for one scope, with names.
#[derive(Serialize, JsonSchema)]
struct SuspensionEntry {
    /// The suspension.
    #[serde(flatten)]
    suspension: ScopedSuspension,
    /// The name of the last failure's inbox.
    #[serde(skip_serializing_if = "Option::is_none")]
    inbox_name: Option<String>,
    /// The name of its department.
    #[serde(skip_serializing_if = "Option::is_none")]
    department_name: Option<String>,
}

impl SuspensionEntry {
    /// The suspension as this caller may see it; absent where it concerns another department alone.
    fn of(mut suspension: ScopedSuspension, principal: &Principal, directory: &Directory) -> Option<Self> {
        if suspension.department.is_some_and(|it| !principal.covers(it)) {
            if suspension.scope != Scope::Company {
                return None;
            }
            (suspension.item, suspension.inbox, suspension.department) = (None, None, None);
        }
        let inbox = suspension.inbox.and_then(|it| directory.inbox(it));
        Some(Self {
            inbox_name: inbox.map(|it| it.name.clone()),
            department_name: suspension.department.map(|it| department_name(directory, it)),
            suspension,
        })
    }
}

impl ActivationEntry {
    async fn of(activation: Activation, flow: &Flow, principal: &Principal) -> Result<Self, Problem> {
        let activation = enable::as_at_work(flow, activation);
        let untrusted = untrusted(flow, &activation).await?;
        Ok(Self::shown(activation, untrusted, flow, principal))
    }

    fn shown(activation: Activation, untrusted: Option<String>, flow: &Flow, principal: &Principal) -> Self {
        let (pipeline, directory) = (flow.pipeline.load(), flow.directory.load());
        let health = pipeline.health(activation.id);
        let suspensions = health.map(|it| it.suspensions()).unwrap_or_default().into_iter();
        Self {
            untrusted,
            owner_name: activation.owner.map(|id| department_name(&directory, id)),
            suspended: activation.is_suspended(),
            suspensions: suspensions
                .filter_map(|it| SuspensionEntry::of(it, principal, &directory))
                .collect(),
            health: health.map(|it| it.report(flow.now(), |department| principal.covers(department))),
            activation,
        }
    }
}

async fn untrusted(flow: &Flow, activation: &Activation) -> Result<Option<String>, Problem> {
    let Some(release) = flow.store.release(&activation.digest).await? else { return Ok(None) };
    if let Some(reason) = release.yanked() {
        return Ok(Some(format!("the release was taken back: {reason}")));
    }
    Ok(sign::distrust(flow, &release).await?.map(|why| why.to_string()))
}

async fn answer(call: &Call, activation: Activation) -> Result<Answer<ActivationEntry>, Problem> {
    let revision = enable::tag(&activation);
    Ok(Answer::of(ActivationEntry::of(activation, call.flow(), call.principal()?).await?).tagged(revision))
}

async fn list(
    call: Call,
    Query(query): Query<PageQuery>,
) -> Result<Answer<Entries<ActivationEntry>>, Problem> {
    let page = page_request(query.cursor.as_deref(), query.limit)?;
    let found = enable::seen_page(call.flow(), call.principal()?, page).await?;
    let mut entries = Vec::with_capacity(found.entries.len());
    for activation in found.entries {
        entries.push(ActivationEntry::of(activation, call.flow(), call.principal()?).await?);
    }
    Ok(Answer::of(Entries::page(Page { entries, next: found.next }, |entry| entry)))
}

/// The same of a change that is stored: it is done, whether everything about it can be read now or not.
async fn done(call: &Call, activation: Activation) -> Result<Answer<ActivationEntry>, Problem> {
    let (flow, principal, revision) = (call.flow(), call.principal()?, enable::tag(&activation));
    let activation = enable::as_at_work(flow, activation);
    let untrusted = untrusted(flow, &activation).await.unwrap_or_default();
    Ok(Answer::of(ActivationEntry::shown(activation, untrusted, flow, principal)).tagged(revision))
}

async fn add(call: Call, Json(new): Json<NewActivation>) -> Result<Answer<ActivationEntry>, Problem> {
    let activation = enable::enable(call.flow(), call.principal()?, new).await?;
    done(&call, activation).await
}

async fn show(call: Call, (): ()) -> Result<Answer<ActivationEntry>, Problem> {
    let found = enable::find_seen(call.flow(), call.principal()?, call.segment("name")).await?;
    answer(&call, found).await
}

async fn change(
    call: Call,
    Json(change): Json<ActivationChange>,
) -> Result<Answer<ActivationEntry>, Problem> {
    let seen = call.revision_seen()?;
    let changed = enable::change(call.flow(), call.principal()?, call.segment("name"), change, seen).await?;
    done(&call, changed).await
}

/// Deletes it, and shows what it was.
async fn delete(call: Call, (): ()) -> Result<Answer<ActivationEntry>, Problem> {
    let (principal, name, seen) = (call.principal()?, call.segment("name"), call.revision_seen()?);
    let deleted = enable::delete(call.flow(), principal, name, seen).await?;
    done(&call, deleted).await
}

async fn versions(
    call: Call,
    Query(query): Query<PageQuery>,
) -> Result<Answer<Entries<ActivationVersion>>, Problem> {
    let page = page_request(query.cursor.as_deref(), query.limit)?;
    let activation = enable::find_seen(call.flow(), call.principal()?, call.segment("name")).await?;
    let found = call.flow().store.activation_version_page(activation.id, page).await?;
    Ok(Answer::of(Entries::page(found, |version| version)))
}

/// Where to go back to.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RollBack {
    /// The version's number; the one before the present when absent.
    #[serde(default)]
    to_revision: Option<i64>,
}

async fn roll_back(call: Call, Json(wanted): Json<RollBack>) -> Result<Answer<ActivationEntry>, Problem> {
    let (principal, name, seen) = (call.principal()?, call.segment("name"), call.revision_seen()?);
    let changed = enable::roll_back(call.flow(), principal, name, wanted.to_revision, seen).await?;
    done(&call, changed).await
}
