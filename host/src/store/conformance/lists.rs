//! Lists and counts.

use super::world::{ALL, World, inbound};
use crate::domain::conversation::Status;
use crate::domain::ids::ContactId;
use crate::domain::organisation::{Department, Place, Queue};
use crate::domain::proposal::Priority;
use crate::domain::time::Timestamp;
use crate::store::{ConversationFilter, Counts, PageRequest};

pub(crate) async fn lists_come_in_pages(world: World) {
    let taken = world.take((0..5).map(|it| inbound(&format!("m{it}"), &[]))).await;
    let mut newest_first: Vec<_> = taken.iter().map(|it| it.items[0].1).collect();
    newest_first.reverse();
    let (mut after, mut found) = (None, Vec::new());
    loop {
        let page = PageRequest { after, limit: 2 };
        let page = world.store.conversations(&ConversationFilter::default(), page).await.unwrap();
        found.extend(page.entries.into_iter().map(|it| it.id));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(found, newest_first);
}

pub(crate) async fn a_queue_is_in_the_order_to_be_answered(world: World) {
    let taken = world.take(["a", "b", "c", "d"].map(|it| inbound(it, &[]))).await;
    let ids: Vec<_> = taken.iter().map(|it| it.items[0].1).collect();
    world.route_all().await;
    world.alter(ids[2], |it| it.priority = Priority::Urgent).await;
    world.alter(ids[3], |it| it.deadline = Some(Timestamp::from_ms(1))).await;
    let filter = ConversationFilter { queue: Some(world.queue.id), ..ConversationFilter::default() };
    let first = PageRequest { after: None, limit: 3 };
    let first = world.store.conversations(&filter, first).await.unwrap();
    let rest = PageRequest { after: first.next, limit: 3 };
    let rest = world.store.conversations(&filter, rest).await.unwrap();
    let order: Vec<_> = first.entries.iter().chain(&rest.entries).map(|it| it.id).collect();
    assert_eq!(order, [ids[2], ids[3], ids[0], ids[1]]);

    let loads = world.store.queue_loads().await.unwrap();
    let open: Vec<_> = loads.iter().map(|it| (it.priority, it.open)).collect();
    assert_eq!(open, [(Priority::Urgent, 1), (Priority::Normal, 3)]);
    assert!(loads.iter().all(|it| it.queue == world.queue.id && it.oldest_waiting_since.is_some()));
}

pub(crate) async fn filters_narrow_a_list(world: World) {
    let one = world.take_one(inbound("a", &[])).await;
    let other = world.take_one(inbound("b", &[])).await;
    world.route_all().await;
    let agent = world.agent.id;
    world.alter(one, |it| it.place = Some(Place { assignee: Some(agent), ..it.place.unwrap() })).await;
    world.alter(other, |it| it.status = Status::Closed).await;
    let contact = Some(world.conversation(one).await.contact);
    let none = ConversationFilter::default();
    for (filter, expected) in [
        (ConversationFilter { assignee: Some(agent), ..none.clone() }, vec![one]),
        (ConversationFilter { status: Some(Status::Closed), ..none.clone() }, vec![other]),
        (ConversationFilter { inbox: Some(world.other_inbox.id), ..none.clone() }, vec![]),
        (ConversationFilter { contact, ..none.clone() }, vec![other, one]),
        (ConversationFilter { inbox: Some(world.inbox.id), ..none }, vec![other, one]),
    ] {
        let found = world.store.conversations(&filter, ALL).await.unwrap().entries;
        assert_eq!(found.iter().map(|it| it.id).collect::<Vec<_>>(), expected, "{filter:?}");
    }
}

pub(crate) async fn counts_are_exact(world: World) {
    world.take([inbound("a", &[]), inbound("a", &[]), inbound("b", &["a"]), inbound("c", &[])]).await;
    world.route_all().await;
    let expected = Counts { deliveries: 4, unparsed: 0, items: 3, conversations: 2, decisions: 3 };
    assert_eq!(world.store.counts().await.unwrap(), expected);
}

pub(crate) async fn the_audit_log_keeps_everything(world: World) {
    let actions: Vec<_> =
        world.store.audit(ALL).await.unwrap().entries.into_iter().map(|it| it.action).collect();
    assert_eq!(actions, ["inbox.add", "inbox.add", "agent.add", "department.add"]);
    let verification = world.store.verify_audit().await.unwrap();
    assert_eq!((verification.verified, verification.before_chain, verification.broken), (4, 0, None));
}

pub(crate) async fn a_department_sees_what_it_has_to_do_with(world: World) {
    let now = world.now();
    let other = Department {
        id: world.ids.next(now),
        name: "billing".into(),
        title: "Billing".into(),
        created_at: now,
    };
    let queue = Queue { id: world.ids.next(now), department: other.id, ..world.queue.clone() };
    let queues = std::slice::from_ref(&queue);
    world.store.add_department(&other, queues, &world.audit("department.add")).await.unwrap();
    let own = world.queue.department;
    let kept = world.take_one(inbound("a", &[])).await;
    let handed = world.take_one(inbound("b", &[])).await;
    world.route_all().await;
    let place = Place { department: other.id, queue: queue.id, assignee: None };
    world.alter(handed, |it| it.place = Some(place)).await;
    let contact = world.conversation(handed).await.contact;
    let stranger = ContactId(contact.0 + 1);
    // The inbox is the one department's, whoever has the conversation.
    for (department, seen) in [(own, vec![handed, kept]), (other.id, vec![handed])] {
        let filter = ConversationFilter { department: Some(department), ..ConversationFilter::default() };
        let found = world.store.conversations(&filter, ALL).await.unwrap().entries;
        assert_eq!(found.iter().map(|it| it.id).collect::<Vec<_>>(), seen);
        let found = world.store.search("text", Some(department), ALL).await.unwrap().entries;
        assert_eq!(found.iter().map(|it| it.item.conversation).collect::<Vec<_>>(), seen);
        let found = world.store.decisions(None, Some(department), ALL).await.unwrap().entries;
        assert_eq!(found.iter().map(|it| it.conversation).collect::<Vec<_>>(), seen);
        assert!(world.store.knows_contact(department, contact).await.unwrap());
        assert!(!world.store.knows_contact(department, stranger).await.unwrap());
    }
    let nobodys = world.store.decisions(Some(kept), Some(other.id), ALL).await.unwrap();
    assert!(nobodys.entries.is_empty());
    let deliveries = async |department| {
        world.store.deliveries(None, None, Some(department), ALL).await.unwrap().entries.len()
    };
    assert_eq!((deliveries(own).await, deliveries(other.id).await), (2, 0));
}
