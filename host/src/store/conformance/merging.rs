//! Conversations that agents merge, and merges that are taken back.

use super::personal::by;
use super::sending::write;
use super::world::{ALL, World, inbound, item};
use crate::domain::apply::TimerChanges;
use crate::domain::case::Occasion;
use crate::domain::conversation::{Conversation, Status};
use crate::domain::ids::{ActivationId, ConversationId, ItemId};
use crate::domain::quota::Quota;
use crate::domain::threading::{REFERENCES_MAX, Unjoined};
use crate::domain::time::Timestamp;
use crate::domain::timer::{Timer, TimerPurpose};
use crate::store::{
    MergeByHand, MergeRefusal, MergeUndo, MergeUndone, Note, QuotaChange, StoreError, StoreResult,
};

impl World {
    pub(super) async fn merge(
        &self,
        ends: ConversationId,
        into: ConversationId,
    ) -> StoreResult<Result<ConversationId, MergeRefusal>> {
        let audit = self.audit("conversation.merge");
        let merge = MergeByHand {
            ends: (ends, self.conversation(ends).await.revision),
            into: (into, self.conversation(into).await.revision),
            event: self.ids.next(audit.at),
            audit,
        };
        let merged = self.store.merge(&merge).await?;
        Ok(merged.map(|survivor| survivor.id))
    }

    async fn try_undo(&self, ended: ConversationId) -> Result<MergeUndone, MergeRefusal> {
        let now = self.conversation(ended).await;
        let survivor = now.merged_into.unwrap();
        let audit = self.audit("conversation.unmerge");
        let undo = MergeUndo {
            ended: (ended, now.revision),
            survivor: (survivor, self.conversation(survivor).await.revision),
            events: [self.ids.next(audit.at), self.ids.next(audit.at)],
            audit,
        };
        self.store.undo_merge(&undo).await.unwrap()
    }

    pub(super) async fn undo(&self, ended: ConversationId) -> MergeUndone {
        self.try_undo(ended).await.unwrap()
    }

    /// The external ids of a conversation's items.
    async fn names(&self, id: ConversationId) -> Vec<String> {
        let items = self.store.items(id, ALL).await.unwrap().entries;
        items.into_iter().map(|it| it.item.external_id).collect()
    }

    async fn note(&self, id: ConversationId, text: &str) {
        let mut change = self.change(&self.conversation(id).await);
        let at = self.now();
        let note = Note { id: self.ids.next(at), conversation: id, by: "aiko".into(), text: text.into(), at };
        change.note = Some(note);
        self.store.change_conversation(&change).await.unwrap();
    }

    async fn texts_of_notes(&self, id: ConversationId) -> Vec<String> {
        self.store.notes(id).await.unwrap().into_iter().map(|it| it.text).collect()
    }

    /// Items that answer one another's conversation, some in one delivery; each is named by its number.
    async fn take_many(&self, writer: &str, parent: &str, count: usize) {
        let items: Vec<_> =
            (0..count).map(|it| by(writer, item(&format!("{writer}-{it}"), &[parent]))).collect();
        for part in items.chunks(1_000) {
            let delivery = self.delivery(part.to_vec());
            self.store.commit_intakes(&[delivery], None).await.unwrap().remove(0).unwrap();
        }
        self.route_all().await;
    }

    /// Items that answer `parent`, and name as many other items, which are not here, as count.
    async fn take_naming(&self, writer: &str, parent: &str, items: usize) {
        for number in 0..items {
            let mut names = vec![parent.to_owned()];
            names.extend((1..REFERENCES_MAX).map(|it| format!("{writer}-{number}-{it}")));
            let mut naming = item(&format!("{writer}-{number}"), &[]);
            naming.in_reply_to = names;
            self.take_one(by(writer, naming)).await;
        }
        self.route_all().await;
    }

    async fn two(&self) -> [(ItemId, ConversationId); 2] {
        let mika = self.take([inbound("a", &["root-a"])]).await[0].items[0];
        let otto = self.take([by("otto", item("b", &["root-b"]))]).await[0].items[0];
        [mika, otto]
    }
}

/// What an undo cannot give back: when it changed last, how often, and the clock that starts anew.
fn but_for_counts(it: Conversation) -> Conversation {
    Conversation { updated_at: it.opened_at, revision: 0, promise_started_for: None, ..it }
}

