//! An adapter on the bench.

use std::marker::PhantomData;

use serde_json::Value;

use super::secrets::{self, Known};
use crate::types::{
    Delivery, Intake, Outbound, Rejection, ReplyReceived, SettingError, Step, Task, TaskError,
};
use crate::{Adapter, Inbox, settings};

/// An adapter with an inbox, called the way the host calls.
#[derive(Debug)]
pub struct AdapterUnderTest<A: Adapter> {
    inbox: Inbox<A::Settings>,
    adapter: PhantomData<A>,
    secrets: Vec<Known>,
}

/// Sets up an inbox named `inbox` on the channel `channel` for an adapter.
///
/// # Errors
/// What is wrong with the settings.
#[allow(clippy::needless_pass_by_value, reason = "settings are written in place with serde_json::json!")]
pub fn adapter<A: Adapter>(settings: Value) -> Result<AdapterUnderTest<A>, Vec<SettingError>> {
    super::demand_object_schema::<A::Settings>()?;
    let settings = settings::parse(&settings.to_string()).map_err(|error| vec![error])?;
    A::check(&settings)?;
    Ok(AdapterUnderTest {
        inbox: Inbox { name: "inbox".to_owned(), channel: "channel".to_owned(), settings },
        adapter: PhantomData,
        secrets: secrets::declared(A::SECRETS),
    })
}

impl<A: Adapter> AdapterUnderTest<A> {
    /// Says what a secret is that the adapter declares.
    ///
    /// # Panics
    /// Where the adapter does not declare it.
    #[must_use]
    pub fn with_secret(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        secrets::set(&mut self.secrets, name, value.as_ref());
        self
    }

    /// Reads a delivery.
    ///
    /// # Errors
    /// Why it yields nothing.
    pub fn receive(&self, delivery: &Delivery) -> Result<Intake, Rejection> {
        secrets::use_for_calls(&self.secrets);
        A::receive(&self.inbox, delivery)
    }

    /// Starts to send an answer.
    ///
    /// # Errors
    /// Why that is impossible.
    pub fn reply(&self, outbound: Outbound) -> Result<Step, TaskError> {
        secrets::use_for_calls(&self.secrets);
        A::begin(&self.inbox, &Task::Reply(outbound))
    }

    /// Goes on after an exchange.
    ///
    /// # Errors
    /// Why that is impossible.
    pub fn resume(&self, state: &[u8], reply: &ReplyReceived) -> Result<Step, TaskError> {
        secrets::use_for_calls(&self.secrets);
        A::resume(&self.inbox, state, reply)
    }
}
