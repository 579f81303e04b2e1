//! Claims, cases, and decisions.

use serde_json::json;

use super::world::{ALL, NEEDS, World, inbound, item};
use crate::domain::activation::{AppliesTo, Mode, Phase, Reach};
use crate::domain::arrival::Arrival;
use crate::domain::case::PastItem;
use crate::domain::decision::{Contribution, EscalationFired, FailureRecord, Remark};
use crate::domain::generation::{Generation, GenerationEntry};
use crate::domain::ids::ActivationId;
use crate::domain::item::{Direction, Item};
use crate::domain::proposal::Priority;
use crate::domain::release::PluginKind;
use crate::store::{CaseNeeds, Postponed, RouteCommit};

pub(crate) async fn a_case_has_all_that_was_asked_for(world: World) {
    let id = world.take_one(inbound("a", &[])).await;
    world.take_one(inbound("elsewhere", &[])).await;
    world.route_all().await;
    world.take_one(inbound("b", &["a"])).await;
    let case = world.claim().await.remove(0);
    assert_eq!((case.conversation.id, case.item.item.external_id.as_str()), (id, "b"));
    assert_eq!(case.item.item, item("b", &["a"]));
    assert_eq!((case.contact.name.as_deref(), case.other_open_conversations), (Some("Mika"), 1));
    assert_eq!(case.history.len(), 1);
    assert_eq!(case.history[0].view.text, item("a", &[]).text);

    world.store.release_claims(&[case.claim]).await.unwrap();
    let spare =
        world.store.claim_cases(world.inbox.department, 10, CaseNeeds::default()).await.unwrap().remove(0);
    assert_eq!((spare.history.len(), spare.other_open_conversations), (0, 0));
}

pub(crate) async fn long_items_are_claimed_a_few_at_a_time(world: World) {
    for id in ["a", "b", "c", "d"] {
        world.take_one(Arrival::Item(Item { text: id.repeat(12 << 20), ..item(id, &[]) })).await;
    }
    let mut claimed = Vec::new();
    loop {
        let cases = world.claim().await;
        if cases.is_empty() {
            break;
        }
        claimed.push(cases.iter().map(|it| it.item.item.external_id.clone()).collect::<Vec<_>>());
        let routed: Vec<_> = cases.iter().map(|it| world.judged(it)).collect();
        world.store.commit_routed(&routed).await.unwrap();
    }
    assert_eq!(claimed, [["a", "b"], ["c", "d"]]);
}

pub(crate) async fn a_history_of_long_items_is_shown_as_of_the_whole(world: World) {
    let long = Item { text: "é".repeat(40_000), ..item("a", &[]) };
    let mut whole = PastItem {
        direction: Direction::Inbound,
        kind: long.kind,
        author_name: long.author.name.clone(),
        text: long.text.clone(),
        occurred_at: long.occurred_at,
    };
    whole.cut();
    world.take_one(Arrival::Item(long)).await;
    world.route_all().await;
    world.take_one(inbound("b", &["a"])).await;
    let history = world.claim().await.remove(0).history;
    assert_eq!(history[0].view, whole);
}

pub(crate) async fn an_empty_remark_is_kept_as_others_are(world: World) {
    let id = world.take_one(inbound("a", &[])).await;
    let mut routed = world.judged(&world.claim().await.remove(0));
    routed.decision.outcome.notes = vec![Remark { by: "keyword-router".into(), text: String::new() }];
    assert_eq!(world.store.commit_routed(&[routed]).await.unwrap(), [RouteCommit::Committed]);
    assert_eq!(world.store.notes(id).await.unwrap()[0].text, "");
}

pub(crate) async fn a_conversation_is_claimed_by_one(world: World) {
    world.take([inbound("a", &[]), inbound("b", &[]), inbound("c", &["a"])]).await;
    let (one, other) = tokio::join!(
        world.store.claim_cases(world.inbox.department, 1, NEEDS),
        world.store.claim_cases(world.inbox.department, 10, NEEDS)
    );
    let (one, other) = (one.unwrap(), other.unwrap());
    assert_eq!(one.len() + other.len(), 2);
    assert!(world.claim().await.is_empty());
}

pub(crate) async fn events_of_a_conversation_are_claimed_in_order(world: World) {
    world.take([inbound("a", &[]), inbound("b", &["a"])]).await;
    world.take([inbound("c", &["b"])]).await;
    let mut order = Vec::new();
    loop {
        let cases = world.claim().await;
        let Some(case) = cases.first() else { break };
        assert_eq!(cases.len(), 1);
        order.push(case.item.item.external_id.clone());
        world.store.commit_routed(&[world.judged(case)]).await.unwrap();
    }
    assert_eq!(order, ["a", "b", "c"]);
}

