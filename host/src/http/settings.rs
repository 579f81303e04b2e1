//! What holds for the whole installation.

use schemars::JsonSchema;
use serde::Serialize;

use super::call::Call;
use super::input::Json;
use super::output::Answer;
use super::permission;
use super::problem::Problem;
use super::route::Route;
use crate::domain::installation::InstallationSettings;
use crate::flow::settings::{self, SettingsChange};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get(
            "/v1/installation",
            permission::ALL,
            "Shows the installation's id, for which signing keys are proven",
            installation,
        ),
        Route::get(
            "/v1/settings",
            permission::COMPANY_READ,
            "Shows what holds for the whole installation",
            shown,
        ),
        Route::patch(
            "/v1/settings",
            permission::COMPANY_ADMIN,
            "Changes what holds for the whole installation",
            change,
        ),
    ]
}

/// This installation.
#[derive(Serialize, JsonSchema)]
struct Installation {
    /// Its id: no other installation has it.
    id: String,
}

async fn installation(call: Call, (): ()) -> Result<Answer<Installation>, Problem> {
    Ok(Answer::of(Installation { id: call.flow().store.installation_id().await? }))
}

async fn shown(call: Call, (): ()) -> Result<Answer<InstallationSettings>, Problem> {
    Ok(Answer::of(call.flow().store.settings().await?))
}

async fn change(
    call: Call,
    Json(change): Json<SettingsChange>,
) -> Result<Answer<InstallationSettings>, Problem> {
    Ok(Answer::of(settings::change(call.flow(), call.principal()?, &change).await?))
}
