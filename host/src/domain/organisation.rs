//! The company's side: departments, the people in them, their queues and inboxes.

use std::collections::{BTreeMap, HashMap};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::allowance::Allowance;
use super::ids::{AgentId, DepartmentId, InboxId, QueueId};
use super::proposal::Destination;
use super::quota::{Owner, Quota, Quotas};
use super::retention::Retention;
use super::time::Timestamp;

/// A part of the company that answers for itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Department {
    /// Its id.
    pub id: DepartmentId,
    /// Its unique name, `[a-z][a-z0-9-]{0,62}`.
    pub name: String,
    /// What people call it.
    pub title: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A person who answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Agent {
    /// Its id.
    pub id: AgentId,
    /// The department the person works in.
    pub department: DepartmentId,
    /// The unique name, `[a-z][a-z0-9-]{0,62}`.
    pub name: String,
    /// What people call the person.
    pub title: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What a queue is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum QueueKind {
    /// Work.
    #[default]
    Ordinary,
    /// What no policy routed: the operator's.
    Operator,
    /// What a policy called spam, for people to review.
    Junk,
}

/// Where conversations wait for people.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Queue {
    /// Its id.
    pub id: QueueId,
    /// Whose it is.
    pub department: DepartmentId,
    /// Its name, unique within the department, `[a-z][a-z0-9-]{0,62}`.
    pub name: String,
    /// What people call it.
    pub title: String,
    /// What it is for.
    pub kind: QueueKind,
    /// When it was made.
    pub created_at: Timestamp,
}

/// How soon an inbox promises a first answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FirstResponsePromise {
    /// Milliseconds from receipt to a person's answer; at least 1.
    pub within_ms: i64,
    /// How many milliseconds before the end the warning comes; less than `within_ms`.
    pub warn_before_ms: i64,
}

/// Who may deliver to an inbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "kind", deny_unknown_fields)]
pub enum InboxAccess {
    /// Nobody yet.
    Closed,
    /// Anybody who knows the address.
    Open,
    /// Whoever shows the token, as `Authorization: Bearer` or `X-Switchboard-Token`.
    Token {
        /// SHA-256 of the token, hexadecimal.
        sha256: String,
    },
}

/// One of the company's addresses on one channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Inbox {
    /// Its id.
    pub id: InboxId,
    /// Its unique name, `[a-z][a-z0-9-]{0,62}`: deliveries go to `/in/{name}`.
    pub name: String,
    /// The department that owns it.
    pub department: DepartmentId,
    /// The channel's name, such as `email` or `web`: identities are kept apart by it.
    pub channel: String,
    /// The name of the adapter that works it.
    pub adapter: String,
    /// The adapter's settings.
    pub settings: Value,
    /// Where conversations go that no policy routes.
    pub operator_queue: QueueId,
    /// Where spam goes.
    pub junk_queue: QueueId,
    /// What it promises.
    pub promise: Option<FirstResponsePromise>,
    /// Who may deliver.
    pub access: InboxAccess,
    /// Hosts that replies may go to: names, optionally with a port (`relay.example.com:8025`).
    pub reply_hosts: Vec<String>,
    /// How much may be delivered.
    pub allowance: Allowance,
    /// Which stored secret is meant by each of the adapter's names for one.
    pub secrets: BTreeMap<String, String>,
    /// For how long it keeps what came in.
    #[serde(default)]
    pub retention: Retention,
    /// When it was made.
    pub created_at: Timestamp,
    /// Counts changes, for `If-Match`.
    pub revision: i64,
}

/// Where a destination's names lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Place {
    /// The department.
    pub department: DepartmentId,
    /// The queue.
    pub queue: QueueId,
    /// The person it is assigned to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assignee: Option<AgentId>,
}

/// Why a destination leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnknownPlace {
    /// No department of that name.
    #[error("there is no department `{0}`")]
    Department(String),
    /// The department has no queue of that name.
    #[error("department `{department}` has no queue `{queue}`")]
    Queue {
        /// The department's name.
        department: String,
        /// The name that leads nowhere.
        queue: String,
    },
    /// The department has no queue at all.
    #[error("department `{0}` has no queue")]
    NoQueue(String),
    /// Nobody of that name works there.
    #[error("nobody called `{agent}` works in department `{department}`")]
    Agent {
        /// The department's name.
        department: String,
        /// The name that leads nowhere.
        agent: String,
    },
}

