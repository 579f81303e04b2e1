//! Departments, agents, queues, inboxes, tokens and secrets change.
//!
//! Called by `http`, `cli` and `app`; calls `store`. Every change is written together with its
//! audit entry, and memory follows before the verb returns ([`follow`](super::follow)), so that a caller finds
//! what it has just made.
//!
//! **Invariant:** randomness for tokens is drawn in [`mod@token`] and nowhere else in this room.
//! **Invariant:** a secret's value goes into the vault, and no answer, message or log line holds it.
//! **Invariant:** a token is known in plain only to whoever was shown it; what is kept is its SHA-256.

use crate::domain::principal::Principal;
use crate::domain::release::check_name;
use crate::domain::visible_text::check_line;
use crate::flow::FlowError;

mod agent;
mod department;
mod inbox;
mod inbox_change;
mod inbox_rules;
mod queue;
mod secret;
mod secret_text;
mod token;

pub(super) use agent::department_for;
pub use agent::{NewAgent, add_agent};
pub use department::{FIRST_QUEUE, NewDepartment, add_department};
pub use inbox::{Access, InboxWithToken, NewInbox, add_inbox};
pub use inbox_change::{InboxChange, change_inbox};
pub use queue::{NewQueue, add_queue};
pub use secret::{
    NewSecret, NewSecretValue, SecretChange, add_secret, add_secret_value, change_secret,
    retire_secret_value, secret, secrets,
};
pub use token::{NewToken, TokenWithSecret, add_token, ensure_admin_token, revoke_token, token, tokens};

/// The longest title, in characters.
pub const TITLE_CHARS_MAX: usize = 200;

/// Checks the `name` of something new.
fn name_of_new(name: &str) -> Result<(), FlowError> {
    check_name(name).map_err(|error| FlowError::invalid("/name", error.to_string()))
}

/// The title given, or the name in its stead.
pub(super) fn title_of_new(title: Option<String>, name: &str) -> Result<String, FlowError> {
    let title = title.unwrap_or_else(|| name.to_owned());
    match check_line(&title, TITLE_CHARS_MAX) {
        Ok(()) => Ok(title),
        Err(why) => Err(FlowError::invalid("/title", format!("this is no title: {why}"))),
    }
}

/// Refuses a caller who is confined to a department what is the whole company's.
fn for_the_company(principal: &Principal) -> Result<(), FlowError> {
    match principal.department {
        None => Ok(()),
        Some(_) => Err(FlowError::Forbidden("that is for admins of the whole company".to_owned())),
    }
}
