//! The inbox's door, as it stands for whoever holds the repository.

use std::sync::Arc;

use anyhow::{bail, ensure};
use arc_swap::ArcSwap;

use crate::domain::organisation::{Directory, Inbox, InboxAccess};
use crate::flow::Flow;

/// A flow by which deliveries reach this inbox, closed or guarded by a token as it may be: history
/// is imported before an inbox is opened to the world.
pub fn open(flow: &Flow, inbox_name: &str) -> anyhow::Result<Flow> {
    let directory = flow.directory.load();
    let Some(inbox) = directory.inbox_named(inbox_name) else {
        let known: Vec<_> = directory.inboxes().iter().map(|it| it.name.as_str()).collect();
        bail!("there is no inbox `{inbox_name}`; there is: {}", known.join(", "));
    };
    let adapter = &inbox.adapter;
    ensure!(
        flow.pipeline.load().adapter(adapter).is_some(),
        "the adapter `{adapter}` of inbox `{inbox_name}` is not ready; look at GET /v1/activations of the running host"
    );
    let opened = Inbox { access: InboxAccess::Open, ..Inbox::clone(inbox) };
    let directory = Directory::new(Vec::new(), Vec::new(), Vec::new(), vec![opened]);
    Ok(Flow { directory: Arc::new(ArcSwap::from_pointee(directory)), ..flow.clone() })
}
