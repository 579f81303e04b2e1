//! News of items that came earlier.

use super::world::{World, echo, inbound, item};
use crate::domain::arrival::{Arrival, Deletion, DeliveryState, DeliveryStatus, Edit};
use crate::domain::case::Occasion;
use crate::domain::item::Item;
use crate::domain::time::Timestamp;
use crate::store::{SearchHit, StoreError};

fn edit(external_id: &str, text: &str) -> Arrival {
    Arrival::Edit(Edit {
        external_id: external_id.into(),
        text: Some(text.into()),
        subject: None,
        html: None,
        edited_at: Timestamp::from_ms(1),
    })
}

fn subject(external_id: &str, subject: &str) -> Arrival {
    Arrival::Edit(Edit {
        external_id: external_id.into(),
        text: None,
        subject: Some(subject.into()),
        html: None,
        edited_at: Timestamp::from_ms(2),
    })
}

fn failed(external_id: &str) -> Arrival {
    Arrival::Status(DeliveryStatus {
        external_id: external_id.into(),
        state: DeliveryState::Failed,
        detail: Some("mailbox full".into()),
        at: Timestamp::from_ms(1),
    })
}

pub(crate) async fn an_edit_is_a_new_revision_and_an_event(world: World) {
    let taken = world.take([inbound("a", &[])]).await;
    world.route_all().await;
    assert_eq!(world.take([edit("a", "better")]).await[0].changes, 1);
    let item = world.store.item(taken[0].items[0].0).await.unwrap().unwrap();
    assert_eq!((item.revision, item.item.text.as_str()), (2, "better"));
    assert_eq!(item.item.subject.as_deref(), Some("Subject of a"));
    let case = world.claim().await.remove(0);
    assert_eq!((case.claim.event.occasion, case.item.revision), (Occasion::ItemEdited, 2));
}

pub(crate) async fn an_item_is_edited_in_the_batch_that_brought_it(world: World) {
    let taken = world.take([inbound("a", &[]), edit("a", "one"), edit("a", "two")]).await;
    let item = world.store.item(taken[0].items[0].0).await.unwrap().unwrap();
    assert_eq!((item.revision, item.item.text.as_str()), (3, "two"));
    let page = crate::store::PageRequest { after: None, limit: 10 };
    let hits: Vec<SearchHit> = world.store.search("two", None, page).await.unwrap().entries;
    assert_eq!(hits.len(), 1);
}

pub(crate) async fn a_deletion_is_recorded(world: World) {
    let taken = world.take([inbound("a", &[])]).await;
    world.route_all().await;
    let at = Timestamp::from_ms(1_900_000_000_000);
    let deletion = Arrival::Deletion(Deletion { external_id: "a".into(), deleted_at: at });
    assert_eq!(world.take([deletion]).await[0].changes, 1);
    let item = world.store.item(taken[0].items[0].0).await.unwrap().unwrap();
    assert_eq!(item.deleted_at, Some(at));
    assert_eq!(world.store.pending_events().await.unwrap(), 0);
}

pub(crate) async fn a_status_is_recorded_and_a_failure_noted(world: World) {
    let id = world.take_one(inbound("a", &[])).await;
    world.take_one(echo("b", &["a"])).await;
    assert_eq!(world.take([failed("b")]).await[0].changes, 1);
    let notes = world.store.notes(id).await.unwrap();
    assert_eq!((notes.len(), notes[0].by.as_str()), (1, "switchboard"));
    assert!(notes[0].text.contains("mailbox full"));
}

pub(crate) async fn news_of_unknown_items_is_counted(world: World) {
    world.take([inbound("a", &[])]).await;
    let taken = world.take([edit("nowhere", "x"), failed("nowhere"), failed("a")]).await;
    assert!(taken.iter().all(|it| (it.changes, it.unknown) == (0, 1)), "{taken:?}");
}

pub(crate) async fn edits_that_rewrite_too_much_at_once_are_refused(world: World) {
    for id in ["a", "b"] {
        world.take_one(Arrival::Item(Item { text: id.repeat(9 << 20), ..item(id, &[]) })).await;
    }
    let both = world.delivery(vec![edit("a", "changed"), edit("b", "changed")]);
    let other = world.delivery(vec![inbound("c", &[])]);
    let mut taken = world.store.commit_intakes(&[both, other], None).await.unwrap();
    assert_eq!(taken.remove(1).unwrap().items.len(), 1, "the delivery beside it is stored");
    assert!(matches!(taken.remove(0), Err(StoreError::TooMuch(_))));
    // One item, made long and then written again and again.
    let again = [edit("c", &"c".repeat(9 << 20)), subject("c", "one"), subject("c", "another")];
    let taken = world.store.commit_intakes(&[world.delivery(again.to_vec())], None).await.unwrap().remove(0);
    assert!(matches!(taken, Err(StoreError::TooMuch(_))));
    for id in ["a", "b"] {
        assert_eq!(world.take([edit(id, "changed")]).await[0].changes, 1);
    }
}
