//! Disjoint sets of conversations, those that are there and those that a batch begins.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::{
    Assigned, Bounds, Evidence, KnownThreads, Reference, SUGGESTIONS_MAX, Suggested, ThreadItem, Unjoined,
    Writer,
};
use crate::domain::ids::{ContactId, ConversationId};

/// How many leads of one reference a batch itself adds. Only writers who all reply to one missing item
/// come near it.
const LEADS_MAX: usize = 64;

/// Conversations that are one.
#[derive(Default)]
struct Group {
    /// Those that are there.
    conversations: BTreeSet<ConversationId>,
    /// The first item of the batch that began it.
    begun_by: Option<usize>,
    /// With whom it is; absent while only the company or nameless writers wrote in a new one.
    with: Option<ContactId>,
    /// How many rows all of them have that are there.
    rows: u64,
    /// How many the oldest has: these do not move.
    rows_of_oldest: u64,
}

impl Group {
    fn moved(&self) -> u64 {
        self.rows - self.rows_of_oldest
    }

    fn merges(&self) -> usize {
        self.conversations.len().saturating_sub(1)
    }
}

pub(super) struct Groups<'a> {
    known: &'a KnownThreads,
    bounds: Bounds,
    groups: Vec<Group>,
    parent: Vec<usize>,
    node_of: HashMap<ConversationId, usize>,
    /// Where references lead that items of the batch are or name.
    begun: HashMap<Reference, Vec<(usize, Evidence)>>,
    /// Items with what they refer to and do not join, and why.
    left: Vec<(usize, usize, Unjoined)>,
    merged: usize,
    moved: u64,
}

impl<'a> Groups<'a> {
    pub(super) fn new(known: &'a KnownThreads, bounds: Bounds) -> Self {
        Self {
            known,
            bounds,
            groups: Vec::new(),
            parent: Vec::new(),
            node_of: HashMap::new(),
            begun: HashMap::new(),
            left: Vec::new(),
            merged: 0,
            moved: 0,
        }
    }

    /// The node of the conversation that the item belongs to.
    pub(super) fn place(&mut self, index: usize, item: &ThreadItem<'_>) -> usize {
        let mut leads: Vec<(usize, Evidence)> = Vec::new();
        for reference in item.references() {
            leads.extend(self.leads_of(&reference));
        }
        let home = leads.iter().find(|(node, evidence)| item.may_join(*evidence, self.with(*node)));
        let home = home.map(|it| it.0).unwrap_or_else(|| self.begin(index));
        for (node, evidence) in leads {
            let with = [self.with(home), self.with(node)];
            let joined = match item.may_join(evidence, with[1]) && item.may_merge(with) {
                true => self.join(home, node),
                false => Err(Unjoined::Unproven),
            };
            if let Err(why) = joined
                && item.writer != Writer::Company
            {
                self.left.push((index, node, why));
            }
        }
        let home = self.root(home);
        if let (Writer::Contact(writer), None) = (item.writer, self.groups[home].with) {
            self.groups[home].with = Some(writer);
        }
        let began = self.groups[home].begun_by == Some(index);
        self.note(item, began, home);
        home
    }

    fn leads_of(&mut self, reference: &Reference) -> Vec<(usize, Evidence)> {
        let known = self.known;
        let mut leads = Vec::new();
        for lead in known.leads.get(reference).into_iter().flatten() {
            leads.push((self.existing(lead.conversation), lead.evidence));
        }
        leads.extend(self.begun.get(reference).into_iter().flatten());
        leads
    }

    /// Remembers where the item's references lead from now on.
    fn note(&mut self, item: &ThreadItem<'_>, began: bool, home: usize) {
        let own = match item.writer {
            Writer::Company if item.is_vouched || began => Evidence::Sent,
            Writer::Company | Writer::Contact(_) | Writer::Anonymous => item.evidence(),
        };
        for (position, reference) in item.references().enumerate() {
            let evidence = if position == 0 { own } else { item.evidence() };
            let leads = self.begun.entry(reference).or_default();
            if leads.len() < LEADS_MAX && !leads.iter().any(|it| it.1 == evidence && it.0 == home) {
                leads.push((home, evidence));
            }
        }
    }

