//! The morning's post is delivered.

use std::collections::HashMap;

use anyhow::Context;
use bytes::Bytes;
use futures::future::try_join_all;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::client::Client;
use super::samples::InboxSamples;
use crate::domain::delivery::DeliveryOutcome;

/// How much of a delivery that could not be read is shown.
const EXCERPT_CHARS: usize = 60;

/// What an inbox received.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Intake {
    /// The inbox.
    pub inbox: String,
    /// Deliveries.
    pub deliveries: usize,
    /// New items.
    pub items: usize,
    /// Items that were there already.
    pub duplicates: u32,
    /// Edits and deletions.
    pub changes: u32,
    /// Edits, deletions and notices about items that are not here.
    pub unknown: u32,
    /// Deliveries kept unread.
    pub unparsed: Vec<Unparsed>,
}

/// A delivery that no adapter could read.
#[derive(Clone, Debug, Serialize)]
pub struct Unparsed {
    /// How it begins.
    pub excerpt: String,
    /// Why.
    pub reason: String,
}

/// What the host answers to a delivery.
#[derive(Deserialize)]
struct Received {
    outcome: DeliveryOutcome,
    reason: Option<String>,
    items: Vec<Value>,
    duplicates: u32,
    changes: u32,
    unknown: u32,
}

/// Delivers everything: the channels at the same time, what one channel brings in its order.
pub async fn take_in(
    client: &Client,
    channels: &[InboxSamples],
    tokens: &HashMap<String, String>,
) -> anyhow::Result<Vec<Intake>> {
    let tokens = channels.iter().map(|channel| tokens.get(channel.inbox).map(String::as_str));
    try_join_all(channels.iter().zip(tokens).map(|(channel, token)| deliver(client, channel, token))).await
}

async fn deliver(client: &Client, channel: &InboxSamples, token: Option<&str>) -> anyhow::Result<Intake> {
    let mut intake = Intake { inbox: channel.inbox.to_owned(), ..Intake::default() };
    for (index, sample) in channel.samples.iter().enumerate() {
        let received = client.deliver(channel.inbox, token, sample.media_type, sample.body.clone()).await;
        let received = received.with_context(|| format!("delivery {index} to {}", channel.inbox))?;
        intake.count(received, &sample.body);
    }
    Ok(intake)
}

impl Intake {
    fn count(&mut self, received: Received, body: &Bytes) {
        self.deliveries += 1;
        self.items += received.items.len();
        self.duplicates += received.duplicates;
        self.changes += received.changes;
        self.unknown += received.unknown;
        if received.outcome == DeliveryOutcome::Unparsed {
            let excerpt = String::from_utf8_lossy(body).chars().take(EXCERPT_CHARS).collect();
            self.unparsed.push(Unparsed { excerpt, reason: received.reason.unwrap_or_default() });
        }
    }
}
