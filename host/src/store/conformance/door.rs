//! Judging at the door: an item and its decision are one transaction, or the item waits.

use std::collections::HashMap;
use std::sync::Mutex;

use async_trait::async_trait;

use super::world::{NEEDS, World, echo, inbound};
use crate::domain::arrival::Arrival;
use crate::domain::decision::Remark;
use crate::domain::delivery::ImportKey;
use crate::domain::ids::ConversationId;
use crate::domain::proposal::Priority;
use crate::domain::timer::{Timer, TimerPurpose};
use crate::store::{
    CaseNeeds, ClaimedCase, DoorJudge, IntakeCommitted, IntakeEntry, IntakeOrigin, PageRequest, Routed,
    StoreError,
};

/// Judges as the world does, and remembers what it was shown.
struct Judge<'a> {
    world: &'a World,
    /// Items that are left out.
    leaves: &'a [&'a str],
    /// How long a note each of its decisions leaves.
    note_bytes: usize,
    /// What somebody else does while it judges, once.
    meanwhile: Option<Meanwhile>,
    seen: Mutex<Vec<ClaimedCase>>,
    /// How many decisions were stored, and how many events were left; absent before that.
    heard: Mutex<Option<(usize, usize)>>,
}

#[derive(Clone, Copy)]
enum Meanwhile {
    PersonChanges(ConversationId),
    ItemArrives,
}

impl<'a> Judge<'a> {
    fn of(world: &'a World) -> Self {
        Self {
            world,
            leaves: &[],
            note_bytes: 0,
            meanwhile: None,
            seen: Mutex::default(),
            heard: Mutex::default(),
        }
    }

    async fn take(&self, arrivals: impl IntoIterator<Item = Arrival>) -> Vec<IntakeCommitted> {
        let entries: Vec<_> = arrivals.into_iter().map(|it| self.world.delivery(vec![it])).collect();
        self.take_entries(&entries).await.into_iter().map(Result::unwrap).collect()
    }

    async fn take_entries(&self, entries: &[IntakeEntry]) -> Vec<Result<IntakeCommitted, StoreError>> {
        self.world.store.commit_intakes(entries, Some(self)).await.unwrap()
    }

    fn heard(&self) -> Option<(usize, usize)> {
        *self.heard.lock().unwrap()
    }

    fn seen(&self) -> Vec<(String, Vec<String>)> {
        let seen = self.seen.lock().unwrap();
        let history = |it: &ClaimedCase| it.history.iter().map(|it| it.view.text.clone()).collect();
        seen.iter().map(|it| (it.item.item.external_id.clone(), history(it))).collect()
    }
}

#[async_trait]
impl DoorJudge for Judge<'_> {
    fn needs(&self) -> CaseNeeds {
        NEEDS
    }

    async fn judge(&self, cases: Vec<ClaimedCase>) -> Vec<Routed> {
        let is_first = self.seen.lock().unwrap().is_empty();
        match self.meanwhile.filter(|_| is_first) {
            Some(Meanwhile::PersonChanges(id)) => {
                self.world.alter(id, |it| it.priority = Priority::Urgent).await;
            }
            Some(Meanwhile::ItemArrives) => drop(self.world.take_one(inbound("meanwhile", &[])).await),
            None => {}
        }
        let kept = cases.iter().filter(|it| !self.leaves.contains(&it.item.item.external_id.as_str()));
        let text = "n".repeat(self.note_bytes);
        let notes = |_| Remark { by: "notes".into(), text: text.clone() };
        let judged = kept.map(|it| {
            let mut routed = self.world.judged(it);
            routed.decision.outcome.notes = (0..self.note_bytes.min(1)).map(notes).collect();
            routed
        });
        let judged = judged.collect();
        self.seen.lock().unwrap().extend(cases);
        judged
    }

    fn committed(&self, decided: &[Routed], waiting: usize) {
        *self.heard.lock().unwrap() = Some((decided.len(), waiting));
    }
}

