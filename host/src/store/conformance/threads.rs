//! Which conversation an item belongs to, and what it does to it.

use super::order::{deletion, edit, status};
use super::personal::by;
use super::world::{ALL, NEEDS, World, echo, inbound, item};
use crate::domain::arrival::{Arrival, DeliveryState};
use crate::domain::case::Occasion;
use crate::domain::conversation::Status;
use crate::domain::item::{Automatic, Direction, Item, ItemKind};
use crate::store::IntakeEntry;

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

pub(crate) async fn a_strangers_references_join_nothing_and_are_suggested(world: World) {
    let own = world.take_one(inbound("a", &[])).await;
    let ottos = world.take_one(by("otto", item("b", &[]))).await;
    let strangers = world.take_unproven(by("eve", item("c", &["a", "b"]))).await;
    assert!(strangers != own && strangers != ottos);
    assert_eq!(world.store.counts().await.unwrap().conversations, 3);
    let mut suggested = Vec::new();
    for it in world.store.suggestions(strangers).await.unwrap() {
        assert!(it.is_from_here);
        suggested.push(it.conversation);
    }
    suggested.sort_unstable();
    assert_eq!(suggested, [own, ottos]);
    let there = world.store.suggestions(own).await.unwrap();
    assert_eq!((there.len(), there[0].conversation, there[0].is_from_here), (1, strangers, false));
    // The contact itself joins, proven or not.
    assert_eq!(world.take_unproven(inbound("d", &["a"])).await, own);
}

pub(crate) async fn what_a_stranger_named_first_leads_its_own_writers_together(world: World) {
    let strangers = world.take_unproven(by("eve", item("x", &["parent"]))).await;
    let child = world.take_unproven(inbound("child", &["parent"])).await;
    assert_ne!(child, strangers);
    assert_eq!(world.take_unproven(inbound("parent", &[])).await, child);
    assert_eq!(world.store.suggestions(child).await.unwrap()[0].conversation, strangers);
}

pub(crate) async fn a_key_that_another_conversation_has_joins_nothing(world: World) {
    let own = world.take_unproven(inbound("a", &["far"])).await;
    assert_eq!(world.conversation(own).await.thread_key, "far");
    let other = world.take_unproven(by("eve", item("b", &["far"]))).await;
    assert_eq!(world.conversation(other).await.thread_key, other.to_string());
    // Two of them in one batch.
    let mut entries = Vec::new();
    for (writer, id) in [("eve", "c"), ("otto", "d")] {
        entries
            .push(IntakeEntry { is_authentic: false, ..world.delivery(vec![by(writer, item(id, &["g"]))]) });
    }
    let taken = world.store.commit_intakes(&entries, None).await.unwrap();
    let taken: Vec<_> = taken.into_iter().map(|it| it.unwrap().items[0].1).collect();
    assert_ne!(taken[0], taken[1]);
}

pub(crate) async fn who_answers_what_we_sent_joins_one_conversation(world: World) {
    let own = world.take_one(inbound("a", &[])).await;
    world.take_one(echo("sent", &["a"])).await;
    let ottos = world.take_one(by("otto", item("b", &[]))).await;
    assert_eq!(world.take_unproven(by("eve", item("c", &["sent", "b"]))).await, own);
    assert_eq!(world.store.counts().await.unwrap().conversations, 2);
    assert_eq!(world.store.suggestions(own).await.unwrap()[0].conversation, ottos);
    // Who joined once goes on there.
    assert_eq!(world.take_unproven(by("eve", item("d", &["c"]))).await, own);
}

/// Any sender can write the company's address into a mail, and the ids of others.
pub(crate) async fn a_mail_from_the_company_leads_others_nowhere_unless_it_began(world: World) {
    let mail = |id: &str, answers: &[&str]| match echo(id, answers) {
        Arrival::Echo(item) => Arrival::Echo(Item { kind: ItemKind::Email, ..item }),
        other => other,
    };
    let from_eve =
        |id: &str, answers: &[&str]| by("eve", Item { kind: ItemKind::Email, ..item(id, answers) });
    let own = world.take_one(inbound("a", &[])).await;
    assert_eq!(world.take_one(mail("forged", &["a"])).await, own);
    let eves = world.take_one(from_eve("b", &["forged"])).await;
    assert_ne!(eves, own);
    assert_eq!(world.store.suggestions(eves).await.unwrap()[0].conversation, own);
    // In one delivery.
    let both = world.delivery(vec![mail("forged too", &["a"]), from_eve("c", &["forged too"])]);
    let taken = world.store.commit_intakes(&[both], None).await.unwrap().remove(0).unwrap().items;
    assert_eq!(taken[0].1, own);
    assert_ne!(taken[1].1, own);
    // With one that the company began, a conversation is with its recipients.
    let begun = world.take_one(mail("offer", &[])).await;
    assert_eq!(world.take_one(from_eve("d", &["offer"])).await, begun);
}

