//! An agent takes the most urgent conversation, answers it, and ends it with what was learned.

use anyhow::Context;
use serde::Deserialize;
use serde_json::{Value, json};

use super::channels::RecordingChannels;
use super::client::Client;
use super::explain::said;
use super::look::Looker;
use super::report::{Answered, SentRequest};
use super::settle::settle;
use crate::domain::item::StoredItem;
use crate::egress::Request;
use crate::flow::Flow;

const QUEUE: &str = "support/outage";
const AGENT: &str = "mira";
const TEXT: &str = "Sorry, Holly! A lock in our cloud jammed at seven. It is open again; please press the \
                    button on your kettle for three seconds, and it comes back.";
const THEME: &str = "cloud-outage";

/// How much of the request's body is shown.
const BODY_CHARS: usize = 600;

#[derive(Deserialize)]
struct Listed {
    id: String,
}

#[derive(Deserialize)]
struct Shown {
    status: String,
    items: ItemPage,
}

#[derive(Deserialize)]
struct ItemPage {
    entries: Vec<StoredItem>,
}

/// Answers whoever comes first in the queue.
pub async fn answer_first(
    flow: &Flow,
    client: &Client,
    looker: &Looker<'_>,
    channels: &RecordingChannels,
) -> anyhow::Result<Answered> {
    let waiting: Vec<Listed> = client.all(&format!("/v1/conversations?queue={QUEUE}&limit=1")).await?;
    let id = waiting.into_iter().next().with_context(|| format!("nobody waits in {QUEUE}"))?.id;
    let path = format!("/v1/conversations/{id}");
    client.post::<Value>(&format!("{path}/claim"), &json!({ "agent": AGENT })).await?;
    client.post::<Value>(&format!("{path}/reply"), &json!({ "agent": AGENT, "text": TEXT })).await?;
    settle(flow).await?;
    let request = channels.taken().pop().context("the answer did not go out")?;
    let disposition = json!({
        "theme": THEME,
        "disliked": "no tea for two hours",
        "cause": "the kettles ask the cloud before they boil",
        "action": "let the button work without it",
    });
    client
        .post::<Value>(&format!("{path}/close"), &json!({ "agent": AGENT, "disposition": disposition }))
        .await?;
    let shown: Shown = client.get(&path).await?;
    let first = shown.items.entries.first().context("a conversation without items")?;
    Ok(Answered {
        conversation: id,
        customer: said(first, looker.inbox(first)),
        agent: AGENT.to_owned(),
        text: TEXT.to_owned(),
        request: sent(&request),
        status: shown.status,
        theme: THEME.to_owned(),
    })
}

fn sent(request: &Request) -> SentRequest {
    let media_type = request.headers.iter().find(|(name, _)| name == "content-type");
    SentRequest {
        method: request.method.clone(),
        url: request.url.clone(),
        media_type: media_type.map(|(_, value)| value.clone()).unwrap_or_default(),
        body: String::from_utf8_lossy(&request.body).chars().take(BODY_CHARS).collect(),
    }
}
