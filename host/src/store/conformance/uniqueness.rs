//! Nothing is kept twice.

use super::world::{ALL, World, inbound, item};
use crate::domain::arrival::Arrival;
use crate::domain::case::shown::MARK;
use crate::domain::delivery::{DeliveryHead, DeliveryOutcome, Header, ImportKey};
use crate::domain::item::copied::COPY_BYTES_MAX;
use crate::store::{IntakeContent, IntakeEntry, IntakeOrigin, StoreError};

pub(crate) async fn an_item_is_kept_once_within_a_batch(world: World) {
    let answers = world.take([inbound("a", &[]), inbound("a", &[])]).await;
    assert_eq!((answers[0].items.len(), answers[0].duplicates), (1, 0));
    assert_eq!((answers[1].items.len(), answers[1].duplicates), (0, 1));
}

pub(crate) async fn an_item_is_kept_once_across_batches(world: World) {
    world.take([inbound("a", &[])]).await;
    let answers = world.take([inbound("b", &[]), inbound("a", &[])]).await;
    assert_eq!((answers[0].items.len(), answers[1].duplicates), (1, 1));
    assert_eq!(world.store.counts().await.unwrap().items, 2);
}

pub(crate) async fn an_item_is_kept_once_whoever_is_faster(world: World) {
    let (one, other) = ([world.delivery(vec![inbound("a", &[])])], [world.delivery(vec![inbound("a", &[])])]);
    let (one, other) =
        tokio::join!(world.store.commit_intakes(&one, None), world.store.commit_intakes(&other, None));
    let (one, other) = (one.unwrap().remove(0).unwrap(), other.unwrap().remove(0).unwrap());
    assert_eq!(one.items.len() + other.items.len(), 1);
    assert_eq!(one.duplicates + other.duplicates, 1);
}

pub(crate) async fn the_same_id_in_two_inboxes_is_two_items(world: World) {
    let mut other = world.delivery(vec![inbound("a", &[])]);
    other.inbox = world.other_inbox.clone();
    let answers =
        world.store.commit_intakes(&[world.delivery(vec![inbound("a", &[])]), other], None).await.unwrap();
    let conversations: Vec<_> = answers.into_iter().map(|it| it.unwrap().items[0].1).collect();
    assert_ne!(conversations[0], conversations[1]);
}

pub(crate) async fn a_presence_is_met_once_and_kept_up_to_date(world: World) {
    let one = world.take_one(inbound("a", &[])).await;
    let mut famous = item("b", &[]);
    famous.author.followers = Some(1_000_000);
    famous.author.name = None;
    let other = world.take_one(Arrival::Item(famous)).await;
    let (one, other) = (world.conversation(one).await, world.conversation(other).await);
    assert_eq!((one.contact, one.identity), (other.contact, other.identity));
    let author = world.store.identity(one.identity).await.unwrap().unwrap().author;
    assert_eq!((author.followers, author.name.as_deref()), (Some(1_000_000), Some("Mika")));
}

pub(crate) async fn an_unparsed_delivery_is_kept_and_read_once_more(world: World) {
    let mut entry = world.delivery(Vec::new());
    entry.content = IntakeContent::Unparsed { reason: "malformed: no header".into() };
    world.store.commit_intakes(std::slice::from_ref(&entry), None).await.unwrap().remove(0).unwrap();
    let unparsed = Some(DeliveryOutcome::Unparsed);
    let kept = world.store.deliveries(Some(world.inbox.id), unparsed, None, ALL).await.unwrap().entries;
    assert_eq!((kept.len(), kept[0].attempts, kept[0].body_bytes), (1, 1, 4));
    assert_eq!(world.store.counts().await.unwrap().unparsed, 1);

    let (_, raw) = world.store.raw_delivery(entry.delivery).await.unwrap().unwrap();
    assert_eq!(raw, *entry.raw);
    entry.origin = IntakeOrigin::Retry;
    entry.content = IntakeContent::Arrivals(vec![inbound("a", &[])]);
    let again =
        world.store.commit_intakes(std::slice::from_ref(&entry), None).await.unwrap().remove(0).unwrap();
    assert_eq!(again.items.len(), 1);
    let (kept, _) = world.store.raw_delivery(entry.delivery).await.unwrap().unwrap();
    assert_eq!((kept.outcome, kept.reason, kept.attempts), (DeliveryOutcome::Accepted, None, 2));
    assert!(world.store.deliveries(None, unparsed, None, ALL).await.unwrap().entries.is_empty());
    assert_eq!(world.store.counts().await.unwrap().unparsed, 0);

    entry.delivery = world.ids.next(world.now());
    let answer = world.store.commit_intakes(&[entry], None).await.unwrap().remove(0);
    assert!(matches!(answer, Err(StoreError::Missing(_))), "{answer:?}");
}