/// Everything that has a name, for finding it by name or by id. A snapshot, replaced as a whole when
/// the organisation changes.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    departments: HashMap<DepartmentId, Department>,
    queues: HashMap<QueueId, Queue>,
    agents: HashMap<AgentId, Agent>,
    inboxes: HashMap<InboxId, std::sync::Arc<Inbox>>,
    department_names: HashMap<String, DepartmentId>,
    queue_names: HashMap<(DepartmentId, String), QueueId>,
    first_queues: HashMap<DepartmentId, QueueId>,
    agent_names: HashMap<String, AgentId>,
    inbox_names: HashMap<String, InboxId>,
    /// How many inboxes there are, by department and channel, and by adapter: counted here, because each call that
    /// fails asks.
    inbox_counts: HashMap<DepartmentId, HashMap<String, usize>>,
    adapter_counts: HashMap<String, usize>,
    quotas: Quotas,
}

impl Directory {
    /// Indexes the organisation.
    pub fn new(
        departments: Vec<Department>,
        queues: Vec<Queue>,
        agents: Vec<Agent>,
        inboxes: Vec<Inbox>,
    ) -> Self {
        let mut directory = Self::default();
        departments.into_iter().for_each(|it| directory.put_department(it));
        queues.into_iter().for_each(|it| directory.put_queue(it));
        agents.into_iter().for_each(|it| directory.put_agent(it));
        inboxes.into_iter().for_each(|it| directory.put_inbox(it));
        directory
    }

    /// The same with these quotas.
    pub fn with_quotas(self, quotas: Quotas) -> Self {
        Self { quotas, ..self }
    }

    /// How much of each shared thing each department may have.
    pub fn quotas(&self) -> &Quotas {
        &self.quotas
    }

    /// Sets a quota of one owner, or puts its default back.
    pub fn put_quota(&mut self, owner: Owner, quota: Quota, value: Option<u64>) {
        self.quotas.put(owner, quota, value);
    }

    /// Adds a department.
    pub fn put_department(&mut self, department: Department) {
        self.department_names.insert(department.name.clone(), department.id);
        self.departments.insert(department.id, department);
    }

    /// Adds a queue. A department's first queue is its oldest ordinary one.
    pub fn put_queue(&mut self, queue: Queue) {
        self.queue_names.insert((queue.department, queue.name.clone()), queue.id);
        if queue.kind == QueueKind::Ordinary {
            let first = self.first_queues.entry(queue.department).or_insert(queue.id);
            *first = (*first).min(queue.id);
        }
        self.queues.insert(queue.id, queue);
    }

    /// Adds an agent.
    pub fn put_agent(&mut self, agent: Agent) {
        self.agent_names.insert(agent.name.clone(), agent.id);
        self.agents.insert(agent.id, agent);
    }

    /// Adds an inbox, or puts it in place of an earlier revision of it; a later one stays.
    pub fn put_inbox(&mut self, inbox: Inbox) {
        if self.inboxes.get(&inbox.id).is_some_and(|it| it.revision > inbox.revision) {
            return;
        }
        self.inbox_names.insert(inbox.name.clone(), inbox.id);
        let inbox = std::sync::Arc::new(inbox);
        if let Some(before) = self.inboxes.insert(inbox.id, std::sync::Arc::clone(&inbox)) {
            self.count_inbox(&before, |it| it.saturating_sub(1));
        }
        self.count_inbox(&inbox, |it| it + 1);
    }

    fn count_inbox(&mut self, inbox: &Inbox, change: impl Fn(usize) -> usize) {
        let channels = self.inbox_counts.entry(inbox.department).or_default();
        let count = channels.entry(inbox.channel.clone()).or_default();
        *count = change(*count);
        let count = self.adapter_counts.entry(inbox.adapter.clone()).or_default();
        *count = change(*count);
    }

    /// The department of this id.
    pub fn department(&self, id: DepartmentId) -> Option<&Department> {
        self.departments.get(&id)
    }

    /// The department of this name.
    pub fn department_named(&self, name: &str) -> Option<&Department> {
        self.department_names.get(name).and_then(|id| self.departments.get(id))
    }

