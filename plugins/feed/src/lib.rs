//! Takes RSS, Atom and JSON feeds in, Google Alerts among them.
//!
//! `README.md` says what is read and how. [`receive`] tells the story: [`document`] finds what came,
//! [`atom`], [`rss`] (out of [`xml`]) and [`json_feed`] read it into one [`feed`], [`item`] makes
//! items of it, with [`google`] for what is particular there.

#![deny(missing_docs)]

pub mod atom;
pub mod date;
pub mod document;
pub mod feed;
pub mod google;
pub mod item;
pub mod json_feed;
pub mod receive;
pub mod rss;
pub mod settings;
mod words;
pub mod xml;

use switchboard_plugin_sdk::prelude::*;
use switchboard_plugin_sdk::signature::SIGNING;

use crate::settings::Settings;

/// The adapter. A feed cannot be answered, so it has no way out.
#[derive(Debug)]
pub struct FeedAdapter;

impl Adapter for FeedAdapter {
    type Settings = Settings;

    const SECRETS: &'static [WantedSecret] = &[SIGNING];

    fn check(settings: &Settings) -> Result<(), Vec<SettingError>> {
        let signature = settings.signature.as_ref();
        signature.map_or(Ok(()), |it| it.check_settings().map_err(|error| vec![error]))
    }

    fn receive(inbox: &Inbox<Settings>, delivery: &Delivery) -> Result<Intake, Rejection> {
        if let Some(signature) = &inbox.settings.signature {
            signature.check(delivery)?;
        }
        Ok(Intake { arrivals: receive::arrivals(delivery, &inbox.settings)?, response: None })
    }

    fn begin(inbox: &Inbox<Settings>, _: &Task) -> Result<Step, TaskError> {
        Err(TaskError::Unsupported(format!(
            "the inbox `{}` takes a feed, and a feed cannot be answered; answer at the item's permalink",
            inbox.name
        )))
    }
}

export_adapter!(FeedAdapter);
