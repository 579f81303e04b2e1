//! Answers on their way out.

use super::personal::by;
use super::world::{World, echo, inbound, item};
use crate::domain::conversation::Status;
use crate::domain::ids::{ConversationId, ItemId, OutboxId};
use crate::domain::outbox::{OutboxEntry, OutboxState};
use crate::domain::time::Timestamp;
use crate::store::{NewReply, SendEnd, StoreError, StoreResult};

/// A person answers.
pub(crate) async fn answer(world: &World) -> (ConversationId, OutboxId) {
    let committed = world.take([inbound("a", &[])]).await;
    let (item, id) = committed[0].items[0];
    let outbox = write(world, id, Some(item), &["a"]).await.unwrap();
    (id, outbox)
}

/// A person writes an answer to this item, or to whom the conversation is with.
pub(crate) async fn write(
    world: &World,
    id: ConversationId,
    answers: Option<ItemId>,
    in_reply_to: &[&str],
) -> StoreResult<OutboxId> {
    let now = world.now();
    let outbox = OutboxEntry {
        id: world.ids.next(now),
        conversation: id,
        item: world.ids.next(now),
        inbox: world.inbox.id,
        state: OutboxState::Queued,
        attempts: 0,
        next_attempt_at: now,
        last_error: None,
        created_at: now,
    };
    let mut change = world.change(&world.conversation(id).await);
    change.conversation.status = Status::Pending;
    change.reply = Some(NewReply {
        item_id: outbox.item,
        item: item("ignored", in_reply_to),
        answers,
        outbox: outbox.clone(),
    });
    world.store.change_conversation(&change).await?;
    Ok(outbox.id)
}

pub(crate) async fn an_answer_is_handed_out_once(world: World) {
    let (id, outbox) = answer(&world).await;
    assert!(world.store.next_send().await.unwrap().is_some());
    let work = world.store.claim_outbox(world.inbox.id, world.now(), 10).await.unwrap().remove(0);
    assert_eq!((work.entry.id, work.entry.conversation), (outbox, id));
    assert_eq!(work.reply.item.external_id, outbox.to_string());
    assert_eq!(work.recipient.unwrap().author.external_id, "mika@example.com");
    assert_eq!(work.answers.unwrap().item.external_id, "a");
    assert_eq!(work.references, ["a"]);
    assert!(world.store.claim_outbox(world.inbox.id, world.now(), 10).await.unwrap().is_empty());
}

pub(crate) async fn whoever_was_answered_gets_the_answer_wherever_the_conversation_goes(world: World) {
    let vera = world.take([by("vera", item("a", &[]))]).await[0].items[0];
    let otto = world.take([by("otto", item("b", &[]))]).await[0].items[0];
    let to_otto = write(&world, otto.1, Some(otto.0), &["b"]).await.unwrap();
    // It answers both, so they are one.
    assert_eq!(world.take_one(by("mia", item("c", &["a", "b"]))).await, vera.1);
    let again = write(&world, vera.1, Some(otto.0), &["b"]).await.unwrap();
    let to_vera = write(&world, vera.1, None, &[]).await.unwrap();
    let work = world.store.claim_outbox(world.inbox.id, world.now(), 10).await.unwrap();
    let recipient = |id| {
        let work = work.iter().find(|it| it.entry.id == id).unwrap();
        work.recipient.as_ref().unwrap().author.external_id.as_str()
    };
    assert_eq!([recipient(to_otto), recipient(again), recipient(to_vera)], ["otto", "otto", "vera"]);
}

pub(crate) async fn nothing_is_answered_that_is_erased_or_elsewhere(world: World) {
    let vera = world.take([by("vera", item("a", &[]))]).await[0].items[0];
    let otto = world.take([by("otto", item("b", &["a"]))]).await[0].items[0];
    let mia = world.take([by("mia", item("c", &[]))]).await[0].items[0];
    let identity = world.store.item(otto.0).await.unwrap().unwrap().identity.unwrap();
    let contact = world.store.identity(identity).await.unwrap().unwrap().contact;
    world.store.erase_contact(contact, &world.audit("contact.erase")).await.unwrap();
    let refused = write(&world, vera.1, Some(otto.0), &["b"]).await;
    assert!(matches!(refused, Err(StoreError::Gone(_))), "{refused:?}");
    let refused = write(&world, vera.1, Some(mia.0), &["c"]).await;
    assert!(matches!(refused, Err(StoreError::Missing(_))), "{refused:?}");
    assert_eq!(world.store.outbox(vera.1).await.unwrap(), [], "nothing is kept of what is refused");
    assert_eq!(world.conversation(vera.1).await.item_count, 2);
    write(&world, vera.1, Some(vera.0), &["a"]).await.unwrap();
}

pub(crate) async fn a_sent_answer_is_known_by_the_channels_id(world: World) {
    let (id, outbox) = answer(&world).await;
    let work = world.store.claim_outbox(world.inbox.id, world.now(), 10).await.unwrap().remove(0);
    let sent = SendEnd::Sent(Some("channel-7".into()));
    world.store.end_send(outbox, &sent, world.now()).await.unwrap();
    let entries = world.store.outbox(id).await.unwrap();
    assert_eq!((entries[0].state, entries[0].attempts), (OutboxState::Sent, 1));
    let reply = world.store.item(work.reply.id).await.unwrap().unwrap();
    assert_eq!(reply.item.external_id, "channel-7");
    assert_eq!(world.take_one(inbound("b", &["channel-7"])).await, id);
    assert_eq!(world.take_one(inbound("c", &[&outbox.to_string()])).await, id);
    assert!(world.store.claim_outbox(world.inbox.id, world.now(), 10).await.unwrap().is_empty());
}

