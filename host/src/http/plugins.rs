//! The marketplace: published plugins.

use axum::http::{HeaderMap, StatusCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::call::Call;
use super::cursor::{Entries, PageQuery, page_request};
use super::input::{Json, Query, Upload};
use super::output::Answer;
use super::permission;
use super::problem::{Problem, ProblemKind};
use super::route::Route;
use super::signing_keys::Because;
use super::view::department_name;
use crate::domain::organisation::Directory;
use crate::domain::release::Release;
use crate::domain::signing::Signature;
use crate::flow::{Flow, FlowError, enable, publish, yank};

/// The header field with a release's signature.
const SIGNATURE: &str = "x-switchboard-signature";

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/v1/plugins", permission::ALL, "Lists published releases, newest first", list),
        Route::post(
            "/v1/plugins",
            permission::PUBLISH,
            "Publishes a component; the same bytes again are no error",
            upload,
        )
        .with_success(StatusCode::CREATED)
        .only_while_asked(),
        Route::get(
            "/v1/plugins/{name}",
            permission::ALL,
            "Lists a plugin's versions, newest first",
            versions,
        ),
        Route::get(
            "/v1/plugins/{name}/{version}",
            permission::ALL,
            "Shows a release, by its version or its digest: its manifest, imports and settings schema",
            show,
        ),
        Route::post(
            "/v1/plugins/{name}/{version}/yank",
            permission::PUBLISH,
            "Takes a release back: what runs goes on, nothing enables it any more",
            yank,
        ),
        Route::post(
            "/v1/plugins/{name}/{version}/unyank",
            permission::PUBLISH,
            "Gives a release back that was taken back by mistake",
            unyank,
        ),
    ]
}

/// A release with its publisher's name.
#[derive(Serialize, JsonSchema)]
struct ReleaseEntry {
    /// The release.
    #[serde(flatten)]
    release: Release,
    /// The name of the department that publishes it; absent for those that come with Switchboard.
    #[serde(skip_serializing_if = "Option::is_none")]
    owner_name: Option<String>,
}

impl ReleaseEntry {
    fn of(release: Release, directory: &Directory) -> Self {
        Self { owner_name: release.owner.map(|id| department_name(directory, id)), release }
    }
}

/// Which releases to list.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ReleaseQuery {
    /// What the name or the summary contains.
    search: Option<String>,
    /// Where the page begins.
    cursor: Option<String>,
    /// How many entries, 1 to 200.
    limit: Option<u32>,
}

async fn list(
    call: Call,
    Query(query): Query<ReleaseQuery>,
) -> Result<Answer<Entries<ReleaseEntry>>, Problem> {
    let page = page_request(query.cursor.as_deref(), query.limit)?;
    let search = query.search.unwrap_or_default();
    let found = call.flow().store.releases(&search, page).await?;
    let directory = call.flow().directory.load();
    Ok(Answer::of(Entries::page(found, |release| ReleaseEntry::of(release, &directory))))
}

/// On whose behalf to publish.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct UploadQuery {
    /// The name of the department that publishes it.
    department: Option<String>,
}

async fn upload(call: Call, upload: Upload<UploadQuery>) -> Result<Answer<ReleaseEntry>, Problem> {
    let flow = call.flow();
    let signature = signature_of(call.headers())?;
    let owner = match &upload.query.department {
        Some(name) => Some(department(flow, name)?),
        None => None,
    };
    let published = publish::publish(flow, call.principal()?, upload.bytes, owner, signature).await?;
    let answer = Answer::of(ReleaseEntry::of(published.release, &flow.directory.load()));
    Ok(match published.new {
        true => answer,
        false => answer.with_status(StatusCode::OK),
    })
}

/// The signature that came along, as `PUBLIC-KEY SIGNATURE`, both in base64.
fn signature_of(headers: &HeaderMap) -> Result<Option<Signature>, Problem> {
    let Some(value) = headers.get(SIGNATURE) else { return Ok(None) };
    let parts: Option<Vec<&str>> = value.to_str().ok().map(|it| it.split_whitespace().collect());
    match parts.as_deref() {
        Some([public_key, signature]) => {
            let (public_key, signature) = ((*public_key).to_owned(), (*signature).to_owned());
            Ok(Some(Signature { public_key, signature }))
        }
        _ => {
            let detail = format!("the header `{SIGNATURE}` is not `PUBLIC-KEY SIGNATURE`, both in base64");
            Err(Problem::new(ProblemKind::Malformed, detail))
        }
    }
}

async fn yank(call: Call, Json(because): Json<Because>) -> Result<Answer<ReleaseEntry>, Problem> {
    let (flow, principal) = (call.flow(), call.principal()?);
    let (name, version) = (call.segment("name"), call.segment("version"));
    let release = yank::yank(flow, principal, name, version, &because.reason).await?;
    Ok(Answer::of(ReleaseEntry::of(release, &flow.directory.load())))
}

async fn unyank(call: Call, (): ()) -> Result<Answer<ReleaseEntry>, Problem> {
    let (flow, principal) = (call.flow(), call.principal()?);
    let release = yank::unyank(flow, principal, call.segment("name"), call.segment("version")).await?;
    Ok(Answer::of(ReleaseEntry::of(release, &flow.directory.load())))
}

fn department(flow: &Flow, name: &str) -> Result<crate::domain::ids::DepartmentId, Problem> {
    let directory = flow.directory.load();
    let found = directory.department_named(name).map(|it| it.id);
    found.ok_or_else(|| {
        let known = directory.departments();
        let unknown = FlowError::unknown("department", name, known.iter().map(|it| it.name.as_str()));
        Problem::invalid("/query/department", unknown.to_string())
    })
}

async fn versions(
    call: Call,
    Query(query): Query<PageQuery>,
) -> Result<Answer<Entries<ReleaseEntry>>, Problem> {
    let page = page_request(query.cursor.as_deref(), query.limit)?;
    let (flow, name) = (call.flow(), call.segment("name"));
    let found = flow.store.releases_of(name, page).await?;
    if found.entries.is_empty() && page.after.is_none() {
        return Err(enable::unknown_plugin(flow, name).await?.into());
    }
    let directory = flow.directory.load();
    Ok(Answer::of(Entries::page(found, |release| ReleaseEntry::of(release, &directory))))
}

async fn show(call: Call, (): ()) -> Result<Answer<ReleaseEntry>, Problem> {
    let (flow, name, version) = (call.flow(), call.segment("name"), call.segment("version"));
    let found = enable::find_release(flow, name, Some(version)).await?;
    Ok(Answer::of(ReleaseEntry::of(found, &flow.directory.load())))
}