pub(crate) async fn who_had_a_delivery_read_is_recorded_with_it_or_not_at_all(world: World) {
    let mut entry = world.delivery(Vec::new());
    entry.content = IntakeContent::Unparsed { reason: "malformed: no header".into() };
    world.store.commit_intakes(std::slice::from_ref(&entry), None).await.unwrap().remove(0).unwrap();
    let before = world.store.audit(ALL).await.unwrap().entries;
    let retry = world.audit("delivery.retry");
    let stray = IntakeEntry { delivery: world.ids.next(world.now()), ..entry.clone() };
    let [entry, stray] = [entry, stray].map(|it| IntakeEntry {
        origin: IntakeOrigin::Retry,
        content: IntakeContent::Arrivals(vec![inbound("a", &[])]),
        audit: Some(retry.clone()),
        ..it
    });
    // What is not kept cannot be read once more.
    let answer = world.store.commit_intakes(&[stray], None).await.unwrap().remove(0);
    assert!(matches!(answer, Err(StoreError::Missing(_))), "{answer:?}");
    assert_eq!(world.store.audit(ALL).await.unwrap().entries, before);
    world.store.commit_intakes(&[entry], None).await.unwrap().remove(0).unwrap();
    assert_eq!(world.store.audit(ALL).await.unwrap().entries[0], retry);
    assert_eq!(world.store.audit(ALL).await.unwrap().entries[1..], before);
}

pub(crate) async fn the_head_of_an_unread_delivery_is_rewritten(world: World) {
    let mut unread = world.delivery(Vec::new());
    unread.content = IntakeContent::Unparsed { reason: "malformed: no header".into() };
    let read = world.delivery(vec![inbound("a", &[])]);
    for stored in world.store.commit_intakes(&[unread.clone(), read], None).await.unwrap() {
        stored.unwrap();
    }
    let heads = world.store.unread_heads(world.inbox.id, ALL).await.unwrap().entries;
    assert_eq!(heads, [(unread.delivery, unread.raw.head())]);

    let headers = vec![Header { name: "x-token".into(), value: "[hidden]".into() }];
    let hidden = DeliveryHead { query: Some("a=[hidden]".into()), headers };
    world.store.rewrite_head(unread.delivery, &hidden).await.unwrap();
    let (_, raw) = world.store.raw_delivery(unread.delivery).await.unwrap().unwrap();
    assert_eq!((raw.head(), &raw.body), (hidden.clone(), &unread.raw.body));

    // Nothing comes back into one that was emptied.
    let audit = world.audit("inbox.purge");
    unread.origin = IntakeOrigin::Retry;
    unread.content = IntakeContent::Arrivals(vec![inbound("b", &[])]);
    world.store.commit_intakes(std::slice::from_ref(&unread), None).await.unwrap().remove(0).unwrap();
    let before = world.now().plus_ms(1);
    world.store.purge_deliveries(world.inbox.id, before, 10, &audit).await.unwrap();
    world.store.rewrite_head(unread.delivery, &hidden).await.unwrap();
    let (kept, raw) = world.store.raw_delivery(unread.delivery).await.unwrap().unwrap();
    assert!(kept.purged_at.is_some() && raw.query.is_none() && raw.headers.is_empty(), "{raw:?}");
    assert!(world.store.unread_heads(world.inbox.id, ALL).await.unwrap().entries.is_empty());
}

