//! Personal data: erased, handed out, and kept no longer than agreed.

use super::sending::{ODD_IDS, answer, write};
use super::world::{ALL, World, echo, inbound, item};
use crate::domain::arrival::{Arrival, Edit};
use crate::domain::conversation::Status;
use crate::domain::erasure::Erasing;
use crate::domain::ids::{ContactId, ConversationId};
use crate::domain::item::Item;
use crate::domain::outbox::OutboxState;
use crate::domain::time::Timestamp;
use crate::store::{IntakeOrigin, Note, RouteCommit, SendEnd, StoreError};

impl World {
    pub(crate) async fn contact_of(&self, id: ConversationId) -> ContactId {
        self.conversation(id).await.contact
    }

    pub(super) async fn erase(&self, id: ContactId) -> crate::domain::erasure::Erasure {
        self.store.erase_contact(id, &self.audit("contact.erase")).await.unwrap()
    }
}

pub(crate) fn by(author: &str, item: Item) -> Arrival {
    let mut item = item;
    item.author.external_id = author.into();
    Arrival::Item(item)
}

pub(crate) async fn a_contact_is_erased_once(world: World) {
    let id = world.take_one(inbound("a", &[])).await;
    let edit = Edit {
        external_id: "a".into(),
        edited_at: world.now(),
        text: Some("better".into()),
        subject: None,
        html: None,
    };
    world.take([Arrival::Edit(edit), echo("b", &["a"])]).await;
    world.route_all().await;
    let contact = world.contact_of(id).await;
    let audit = world.audit("contact.erase");
    let erasure = world.store.erase_contact(contact, &audit).await.unwrap();
    let erased = erasure.erased;
    assert_eq!((erasure.contact, erasure.erased_at, erasure.wiped_at), (contact, Some(audit.at), None));
    assert_eq!((erased.contacts, erased.conversations, erased.items, erased.revisions), (1, 1, 2, 3));
    assert_eq!((erased.decisions, erased.deliveries), (2, 3));
    assert_eq!(world.store.audit(ALL).await.unwrap().entries[0], audit);
    assert_eq!(world.erase(contact).await, erasure);
    assert_eq!(
        world.store.audit(ALL).await.unwrap().entries[0],
        audit,
        "nothing was done, nothing is recorded"
    );
    let refused = world.store.erase_contact(ContactId(1), &world.audit("contact.erase")).await;
    assert!(matches!(refused, Err(StoreError::Missing(_))), "{refused:?}");
}

pub(crate) async fn an_erasure_that_has_begun_is_known_until_its_end(world: World) {
    let id = world.take_one(inbound("a", &[])).await;
    world.take_one(inbound("b", &[])).await;
    let contact = world.contact_of(id).await;
    let refused = world.store.erase_some(contact, world.now()).await;
    assert!(matches!(refused, Err(StoreError::Missing(_))), "nobody began it: {refused:?}");
    let audit = world.audit("contact.erase");
    assert_eq!(world.store.begin_erasure(contact, &audit).await.unwrap(), None);
    assert_eq!(world.store.begin_erasure(contact, &world.audit("contact.erase")).await.unwrap(), None);
    assert_eq!(world.store.audit(ALL).await.unwrap().entries[0], audit, "it was begun once");
    assert_eq!(world.store.begun_erasures().await.unwrap(), [contact]);
    let ended = loop {
        assert_eq!(world.store.erasure(contact).await.unwrap(), None);
        assert_eq!(world.store.contact(contact).await.unwrap().unwrap().0.erased_at, None);
        let erasing = world.store.erase_some(contact, world.now()).await.unwrap();
        let Erasing::More = erasing else { break erasing };
    };
    let erasure = world.store.erasure(contact).await.unwrap().unwrap();
    assert_eq!(ended, Erasing::Ended(erasure.clone()));
    assert_eq!((erasure.erased.conversations, erasure.erased.contacts), (2, 1));
    assert!(erasure.erased_at.unwrap() > audit.at, "it is erased when all of it is");
    assert_eq!(world.store.begun_erasures().await.unwrap(), []);
    let over = world.store.erase_some(contact, world.now()).await.unwrap();
    assert_eq!(over, Erasing::Over(erasure.clone()));
    let again = world.store.begin_erasure(contact, &world.audit("contact.erase")).await.unwrap();
    assert_eq!(again, Some(erasure));
}