pub(crate) async fn conversations_are_merged_by_hand_and_taken_apart(world: World) {
    let [(_, mika), (_, otto)] = world.two().await;
    world.route_all().await;
    world.alter(otto, |it| it.tags.extend(["late".to_owned()])).await;
    world.note(otto, "about Otto").await;
    let before = [world.conversation(mika).await, world.conversation(otto).await];
    assert_eq!(world.merge(otto, mika).await.unwrap(), Ok(mika));
    assert_eq!(world.names(mika).await, ["a", "b"]);
    let survivor = world.conversation(mika).await;
    assert!(survivor.tags.contains("late") && survivor.item_count == 2);
    assert_eq!(world.store.counts().await.unwrap().conversations, 1);
    assert_eq!(world.store.merged_into(mika).await.unwrap(), [otto]);
    assert_eq!(world.texts_of_notes(mika).await, ["about Otto"]);
    assert_eq!(world.occasions().await, [Occasion::AskedByHand]);

    let undone = world.undo(otto).await;
    assert_eq!((undone.ended.id, undone.survivor.id), (otto, mika));
    for (before, now) in before.into_iter().zip([undone.survivor, undone.ended]) {
        assert_eq!(now, world.conversation(now.id).await);
        assert_eq!(but_for_counts(now), but_for_counts(before));
    }
    assert_eq!((world.names(mika).await, world.names(otto).await), (vec!["a".into()], vec!["b".into()]));
    assert_eq!(world.texts_of_notes(otto).await, ["about Otto"]);
    assert_eq!(world.store.counts().await.unwrap().conversations, 2);
    assert_eq!(world.store.merged_into(mika).await.unwrap(), []);
    assert_eq!(world.occasions().await, [Occasion::AskedByHand, Occasion::AskedByHand]);
    // References lead where they led.
    assert_eq!(world.take_one(by("otto", item("root-b", &[]))).await, otto);
    assert_eq!(world.take_one(inbound("root-a", &[])).await, mika);
    let filter = crate::store::ConversationFilter { tag: Some("late".into()), ..Default::default() };
    let tagged = world.store.conversations(&filter, ALL).await.unwrap().entries;
    assert_eq!(tagged.into_iter().map(|it| it.id).collect::<Vec<_>>(), [otto]);
}

pub(crate) async fn items_since_a_merge_go_where_they_belong(world: World) {
    let [(to_mika, mika), (to_otto, otto)] = world.two().await;
    world.merge(otto, mika).await.unwrap().unwrap();
    world.route_all().await;
    let reply_to_otto = write(&world, mika, Some(to_otto), &["b"]).await.unwrap();
    world
        .take([by("otto", item("c", &["b"])), by("mia", item("d", &["c"])), by("mia", item("e", &["a"]))])
        .await;
    let reply_to_mika = write(&world, mika, Some(to_mika), &["a"]).await.unwrap();
    world.note(mika, "since").await;
    world.undo(otto).await;
    let reply = reply_to_otto.to_string();
    assert_eq!(world.names(otto).await, ["b", reply.as_str(), "c", "d"]);
    let reply = reply_to_mika.to_string();
    assert_eq!(world.names(mika).await, ["a", "e", reply.as_str()]);
    let outbox =
        async |id| world.store.outbox(id).await.unwrap().into_iter().map(|it| it.id).collect::<Vec<_>>();
    assert_eq!((outbox(otto).await, outbox(mika).await), (vec![reply_to_otto], vec![reply_to_mika]));
    assert_eq!(world.texts_of_notes(mika).await, ["since"], "agents wrote it about the survivor");
    let (mika, otto) = (world.conversation(mika).await, world.conversation(otto).await);
    assert_eq!((mika.waiting_since, mika.status), (None, Status::Pending));
    assert_eq!(otto.status, Status::Open, "Otto wrote after the reply");
    assert!(otto.waiting_since.is_some() && otto.first_answered_at.is_some());
    assert_eq!((mika.item_count, otto.item_count), (3, 4));
}

pub(crate) async fn merges_are_taken_back_in_any_order_but_inner_ones_first(world: World) {
    let [(_, mika), (_, otto)] = world.two().await;
    let mia = world.take_one(by("mia", item("c", &[]))).await;
    let vera = world.take_one(by("vera", item("d", &[]))).await;
    for (ends, into) in [(mia, otto), (otto, mika), (vera, mika)] {
        world.merge(ends, into).await.unwrap().unwrap();
    }
    assert_eq!(world.names(mika).await, ["a", "b", "c", "d"]);
    assert_eq!(world.try_undo(mia).await, Err(MergeRefusal::MergedFurther(otto, mika)));
    world.undo(otto).await;
    assert_eq!((world.names(otto).await.len(), world.names(mika).await.len()), (2, 2));
    world.undo(mia).await;
    world.undo(vera).await;
    for (id, name) in [(mika, "a"), (otto, "b"), (mia, "c"), (vera, "d")] {
        assert_eq!(world.names(id).await, [name]);
        assert_eq!(
            (world.conversation(id).await.status, world.conversation(id).await.item_count),
            (Status::Open, 1)
        );
    }
    assert_eq!(world.store.counts().await.unwrap().conversations, 4);
}

