//! What is due.

use super::world::{World, echo, inbound};
use crate::domain::apply::TimerChanges;
use crate::domain::case::Occasion;
use crate::domain::conversation::Status;
use crate::domain::ids::{ActivationId, ConversationId};
use crate::domain::promise::Metric;
use crate::domain::time::Timestamp;
use crate::domain::timer::{Timer, TimerPurpose};

const DUE: Timestamp = Timestamp::MAX;

fn policy(conversation: ConversationId, key: &str) -> Timer {
    Timer {
        conversation,
        purpose: TimerPurpose::Policy { activation: ActivationId(5), key: key.into() },
        due_at: DUE,
        until_answered: false,
        depth: 3,
    }
}

fn breach(conversation: ConversationId) -> Timer {
    Timer {
        conversation,
        purpose: TimerPurpose::PromiseBreach { metric: Metric::FirstResponse },
        due_at: DUE,
        until_answered: true,
        depth: 0,
    }
}

/// Routes the one conversation that waits, with these changes of timers.
async fn route(world: &World, timers: TimerChanges) {
    let case = world.claim().await.remove(0);
    let mut routed = world.judged(&case);
    routed.timers = timers;
    world.store.commit_routed(&[routed]).await.unwrap();
}

async fn start(world: &World, timers: impl FnOnce(ConversationId) -> Vec<Timer>) -> ConversationId {
    let id = world.take_one(inbound("a", &[])).await;
    route(world, TimerChanges { set: timers(id), cancel: Vec::new() }).await;
    id
}

pub(crate) async fn a_due_timer_fires_once(world: World) {
    start(&world, |id| vec![policy(id, "again"), breach(id)]).await;
    let early = Timestamp::from_ms(DUE.as_ms() - 1);
    assert_eq!(world.store.fire_timers(early, 10).await.unwrap(), 0);
    assert_eq!(world.store.next_timer().await.unwrap(), Some(DUE));
    assert_eq!(world.store.fire_timers(DUE, 10).await.unwrap(), 2);
    assert_eq!(world.store.fire_timers(DUE, 10).await.unwrap(), 0);
    assert_eq!(world.store.next_timer().await.unwrap(), None);
    let events = world.route_all().await;
    let found: Vec<_> = events.into_iter().map(|it| (it.occasion, it.depth)).collect();
    let timer = Occasion::TimerDue { activation: Some(ActivationId(5)), key: "again".into() };
    assert!(found.contains(&(timer, 4)), "{found:?}");
    assert!(found.contains(&(Occasion::PromiseBreached { metric: Metric::FirstResponse }, 0)));
}

pub(crate) async fn timers_of_closed_conversations_fire_nothing(world: World) {
    let id = start(&world, |id| vec![policy(id, "again")]).await;
    world.alter(id, |it| it.status = Status::Closed).await;
    assert_eq!(world.store.fire_timers(DUE, 10).await.unwrap(), 0);
    assert_eq!(world.store.next_timer().await.unwrap(), None);
}

pub(crate) async fn an_answer_ends_the_wait(world: World) {
    start(&world, |id| vec![policy(id, "again"), breach(id)]).await;
    world.take_one(echo("b", &["a"])).await;
    assert_eq!(world.store.fire_timers(DUE, 10).await.unwrap(), 1);
    assert!(matches!(world.occasions().await[..], [Occasion::TimerDue { .. }]));
}

pub(crate) async fn a_timer_of_the_same_purpose_is_replaced(world: World) {
    let id = start(&world, |id| vec![policy(id, "one"), policy(id, "two")]).await;
    world.take_one(inbound("b", &["a"])).await;
    let later = Timer { due_at: Timestamp::from_ms(DUE.as_ms() - 5), ..policy(id, "one") };
    let cancel = vec![(id, policy(id, "two").purpose)];
    route(&world, TimerChanges { set: vec![later.clone()], cancel }).await;
    assert_eq!(world.store.fire_timers(later.due_at, 10).await.unwrap(), 1);
    assert_eq!(world.store.fire_timers(DUE, 10).await.unwrap(), 0);
}

/// A policy that was asked just before the moment wants to be asked at that moment.
pub(crate) async fn a_timer_that_fired_meanwhile_is_not_set_again(world: World) {
    let id = start(&world, |id| vec![policy(id, "again")]).await;
    world.take_one(inbound("b", &["a"])).await;
    let case = world.claim().await.remove(0);
    let mut routed = world.judged(&case);
    routed.timers.set = vec![policy(id, "again"), policy(id, "another")];
    assert_eq!(world.store.fire_timers(DUE, 10).await.unwrap(), 1);
    world.store.commit_routed(&[routed]).await.unwrap();
    assert_eq!(world.store.fire_timers(DUE, 10).await.unwrap(), 1, "the other one");
    let keys = world.occasions().await.into_iter().filter_map(|it| match it {
        Occasion::TimerDue { key, .. } => Some(key),
        _ => None,
    });
    assert_eq!(keys.collect::<Vec<_>>(), ["again", "another"]);
}

pub(crate) async fn a_case_names_the_timers_that_policies_have_open(world: World) {
    let before = |ms| Timestamp::from_ms(DUE.as_ms() - ms);
    start(&world, |id| {
        let [first, second] =
            [("first", 2), ("second", 1)].map(|(key, ms)| Timer { due_at: before(ms), ..policy(id, key) });
        vec![first, second, policy(id, "later"), breach(id)]
    })
    .await;
    assert_eq!(world.store.fire_timers(before(1), 10).await.unwrap(), 2);
    let case = world.claim().await.remove(0);
    let claimed = Occasion::TimerDue { activation: Some(ActivationId(5)), key: "first".into() };
    assert_eq!(case.claim.event.occasion, claimed);
    let mut open: Vec<_> = case.open_timers.iter().map(|it| (it.key.as_str(), it.is_due)).collect();
    open.sort_unstable();
    assert_eq!(open, [("later", false), ("second", true)]);
    assert!(case.open_timers.iter().all(|it| it.activation == ActivationId(5)));
}

pub(crate) async fn a_timer_is_set_again_by_the_judgement_of_its_own_event(world: World) {
    let id = start(&world, |id| vec![policy(id, "again")]).await;
    assert_eq!(world.store.fire_timers(DUE, 10).await.unwrap(), 1);
    route(&world, TimerChanges { set: vec![policy(id, "again")], cancel: Vec::new() }).await;
    assert_eq!(world.store.next_timer().await.unwrap(), Some(DUE));
}
