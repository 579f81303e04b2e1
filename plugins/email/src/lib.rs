//! Takes electronic mail in, and sends answers through an HTTP mail relay.
//!
//! `README.md` says what is read and how. In: [`parse`] tells the story, with [`skim`], [`body`],
//! [`quote`], [`attachments`], [`automatic`] and [`report`] for its parts. Out: [`compose`] writes the mail,
//! [`reply`] takes it to the relay and reads what came back.

#![deny(missing_docs)]

pub mod attachments;
pub mod automatic;
pub mod body;
mod clean;
pub mod compose;
pub mod fields;
mod flowed;
pub mod parse;
pub mod quote;
pub mod reply;
pub mod report;
pub mod settings;
pub mod skim;

use switchboard_plugin_sdk::prelude::*;

use crate::reply::RELAY_TOKEN;
use crate::settings::Settings;

/// The adapter.
#[derive(Debug)]
pub struct Email;

impl Adapter for Email {
    type Settings = Settings;

    const SECRETS: &'static [WantedSecret] = &[RELAY_TOKEN];

    fn check(settings: &Settings) -> Result<(), Vec<SettingError>> {
        settings.check()
    }

    fn receive(inbox: &Inbox<Settings>, delivery: &Delivery) -> Result<Intake, Rejection> {
        Ok(Intake { arrivals: parse::arrivals(delivery, &inbox.settings)?, response: None })
    }

    fn begin(inbox: &Inbox<Settings>, task: &Task) -> Result<Step, TaskError> {
        let Task::Reply(outbound) = task;
        reply::begin(inbox, outbound).map(Step::Send)
    }

    fn resume(_: &Inbox<Settings>, state: &[u8], reply: &ReplyReceived) -> Result<Step, TaskError> {
        reply::resume(state, reply).map(Step::Done)
    }
}

export_adapter!(Email);
