//! What happened later stands, in whichever order it comes.

use super::sending::answer;
use super::world::{World, echo, inbound};
use crate::domain::arrival::{Arrival, Deletion, DeliveryState, DeliveryStatus, Edit};
use crate::domain::ids::ItemId;
use crate::domain::outbox::OutboxState;
use crate::domain::retention::UnreadBefore;
use crate::domain::time::Timestamp;
use crate::store::SendEnd;

pub(super) fn edit(id: &str, at: i64, text: Option<&str>, subject: Option<&str>) -> Arrival {
    let (text, subject) = (text.map(str::to_owned), subject.map(str::to_owned));
    let edited_at = Timestamp::from_ms(at);
    Arrival::Edit(Edit { external_id: id.into(), text, subject, html: None, edited_at })
}

pub(super) fn deletion(id: &str, at: i64) -> Arrival {
    Arrival::Deletion(Deletion { external_id: id.into(), deleted_at: Timestamp::from_ms(at) })
}

pub(super) fn status(id: &str, at: i64, state: DeliveryState) -> Arrival {
    let detail = (state == DeliveryState::Failed).then(|| "mailbox full".to_owned());
    let at = Timestamp::from_ms(at);
    Arrival::Status(DeliveryStatus { external_id: id.into(), state, detail, at })
}

