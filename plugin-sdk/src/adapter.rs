//! What an author of a channel adapter implements.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::secrets::WantedSecret;
use crate::types::{Delivery, Intake, Rejection, ReplyReceived, SettingError, Step, Task, TaskError};

/// One of the company's addresses on a channel, with its settings parsed.
#[derive(Debug, Clone, PartialEq)]
pub struct Inbox<S> {
    /// Its name in Switchboard.
    pub name: String,
    /// The channel's name, such as `email` or `web`.
    pub channel: String,
    /// What the admin set.
    pub settings: S,
}

/// A channel adapter: deliveries in, requests out.
///
/// It never sends and never waits: it hands out requests, and the host resumes it with the answers.
pub trait Adapter: Sized + 'static {
    /// Settings of an inbox; the JSON Schema that admins see comes from this type.
    type Settings: DeserializeOwned + JsonSchema;

    /// Secrets it works with; an admin says for each inbox what they are.
    const SECRETS: &'static [WantedSecret] = &[];

    /// Checks settings beyond what the schema says.
    ///
    /// # Errors
    /// Everything that is wrong with them, each with its place.
    fn check(settings: &Self::Settings) -> Result<(), Vec<SettingError>> {
        let _ = settings;
        Ok(())
    }

    /// Reads one delivery.
    ///
    /// # Errors
    /// Why it yields nothing. The host keeps the delivery, and it can be tried again.
    fn receive(inbox: &Inbox<Self::Settings>, delivery: &Delivery) -> Result<Intake, Rejection>;

    /// Starts a task; an adapter without this cannot send replies.
    ///
    /// # Errors
    /// Why the task cannot be worked on at all.
    fn begin(inbox: &Inbox<Self::Settings>, task: &Task) -> Result<Step, TaskError> {
        let _ = task;
        Err(cannot_reply(&inbox.channel))
    }

    /// Goes on with a task after an exchange.
    ///
    /// # Errors
    /// Why the task cannot be worked on any further.
    fn resume(inbox: &Inbox<Self::Settings>, state: &[u8], reply: &ReplyReceived) -> Result<Step, TaskError> {
        let _ = (state, reply);
        Err(cannot_reply(&inbox.channel))
    }
}

fn cannot_reply(channel: &str) -> TaskError {
    TaskError::Unsupported(format!("the channel `{channel}` cannot send replies with this adapter"))
}