pub(crate) async fn only_items_are_believed_of_a_channel_that_proves_nothing(world: World) {
    let own = world.take_one(inbound("a", &[])).await;
    let before = world.conversation(own).await;
    for change in
        [edit("a", 9, Some("forged"), None), deletion("a", 9), status("a", 9, DeliveryState::Failed)]
    {
        let entry = IntakeEntry { is_authentic: false, ..world.delivery(vec![change]) };
        let taken = world.store.commit_intakes(&[entry], None).await.unwrap().remove(0).unwrap();
        assert_eq!((taken.changes, taken.unknown), (0, 1));
    }
    let kept = &world.store.items(own, ALL).await.unwrap().entries[0];
    assert_eq!((kept.item.text.as_str(), kept.revision), ("Text of \"a\"\n", 1));
    assert_eq!(kept.deleted_at, None);
    // Words put into the company's mouth are words from outside: they answer nothing and lead to nothing.
    let forged = world.take_unproven(echo("forged", &["a"])).await;
    assert_ne!(forged, own);
    assert_eq!(world.conversation(own).await, before);
    let taken_in = &world.store.items(forged, ALL).await.unwrap().entries[0];
    assert_eq!(taken_in.direction, Direction::Inbound);
    assert!(world.conversation(forged).await.waiting_since.is_some());
    assert_ne!(world.take_unproven(by("eve", item("b", &["forged"]))).await, forged);
}

pub(crate) async fn changes_without_proof_do_not_wait_for_their_item(world: World) {
    for change in [edit("a", 9, Some("forged"), None), deletion("a", 9)] {
        let entry = IntakeEntry { is_authentic: false, ..world.delivery(vec![change]) };
        world.store.commit_intakes(&[entry], None).await.unwrap().remove(0).unwrap();
    }
    let own = world.take_one(inbound("a", &[])).await;
    let kept = &world.store.items(own, ALL).await.unwrap().entries[0];
    assert_eq!((kept.item.text.as_str(), kept.deleted_at), ("Text of \"a\"\n", None));
}

pub(crate) async fn nameless_writers_join_nothing_of_one_another(world: World) {
    for name in ["", "unknown"] {
        let first = world.take_unproven(by(name, item(&format!("a{name}"), &[]))).await;
        let other = world.take_unproven(by(name, item(&format!("b{name}"), &[&format!("a{name}")]))).await;
        assert_ne!(first, other);
    }
}

/// Each item of one delivery joins two conversations of the same contact.
pub(crate) async fn a_delivery_merges_no_more_than_its_bound(world: World) {
    let ids: Vec<String> = (0..64).map(|it| format!("m{it}")).collect();
    world.take(ids.iter().map(|id| inbound(id, &[]))).await;
    let pairs = ids
        .chunks(2)
        .map(|pair| inbound(&format!("joins {}", pair[0]), &[pair[0].as_str(), pair[1].as_str()]));
    let delivery = world.delivery(pairs.collect());
    let taken = world.store.commit_intakes(&[delivery], None).await.unwrap().remove(0).unwrap();
    assert_eq!(taken.items.len(), 32);
    assert_eq!(world.store.counts().await.unwrap().conversations, 64 - 8);
}

pub(crate) async fn a_writer_finds_the_own_thread_among_many(world: World) {
    for number in 0..20 {
        let name = format!("eve-{number}");
        world.take_unproven(by(&name, item(&name, &["popular"]))).await;
    }
    let own = world.take_unproven(inbound("a", &["popular"])).await;
    assert_eq!(world.take_unproven(inbound("b", &["popular"])).await, own);
    assert_eq!(world.take_unproven(inbound("popular", &[])).await, own);
}
