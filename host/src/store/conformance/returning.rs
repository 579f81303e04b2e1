//! What is erased and what comes after it, or came before it, under the same name.

use super::personal::by;
use super::world::{World, inbound, item};
use crate::domain::arrival::{Arrival, Edit};
use crate::domain::ids::DeliveryId;
use crate::store::{IntakeCommitted, IntakeEntry};

fn edit(external_id: &str) -> Arrival {
    Arrival::Edit(Edit {
        external_id: external_id.into(),
        edited_at: crate::domain::time::Timestamp::from_ms(1),
        text: Some("mika was here".into()),
        subject: None,
        html: None,
    })
}

impl World {
    async fn commit(&self, entry: &IntakeEntry) -> IntakeCommitted {
        let answers = self.store.commit_intakes(std::slice::from_ref(entry), None).await.unwrap();
        answers.into_iter().next().unwrap().unwrap()
    }

    async fn is_emptied(&self, delivery: DeliveryId) -> bool {
        let (delivery, raw) = self.store.raw_delivery(delivery).await.unwrap().unwrap();
        assert_eq!(delivery.purged_at.is_some(), raw.body.is_empty());
        raw.body.is_empty()
    }
}

pub(crate) async fn a_change_that_came_before_its_item_goes_with_it(world: World) {
    let early = world.delivery(vec![edit("a")]);
    let others = world.delivery(vec![edit("b")]);
    assert_eq!((world.commit(&early).await.unknown, world.commit(&others).await.unknown), (1, 1));
    let taken = world.take([inbound("a", &[])]).await;
    let (item, conversation) = taken[0].items[0];
    let told_of = world.store.deliveries_of(item).await.unwrap();
    assert!(told_of.iter().any(|(id, _)| *id == early.delivery) && told_of.len() == 2, "{told_of:?}");
    world.take_one(by("otto", super::world::item("b", &[]))).await;
    // With its item in one batch, and before it.
    let first = world.delivery(vec![edit("c"), inbound("c", &[])]);
    world.commit(&first).await;
    let erased = world.erase(world.contact_of(conversation).await).await.erased;
    assert_eq!(erased.deliveries, 3, "the edit, the item, and both at once");
    assert!(world.is_emptied(early.delivery).await, "it holds the person's words");
    assert!(world.is_emptied(first.delivery).await);
    assert!(!world.is_emptied(others.delivery).await, "it holds somebody else's");
}

pub(crate) async fn nothing_from_outside_has_the_name_of_something_erased(world: World) {
    let taken = world.take([inbound("a", &[])]).await;
    let (erased, conversation) = taken[0].items[0];
    let contact = world.contact_of(conversation).await;
    world.erase(contact).await;
    let (_, identities) = world.store.contact(contact).await.unwrap().unwrap();
    let name_of_author = identities[0].author.external_id.as_str();
    let name_of_item = world.store.item(erased).await.unwrap().unwrap().item.external_id;

    let posing = world.take_one(by(name_of_author, item("b", &[]))).await;
    assert_ne!(world.contact_of(posing).await, contact, "{name_of_author} is somebody who is erased");
    let joining = world.take_one(by("otto", item("c", &[&name_of_item]))).await;
    assert_ne!(joining, conversation, "{name_of_item} leads to what is erased");
    assert_eq!(world.take([edit(&name_of_item)]).await[0].unknown, 1);
    let item = world.store.item(erased).await.unwrap().unwrap();
    assert_eq!((item.revision, item.item.text.as_str()), (1, ""));
    let same = world.take_one(by("mia", super::world::item(&name_of_item, &[]))).await;
    assert_ne!(same, conversation);
}

pub(crate) async fn an_id_that_cannot_be_stored_as_it_is_does_not_come_back(world: World) {
    for id in ["a\0b", "erased:7"] {
        let conversation = world.take_one(by(id, item(id, &[]))).await;
        assert_eq!(world.take([inbound(id, &[])]).await[0].duplicates, 1, "{id:?}");
        world.erase(world.contact_of(conversation).await).await;
        let again = world.delivery(vec![inbound(id, &[])]);
        let committed = world.commit(&again).await;
        assert_eq!((committed.duplicates, committed.items.len()), (1, 0), "{id:?} comes back");
        assert!(world.is_emptied(again.delivery).await);
    }
}