/// Every order of these.
fn orders<T: Clone>(of: &[T]) -> Vec<Vec<T>> {
    if of.is_empty() {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for (index, first) in of.iter().enumerate() {
        let rest: Vec<_> = [&of[..index], &of[index + 1..]].concat();
        all.extend(orders(&rest).into_iter().map(|mut it| {
            it.insert(0, first.clone());
            it
        }));
    }
    all
}

pub(crate) async fn changes_end_in_the_same_state_in_any_order(world: World) {
    for (number, order) in orders(&[0, 1, 2, 3, 4]).into_iter().enumerate() {
        let id = format!("m{number}");
        let arrival = |it| match it {
            0 => inbound(&id, &[]),
            1 => edit(&id, 10, Some("first"), Some("first subject")),
            2 => edit(&id, 20, Some("second"), None),
            3 => edit(&id, 15, None, Some("second subject")),
            _ => deletion(&id, 30),
        };
        let arrivals: Vec<_> = order.iter().map(|it| arrival(*it)).collect();
        // One delivery each, or all in one.
        let entries: Vec<_> = match number % 2 {
            0 => arrivals.into_iter().map(|it| world.delivery(vec![it])).collect(),
            _ => vec![world.delivery(arrivals)],
        };
        let mut item: Option<ItemId> = None;
        for entry in entries {
            let taken = world.store.commit_intakes(&[entry], None).await.unwrap().remove(0).unwrap();
            item = item.or(taken.items.first().map(|it| it.0));
        }
        let item = world.store.item(item.unwrap()).await.unwrap().unwrap();
        let said = (item.item.text.as_str(), item.item.subject.as_deref());
        assert_eq!(said, ("second", Some("second subject")), "{order:?}");
        assert_eq!(item.deleted_at, Some(Timestamp::from_ms(30)), "{order:?}");
    }
}

pub(crate) async fn an_edit_that_happened_earlier_does_not_stand(world: World) {
    let taken = world.take([inbound("a", &[]), edit("a", 20, Some("newer"), None)]).await;
    let id = taken[0].items[0].0;
    world.route_all().await;
    assert_eq!(world.take([edit("a", 10, Some("older"), None)]).await[0].changes, 1);
    let item = world.store.item(id).await.unwrap().unwrap();
    assert_eq!((item.revision, item.item.text.as_str()), (2, "newer"));
    assert_eq!(world.store.pending_events().await.unwrap(), 0, "nothing changed for a policy");
    let older = world.store.revision_after(id, 2).await.unwrap().unwrap();
    assert_eq!((older.revision, older.item.text.as_str()), (3, "older"), "it is kept");
    // Of one time, what comes later stands.
    world.take([edit("a", 20, Some("newest"), None)]).await;
    let item = world.store.item(id).await.unwrap().unwrap();
    assert_eq!((item.revision, item.item.text.as_str()), (4, "newest"));
}

pub(crate) async fn an_edit_of_a_clock_that_is_ahead_keeps_no_later_one_from_standing(world: World) {
    let ahead = world.now().as_ms() + 1_000_000_000;
    let taken = world.take([inbound("a", &[]), edit("a", ahead, Some("ahead"), None)]).await;
    let right = world.now().as_ms();
    world.take([edit("a", right, Some("right"), None)]).await;
    let item = world.store.item(taken[0].items[0].0).await.unwrap().unwrap();
    assert_eq!(item.item.text, "right");
}

pub(crate) async fn statuses_stand_by_their_time(world: World) {
    use DeliveryState::{Delivered, Failed, Read};
    let (id, outbox) = answer(&world).await;
    let work = world.store.claim_outbox(world.inbox.id, world.now(), 10).await.unwrap().remove(0);
    let sent = SendEnd::Sent(Some("sent".into()));
    world.store.end_send(outbox, &sent, world.now()).await.unwrap();
    world.take([status("sent", 30, Read), status("sent", 20, Failed), status("sent", 10, Delivered)]).await;
    let outbox = world.store.outbox(id).await.unwrap();
    assert_eq!((outbox[0].id, outbox[0].state), (work.entry.id, OutboxState::Sent), "it was read");
    assert_eq!(world.store.notes(id).await.unwrap().len(), 0);
    world.take([status("sent", 40, Failed)]).await;
    assert_eq!(world.store.outbox(id).await.unwrap()[0].state, OutboxState::Failed);
    world.take([status("sent", 50, Delivered)]).await;
    assert_eq!(world.store.outbox(id).await.unwrap()[0].state, OutboxState::Sent, "it came after all");
}

pub(crate) async fn a_status_faster_than_the_channels_response_counts(world: World) {
    let (id, outbox) = answer(&world).await;
    world.store.claim_outbox(world.inbox.id, world.now(), 10).await.unwrap();
    let early = [status("sent", 10, DeliveryState::Failed), status("sent", 5, DeliveryState::Delivered)];
    assert!(world.take(early).await.iter().all(|it| it.unknown == 1));
    let sent = SendEnd::Sent(Some("sent".into()));
    world.store.end_send(outbox, &sent, world.now()).await.unwrap();
    assert_eq!(world.store.outbox(id).await.unwrap()[0].state, OutboxState::Failed);
    let notes = world.store.notes(id).await.unwrap();
    assert!(notes.len() == 1 && notes[0].text.contains("mailbox full"), "{notes:?}");
}

pub(crate) async fn early_changes_of_an_inbox_are_bounded(world: World) {
    let other = echo("other", &[]);
    world.take([deletion("first", 1)]).await;
    let flood: Vec<_> = (0..1_000).map(|it| deletion(&format!("m{it}"), 1)).collect();
    world.store.commit_intakes(&[world.delivery(flood)], None).await.unwrap().remove(0).unwrap();
    let taken = world.take([inbound("first", &[]), inbound("m0", &[]), inbound("m999", &[]), other]).await;
    let mut deleted = Vec::new();
    for it in &taken[..3] {
        let item = world.store.item(it.items[0].0).await.unwrap().unwrap();
        deleted.push(item.deleted_at.is_some());
    }
    assert_eq!(deleted, [false, true, true], "the latest are kept");
}

pub(crate) async fn early_changes_go_with_age(world: World) {
    world.take([edit("old", 1, Some("old"), None)]).await;
    let unread = world.now();
    world.take([edit("new", 1, Some("new"), None)]).await;
    let before = UnreadBefore { unread, unauthentic: unread };
    world.store.purge_unread(world.inbox.id, &before, 10, &world.audit("inbox.purge")).await.unwrap();
    let taken = world.take([inbound("old", &[]), inbound("new", &[])]).await;
    let mut texts = Vec::new();
    for it in taken {
        texts.push(world.store.item(it.items[0].0).await.unwrap().unwrap().item.text);
    }
    assert_eq!(texts, ["Text of \"old\"\n", "new"]);
}

pub(crate) async fn an_early_change_of_what_is_erased_is_not_kept(world: World) {
    let id = world.take_one(inbound("a", &[])).await;
    world.erase(world.contact_of(id).await).await;
    let taken = world.take([edit("a", 1, Some("again"), None), inbound("a", &[])]).await;
    assert_eq!((taken[0].unknown, taken[1].duplicates), (1, 1));
    assert_eq!(world.store.search("again", None, super::world::ALL).await.unwrap().entries.len(), 0);
}
