//! A small company with one inbox, and words for what happens to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use serde_json::json;

use crate::domain::apply::TimerChanges;
use crate::domain::arrival::Arrival;
use crate::domain::case::{Event, Occasion};
use crate::domain::clock::IdGenerator;
use crate::domain::conversation::{Conversation, PersonSet};
use crate::domain::decision::{Decision, Outcome, Receipt};
use crate::domain::delivery::{Header, RawDelivery};
use crate::domain::ids::{ConversationId, GenerationId};
use crate::domain::item::{Author, Item, ItemKind, Visibility};
use crate::domain::organisation::{
    Agent, Department, Directory, Inbox, InboxAccess, Place, Queue, QueueKind,
};
use crate::domain::principal::Principal;
use crate::domain::time::Timestamp;
use crate::store::{
    AuditEntry, CaseNeeds, ChannelScope, ClaimedCase, IntakeCommitted, IntakeContent, IntakeEntry,
    IntakeOrigin, PageRequest, PersonChange, RouteCommit, Routed, Store,
};

/// Everything of a list.
pub(crate) const ALL: PageRequest = PageRequest { after: None, limit: 1_000 };

/// Everything a case can have.
pub(crate) const NEEDS: CaseNeeds = CaseNeeds { history: true, contact: true, timers: true };

/// A repository with a company in it.
pub(crate) struct World {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) ids: Arc<IdGenerator>,
    pub(crate) inbox: Arc<Inbox>,
    pub(crate) other_inbox: Arc<Inbox>,
    pub(crate) queue: Queue,
    pub(crate) agent: Agent,
    now: AtomicI64,
}

impl World {
    /// Founds the company.
    pub(crate) async fn found(store: Arc<dyn Store>, ids: Arc<IdGenerator>) -> Self {
        let at = Timestamp::from_ms(1_800_000_000_000);
        let department =
            Department { id: ids.next(at), name: "support".into(), title: "Support".into(), created_at: at };
        let queue = |name: &str, kind| Queue {
            id: ids.next(at),
            department: department.id,
            name: name.into(),
            title: name.into(),
            kind,
            created_at: at,
        };
        let queues = [
            queue("first-line", QueueKind::Ordinary),
            queue("operator", QueueKind::Operator),
            queue("junk", QueueKind::Junk),
        ];
        let agent = Agent {
            id: ids.next(at),
            department: department.id,
            name: "aiko".into(),
            title: "Aiko".into(),
            created_at: at,
        };
        let inbox = |name: &str| Inbox {
            id: ids.next(at),
            name: name.into(),
            department: department.id,
            channel: "web".into(),
            adapter: "cloudevents".into(),
            settings: json!({ "depth": 1 }),
            operator_queue: queues[1].id,
            junk_queue: queues[2].id,
            promise: None,
            access: InboxAccess::Open,
            reply_hosts: vec!["relay.example.com".into()],
            allowance: Default::default(),
            secrets: Default::default(),
            retention: Default::default(),
            created_at: at,
            revision: 1,
        };
        let (inbox, other_inbox) = (Arc::new(inbox("shop")), Arc::new(inbox("blog")));
        let audit = |action| entry(&ids, at, action);
        store.add_department(&department, &queues, &audit("department.add")).await.unwrap();
        store.add_agent(&agent, &audit("agent.add")).await.unwrap();
        store.add_inbox(&inbox, ChannelScope::Company, &audit("inbox.add")).await.unwrap();
        store.add_inbox(&other_inbox, ChannelScope::Company, &audit("inbox.add")).await.unwrap();
        let [queue, ..] = queues;
        let now = AtomicI64::new(at.as_ms());
        Self { store, ids, inbox, other_inbox, queue, agent, now }
    }

