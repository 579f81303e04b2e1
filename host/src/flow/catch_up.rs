//! What follows from a change that is stored: memory follows it, and what is kept shows no secret that is
//! known as one only now.
//!
//! The change itself is done, and whoever asked for it hears so. What cannot be done at once is done later.

use std::sync::Arc;

use super::liveness::STORING;
use super::{Flow, FlowError};
use crate::domain::organisation::Inbox;
use crate::store::PageRequest;

/// Heads of deliveries looked at in one go.
const HEADS_AT_ONCE: u32 = 256;

/// Does what could not be done at once.
pub async fn catch_up(flow: &Flow) -> Result<(), FlowError> {
    if flow.liveness.is_failing(STORING) {
        // Where nothing is sent to a host that says it is not ready, nothing else would find out.
        let writable = flow.store.check_writable().await;
        flow.liveness.stepped(STORING, &writable);
    }
    flow.follow_pipeline().await?;
    flow.safe.catch_up(&flow.store).await?;
    let mut inboxes = flow.safe.take_to_look_through();
    while let Some(id) = inboxes.first().copied() {
        if let Some(inbox) = flow.directory.load_full().inbox(id)
            && let Err(error) = look_through(flow, inbox).await
        {
            flow.safe.look_through(inboxes);
            return Err(error);
        }
        inboxes.remove(&id);
    }
    Ok(())
}

/// Has every inbox looked through that uses secrets: the host before may not have come to it.
pub fn look_through_all(flow: &Flow) {
    let directory = flow.directory.load_full();
    let inboxes = directory.inboxes().into_iter().filter(|it| !it.secrets.is_empty());
    flow.safe.look_through(inboxes.map(|it| it.id));
}

/// The secret of this name has another value: what was kept unread may show it.
pub(super) async fn secret_changed(flow: &Flow, name: &str) {
    flow.safe.follow(&flow.store).await;
    let directory = flow.directory.load_full();
    let inboxes = directory.inboxes().into_iter().filter(|it| it.secrets.values().any(|it| it == name));
    flow.safe.look_through(inboxes.map(|it| it.id));
    soon(flow).await;
}

/// The inbox uses other secrets: what it kept unread may show them.
pub(super) async fn inbox_changed(flow: &Flow, inbox: &Inbox) {
    flow.safe.look_through([inbox.id]);
    soon(flow).await;
}

async fn soon(flow: &Flow) {
    if let Err(error) = catch_up(flow).await {
        tracing::error!(%error, "what follows from a change could not be done yet; it is tried again");
    }
}

/// Hides what the inbox's unread deliveries show of its secrets.
async fn look_through(flow: &Flow, inbox: &Arc<Inbox>) -> Result<(), FlowError> {
    let mut page = PageRequest { after: None, limit: HEADS_AT_ONCE };
    loop {
        let heads = flow.store.unread_heads(inbox.id, page).await?;
        for (delivery, mut head) in heads.entries {
            if flow.safe.granted_to_read(delivery, None, inbox).hide_in_head(&mut head) {
                flow.store.rewrite_head(delivery, &head).await?;
            }
        }
        match heads.next {
            Some(next) => page.after = Some(next),
            None => return Ok(()),
        }
    }
}