/// Ids that a channel may give, and that cannot be stored as they are.
pub(crate) const ODD_IDS: [&str; 2] = ["nul\0inside", "erased:as-if"];

pub(crate) async fn an_answer_is_known_by_whatever_id_the_channel_gives(world: World) {
    let (id, _) = answer(&world).await;
    for odd in ODD_IDS {
        let outbox = write(&world, id, None, &[]).await.unwrap();
        world.store.claim_outbox(world.inbox.id, world.now(), 10).await.unwrap();
        world.store.end_send(outbox, &SendEnd::Sent(Some(odd.into())), world.now()).await.unwrap();
        let shown = world.take([echo(odd, &["a"])]).await.remove(0);
        assert_eq!((shown.duplicates, shown.items.len()), (1, 0), "{odd:?} is there twice");
        assert_eq!(world.take_one(inbound(&format!("to {outbox}"), &[odd])).await, id, "{odd:?}");
    }
    // An id that says nothing is none: the answer keeps the one it went out under.
    let outbox = write(&world, id, None, &[]).await.unwrap();
    let work = world.store.claim_outbox(world.inbox.id, world.now(), 10).await.unwrap().remove(0);
    world.store.end_send(outbox, &SendEnd::Sent(Some(String::new())), world.now()).await.unwrap();
    let sent = world.store.item(work.reply.id).await.unwrap().unwrap();
    assert_eq!(sent.item.external_id, outbox.to_string());
}

pub(crate) async fn a_failed_answer_leaves_a_note(world: World) {
    let (id, outbox) = answer(&world).await;
    world.store.claim_outbox(world.inbox.id, world.now(), 10).await.unwrap();
    world.store.end_send(outbox, &SendEnd::Failed("no such mailbox".into()), world.now()).await.unwrap();
    assert_eq!(world.store.outbox(id).await.unwrap()[0].state, OutboxState::Failed);
    assert!(world.store.notes(id).await.unwrap()[0].text.contains("no such mailbox"));
}

pub(crate) async fn an_answer_that_failed_for_now_is_due_later(world: World) {
    let (id, outbox) = answer(&world).await;
    world.store.claim_outbox(world.inbox.id, world.now(), 10).await.unwrap();
    let at = Timestamp::MAX;
    let again = SendEnd::Again { at, error: "busy".into() };
    world.store.end_send(outbox, &again, world.now()).await.unwrap();
    assert_eq!(world.store.next_send().await.unwrap(), Some(at));
    assert!(world.store.claim_outbox(world.inbox.id, world.now(), 10).await.unwrap().is_empty());
    assert_eq!(world.store.claim_outbox(world.inbox.id, at, 10).await.unwrap().len(), 1);
    assert_eq!(world.store.outbox(id).await.unwrap()[0].last_error.as_deref(), Some("busy"));
}

pub(crate) async fn an_answer_that_was_being_sent_is_parked_and_not_sent_again(world: World) {
    let (id, outbox) = answer(&world).await;
    world.store.claim_outbox(world.inbox.id, world.now(), 10).await.unwrap();
    world.store.begin_send(outbox, world.now()).await.unwrap();
    assert_eq!(world.store.park_unfinished(world.now()).await.unwrap(), 0, "it is being sent");

    // As after a restart: nobody has it any more.
    world.store.release_outbox(&[outbox]).await.unwrap();
    assert_eq!(world.store.next_send().await.unwrap(), None);
    assert!(world.store.claim_outbox(world.inbox.id, world.now(), 10).await.unwrap().is_empty());
    assert_eq!(world.store.park_unfinished(world.now()).await.unwrap(), 1);
    assert_eq!(world.store.park_unfinished(world.now()).await.unwrap(), 0, "once");
    let entries = world.store.outbox(id).await.unwrap();
    assert_eq!((entries[0].state, entries[0].attempts), (OutboxState::Parked, 1));
    assert!(world.store.notes(id).await.unwrap()[0].text.contains("may or may not"));
}

pub(crate) async fn an_answer_that_is_handed_back_is_handed_out_again(world: World) {
    let (_, outbox) = answer(&world).await;
    world.store.claim_outbox(world.inbox.id, world.now(), 10).await.unwrap();
    world.store.release_outbox(&[outbox]).await.unwrap();
    assert_eq!(world.store.park_unfinished(world.now()).await.unwrap(), 0, "it was not begun");
    assert_eq!(world.store.claim_outbox(world.inbox.id, world.now(), 10).await.unwrap()[0].entry.id, outbox);
    let again = SendEnd::Again { at: world.now(), error: "busy".into() };
    world.store.begin_send(outbox, world.now()).await.unwrap();
    world.store.end_send(outbox, &again, world.now()).await.unwrap();
    assert_eq!(world.store.park_unfinished(world.now()).await.unwrap(), 0, "that attempt ended");
    assert_eq!(world.store.claim_outbox(world.inbox.id, world.now(), 10).await.unwrap().len(), 1);
}