pub(crate) async fn a_claim_given_back_is_claimed_again(world: World) {
    world.take([inbound("a", &[])]).await;
    let first = world.claim().await.remove(0);
    world.store.release_claims(std::slice::from_ref(&first.claim)).await.unwrap();
    let second = world.claim().await.remove(0);
    assert_eq!(first.claim.event, second.claim.event);
    assert!(second.claim.fence > first.claim.fence);
}

/// What a generation says of its policies need not be kept with each decision, but is read with it.
pub(crate) async fn a_decision_names_its_policies(world: World) {
    let entry = |activation: i64, digest: &str| -> GenerationEntry {
        serde_json::from_value(json!({
            "activation": ActivationId(activation), "name": "router", "kind": PluginKind::Policy,
            "release": "keyword-router@0.2.0", "digest": digest, "revision": 1, "settings_digest": "5e77",
            "applies_to": AppliesTo::default(), "reach": Reach::default(), "phase": Phase::Route,
            "rank": 3, "mode": Mode::Active,
        }))
        .unwrap()
    };
    let contribution = |of: GenerationEntry| Contribution {
        activation: of.activation,
        name: of.name.into(),
        release: of.release.into(),
        digest: of.digest.into(),
        settings_digest: of.settings_digest.into(),
        phase: of.phase,
        mode: of.mode,
        proposals: Vec::new(),
        failure: Some(FailureRecord { name: "trap".into(), detail: "unreachable".into() }),
        fuel: 7,
        micros: 8,
        log: vec!["info: hello".into()],
        log_dropped: 9,
        proposals_dropped: 10,
        shortened: true,
    };
    let generation = Generation {
        id: world.ids.next(world.now()),
        number: 1,
        created_at: world.now(),
        cause: "tests".into(),
        entries: vec![entry(1, "d1"), entry(2, "d2")],
    };
    world.store.add_generation(&generation).await.unwrap();
    let id = world.take_one(inbound("a", &[])).await;
    let mut routed = world.judged(&world.claim().await.remove(0));
    routed.decision.generation = generation.id;
    // As the generation has it; otherwise than it has it; not in it at all.
    routed.decision.contributions =
        [entry(1, "d1"), entry(2, "another"), entry(3, "d3")].map(contribution).to_vec();
    world.store.commit_routed(&[routed.clone()]).await.unwrap();
    assert_eq!(world.store.decision(routed.decision.id).await.unwrap(), Some(routed.decision.clone()));
    assert_eq!(world.store.decisions(Some(id), None, ALL).await.unwrap().entries, [routed.decision]);
}

pub(crate) async fn a_decision_is_carried_out(world: World) {
    let id = world.take_one(inbound("a", &[])).await;
    let case = world.claim().await.remove(0);
    let mut routed = world.judged(&case);
    routed.conversation.priority = Priority::Urgent;
    routed.conversation.tags.insert("angry".into());
    routed.decision.outcome.notes = vec![Remark { by: "keyword-router".into(), text: "see order 7".into() }];
    routed.decision.outcome.escalation =
        Some(EscalationFired { level: 2, to: None, reason: "too long".into(), by: "silence".into() });
    assert_eq!(world.store.commit_routed(&[routed.clone()]).await.unwrap(), [RouteCommit::Committed]);

    let after = world.conversation(id).await;
    assert_eq!((after.priority, after.place), (Priority::Urgent, Some(world.place())));
    assert_eq!(after.revision, routed.seen_revision + 1);
    assert_eq!(world.store.decision(routed.decision.id).await.unwrap(), Some(routed.decision.clone()));
    assert_eq!(world.store.decisions(Some(id), None, ALL).await.unwrap().entries, [routed.decision]);
    let notes = world.store.notes(id).await.unwrap();
    assert_eq!(notes.iter().map(|it| it.by.as_str()).collect::<Vec<_>>(), ["keyword-router", "switchboard"]);
    assert!(notes[1].text.contains("silence"));
    assert_eq!(world.store.pending_events().await.unwrap(), 0);
}