pub(crate) async fn what_is_erased_says_nothing_and_keeps_its_place(world: World) {
    let id = world.take_one(inbound("a", &[])).await;
    world.route_all().await;
    let before = world.alter(id, |it| it.attributes.extend([("order".into(), "12".into())])).await;
    let item_before = world.store.items(id, ALL).await.unwrap().entries.remove(0);
    let decision_before = world.store.decisions(Some(id), None, ALL).await.unwrap().entries.remove(0);
    let erasure = world.erase(before.contact).await;
    let after = world.conversation(id).await;
    assert_eq!((after.erased_at, after.status), (erasure.erased_at, Status::Closed));
    assert_eq!((after.place, after.opened_at, after.item_count), (before.place, before.opened_at, 1));
    assert_eq!((after.subject, after.attributes.len()), (None, 0));
    assert!(after.revision > before.revision, "whoever saw it before has seen another one");
    let item = world.store.items(id, ALL).await.unwrap().entries.remove(0);
    assert_eq!(
        (item.id, item.received_at, item.erased_at),
        (item_before.id, item_before.received_at, after.erased_at)
    );
    assert_eq!((item.item.text.as_str(), item.item.author.name), ("", None));
    assert_eq!(item.item.occurred_at, item_before.item.occurred_at);
    let decision = world.store.decision(decision_before.id).await.unwrap().unwrap();
    assert_eq!((decision.at, decision.erased_at), (decision_before.at, after.erased_at));
    assert_eq!(decision.receipt.item, decision_before.receipt.item);
    let (contact, identities) = world.store.contact(before.contact).await.unwrap().unwrap();
    assert_eq!((contact.name, contact.erased_at), (None, after.erased_at));
    assert!(!identities[0].author.external_id.contains("mika"), "{identities:?}");
}

pub(crate) async fn what_waits_to_be_judged_is_not_judged_any_more(world: World) {
    let id = world.take_one(inbound("a", &[])).await;
    world.take_one(by("otto", item("b", &[]))).await;
    let claimed = world.claim().await;
    let judged: Vec<_> = claimed.iter().map(|it| world.judged(it)).collect();
    world.erase(world.contact_of(id).await).await;
    let commits = world.store.commit_routed(&judged).await.unwrap();
    let of = |conversation| judged.iter().position(|it| it.claim.conversation == conversation).unwrap();
    assert_eq!(commits[of(id)], RouteCommit::Stale);
    assert_eq!(commits[1 - of(id)], RouteCommit::Committed, "another's is judged");
    assert_eq!(world.claim().await.len(), 0);
}

pub(crate) async fn a_repetition_of_what_is_erased_brings_nothing_back(world: World) {
    let id = world.take_one(inbound("a", &[])).await;
    world.erase(world.contact_of(id).await).await;
    let again = world.delivery(vec![inbound("a", &[]), by("otto", item("b", &[]))]);
    let answers = world.store.commit_intakes(std::slice::from_ref(&again), None).await.unwrap();
    let committed = answers.into_iter().next().unwrap().unwrap();
    assert_eq!((committed.duplicates, committed.items.len()), (1, 1), "what comes with it is new");
    let (delivery, raw) = world.store.raw_delivery(again.delivery).await.unwrap().unwrap();
    assert!(
        delivery.purged_at.is_some() && raw.body.is_empty() && raw.headers.is_empty() && raw.query.is_none()
    );
    // In another inbox it is another item.
    let mut other = world.delivery(vec![inbound("a", &[])]);
    other.inbox = std::sync::Arc::clone(&world.other_inbox);
    let answers = world.store.commit_intakes(&[other], None).await.unwrap();
    assert_eq!(answers.into_iter().next().unwrap().unwrap().items.len(), 1);
}

pub(crate) async fn a_record_of_an_import_that_is_erased_is_not_taken_in_again(world: World) {
    let key = crate::domain::delivery::ImportKey("key".into());
    let mut record = world.delivery(vec![inbound("a", &[])]);
    record.origin = IntakeOrigin::Import(key.clone());
    let answers = world.store.commit_intakes(std::slice::from_ref(&record), None).await.unwrap();
    let id = answers.into_iter().next().unwrap().unwrap().items[0].1;
    world.erase(world.contact_of(id).await).await;
    let known = world.store.imported(world.inbox.id, &key).await.unwrap();
    assert_eq!(known.map(|it| it.id), Some(record.delivery));
    let other = world.store.imported(world.other_inbox.id, &key).await.unwrap();
    assert_eq!(other, None);
}

