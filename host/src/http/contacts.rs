//! Contacts: the people outside.

use schemars::JsonSchema;
use serde::Serialize;

use super::call::Call;
use super::input::Json;
use super::output::Answer;
use super::permission;
use super::problem::Problem;
use super::route::Route;
use crate::domain::contact::{Contact, Identity};
use crate::flow::access;
use crate::flow::converse::{self, ContactChange};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get(
            "/v1/contacts/{id}",
            permission::CONVERSATIONS_READ,
            "Shows a contact with its identities",
            show,
        ),
        Route::patch(
            "/v1/contacts/{id}",
            permission::CONVERSATIONS_ACT,
            "Marks a contact as very important, or no longer",
            change,
        ),
    ]
}

/// A person outside and where the person is present.
#[derive(Serialize, JsonSchema)]
struct ContactEntry {
    /// The person.
    #[serde(flatten)]
    contact: Contact,
    /// The person's presences.
    identities: Vec<Identity>,
}

async fn show(call: Call, (): ()) -> Result<Answer<ContactEntry>, Problem> {
    let seen = access::contact(call.flow(), call.principal()?, call.id("id")?).await?;
    let (contact, identities) = seen;
    Ok(Answer::of(ContactEntry { contact, identities }))
}

async fn change(call: Call, Json(change): Json<ContactChange>) -> Result<Answer<ContactEntry>, Problem> {
    let id = call.id("id")?;
    let changed = converse::change_contact(call.flow(), call.principal()?, id, &change).await?;
    let (contact, identities) = changed;
    Ok(Answer::of(ContactEntry { contact, identities }))
}