pub(crate) async fn decisions_that_are_much_are_carried_out_a_few_at_a_time(world: World) {
    let taken = world.take((0..12).map(|it| inbound(&format!("m{it}"), &[]))).await;
    let cases = world.claim().await;
    world.alter(taken[1].items[0].1, |it| it.priority = Priority::Low).await;
    let much = |case| {
        let mut routed = world.judged(case);
        routed.decision.outcome.notes = vec![Remark { by: "notes".into(), text: "n".repeat(1 << 20) }];
        routed
    };
    let routed: Vec<_> = cases.iter().map(much).collect();
    let mut expected = vec![RouteCommit::Committed; 12];
    expected[1] = RouteCommit::Stale;
    assert_eq!(world.store.commit_routed(&routed).await.unwrap(), expected);
    assert_eq!(world.store.counts().await.unwrap().decisions, 11);
    assert_eq!(world.claim().await.len(), 1, "all claims have ended");
}

pub(crate) async fn a_decision_on_a_changed_conversation_is_stale(world: World) {
    let id = world.take_one(inbound("a", &[])).await;
    world.take_one(inbound("b", &[])).await;
    let cases = world.claim().await;
    world.alter(id, |it| it.priority = Priority::Low).await;
    let routed: Vec<_> = cases.iter().map(|it| world.judged(it)).collect();
    let commits = world.store.commit_routed(&routed).await.unwrap();
    assert_eq!(commits, [RouteCommit::Stale, RouteCommit::Committed]);
    assert_eq!(world.conversation(id).await.place, None);
    let again = world.claim().await;
    assert_eq!((again.len(), again[0].conversation.priority), (1, Priority::Low));
}

pub(crate) async fn an_old_fence_is_refused(world: World) {
    world.take_one(inbound("a", &[])).await;
    let old = world.claim().await.remove(0);
    world.store.release_claims(std::slice::from_ref(&old.claim)).await.unwrap();
    let new = world.claim().await.remove(0);
    assert_eq!(world.store.commit_routed(&[world.judged(&old)]).await.unwrap(), [RouteCommit::Stale]);
    assert_eq!(world.store.commit_routed(&[world.judged(&new)]).await.unwrap(), [RouteCommit::Committed]);
}

pub(crate) async fn a_busy_conversation_hides_no_other(world: World) {
    let burst: Vec<Arrival> =
        (0..50).map(|it| inbound(&format!("m{it}"), if it == 0 { &[] } else { &["m0"] })).collect();
    world.take(burst).await;
    let quiet = world.take_one(inbound("quiet", &[])).await;
    let busy = world.store.claim_cases(world.inbox.department, 1, NEEDS).await.unwrap();
    assert_ne!(busy[0].conversation.id, quiet);
    let next = world.store.claim_cases(world.inbox.department, 1, NEEDS).await.unwrap();
    assert_eq!(next[0].conversation.id, quiet);
}

pub(crate) async fn an_event_waits_longer_each_time_and_nothing_overtakes_it(world: World) {
    world.take([inbound("a", &[]), inbound("b", &["a"])]).await;
    let mut waits = Vec::new();
    loop {
        let case = world.claim().await.remove(0);
        assert_eq!(case.item.item.external_id, "a");
        let now = world.now();
        match world.store.postpone(std::slice::from_ref(&case.claim), now).await.unwrap()[..] {
            [Postponed::Until(due_at)] => {
                assert!(world.claim().await.is_empty(), "the one behind waits too");
                assert_eq!(world.store.next_timer().await.unwrap(), Some(due_at));
                assert_eq!(world.store.end_waits(due_at.plus_ms(-1)).await.unwrap(), 0);
                assert_eq!(world.store.end_waits(due_at).await.unwrap(), 1);
                waits.push(due_at.ms_since(now));
            }
            [Postponed::OftenEnough] => {
                let done = world.store.commit_routed(&[world.judged(&case)]).await.unwrap();
                assert_eq!(done, [RouteCommit::Committed], "the claim stands");
                break;
            }
            ref other => panic!("{other:?}"),
        }
    }
    assert!(waits.len() > 1 && waits.is_sorted(), "{waits:?}");
    assert_eq!(world.claim().await.remove(0).item.item.external_id, "b");
    assert_eq!(world.store.next_timer().await.unwrap(), None);
}

pub(crate) async fn an_event_that_somebody_else_has_does_not_wait(world: World) {
    world.take([inbound("a", &[])]).await;
    let old = world.claim().await.remove(0).claim;
    world.store.release_claims(std::slice::from_ref(&old)).await.unwrap();
    let new = world.claim().await.remove(0);
    let now = world.now();
    assert_eq!(world.store.postpone(&[old], now).await.unwrap(), [Postponed::Stale]);
    let done = world.store.commit_routed(&[world.judged(&new)]).await.unwrap();
    assert_eq!(done, [RouteCommit::Committed]);
    assert_eq!(world.store.postpone(&[new.claim], now).await.unwrap(), [Postponed::Stale]);
}
