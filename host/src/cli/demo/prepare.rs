//! Plugins are published and enabled, and waited for.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, bail};
use futures::future::try_join_all;
use indicatif::ProgressBar;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::client::Client;
use super::company;
use crate::bundled::BUNDLED;
use crate::domain::activation::{Mode, Phase, Preparation};
use crate::domain::generation::Generation;
use crate::domain::ids::ActivationId;
use crate::domain::release::PluginKind;

/// How often the state of preparations is asked for: they take seconds.
const ASK_EVERY: Duration = Duration::from_millis(50);

/// How often the spinner turns.
const SPIN_EVERY: Duration = Duration::from_millis(100);

/// A plugin at work.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Enabled {
    id: ActivationId,
    /// The activation's name.
    pub name: String,
    /// Adapter or policy.
    pub kind: PluginKind,
    /// The plugin.
    pub plugin: String,
    /// Its version.
    pub version: String,
    /// When it is asked.
    pub phase: Phase,
    /// Whether it counts.
    pub mode: Mode,
    /// Whose rule it is.
    #[serde(default)]
    pub owner_name: Option<String>,
    preparation: Preparation,
}

/// Publishes the bundled plugins, as anybody would.
pub async fn publish(client: &Client) -> anyhow::Result<usize> {
    let spinner = spinner(format!("publishing {} plugins: each is checked and compiled", BUNDLED.len()));
    let uploads = BUNDLED.iter().map(|(name, component)| async move {
        client.upload::<Value>(component).await.with_context(|| format!("publish {name}"))
    });
    try_join_all(uploads).await?;
    spinner.finish_and_clear();
    Ok(BUNDLED.len())
}

/// Enables the adapters and waits until they are ready.
pub async fn enable_adapters(client: &Client, names: BTreeSet<&str>) -> anyhow::Result<usize> {
    let wanted: Vec<_> =
        names.into_iter().map(|plugin| json!({ "plugin": plugin, "mode": "active" })).collect();
    enable(client, &wanted).await
}

/// Enables the company's policies and waits until they are ready.
pub async fn enable_policies(client: &Client) -> anyhow::Result<usize> {
    enable(client, &company::policies()?).await
}

/// Everything that is enabled: adapters, then policies in the order they are asked.
pub async fn enabled(client: &Client) -> anyhow::Result<Vec<Enabled>> {
    let mut enabled: Vec<Enabled> = client.all("/v1/activations").await?;
    enabled.sort_by_key(|it| it.kind != PluginKind::ChannelAdapter);
    Ok(enabled)
}

async fn enable(client: &Client, wanted: &[Value]) -> anyhow::Result<usize> {
    for activation in wanted {
        client.post::<Value>("/v1/activations", activation).await?;
    }
    let spinner = spinner(format!("preparing {} plugins with their settings", wanted.len()));
    while !all_ready(client).await? {
        tokio::time::sleep(ASK_EVERY).await;
    }
    spinner.finish_and_clear();
    Ok(wanted.len())
}

/// Whether everything that was enabled is prepared, and at work: the latest generation has it.
async fn all_ready(client: &Client) -> anyhow::Result<bool> {
    let generations: Vec<Generation> = client.all("/v1/generations").await?;
    let at_work: Vec<ActivationId> =
        generations.iter().take(1).flat_map(|it| &it.entries).map(|it| it.activation).collect();
    let mut ready = true;
    for activation in enabled(client).await? {
        match activation.preparation {
            Preparation::Ready => ready &= at_work.contains(&activation.id),
            Preparation::Preparing => ready = false,
            Preparation::Failed { failure, reason } => {
                bail!("{} could not be prepared: {failure}: {reason}", activation.name)
            }
        }
    }
    Ok(ready)
}

/// Turns on a terminal only.
fn spinner(message: String) -> ProgressBar {
    let spinner = ProgressBar::new_spinner().with_message(message);
    spinner.enable_steady_tick(SPIN_EVERY);
    spinner
}
