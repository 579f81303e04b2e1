//! Work of several departments: each is found and claimed apart from the others'.

use std::sync::Arc;

use super::sending::write;
use super::world::{NEEDS, World, inbound};
use crate::domain::arrival::Arrival;
use crate::domain::case::Occasion;
use crate::domain::ids::{ActivationId, ConversationId};
use crate::domain::organisation::{Department, Inbox, Queue, QueueKind};
use crate::domain::time::Timestamp;
use crate::domain::timer::{Timer, TimerPurpose};
use crate::store::{ChannelScope, IntakeEntry};

const DUE: Timestamp = Timestamp::MAX;

impl World {
    /// An inbox of another department.
    async fn inbox_of_another(&self) -> Arc<Inbox> {
        let at = self.now();
        let (name, title) = ("billing".to_owned(), "Billing".to_owned());
        let department = Department { id: self.ids.next(at), name, title, created_at: at };
        let queue = |name: &str, kind| Queue {
            id: self.ids.next(at),
            department: department.id,
            name: name.into(),
            title: name.into(),
            kind,
            created_at: at,
        };
        let queues = [
            queue("refunds", QueueKind::Ordinary),
            queue("operator", QueueKind::Operator),
            queue("junk", QueueKind::Junk),
        ];
        self.store.add_department(&department, &queues, &self.audit("department.add")).await.unwrap();
        let inbox = Inbox {
            id: self.ids.next(at),
            name: "bills".into(),
            department: department.id,
            operator_queue: queues[1].id,
            junk_queue: queues[2].id,
            ..(*self.inbox).clone()
        };
        self.store.add_inbox(&inbox, ChannelScope::Company, &self.audit("inbox.add")).await.unwrap();
        Arc::new(inbox)
    }

    /// Takes one item in by this inbox; its conversation.
    async fn take_at(&self, inbox: &Arc<Inbox>, arrival: Arrival) -> ConversationId {
        let entry = IntakeEntry { inbox: Arc::clone(inbox), ..self.delivery(vec![arrival]) };
        let committed = self.store.commit_intakes(&[entry], None).await.unwrap().remove(0).unwrap();
        committed.items[0].1
    }

    /// Judges everything that waits in this inbox's department, and has each set these timers.
    async fn route_with_timers(&self, inbox: &Inbox, keys: &[String]) {
        for case in self.store.claim_cases(inbox.department, 100, NEEDS).await.unwrap() {
            let mut routed = self.judged(&case);
            routed.timers.set = keys.iter().map(|key| timer(case.conversation.id, key)).collect();
            self.store.commit_routed(&[routed]).await.unwrap();
        }
    }
}

fn timer(conversation: ConversationId, key: &str) -> Timer {
    let purpose = TimerPurpose::Policy { activation: ActivationId(5), key: key.to_owned() };
    Timer { conversation, purpose, due_at: DUE, until_answered: false, depth: 0 }
}

pub(crate) async fn events_are_claimed_for_one_department_at_a_time(world: World) {
    let other = world.inbox_of_another().await;
    assert_eq!(world.store.waiting_departments().await.unwrap(), []);
    for number in 0..20 {
        world.take_one(inbound(&format!("m{number}"), &[])).await;
    }
    let quiet = world.take_at(&other, inbound("quiet", &[])).await;
    let mut waiting = world.store.waiting_departments().await.unwrap();
    waiting.sort_unstable();
    assert_eq!(waiting, [world.inbox.department, other.department]);

    let claimed = world.store.claim_cases(other.department, 100, NEEDS).await.unwrap();
    assert_eq!(claimed.iter().map(|it| it.conversation.id).collect::<Vec<_>>(), [quiet]);
    assert_eq!(world.claim().await.len(), 20);
    world.store.commit_routed(&[world.judged(&claimed[0])]).await.unwrap();
    assert_eq!(world.store.waiting_departments().await.unwrap(), [world.inbox.department]);
}

pub(crate) async fn due_timers_are_taken_from_every_department(world: World) {
    let other = world.inbox_of_another().await;
    world.take_one(inbound("a", &[])).await;
    let many: Vec<_> = (0..30).map(|it| format!("flood-{it}")).collect();
    world.route_with_timers(&world.inbox, &many).await;
    world.take_at(&other, inbound("b", &[])).await;
    world.route_with_timers(&other, &["other".to_owned()]).await;

    assert_eq!(world.store.fire_timers(DUE, 10).await.unwrap(), 6, "half of ten for each that has so many");
    let claimed = world.store.claim_cases(other.department, 100, NEEDS).await.unwrap();
    assert!(matches!(&claimed[0].claim.event.occasion, Occasion::TimerDue { key, .. } if key == "other"));
    let counted = world.store.waiting_timers().await.unwrap();
    assert!(counted.contains(&(world.inbox.department, 25)) && counted.contains(&(other.department, 0)));
    let mut rest = 0;
    while world.store.timers_are_due(DUE).await.unwrap() {
        rest += world.store.fire_timers(DUE, 10).await.unwrap();
    }
    assert_eq!(rest, 25, "each fires once");
    assert!(world.store.waiting_timers().await.unwrap().iter().all(|(_, count)| *count == 0));
}

pub(crate) async fn replies_are_claimed_for_one_inbox_at_a_time(world: World) {
    let other = world.inbox_of_another().await;
    let here = world.take_one(inbound("a", &[])).await;
    for _ in 0..20 {
        write(&world, here, None, &[]).await.unwrap();
    }
    assert_eq!(world.store.due_inboxes(world.now()).await.unwrap(), [world.inbox.id]);
    assert!(world.store.claim_outbox(other.id, world.now(), 10).await.unwrap().is_empty());
    assert_eq!(world.store.claim_outbox(world.inbox.id, world.now(), 10).await.unwrap().len(), 10);
    let early = Timestamp::from_ms(0);
    assert_eq!(world.store.due_inboxes(early).await.unwrap(), [], "none is due yet");
}