pub(crate) async fn what_is_judged_at_the_door_waits_for_nobody(world: World) {
    let judge = Judge::of(&world);
    let taken = judge.take([inbound("a", &[]), inbound("b", &[])]).await;
    assert_eq!(judge.heard(), Some((2, 0)));
    assert!(world.claim().await.is_empty());
    let conversation = world.conversation(taken[0].items[0].1).await;
    assert_eq!((conversation.place, conversation.item_count), (Some(world.place()), 1));
    let page = PageRequest { after: None, limit: 10 };
    let decisions = world.store.decisions(Some(conversation.id), None, page).await.unwrap().entries;
    assert_eq!(decisions.len(), 1);
    assert_eq!(decisions[0].item, taken[0].items[0].0);
    let counts = world.store.counts().await.unwrap();
    assert_eq!((counts.items, counts.conversations, counts.decisions), (2, 2, 2));
}

pub(crate) async fn items_of_one_conversation_are_judged_in_order(world: World) {
    let judge = Judge::of(&world);
    let mut arrivals = vec![inbound("a", &[]), echo("e", &["a"]), inbound("b", &["a"])];
    judge.take(arrivals.drain(..)).await;
    let text = |id: &str| format!("Text of \"{id}\"\n");
    let expected = [("a".to_owned(), vec![]), ("b".to_owned(), vec![text("a"), text("e")])];
    assert_eq!(judge.seen(), expected);
    assert_eq!(judge.heard(), Some((2, 0)));

    let later = Judge::of(&world);
    let taken = later.take([inbound("c", &["b"])]).await;
    assert_eq!(later.seen(), [("c".to_owned(), vec![text("a"), text("e"), text("b")])]);
    let conversation = world.conversation(taken[0].items[0].1).await;
    assert_eq!((conversation.item_count, conversation.revision), (4, 2));
    assert!(world.claim().await.is_empty());
}

pub(crate) async fn a_person_with_more_open_is_told_to_the_judge(world: World) {
    let judge = Judge::of(&world);
    judge.take([inbound("a", &[]), inbound("b", &[])]).await;
    let others = |judge: &Judge<'_>| -> Vec<u32> {
        judge.seen.lock().unwrap().iter().map(|it| it.other_open_conversations).collect()
    };
    assert_eq!(others(&judge), [1, 1]);
    let later = Judge::of(&world);
    later.take([inbound("c", &[])]).await;
    assert_eq!(others(&later), [2]);
}

pub(crate) async fn what_the_judge_leaves_out_waits_with_all_behind_it(world: World) {
    let judge = Judge { leaves: &["a"], ..Judge::of(&world) };
    judge.take([inbound("a", &[]), inbound("b", &["a"]), inbound("c", &[])]).await;
    assert_eq!(judge.heard(), Some((1, 2)));
    assert_eq!(world.route_all().await.len(), 2);
}

pub(crate) async fn what_one_transaction_does_not_hold_waits(world: World) {
    let judge = Judge { note_bytes: 1 << 20, ..Judge::of(&world) };
    judge.take((0..6).map(|it| inbound(&format!("m{it}"), &[]))).await;
    assert_eq!(judge.heard(), Some((3, 3)));
    assert_eq!(world.route_all().await.len(), 3);
    assert_eq!(world.store.counts().await.unwrap().decisions, 6);
}

pub(crate) async fn where_something_waits_the_new_waits_too(world: World) {
    world.take_one(inbound("a", &[])).await;
    let judge = Judge::of(&world);
    judge.take([inbound("b", &["a"]), inbound("c", &[])]).await;
    assert_eq!(judge.seen(), [("c".to_owned(), vec![])]);
    assert_eq!(world.route_all().await.len(), 2);
}

pub(crate) async fn a_conversation_that_a_person_changes_meanwhile_is_not_judged_on_what_it_was(
    world: World,
) {
    let id = world.take_one(inbound("a", &[])).await;
    world.route_all().await;
    let judge = Judge { meanwhile: Some(Meanwhile::PersonChanges(id)), ..Judge::of(&world) };
    judge.take([inbound("b", &["a"])]).await;
    assert_eq!(judge.heard(), None);
    let conversation = world.conversation(id).await;
    assert_eq!((conversation.priority, conversation.item_count), (Priority::Urgent, 2));
    assert_eq!(world.route_all().await.len(), 1);
}