pub(crate) async fn an_answer_that_was_under_way_says_nothing_more_about_who_was_erased(world: World) {
    let (id, way_out) = answer(&world).await;
    let claimed = world.store.claim_outbox(world.inbox.id, world.now(), 10).await.unwrap();
    assert_eq!(claimed.len(), 1);
    let erased = world.erase(world.contact_of(id).await).await.erased;
    assert_eq!(erased.replies_cancelled, 1);
    let end = SendEnd::Failed("mika@example.com is unknown".into());
    world.store.end_send(way_out, &end, world.now()).await.unwrap();
    let entry = world.store.outbox(id).await.unwrap().remove(0);
    assert_eq!((entry.id, entry.state), (way_out, OutboxState::Failed));
    let notes = world.store.notes(id).await.unwrap();
    let told = format!("{entry:?} {notes:?}");
    assert!(!told.contains("mika"), "{told}");
    assert_eq!(
        world.store.claim_outbox(world.inbox.id, Timestamp::from_ms(i64::MAX / 2), 10).await.unwrap().len(),
        0
    );
}

pub(crate) async fn what_the_channel_shows_of_an_answer_to_who_was_erased_brings_nothing_back(world: World) {
    let (id, way_out) = answer(&world).await;
    world.store.claim_outbox(world.inbox.id, world.now(), 10).await.unwrap();
    world.store.begin_send(way_out, world.now()).await.unwrap();
    world.erase(world.contact_of(id).await).await;
    let sent = SendEnd::Sent(Some("channel-7".into()));
    world.store.end_send(way_out, &sent, world.now()).await.unwrap();
    assert_eq!(world.store.outbox(id).await.unwrap()[0].state, OutboxState::Sent);
    let shown = world.take([echo("channel-7", &["a"])]).await.remove(0);
    assert_eq!((shown.duplicates, shown.items.len()), (1, 0));
    let told = format!("{:?}", world.store.items(id, ALL).await.unwrap());
    assert!(!told.contains("channel-7"), "{told}");
}

pub(crate) async fn nothing_comes_back_under_an_id_that_cannot_be_stored_as_it_is(world: World) {
    for (number, odd) in ODD_IDS.into_iter().enumerate() {
        let own = format!("a-{number}");
        let committed = world.take([by(odd, item(&own, &[]))]).await;
        let (said, id) = committed[0].items[0];
        let way_out = write(&world, id, Some(said), &[&own]).await.unwrap();
        world.store.claim_outbox(world.inbox.id, world.now(), 10).await.unwrap();
        world.store.begin_send(way_out, world.now()).await.unwrap();
        world.erase(world.contact_of(id).await).await;
        world.store.end_send(way_out, &SendEnd::Sent(Some(odd.into())), world.now()).await.unwrap();
        let shown = world.take([echo(odd, &[&own])]).await.remove(0);
        assert_eq!((shown.duplicates, shown.items.len()), (1, 0), "{odd:?} comes back");
    }
}

pub(crate) async fn everything_about_a_contact_is_found(world: World) {
    let own = world.take_one(inbound("a", &[])).await;
    let others = world.take_one(by("otto", item("b", &[]))).await;
    world.take([inbound("c", &["b"]), echo("d", &["c"]), echo("e", &["b"]), inbound("c", &["b"])]).await;
    let contact = world.contact_of(own).await;
    let found = world.store.conversations_about(contact).await.unwrap();
    assert_eq!(found, [(own, true), (others, false)]);
    let names = async |conversation| {
        let page = world.store.items_about(contact, conversation, ALL).await.unwrap();
        let mut names = Vec::new();
        for id in page.entries {
            names.push(world.store.item(id).await.unwrap().unwrap().item.external_id);
        }
        names
    };
    assert_eq!(names(own).await, ["a"]);
    assert_eq!(names(others).await, ["c", "d"], "its own words and what answers them");
    let joined = world.store.items_about(contact, others, ALL).await.unwrap().entries.remove(0);
    let deliveries = world.store.deliveries_of(joined).await.unwrap();
    assert_eq!(deliveries.iter().map(|(_, times)| *times).collect::<Vec<_>>(), [1, 1], "it came twice");
    let revision = world.store.revision_after(joined, 0).await.unwrap().unwrap();
    let said = world.store.item(joined).await.unwrap().unwrap().item;
    assert_eq!((revision.revision, &revision.item), (1, &said));
    assert_eq!(world.store.revision_after(joined, 1).await.unwrap(), None);
    let audit = world.audit("contact.export");
    world.store.record(&audit).await.unwrap();
    assert_eq!(world.store.audit(ALL).await.unwrap().entries[0], audit);
}

