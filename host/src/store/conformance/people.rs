//! What people do.

use super::world::{ALL, World, inbound};
use crate::domain::case::Occasion;
use crate::domain::conversation::{Disposition, Status};
use crate::store::{ConversationFilter, Note, StoreError};

pub(crate) async fn what_a_person_changes_is_kept(world: World) {
    let id = world.take_one(inbound("a", &[])).await;
    world.route_all().await;
    let mut change = world.change(&world.conversation(id).await);
    change.conversation.status = Status::Closed;
    change.conversation.disposition = Some(Disposition {
        theme: "late-delivery".into(),
        liked: None,
        disliked: Some("the wait".into()),
        cause: None,
        action: None,
    });
    let now = world.now();
    let note =
        Note { id: world.ids.next(now), conversation: id, by: "aiko".into(), text: "called".into(), at: now };
    change.note = Some(note.clone());
    change.event = Some((world.ids.next(now), Occasion::AskedByHand));
    let after = world.store.change_conversation(&change).await.unwrap();
    assert_eq!(after.revision, change.seen_revision + 1);
    assert_eq!(world.conversation(id).await, after);
    assert_eq!(world.store.notes(id).await.unwrap(), [note]);
    assert_eq!(world.occasions().await, [Occasion::AskedByHand]);
    assert_eq!(world.store.audit(ALL).await.unwrap().entries[0], change.audit);
}

pub(crate) async fn a_person_who_saw_an_older_revision_is_stale(world: World) {
    let id = world.take_one(inbound("a", &[])).await;
    let mut change = world.change(&world.conversation(id).await);
    world.take_one(inbound("b", &["a"])).await;
    let refused = world.store.change_conversation(&change).await;
    assert!(matches!(refused, Err(StoreError::Stale(_))), "{refused:?}");
    change.conversation.id.0 += 1;
    let refused = world.store.change_conversation(&change).await;
    assert!(matches!(refused, Err(StoreError::Missing(_))), "{refused:?}");
}

pub(crate) async fn labels_can_be_taken_away(world: World) {
    let id = world.take_one(inbound("a", &[])).await;
    let tagged = |tag: &str| ConversationFilter { tag: Some(tag.into()), ..ConversationFilter::default() };
    world.alter(id, |it| it.tags.extend(["new".to_owned(), "old".to_owned()])).await;
    world.alter(id, |it| it.tags.retain(|tag| tag != "old")).await;
    assert_eq!(world.store.conversations(&tagged("new"), ALL).await.unwrap().entries.len(), 1);
    assert_eq!(world.store.conversations(&tagged("old"), ALL).await.unwrap().entries.len(), 0);
}

pub(crate) async fn a_contact_is_marked_as_important(world: World) {
    let id = world.take_one(inbound("a", &[])).await;
    let contact = world.conversation(id).await.contact;
    world.store.set_vip(contact, true, &world.audit("contact.vip")).await.unwrap();
    let (contact, identities) = world.store.contact(contact).await.unwrap().unwrap();
    assert!(contact.vip);
    assert_eq!(identities.len(), 1);
    assert!(world.claim().await[0].contact.vip);
    let nobody = crate::domain::ids::ContactId(1);
    let refused = world.store.set_vip(nobody, true, &world.audit("contact.vip")).await;
    assert!(matches!(refused, Err(StoreError::Missing(_))), "{refused:?}");
}
