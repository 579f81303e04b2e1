//! Which conversation an item belongs to, and what it does to it.

use super::world::{ALL, NEEDS, World, echo, inbound, item};
use crate::domain::arrival::Arrival;
use crate::domain::case::Occasion;
use crate::domain::conversation::Status;
use crate::domain::item::Automatic;

pub(crate) async fn an_answer_joins_the_conversation(world: World) {
    let first = world.take_one(inbound("a", &[])).await;
    assert_eq!(world.take_one(inbound("b", &["a"])).await, first);
    assert_eq!(world.take_one(inbound("c", &["b", "a"])).await, first);
    let conversation = world.conversation(first).await;
    assert_eq!((conversation.item_count, conversation.revision), (3, 3));
    assert_eq!(conversation.subject.as_deref(), Some("Subject of a"));
    assert_eq!(conversation.waiting_since, Some(conversation.opened_at));
}

pub(crate) async fn a_child_before_its_parent_is_one_conversation(world: World) {
    let child = world.take_one(inbound("child", &["parent"])).await;
    assert_eq!(world.take_one(inbound("parent", &[])).await, child);
    assert_eq!(world.conversation(child).await.thread_key, "parent");
    assert_eq!(world.take_one(inbound("sibling", &["parent"])).await, child);
}

pub(crate) async fn a_batch_in_any_order_is_one_conversation(world: World) {
    let answers =
        world.take([inbound("c", &["b"]), inbound("x", &[]), inbound("b", &["a"]), inbound("a", &[])]);
    let ids: Vec<_> = answers.await.into_iter().map(|it| it.items[0].1).collect();
    assert!(ids[0] == ids[2] && ids[2] == ids[3] && ids[0] != ids[1]);
    assert_eq!(world.conversation(ids[0]).await.item_count, 3);
    assert_eq!(world.store.counts().await.unwrap().conversations, 2);
}

pub(crate) async fn an_item_that_joins_two_conversations_merges_them(world: World) {
    let older = world.take_one(inbound("a", &[])).await;
    let younger = world.take_one(inbound("b", &["unseen"])).await;
    world.route_all().await;
    world.alter(younger, |it| it.tags.extend(["late".to_owned()])).await;
    assert_eq!(world.take_one(inbound("c", &["b", "a"])).await, older);

    let (survivor, merged) = (world.conversation(older).await, world.conversation(younger).await);
    assert_eq!((survivor.item_count, survivor.status), (3, Status::Open));
    assert!(survivor.tags.contains("late"));
    assert_eq!((merged.merged_into, merged.status), (Some(older), Status::Closed));
    let items = world.store.items(older, ALL).await.unwrap().entries;
    assert_eq!(items.iter().map(|it| it.item.external_id.as_str()).collect::<Vec<_>>(), ["a", "b", "c"]);
    assert_eq!(world.store.counts().await.unwrap().conversations, 1);
    // Whatever led to the younger leads to the older now.
    assert_eq!(world.take_one(inbound("d", &["unseen"])).await, older);
}

pub(crate) async fn events_of_a_merged_conversation_are_claimed_in_the_survivor(world: World) {
    let older = world.take_one(inbound("a", &[])).await;
    world.take_one(inbound("b", &[])).await;
    let held = world.claim().await;
    assert_eq!(held.len(), 2);
    world.take_one(inbound("c", &["a", "b"])).await;
    let routed: Vec<_> = held.iter().map(|it| world.judged(it)).collect();
    let commits = world.store.commit_routed(&routed).await.unwrap();
    assert_eq!(commits, [crate::store::RouteCommit::Stale; 2]);

    let mut judged = Vec::new();
    loop {
        let cases = world.store.claim_cases(world.inbox.department, 10, NEEDS).await.unwrap();
        let Some(case) = cases.first() else { break };
        assert_eq!((cases.len(), case.conversation.id), (1, older));
        judged.push(case.item.item.external_id.clone());
        world.store.commit_routed(&[world.judged(case)]).await.unwrap();
    }
    assert_eq!(judged, ["a", "b", "c"]);
}

pub(crate) async fn an_inbound_item_opens_a_closed_conversation_again(world: World) {
    let id = world.take_one(inbound("a", &[])).await;
    world.route_all().await;
    world
        .alter(id, |it| {
            it.status = Status::Closed;
            it.first_answered_at = it.waiting_since.take();
            it.escalation_level = 2;
        })
        .await;
    world.take_one(inbound("b", &["a"])).await;
    let conversation = world.conversation(id).await;
    assert_eq!((conversation.status, conversation.reopened_count), (Status::Open, 1));
    assert_eq!((conversation.first_answered_at, conversation.escalation_level), (None, 0));
    assert_eq!(conversation.waiting_since, Some(conversation.updated_at));
    assert_eq!(world.occasions().await, [Occasion::ConversationReopened]);
}

pub(crate) async fn what_a_machine_wrote_makes_nobody_wait(world: World) {
    let mut bounce = item("bounce", &[]);
    bounce.automatic = Some(Automatic::Bounce);
    let id = world.take_one(Arrival::Item(bounce)).await;
    let conversation = world.conversation(id).await;
    assert_eq!((conversation.status, conversation.waiting_since), (Status::Open, None));
    assert_eq!(world.occasions().await, [Occasion::ItemReceived]);
}

pub(crate) async fn an_echo_answers(world: World) {
    let id = world.take_one(inbound("a", &[])).await;
    world.route_all().await;
    assert_eq!(world.take_one(echo("b", &["a"])).await, id);
    let conversation = world.conversation(id).await;
    assert_eq!((conversation.status, conversation.waiting_since), (Status::Pending, None));
    assert_eq!(conversation.first_answered_at, Some(conversation.updated_at));
    assert_eq!(world.store.pending_events().await.unwrap(), 0);

    world.take_one(inbound("c", &["b"])).await;
    let conversation = world.conversation(id).await;
    assert_eq!((conversation.status, conversation.reopened_count), (Status::Open, 0));
    assert!(conversation.waiting_since.is_some());
}

pub(crate) async fn an_echo_begins_a_pending_conversation_of_whoever_answers(world: World) {
    let id = world.take_one(echo("post", &[])).await;
    let begun = world.conversation(id).await;
    assert_eq!((begun.status, begun.first_answered_at), (Status::Pending, None));
    assert_eq!(begun.place.map(|it| it.queue), Some(world.inbox.operator_queue));
    world.take_one(inbound("comment", &["post"])).await;
    let conversation = world.conversation(id).await;
    let customer = world.store.identity(conversation.identity).await.unwrap().unwrap();
    assert_eq!(customer.author.external_id, "mika@example.com");
    assert_eq!((customer.contact, conversation.status), (conversation.contact, Status::Open));
}