pub(crate) async fn a_record_of_an_import_is_kept_once_in_its_inbox(world: World) {
    let key = ImportKey("one".into());
    let record = |content| {
        let mut entry = world.delivery(Vec::new());
        entry.origin = IntakeOrigin::Import(key.clone());
        entry.content = content;
        entry
    };
    let unparsed = || IntakeContent::Unparsed { reason: "malformed: no header".into() };
    assert_eq!(world.store.imported(world.inbox.id, &key).await.unwrap(), None);

    // Within one batch: the first is kept, and whoever else is in the batch.
    let (first, again) = (record(unparsed()), record(unparsed()));
    let other = world.delivery(vec![inbound("a", &[])]);
    let entries = [first.clone(), again, other];
    let [one, two, three] = &world.store.commit_intakes(&entries, None).await.unwrap()[..] else {
        panic!("not an answer each")
    };
    assert!(one.is_ok() && three.is_ok(), "{one:?} {three:?}");
    assert!(matches!(two, Err(StoreError::Taken(_))), "{two:?}");
    let kept = world.store.imported(world.inbox.id, &key).await.unwrap().unwrap();
    assert_eq!((kept.id, kept.outcome), (first.delivery, DeliveryOutcome::Unparsed));

    // In another batch, with whatever is found in it by then.
    let found = record(IntakeContent::Arrivals(vec![inbound("b", &[])]));
    let answer = world.store.commit_intakes(&[found], None).await.unwrap().remove(0);
    assert!(matches!(answer, Err(StoreError::Taken(_))), "{answer:?}");
    let counts = world.store.counts().await.unwrap();
    assert_eq!((counts.deliveries, counts.unparsed, counts.items), (2, 1, 1));

    // In another inbox it is another record; and what was kept can be read once more.
    let mut elsewhere = record(unparsed());
    elsewhere.inbox = world.other_inbox.clone();
    world.store.commit_intakes(&[elsewhere], None).await.unwrap().remove(0).unwrap();
    let mut retried = first;
    retried.origin = IntakeOrigin::Retry;
    retried.content = IntakeContent::Arrivals(vec![inbound("b", &[])]);
    world.store.commit_intakes(&[retried], None).await.unwrap().remove(0).unwrap();
    let kept = world.store.imported(world.inbox.id, &key).await.unwrap().unwrap();
    assert_eq!((kept.outcome, kept.attempts), (DeliveryOutcome::Accepted, 2));
}

pub(crate) async fn odd_keys_are_kept(world: World) {
    let odd = ["", "with \"quotes\" \\ and\nlines", "nul\0inside", "nul", "日本\u{1f600}"];
    let answers = world.take(odd.map(|it| inbound(it, &[]))).await;
    assert!(answers.iter().all(|it| it.items.len() == 1), "{answers:?}");
    let again = world.take(odd.map(|it| inbound(it, &[]))).await;
    // One without an id cannot be told from another.
    assert_eq!(again.iter().map(|it| it.duplicates).sum::<u32>(), 4);
}

pub(crate) async fn what_is_copied_from_an_item_is_short_and_the_item_whole(world: World) {
    let mut long = item("a", &[]);
    let text = |of: &str| Some(format!("{of} {}", "語".repeat(1 << 20)));
    (long.subject, long.author.name, long.author.handle) = (text("subject"), text("name"), text("handle"));
    let mut longer = long.clone();
    longer.external_id = "b".into();
    longer.in_reply_to = vec!["a".into()];
    longer.author.name = text("another name");
    let taken = world.take([Arrival::Item(long.clone())]).await;
    let (id, conversation) = taken[0].items[0];
    assert_eq!(world.take_one(Arrival::Item(longer)).await, conversation);
    let is_copy = |copy: Option<&str>, of: &str| {
        let copy = copy.unwrap();
        copy.len() <= COPY_BYTES_MAX && copy.starts_with(of) && copy.ends_with(MARK)
    };
    for case in world.claim().await {
        assert!(is_copy(case.contact.name.as_deref(), "name"));
        assert!(is_copy(case.conversation.subject.as_deref(), "subject"));
    }
    let conversation = world.conversation(conversation).await;
    assert!(is_copy(conversation.subject.as_deref(), "subject"));
    let (contact, identities) = world.store.contact(conversation.contact).await.unwrap().unwrap();
    assert!(is_copy(contact.name.as_deref(), "name"));
    assert!(is_copy(identities[0].author.name.as_deref(), "another name"));
    assert!(is_copy(identities[0].author.handle.as_deref(), "handle"));
    assert_eq!(world.store.item(id).await.unwrap().unwrap().item, long);
}