pub(crate) async fn a_merge_of_who_is_erased_since_is_not_taken_back(world: World) {
    let [(_, mika), (_, otto)] = world.two().await;
    let contact = world.contact_of(otto).await;
    world.merge(otto, mika).await.unwrap().unwrap();
    world.erase(contact).await;
    assert_eq!(world.try_undo(otto).await, Err(MergeRefusal::Erased));
    assert_eq!(world.names(mika).await.len(), 2, "its place stays");
}

pub(crate) async fn a_merge_waits_for_an_erasure_under_way(world: World) {
    let [(_, mika), (_, otto)] = world.two().await;
    let contact = world.contact_of(otto).await;
    world.store.begin_erasure(contact, &world.audit("contact.erase")).await.unwrap();
    assert_eq!(world.merge(otto, mika).await.unwrap(), Err(MergeRefusal::BeingErased));
    assert_eq!(world.conversation(otto).await.merged_into, None);
}

pub(crate) async fn a_changed_conversation_is_not_merged(world: World) {
    let [(_, mika), (_, otto)] = world.two().await;
    let audit = world.audit("conversation.merge");
    let seen = world.conversation(mika).await.revision - 1;
    let event = world.ids.next(audit.at);
    let merge = MergeByHand { ends: (otto, 1), into: (mika, seen), event, audit };
    assert!(matches!(world.store.merge(&merge).await, Err(StoreError::Stale(_))));
    world.merge(otto, mika).await.unwrap().unwrap();
    assert_eq!(world.merge(otto, mika).await.unwrap(), Err(MergeRefusal::Merged(otto, mika)));
    assert_eq!(world.store.verify_audit().await.unwrap().broken, None);
}

pub(crate) async fn a_long_conversation_is_not_moved_at_once(world: World) {
    let [(_, mika), (_, otto)] = world.two().await;
    world.take_many("otto", "b", 2_000).await;
    assert_eq!(world.merge(otto, mika).await.unwrap(), Err(MergeRefusal::TooLong(2_000)));
    // The other way round it is one item.
    assert_eq!(world.merge(mika, otto).await.unwrap(), Ok(otto));
}

pub(crate) async fn named_references_count_to_what_a_merge_moves(world: World) {
    let [(_, mika), (_, otto)] = world.two().await;
    world.take_naming("otto", "b", 32).await;
    assert_eq!(world.conversation(otto).await.item_count, 33);
    assert_eq!(world.merge(otto, mika).await.unwrap(), Err(MergeRefusal::TooLong(2_000)));
    // Items move half as much.
    let younger = world.take_one(inbound("c", &[])).await;
    world.take_naming("mika@example.com", "c", 17).await;
    assert_eq!(world.take_one(inbound("joins", &["c", "a"])).await, younger);
    assert_eq!(world.conversation(younger).await.merged_into, None);
    let suggested = world.store.suggestions(younger).await.unwrap();
    assert_eq!((suggested[0].conversation, suggested[0].why), (mika, Unjoined::TooLong));
}

pub(crate) async fn conversations_over_a_quota_together_are_suggested_and_not_merged(world: World) {
    let older = world.take_one(inbound("a", &[])).await;
    let younger = world.take_one(inbound("b", &[])).await;
    world.route_all().await;
    world.alter(older, |it| it.tags.extend(["one".to_owned()])).await;
    world.alter(younger, |it| it.tags.extend(["two".to_owned()])).await;
    let set = async |value| {
        let change = QuotaChange { quota: Quota::ConversationLabels, value: Some(value) };
        let owner = Some(world.inbox.department);
        world.store.change_quotas(owner, &[change], &world.audit("quotas.change")).await.unwrap();
    };
    set(1).await;
    assert_eq!(world.take_one(inbound("c", &["b", "a"])).await, younger);
    assert_eq!(world.conversation(younger).await.merged_into, None);
    let suggested = world.store.suggestions(younger).await.unwrap();
    assert_eq!((suggested[0].conversation, suggested[0].why), (older, Unjoined::OverQuota));
    set(2).await;
    assert_eq!(world.take_one(inbound("d", &["b", "a"])).await, older);
    assert_eq!(world.conversation(older).await.tags.len(), 2);
}

pub(crate) async fn a_merge_is_taken_back_however_many_items_the_survivor_got(world: World) {
    let [(_, mika), (_, otto)] = world.two().await;
    world.merge(otto, mika).await.unwrap().unwrap();
    world.take_many("mika@example.com", "a", 4_100).await;
    world.take([by("otto", item("c", &["b"]))]).await;
    world.undo(otto).await;
    assert_eq!(world.names(otto).await, ["b", "c"]);
    assert_eq!(world.conversation(mika).await.item_count, 4_101);
    // What goes back is bounded.
    world.merge(otto, mika).await.unwrap().unwrap();
    world.take_naming("otto", "b", 125).await;
    assert_eq!(world.try_undo(otto).await, Err(MergeRefusal::TooMuch(8_000)));
}