    /// The time, which is later each time.
    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_ms(self.now.fetch_add(1_000, Ordering::Relaxed))
    }

    pub(crate) fn audit(&self, action: &str) -> AuditEntry {
        entry(&self.ids, self.now(), action)
    }

    /// A delivery to the first inbox.
    pub(crate) fn delivery(&self, arrivals: Vec<Arrival>) -> IntakeEntry {
        let now = self.now();
        IntakeEntry {
            delivery: self.ids.next(now),
            origin: IntakeOrigin::Fresh,
            inbox: Arc::clone(&self.inbox),
            is_authentic: true,
            raw: Arc::new(RawDelivery {
                method: "POST".into(),
                path: "".into(),
                query: Some("a=b".into()),
                headers: vec![Header { name: "content-type".into(), value: "text/\"plain\"".into() }],
                body: vec![0, 159, 255, b'"'],
                received_at: now,
            }),
            adapter: Some("cloudevents@0.2.0".into()),
            content: IntakeContent::Arrivals(arrivals),
            audit: None,
        }
    }

    /// Takes a batch in, one delivery for each arrival.
    pub(crate) async fn take(&self, arrivals: impl IntoIterator<Item = Arrival>) -> Vec<IntakeCommitted> {
        let entries: Vec<_> = arrivals.into_iter().map(|it| self.delivery(vec![it])).collect();
        let answers = self.store.commit_intakes(&entries, None).await.unwrap();
        answers.into_iter().map(Result::unwrap).collect()
    }

    /// Takes one item in that anybody may have delivered; its conversation.
    pub(crate) async fn take_unproven(&self, arrival: Arrival) -> ConversationId {
        let entry = IntakeEntry { is_authentic: false, ..self.delivery(vec![arrival]) };
        let taken = self.store.commit_intakes(&[entry], None).await.unwrap().remove(0).unwrap();
        taken.items[0].1
    }

    /// Takes one item in; its conversation.
    pub(crate) async fn take_one(&self, arrival: Arrival) -> ConversationId {
        self.take([arrival]).await[0].items[0].1
    }

    pub(crate) async fn conversation(&self, id: ConversationId) -> Conversation {
        self.store.conversation(id).await.unwrap().unwrap()
    }

    pub(crate) async fn claim(&self) -> Vec<ClaimedCase> {
        self.store.claim_cases(self.inbox.department, 100, NEEDS).await.unwrap()
    }

    /// A decision on a case that changes nothing yet.
    pub(crate) fn judged(&self, case: &ClaimedCase) -> Routed {
        let now = self.now();
        let conversation = case.conversation.view(&Directory::default());
        let inbox = case.conversation.inbox_view(&self.inbox, &Directory::default());
        let decision = Decision {
            erased_at: None,
            id: self.ids.next(now),
            conversation: case.conversation.id,
            item: case.item.id,
            event: case.claim.event.clone(),
            generation: GenerationId(1),
            at: now,
            outcome: Outcome::default(),
            contributions: Vec::new(),
            receipt: Receipt {
                engine: "none".into(),
                now,
                item: (case.item.id, case.item.revision),
                history: case.history.iter().map(|it| (it.item, it.revision)).collect(),
                cut: 0,
                conversation,
                inbox,
                contact: None,
                author: (None, false),
            },
        };
        let mut after = case.conversation.clone();
        after.place = Some(self.place());
        Routed {
            claim: case.claim.clone(),
            seen_revision: case.conversation.revision,
            conversation: after,
            timers: TimerChanges::default(),
            decision,
        }
    }

    /// Judges everything that waits.
    pub(crate) async fn route_all(&self) -> Vec<Event> {
        let mut events = Vec::new();
        loop {
            let cases = self.claim().await;
            if cases.is_empty() {
                return events;
            }
            let routed: Vec<_> = cases.iter().map(|it| self.judged(it)).collect();
            let commits = self.store.commit_routed(&routed).await.unwrap();
            assert!(commits.iter().all(|it| *it == RouteCommit::Committed));
            events.extend(cases.into_iter().map(|it| it.claim.event));
        }
    }

    pub(crate) async fn occasions(&self) -> Vec<Occasion> {
        self.route_all().await.into_iter().map(|it| it.occasion).collect()
    }

    pub(crate) fn place(&self) -> Place {
        Place { department: self.queue.department, queue: self.queue.id, assignee: None }
    }

    /// What a person does, nothing yet.
    pub(crate) fn change(&self, conversation: &Conversation) -> PersonChange {
        PersonChange {
            conversation: conversation.clone(),
            seen_revision: conversation.revision,
            note: None,
            reply: None,
            ends_waiting: false,
            event: None,
            audit: self.audit("conversation.change"),
        }
    }

    /// Changes a conversation as a person does.
    pub(crate) async fn alter(
        &self,
        id: ConversationId,
        alter: impl FnOnce(&mut Conversation),
    ) -> Conversation {
        let mut change = self.change(&self.conversation(id).await);
        alter(&mut change.conversation);
        change.conversation.person_set = PersonSet { priority: true, ..PersonSet::default() };
        self.store.change_conversation(&change).await.unwrap()
    }
}

fn entry(ids: &IdGenerator, at: Timestamp, action: &str) -> AuditEntry {
    AuditEntry {
        id: ids.next(at),
        at,
        principal: Principal::system(),
        action: action.into(),
        subject: "something".into(),
        detail: json!({}),
    }
}

/// An item of this id that answers these, nearest first.
pub(crate) fn item(external_id: &str, in_reply_to: &[&str]) -> Item {
    Item {
        external_id: external_id.into(),
        in_reply_to: in_reply_to.iter().map(|it| (*it).into()).collect(),
        kind: ItemKind::DirectMessage,
        visibility: Visibility::Private,
        author: Author {
            external_id: "mika@example.com".into(),
            handle: Some("mika".into()),
            name: Some("Mika".into()),
            followers: Some(7),
            verified: false,
        },
        subject: Some(format!("Subject of {external_id}")),
        text: format!("Text of \"{external_id}\"\n"),
        quoted: None,
        html: None,
        language: None,
        permalink: None,
        attachments: Vec::new(),
        occurred_at: Timestamp::from_ms(1_799_999_999_999),
        automatic: None,
        attributes: Vec::new(),
    }
}

pub(crate) fn inbound(external_id: &str, in_reply_to: &[&str]) -> Arrival {
    Arrival::Item(item(external_id, in_reply_to))
}

pub(crate) fn echo(external_id: &str, in_reply_to: &[&str]) -> Arrival {
    let mut item = item(external_id, in_reply_to);
    item.author = Author { external_id: "shop@example.com".into(), ..Author::default() };
    Arrival::Echo(item)
}
