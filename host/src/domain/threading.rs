//! Which conversation an item belongs to.
//!
//! Every id an item has or answers is a *reference*. Items that share a reference, directly or
//! through others, are one conversation; so is an item whose parent arrives after it. An item that
//! joins two conversations makes them one: the older goes on, the younger is merged into it.

use std::collections::{BTreeSet, HashMap};

use super::ids::{ConversationId, InboxId};

/// How many references of one item count: the nearest ones. A longer chain adds nothing, and its
/// length is in the hands of whoever wrote it.
pub const REFERENCES_MAX: usize = 64;

/// An external id within an inbox.
pub type Reference = (InboxId, String);

/// What threading needs of an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThreadItem<'a> {
    /// Where it came in.
    pub inbox: InboxId,
    /// Its own external id.
    pub external_id: &'a str,
    /// What it answers, nearest first.
    pub in_reply_to: &'a [String],
}

impl ThreadItem<'_> {
    /// Its references: itself, then the nearest it answers.
    pub fn references(&self) -> impl Iterator<Item = Reference> + '_ {
        std::iter::once(self.external_id)
            .chain(self.in_reply_to.iter().map(String::as_str).take(REFERENCES_MAX))
            .filter(|id| !id.is_empty())
            .map(|id| (self.inbox, id.to_owned()))
    }

    /// What a new conversation is known by: the farthest ancestor named, else the item itself.
    pub fn thread_key(&self) -> &str {
        self.in_reply_to
            .iter()
            .take(REFERENCES_MAX)
            .rfind(|id| !id.is_empty())
            .map_or(self.external_id, |it| it)
    }
}

/// Where the items of a batch belong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Threads {
    /// For each item, in order.
    pub assigned: Vec<Assigned>,
    /// Conversations that turn out to be one: the one that goes on, the one that ends in it.
    pub merges: Vec<(ConversationId, ConversationId)>,
}

/// Where one item belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Assigned {
    /// To a conversation that exists.
    Existing(ConversationId),
    /// To a new one, shared by all items of the batch with the same number: the index of the first.
    New(usize),
}

/// Finds the conversations of a batch of items.
///
/// `known` says to which conversation a reference belongs already; it must hold every known
/// reference of the items.
pub fn assign(items: &[ThreadItem<'_>], known: &HashMap<Reference, ConversationId>) -> Threads {
    let mut groups = Groups::default();
    let nodes: Vec<usize> = items.iter().map(|item| groups.join_all(item.references(), known)).collect();
    let mut first_of_group: HashMap<usize, usize> = HashMap::new();
    let mut threads = Threads::default();
    for (index, node) in nodes.into_iter().enumerate() {
        let root = groups.root(node);
        let first = *first_of_group.entry(root).or_insert(index);
        let assigned = match groups.conversations[root].first() {
            Some(oldest) => Assigned::Existing(*oldest),
            None => Assigned::New(first),
        };
        threads.assigned.push(assigned);
        if first == index {
            threads.merges.extend(merges_of(&groups.conversations[root]));
        }
    }
    threads
}

fn merges_of(
    conversations: &BTreeSet<ConversationId>,
) -> impl Iterator<Item = (ConversationId, ConversationId)> + '_ {
    let oldest = conversations.first().copied();
    conversations.iter().skip(1).filter_map(move |younger| Some((oldest?, *younger)))
}

/// Disjoint sets of references, each with the conversations it touches.
#[derive(Default)]
struct Groups {
    node_of: HashMap<Reference, usize>,
    node_of_conversation: HashMap<ConversationId, usize>,
    parent: Vec<usize>,
    conversations: Vec<BTreeSet<ConversationId>>,
}

impl Groups {
    fn join_all(
        &mut self,
        references: impl Iterator<Item = Reference>,
        known: &HashMap<Reference, ConversationId>,
    ) -> usize {
        let mut joined = None;
        for reference in references {
            let node = self.node(reference, known);
            joined = Some(joined.map_or(node, |other| self.join(other, node)));
        }
        // An item without any id is alone.
        joined.unwrap_or_else(|| self.add(None))
    }

    fn node(&mut self, reference: Reference, known: &HashMap<Reference, ConversationId>) -> usize {
        if let Some(node) = self.node_of.get(&reference) {
            return *node;
        }
        let node = match known.get(&reference) {
            Some(conversation) => self.conversation(*conversation),
            None => self.add(None),
        };
        self.node_of.insert(reference, node);
        node
    }

    fn conversation(&mut self, id: ConversationId) -> usize {
        if let Some(node) = self.node_of_conversation.get(&id) {
            return *node;
        }
        let node = self.add(Some(id));
        self.node_of_conversation.insert(id, node);
        node
    }

    fn add(&mut self, conversation: Option<ConversationId>) -> usize {
        let node = self.parent.len();
        self.parent.push(node);
        self.conversations.push(conversation.into_iter().collect());
        node
    }

    fn root(&mut self, node: usize) -> usize {
        let mut at = node;
        while self.parent[at] != at {
            self.parent[at] = self.parent[self.parent[at]];
            at = self.parent[at];
        }
        at
    }

    fn join(&mut self, one: usize, other: usize) -> usize {
        let (one, other) = (self.root(one), self.root(other));
        if one != other {
            self.parent[other] = one;
            let moved = std::mem::take(&mut self.conversations[other]);
            self.conversations[one].extend(moved);
        }
        one
    }
}

#[cfg(test)]
#[path = "threading/tests.rs"]
mod tests;