/// What was with the contact before a merge gave it to a conversation with somebody else.
pub(crate) async fn what_a_merge_moved_is_about_whom_it_was_about(world: World) {
    let older = world.take_one(by("otto", item("b", &[]))).await;
    let younger = world.take_one(inbound("a", &[])).await;
    let contact = world.contact_of(younger).await;
    // The second answers what the company said itself: only its conversation says to whom.
    let mut answered = item("c", &["a"]);
    answered.author.external_id = "shop@example.com".into();
    world.take([Arrival::Echo(answered), echo("d", &["c"])]).await;
    let mut change = world.change(&world.conversation(younger).await);
    let at = world.now();
    let id = world.ids.next(at);
    change.note = Some(Note { id, conversation: younger, by: "aiko".into(), text: "about Mika".into(), at });
    world.store.change_conversation(&change).await.unwrap();
    world.take([by("mia", item("e", &["b", "a"]))]).await;
    assert_eq!(world.conversation(younger).await.merged_into, Some(older));

    let mut names = Vec::new();
    for id in world.store.items_about(contact, older, ALL).await.unwrap().entries {
        names.push(world.store.item(id).await.unwrap().unwrap().item.external_id);
    }
    assert_eq!(names, ["a", "c", "d"]);
    let notes = world.store.notes_about(contact, older).await.unwrap();
    assert_eq!(notes.iter().map(|it| it.text.as_str()).collect::<Vec<_>>(), ["about Mika"]);
    let otto = world.contact_of(older).await;
    assert_eq!(world.store.notes_about(otto, older).await.unwrap().len(), 1, "it is with Otto now");
}

pub(crate) async fn a_delivery_says_how_often_it_tells_of_an_item(world: World) {
    let twice = world.delivery(vec![inbound("a", &[]), inbound("a", &[]), inbound("a", &[])]);
    let answers = world.store.commit_intakes(std::slice::from_ref(&twice), None).await.unwrap();
    let (item, _) = answers.into_iter().next().unwrap().unwrap().items[0];
    assert_eq!(world.store.deliveries_of(item).await.unwrap(), [(twice.delivery, 3)]);
}

pub(crate) async fn deliveries_are_purged_by_age_and_inbox(world: World) {
    let first = world.delivery(vec![inbound("a", &[])]);
    let mut other = world.delivery(vec![inbound("b", &[])]);
    other.inbox = std::sync::Arc::clone(&world.other_inbox);
    let before = world.now();
    let last = world.delivery(vec![inbound("c", &[])]);
    let entries = [first, other, last];
    world.store.commit_intakes(&entries, None).await.unwrap();
    let audit = world.audit("inbox.purge");
    let page = world.store.purge_deliveries(world.inbox.id, before, 10, &audit).await.unwrap();
    assert_eq!((page.purged, page.has_more), (1, false));
    let mut purged = Vec::new();
    for entry in &entries {
        let (delivery, raw) = world.store.raw_delivery(entry.delivery).await.unwrap().unwrap();
        assert_eq!(delivery.purged_at.is_some(), raw.body.is_empty());
        purged.push(delivery.purged_at);
    }
    assert_eq!(purged, [Some(audit.at), None, None]);
    assert_eq!(world.store.audit(ALL).await.unwrap().entries[0], audit);
    let again = world.store.purge_deliveries(world.inbox.id, before, 10, &world.audit("x")).await.unwrap();
    assert_eq!((again.purged, again.has_more), (0, false));
    assert_eq!(world.store.audit(ALL).await.unwrap().entries[0], audit, "nothing went, nothing is recorded");
}

pub(crate) async fn ended_conversations_are_erased_by_age(world: World) {
    let ended = world.take_one(inbound("a", &[])).await;
    let open = world.take_one(inbound("b", &[])).await;
    world.route_all().await;
    world.alter(ended, |it| it.status = Status::Closed).await;
    let contact = world.contact_of(ended).await;
    let closed_at = world.conversation(ended).await.updated_at;
    let erase = async |before| {
        world.store.erase_ended(world.inbox.id, before, 10, &world.audit("inbox.erase-ended")).await.unwrap()
    };
    assert_eq!(erase(closed_at).await.erased.conversations, 0, "not before that time");
    let later = closed_at.plus_ms(1);
    let erased = erase(later).await.erased;
    assert_eq!(
        (erased.conversations, erased.items, erased.contacts),
        (1, 1, 0),
        "the contact has another one"
    );
    assert!(world.conversation(ended).await.erased_at.is_some());
    assert_eq!(world.conversation(open).await.erased_at, None);
    world.alter(open, |it| it.status = Status::Closed).await;
    assert_eq!(erase(world.now()).await.erased.contacts, 1);
    assert!(world.store.erasure(contact).await.unwrap().is_some());
}
