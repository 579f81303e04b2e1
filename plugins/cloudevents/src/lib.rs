//! Takes CloudEvents and plain JSON items in, and sends answers out as CloudEvents.
//!
//! `README.md` says what is read and how; the modules follow a delivery's way:
//! [`receive`] finds the mode, [`event`] and [`binary`] read events, [`data`] and [`record`] what
//! they carry, [`arrival`] says what it means. [`reply`] is the way out.

#![deny(missing_docs)]

pub mod arrival;
pub mod binary;
pub mod data;
pub mod event;
mod json;
pub mod media;
pub mod receive;
pub mod record;
pub mod reply;
mod scalar;
pub mod settings;
mod words;
mod writer;

use switchboard_plugin_sdk::prelude::*;
use switchboard_plugin_sdk::signature::SIGNING;

use crate::arrival::Context;
use crate::reply::REPLY_TOKEN;
use crate::settings::Settings;

/// The adapter.
#[derive(Debug)]
pub struct CloudEvents;

impl Adapter for CloudEvents {
    type Settings = Settings;

    const SECRETS: &'static [WantedSecret] = &[SIGNING, REPLY_TOKEN];

    fn check(settings: &Settings) -> Result<(), Vec<SettingError>> {
        let url = settings
            .reply_url
            .as_ref()
            .filter(|it| !it.starts_with("https://") && !it.starts_with("http://"));
        let message = "must be an absolute URL that begins with https:// or http://";
        let mut errors: Vec<_> = url.map(|_| SettingError::at("/reply_url", message)).into_iter().collect();
        errors.extend(settings.signature.as_ref().and_then(|it| it.check_settings().err()));
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }

    fn receive(inbox: &Inbox<Settings>, delivery: &Delivery) -> Result<Intake, Rejection> {
        if let Some(signature) = &inbox.settings.signature {
            signature.check(delivery)?;
            if signature.covers_the_body_alone() {
                binary::refuse(delivery)?;
            }
        }
        let context = Context { settings: &inbox.settings, received_at_ms: delivery.received_at_ms };
        let arrivals = receive::arrivals(delivery, &context)?;
        Ok(Intake { arrivals, response: None })
    }

    fn begin(inbox: &Inbox<Settings>, task: &Task) -> Result<Step, TaskError> {
        let Task::Reply(outbound) = task;
        reply::begin(inbox, outbound).map(Step::Send)
    }

    fn resume(_: &Inbox<Settings>, state: &[u8], reply: &ReplyReceived) -> Result<Step, TaskError> {
        reply::resume(state, reply).map(Step::Done)
    }
}

export_adapter!(CloudEvents);
