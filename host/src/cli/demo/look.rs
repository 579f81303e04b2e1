//! What the repository shows after the post was routed.

use std::collections::HashMap;

use serde::Deserialize;

use super::client::Client;
use super::explain::{Explained, explain, said};
use super::report::{DecisionCounts, QueueLoads, Said};
use crate::domain::decision::Decision;
use crate::domain::ids::{InboxId, ItemId};
use crate::domain::item::StoredItem;
use crate::domain::proposal::{Action, Priority};
use crate::flow::route::fell_to_operator;

/// How many of the conversations that fell to the operator are shown.
const OPERATOR_SHOWN: usize = 5;

/// Reads things and calls them by their names.
pub struct Looker<'a> {
    client: &'a Client,
    inboxes: HashMap<InboxId, String>,
}

/// Whether a decision shows something.
type Shows = fn(&Decision) -> bool;

#[derive(Deserialize)]
struct NamedInbox {
    id: InboxId,
    name: String,
}

#[derive(Deserialize)]
struct Queue {
    path: String,
    title: String,
    loads: Vec<Load>,
}

#[derive(Deserialize)]
struct Load {
    priority: Priority,
    open: u64,
}

impl<'a> Looker<'a> {
    /// Learns the names of the inboxes.
    pub async fn new(client: &'a Client) -> anyhow::Result<Self> {
        let inboxes: Vec<NamedInbox> = client.all("/v1/inboxes").await?;
        Ok(Self { client, inboxes: inboxes.into_iter().map(|it| (it.id, it.name)).collect() })
    }

    /// What waits where.
    pub async fn queues(&self) -> anyhow::Result<Vec<QueueLoads>> {
        let queues: Vec<Queue> = self.client.all("/v1/queues").await?;
        Ok(queues.into_iter().map(loads).collect())
    }

    /// Every decision, oldest first.
    pub async fn decisions(&self) -> anyhow::Result<Vec<Decision>> {
        let mut decisions: Vec<Decision> = self.client.list("/v1/decisions").await?;
        decisions.reverse();
        Ok(decisions)
    }

    /// A few decisions that show how things work, explained.
    pub async fn explained(&self, decisions: &[Decision]) -> anyhow::Result<Vec<Explained>> {
        let wanted: [(&str, Shows); 3] = [
            ("Somebody with a million followers", |it| it.outcome.tags.iter().any(|tag| tag == "million")),
            ("Two departments want the same conversation", is_contested),
            ("Junk, for people to look through", |it| it.outcome.spam.is_some()),
        ];
        let mut explained = Vec::new();
        for (title, shows) in wanted {
            if let Some(decision) = decisions.iter().find(|it| shows(it)) {
                explained.push(self.explain(title, decision).await?);
            }
        }
        Ok(explained)
    }

    /// One decision in words.
    pub async fn explain(&self, title: &str, decision: &Decision) -> anyhow::Result<Explained> {
        let item = self.item(decision.item).await?;
        Ok(explain(title, decision, &item, self.inbox(&item)))
    }

    /// The first of those that no policy routed.
    pub async fn operator(&self, decisions: &[Decision]) -> anyhow::Result<Vec<Said>> {
        let mut fallen = Vec::new();
        for decision in decisions.iter().filter(|it| fell_to_operator(it)).take(OPERATOR_SHOWN) {
            let item = self.item(decision.item).await?;
            fallen.push(said(&item, self.inbox(&item)));
        }
        Ok(fallen)
    }

    /// An item.
    pub async fn item(&self, id: ItemId) -> anyhow::Result<StoredItem> {
        self.client.get(&format!("/v1/items/{id}")).await
    }

    /// The name of an item's inbox.
    pub fn inbox(&self, item: &StoredItem) -> &str {
        self.inboxes.get(&item.inbox).map_or("", String::as_str)
    }
}

/// What the decisions add up to.
pub fn counts(decisions: &[Decision]) -> DecisionCounts {
    DecisionCounts {
        made: decisions.len(),
        with_conflict: decisions.iter().filter(|it| it.conflicts().next().is_some()).count(),
        to_operator: decisions.iter().filter(|it| fell_to_operator(it)).count(),
    }
}

/// Whether a policy of a department lost a conversation to another department's.
fn is_contested(decision: &Decision) -> bool {
    let destination =
        |judged: &crate::domain::decision::Judged| matches!(judged.proposal.action, Action::Destination(_));
    decision.conflicts().any(|(_, judged)| destination(judged))
}

fn loads(queue: Queue) -> QueueLoads {
    let mut loads = QueueLoads { path: queue.path, title: queue.title, ..QueueLoads::default() };
    for Load { priority, open } in queue.loads {
        match priority {
            Priority::Urgent => loads.urgent += open,
            Priority::High => loads.high += open,
            Priority::Normal => loads.normal += open,
            Priority::Low => loads.low += open,
        }
    }
    loads
}