pub(crate) async fn what_arrives_meanwhile_is_not_lost_to_a_judgement(world: World) {
    let judge = Judge { meanwhile: Some(Meanwhile::ItemArrives), ..Judge::of(&world) };
    // The same item arrives while its twin is judged.
    let taken = judge.take([inbound("meanwhile", &[]), inbound("a", &[])]).await;
    assert_eq!(judge.heard(), None);
    assert_eq!((taken[0].duplicates, taken[1].items.len()), (1, 1));
    assert_eq!(world.store.counts().await.unwrap().items, 2);
    assert_eq!(world.route_all().await.len(), 2);
}

pub(crate) async fn an_entry_that_cannot_be_stored_costs_the_others_nothing(world: World) {
    let record = |arrivals| IntakeEntry {
        origin: IntakeOrigin::Import(ImportKey("key".to_owned())),
        ..world.delivery(arrivals)
    };
    world.store.commit_intakes(&[record(vec![inbound("a", &[])])], None).await.unwrap().remove(0).unwrap();
    let judge = Judge::of(&world);
    let entries = [world.delivery(vec![inbound("b", &[])]), record(vec![inbound("c", &[])])];
    let answers = judge.take_entries(&entries).await;
    assert!(answers[0].is_ok(), "{answers:?}");
    assert!(matches!(answers[1], Err(StoreError::Taken(_))), "{answers:?}");
    assert_eq!(judge.heard(), None);
    assert_eq!(world.route_all().await.len(), 2);
}

/// Decides as the world does, and first sets a timer, then takes it back.
struct Undecided<'a>(Judge<'a>);

#[async_trait]
impl DoorJudge for Undecided<'_> {
    fn needs(&self) -> CaseNeeds {
        NEEDS
    }

    async fn judge(&self, cases: Vec<ClaimedCase>) -> Vec<Routed> {
        let mut judged = self.0.judge(cases).await;
        for routed in &mut judged {
            let conversation = routed.conversation.id;
            let purpose = TimerPurpose::Policy { activation: 1.into(), key: "look".to_owned() };
            match routed.conversation.tags.insert("seen".to_owned()) {
                true => routed.timers.set.push(Timer {
                    conversation,
                    purpose,
                    due_at: routed.decision.at,
                    until_answered: false,
                    depth: 0,
                }),
                false => routed.timers.cancel.push((conversation, purpose)),
            }
        }
        judged
    }

    fn committed(&self, decided: &[Routed], waiting: usize) {
        self.0.committed(decided, waiting);
    }
}

pub(crate) async fn the_later_of_two_decisions_has_the_last_word_on_a_timer(world: World) {
    let judge = Undecided(Judge::of(&world));
    let entries =
        [inbound("a", &[]), inbound("b", &["a"]), inbound("c", &[])].map(|it| world.delivery(vec![it]));
    world.store.commit_intakes(&entries, Some(&judge)).await.unwrap();
    assert_eq!(judge.0.heard(), Some((3, 0)));
    let later = Judge::of(&world);
    later.take([inbound("d", &["c"])]).await;
    // Each is told of what was decided before it, in its batch or an earlier one.
    let open = |judge: &Judge<'_>| {
        let seen = judge.seen.lock().unwrap();
        let open = |it: &ClaimedCase| (it.item.item.external_id.clone(), it.open_timers.len());
        seen.iter().map(open).collect::<HashMap<_, _>>()
    };
    let told = [("a", 0), ("b", 1), ("c", 0)].map(|(id, open)| (id.to_owned(), open));
    assert_eq!(open(&judge.0), HashMap::from(told));
    assert_eq!(open(&later), HashMap::from([("d".to_owned(), 1)]));
    assert_eq!(world.store.fire_timers(world.now().plus_ms(3_600_000), 10).await.unwrap(), 1);
}
