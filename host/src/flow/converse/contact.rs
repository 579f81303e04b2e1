use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::domain::contact::{Contact, Identity};
use crate::domain::ids::ContactId;
use crate::domain::principal::Principal;
use crate::flow::{Flow, FlowError, access};

/// What to change of a contact; absent fields stay.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ContactChange {
    /// Whether the person is very important.
    pub vip: Option<bool>,
}

/// Changes what the company says of a person.
pub async fn change_contact(
    flow: &Flow,
    principal: &Principal,
    id: ContactId,
    change: &ContactChange,
) -> Result<(Contact, Vec<Identity>), FlowError> {
    let (mut contact, identities) = access::contact(flow, principal, id).await?;
    if contact.erased_at.is_some() {
        return Err(FlowError::Gone(format!("contact {id} is erased: nothing is said of it any more")));
    }
    if let Some(vip) = change.vip {
        let audit = flow.audit(principal, "contact.set-vip", &id.to_string(), json!({ "vip": vip }));
        flow.store.set_vip(id, vip, &audit).await?;
        contact.vip = vip;
    }
    Ok((contact, identities))
}
