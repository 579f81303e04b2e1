//! Contacts: the people outside.

use schemars::JsonSchema;
use serde::Serialize;

use super::call::Call;
use super::input::Json;
use super::output::Answer;
use super::problem::{Problem, ProblemKind};
use super::route::{Permission, Route};
use crate::domain::contact::{Contact, Identity};
use crate::domain::ids::ContactId;
use crate::flow::converse::{self, ContactChange};

pub(super) fn routes() -> Vec<Route> {
    let admin = Permission::Admin;
    vec![
        Route::get("/v1/contacts/{id}", admin, "Shows a contact with its identities", show),
        Route::patch("/v1/contacts/{id}", admin, "Marks a contact as very important, or no longer", change),
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
    let id: ContactId = call.id("id")?;
    let found = call.flow().store.contact(id).await?;
    let unknown = || Problem::new(ProblemKind::NotFound, format!("there is no contact {id}"));
    let (contact, identities) = found.ok_or_else(unknown)?;
    Ok(Answer::of(ContactEntry { contact, identities }))
}

async fn change(call: Call, Json(change): Json<ContactChange>) -> Result<Answer<ContactEntry>, Problem> {
    let id = call.id("id")?;
    let changed = converse::change_contact(call.flow(), call.principal()?, id, &change).await?;
    let (contact, identities) = changed;
    Ok(Answer::of(ContactEntry { contact, identities }))
}