fn timer(conversation: ConversationId, key: &str, due_at: i64, until_answered: bool) -> Timer {
    let purpose = TimerPurpose::Policy { activation: ActivationId(5), key: key.into() };
    Timer { conversation, purpose, due_at: Timestamp::from_ms(due_at), until_answered, depth: 0 }
}

pub(crate) async fn timers_go_back_to_their_conversations(world: World) {
    let [(_, mika), (_, otto)] = world.two().await;
    let late = world.now().as_ms() + 1_000_000_000;
    for case in world.claim().await {
        let id = case.conversation.id;
        let set = match id == mika {
            true => vec![timer(id, "both", late + 1, false), timer(id, "own", late, false)],
            false => vec![timer(id, "both", late, false), timer(id, "wait", late + 2, true)],
        };
        let mut routed = world.judged(&case);
        routed.timers = TimerChanges { set, cancel: Vec::new() };
        world.store.commit_routed(&[routed]).await.unwrap();
    }
    world.merge(otto, mika).await.unwrap().unwrap();
    world.undo(otto).await;
    world.route_all().await;
    let mut fired = Vec::new();
    for due in [late, late + 1, late + 2] {
        world.store.fire_timers(Timestamp::from_ms(due), 10).await.unwrap();
        let mut events = Vec::new();
        for case in world.claim().await {
            let Occasion::TimerDue { key, .. } = case.claim.event.occasion.clone() else { panic!() };
            events.push((case.conversation.id, key));
            world.store.commit_routed(&[world.judged(&case)]).await.unwrap();
        }
        events.sort();
        fired.push(events);
    }
    let of = |id, key: &str| (id, key.to_owned());
    assert_eq!(fired[0], [of(mika, "own"), of(otto, "both")]);
    assert_eq!((&fired[1][..], &fired[2][..]), (&[of(mika, "both")][..], &[of(otto, "wait")][..]));
}

pub(crate) async fn a_suggestion_is_dismissed_once(world: World) {
    let own = world.take_one(inbound("a", &[])).await;
    let other = world.take_unproven(by("eve", item("b", &["a"]))).await;
    assert_eq!(world.store.suggestions(own).await.unwrap()[0].conversation, other);
    let audit = world.audit("conversation.dismiss-suggestion");
    assert!(world.store.dismiss_suggestion(own, other, &audit).await.unwrap());
    let again = world.audit("again");
    assert!(!world.store.dismiss_suggestion(other, own, &again).await.unwrap());
    assert_eq!(world.store.audit(ALL).await.unwrap().entries[0], audit);
    assert_eq!(world.store.suggestions(other).await.unwrap(), []);
    // Nor is it made again.
    world.take_unproven(by("eve", item("c", &["b", "a"]))).await;
    assert_eq!(world.store.suggestions(other).await.unwrap(), []);
}

pub(crate) async fn a_suggestion_follows_conversations_that_merge(world: World) {
    let [(_, mika), (_, otto)] = world.two().await;
    let eve = world.take_unproven(by("eve", item("c", &["a"]))).await;
    let suggested = async |id| {
        let found = world.store.suggestions(id).await.unwrap();
        found.into_iter().map(|it| (it.conversation, it.is_from_here)).collect::<Vec<_>>()
    };
    world.merge(mika, otto).await.unwrap().unwrap();
    assert_eq!(suggested(eve).await, [(otto, true)], "where it leads now");
    assert_eq!(suggested(otto).await, [(eve, false)]);
    let other = world.take_one(by("mia", item("d", &[]))).await;
    world.merge(eve, other).await.unwrap().unwrap();
    assert_eq!((suggested(other).await, suggested(otto).await), (vec![(otto, true)], vec![(other, false)]));

    let dismissed = world.store.dismiss_suggestion(otto, other, &world.audit("dismiss")).await.unwrap();
    assert!(dismissed);
    assert!(!world.store.dismiss_suggestion(other, otto, &world.audit("dismiss")).await.unwrap());
    assert_eq!((suggested(other).await, suggested(otto).await), (vec![], vec![]));
    // Nothing was said of those that had ended in them.
    world.undo(eve).await;
    assert_eq!((suggested(eve).await, suggested(other).await), (vec![(otto, true)], vec![]));
    world.undo(mika).await;
    assert_eq!((suggested(eve).await, suggested(otto).await), (vec![(mika, true)], vec![]));
}
