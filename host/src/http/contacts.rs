//! Contacts: the people outside.

use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;

use super::call::Call;
use super::export::Document;
use super::input::Json;
use super::output::Answer;
use super::permission;
use super::problem::Problem;
use super::route::Route;
use crate::domain::contact::{Contact, Identity};
use crate::domain::erasure::Erasure;
use crate::flow::converse::{self, ContactChange};
use crate::flow::erase::EraseContact;
use crate::flow::{access, erase, export};

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
        Route::post(
            "/v1/contacts/{id}/erase",
            permission::COMPANY_ADMIN,
            "Erases everything about a contact, for good; 202 while some of it, or the disk, is still to be done",
            erase_contact,
        ),
        Route::get(
            "/v1/contacts/{id}/export",
            permission::COMPANY_ADMIN,
            "Hands out everything about a contact; the audit log says that it was",
            export_contact,
        )
        .sweeping(),
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

async fn erase_contact(call: Call, Json(asked): Json<EraseContact>) -> Result<Answer<Erasure>, Problem> {
    let erasure = erase::erase(call.flow(), call.principal()?, call.id("id")?, asked).await?;
    let status = if erasure.wiped_at.is_some() { StatusCode::OK } else { StatusCode::ACCEPTED };
    Ok(Answer::of(erasure).with_status(status))
}

async fn export_contact(call: Call, (): ()) -> Result<Document, Problem> {
    Ok(Document(export::export(call.flow(), call.principal()?, call.id("id")?).await?))
}