    /// The queue of this id.
    pub fn queue(&self, id: QueueId) -> Option<&Queue> {
        self.queues.get(&id)
    }

    /// The queue of this name in this department.
    pub fn queue_named(&self, department: DepartmentId, name: &str) -> Option<&Queue> {
        self.queue_names.get(&(department, name.to_owned())).and_then(|id| self.queues.get(id))
    }

    /// The agent of this id.
    pub fn agent(&self, id: AgentId) -> Option<&Agent> {
        self.agents.get(&id)
    }

    /// The agent of this name.
    pub fn agent_named(&self, name: &str) -> Option<&Agent> {
        self.agent_names.get(name).and_then(|id| self.agents.get(id))
    }

    /// The inbox of this id.
    pub fn inbox(&self, id: InboxId) -> Option<&std::sync::Arc<Inbox>> {
        self.inboxes.get(&id)
    }

    /// The inbox of this name.
    pub fn inbox_named(&self, name: &str) -> Option<&std::sync::Arc<Inbox>> {
        self.inbox_names.get(name).and_then(|id| self.inboxes.get(id))
    }

    /// All departments, by name.
    pub fn departments(&self) -> Vec<&Department> {
        let mut all: Vec<_> = self.departments.values().collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    /// All queues, by age.
    pub fn queues(&self) -> Vec<&Queue> {
        let mut all: Vec<_> = self.queues.values().collect();
        all.sort_by_key(|queue| queue.id);
        all
    }

    /// All agents, by name.
    pub fn agents(&self) -> Vec<&Agent> {
        let mut all: Vec<_> = self.agents.values().collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    /// All inboxes, by name.
    pub fn inboxes(&self) -> Vec<&std::sync::Arc<Inbox>> {
        let mut all: Vec<_> = self.inboxes.values().collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    /// How many inboxes each department has whose channel is one of these.
    pub fn inbox_counts(
        &self,
        is_covered: impl Fn(&Department, &str) -> bool,
    ) -> impl Iterator<Item = (DepartmentId, usize)> {
        self.inbox_counts.iter().filter_map(move |(id, channels)| {
            let department = self.departments.get(id)?;
            let covered = channels.iter().filter(|(channel, _)| is_covered(department, channel));
            Some((*id, covered.map(|(_, count)| *count).sum()))
        })
    }

    /// How many inboxes have this adapter.
    pub fn inboxes_of_adapter(&self, adapter: &str) -> usize {
        self.adapter_counts.get(adapter).copied().unwrap_or_default()
    }

    /// Finds the place that a destination names.
    pub fn resolve(&self, destination: &Destination) -> Result<Place, UnknownPlace> {
        let department = self
            .department_named(&destination.department)
            .ok_or_else(|| UnknownPlace::Department(destination.department.clone()))?;
        let queue = match &destination.queue {
            Some(name) => self.queue_named(department.id, name).map(|queue| queue.id).ok_or_else(|| {
                UnknownPlace::Queue { department: department.name.clone(), queue: name.clone() }
            })?,
            None => *self
                .first_queues
                .get(&department.id)
                .ok_or_else(|| UnknownPlace::NoQueue(department.name.clone()))?,
        };
        let assignee = match &destination.assignee {
            Some(name) => Some(self.agent_in(department, name)?),
            None => None,
        };
        Ok(Place { department: department.id, queue, assignee })
    }

    fn agent_in(&self, department: &Department, name: &str) -> Result<AgentId, UnknownPlace> {
        self.agent_named(name)
            .filter(|agent| agent.department == department.id)
            .map(|agent| agent.id)
            .ok_or_else(|| UnknownPlace::Agent {
                department: department.name.clone(),
                agent: name.to_owned(),
            })
    }

    /// The names of a place, as a policy sees them.
    pub fn describe(&self, place: Place) -> Option<Destination> {
        let department = self.department(place.department)?;
        let queue = self.queue(place.queue)?;
        Some(Destination {
            department: department.name.clone(),
            queue: Some(queue.name.clone()),
            assignee: place.assignee.and_then(|id| self.agent(id)).map(|agent| agent.name.clone()),
        })
    }
}