    fn existing(&mut self, id: ConversationId) -> usize {
        if let Some(node) = self.node_of.get(&id) {
            return *node;
        }
        let standing = self.known.conversations.get(&id);
        let rows = standing.map_or(0, |it| u64::from(it.rows));
        let node = self.add(Group {
            conversations: [id].into(),
            begun_by: None,
            with: standing.map(|it| it.contact),
            rows,
            rows_of_oldest: rows,
        });
        self.node_of.insert(id, node);
        node
    }

    fn begin(&mut self, index: usize) -> usize {
        self.add(Group { begun_by: Some(index), ..Group::default() })
    }

    fn add(&mut self, group: Group) -> usize {
        self.parent.push(self.parent.len());
        self.groups.push(group);
        self.parent.len() - 1
    }

    fn with(&mut self, node: usize) -> Option<ContactId> {
        let root = self.root(node);
        self.groups[root].with
    }

    fn root(&mut self, node: usize) -> usize {
        let mut at = node;
        while self.parent[at] != at {
            self.parent[at] = self.parent[self.parent[at]];
            at = self.parent[at];
        }
        at
    }

    /// Makes two groups one, unless something keeps them apart or that is more than a batch merges.
    fn join(&mut self, one: usize, other: usize) -> Result<(), Unjoined> {
        let (one, other) = (self.root(one), self.root(other));
        if one == other {
            return Ok(());
        }
        if let Some(why) = self.keeps_apart(one, other) {
            return Err(why);
        }
        let joined = joined(&self.groups[one], &self.groups[other]);
        let before = [&self.groups[one], &self.groups[other]];
        let merged = self.merged + joined.merges() - before.iter().map(|it| it.merges()).sum::<usize>();
        let moved = self.moved + joined.moved() - before.iter().map(|it| it.moved()).sum::<u64>();
        if merged > self.merged && (merged > self.bounds.merges || moved > self.bounds.rows) {
            return Err(Unjoined::TooLong);
        }
        (self.merged, self.moved) = (merged, moved);
        self.parent[other] = one;
        self.groups[one] = joined;
        self.groups[other] = Group::default();
        Ok(())
    }

    fn keeps_apart(&self, one: usize, other: usize) -> Option<Unjoined> {
        if self.known.apart.is_empty() && self.known.over_quota.is_empty() {
            return None;
        }
        let (ones, others) = (&self.groups[one].conversations, &self.groups[other].conversations);
        ones.iter().find_map(|it| others.iter().find_map(|other| self.known.keeps_apart(*it, *other)))
    }

    pub(super) fn assigned(&mut self, node: usize) -> Assigned {
        let root = self.root(node);
        let group = &self.groups[root];
        match (group.conversations.first(), group.begun_by) {
            (Some(oldest), _) => Assigned::Existing(*oldest),
            (None, begun_by) => Assigned::New(begun_by.unwrap_or_default()),
        }
    }

    pub(super) fn merges(&self) -> Vec<(ConversationId, ConversationId)> {
        let merges = |group: &'_ Group| {
            let oldest = group.conversations.first().copied();
            let younger = group.conversations.iter().skip(1);
            younger.filter_map(|it| Some((oldest?, *it))).collect::<Vec<_>>()
        };
        self.groups.iter().flat_map(merges).collect()
    }

    pub(super) fn suggestions(&mut self, nodes: &[usize]) -> Vec<Suggested> {
        let mut seen = HashSet::new();
        let mut count: HashMap<usize, usize> = HashMap::new();
        let mut suggestions = Vec::new();
        for (item, node, why) in std::mem::take(&mut self.left) {
            let (home, other) = (self.root(nodes[item]), self.root(node));
            if home == other || !seen.insert((home, other)) {
                continue;
            }
            let of_home = count.entry(home).or_default();
            if *of_home < SUGGESTIONS_MAX {
                *of_home += 1;
                suggestions.push(Suggested { item, other: self.assigned(other), why });
            }
        }
        suggestions
    }
}

fn joined(one: &Group, other: &Group) -> Group {
    let is_older = match (one.conversations.first(), other.conversations.first()) {
        (Some(a), Some(b)) => a < b,
        (first, _) => first.is_some(),
    };
    Group {
        conversations: one.conversations.union(&other.conversations).copied().collect(),
        begun_by: match (one.begun_by, other.begun_by) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        },
        with: if is_older { one.with.or(other.with) } else { other.with.or(one.with) },
        rows: one.rows + other.rows,
        rows_of_oldest: if is_older { one.rows_of_oldest } else { other.rows_of_oldest },
    }
}
