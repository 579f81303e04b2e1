//! The rules of the merge, by table and property.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::domain::ids::{AgentId, ContactId, ConversationId, IdentityId, InboxId, QueueId};
use crate::domain::organisation::{Agent, Department, InboxAccess, Queue, QueueKind};

#[path = "tests/bounds.rs"]
mod bounds;
#[path = "tests/timers.rs"]
mod timers;

const SUPPORT: DepartmentId = DepartmentId(1);
const SALES: DepartmentId = DepartmentId(2);
const ALL: [ProposalKind; 14] = [
    ProposalKind::Destination,
    ProposalKind::Priority,
    ProposalKind::Deadline,
    ProposalKind::Timer,
    ProposalKind::CancelTimer,
    ProposalKind::Escalate,
    ProposalKind::Tags,
    ProposalKind::Attribute,
    ProposalKind::Listening,
    ProposalKind::Intent,
    ProposalKind::Language,
    ProposalKind::Note,
    ProposalKind::Spam,
    ProposalKind::Abstain,
];

fn at(ms: i64) -> Timestamp {
    Timestamp::from_ms(ms)
}

fn department(id: DepartmentId, name: &str) -> Department {
    Department { id, name: name.into(), title: name.into(), created_at: at(0) }
}

fn queue(id: i64, department: DepartmentId, name: &str, kind: QueueKind) -> Queue {
    Queue { id: QueueId(id), department, name: name.into(), title: name.into(), kind, created_at: at(0) }
}

fn inbox() -> Inbox {
    Inbox {
        id: InboxId(1),
        name: "web".into(),
        department: SUPPORT,
        channel: "web".into(),
        adapter: "cloudevents".into(),
        settings: serde_json::Value::Null,
        operator_queue: QueueId(18),
        junk_queue: QueueId(19),
        promise: None,
        access: InboxAccess::Open,
        reply_hosts: vec![],
        allowance: Default::default(),
        secrets: Default::default(),
        retention: Default::default(),
        created_at: at(0),
        revision: 1,
    }
}

fn directory() -> Directory {
    let ada = Agent {
        id: AgentId(5),
        department: SALES,
        name: "ada".into(),
        title: "Ada".into(),
        created_at: at(0),
    };
    Directory::new(
        vec![department(SUPPORT, "support"), department(SALES, "sales")],
        vec![
            queue(11, SUPPORT, "general", QueueKind::Ordinary),
            queue(12, SALES, "leads", QueueKind::Ordinary),
            queue(18, SUPPORT, "operator", QueueKind::Operator),
            queue(19, SUPPORT, "junk", QueueKind::Junk),
        ],
        vec![ada],
        vec![inbox()],
    )
}

fn conversation() -> Conversation {
    Conversation {
        id: ConversationId(1),
        inbox: InboxId(1),
        thread_key: "t".into(),
        contact: ContactId(1),
        identity: IdentityId(1),
        subject: None,
        status: Status::Open,
        place: None,
        priority: Priority::Normal,
        tags: Default::default(),
        attributes: Default::default(),
        intent: None,
        listening: None,
        language: None,
        deadline: None,
        waiting_since: Some(at(1_000)),
        promise_started_for: None,
        first_answered_at: None,
        opened_at: at(1_000),
        updated_at: at(1_000),
        item_count: 1,
        reopened_count: 0,
        handed_over_count: 0,
        escalation_level: 0,
        person_set: Default::default(),
        disposition: None,
        merged_into: None,
        erased_at: None,
        revision: 1,
    }
}

fn to(department: &str) -> Action {
    Action::Destination(Destination { department: department.into(), queue: None, assignee: None })
}

fn because(action: Action) -> Proposal {
    Proposal { action, why: "because".into() }
}

fn voice<'a>(number: i64, name: &'a str, phase: Phase, proposals: &'a [Proposal]) -> Voice<'a> {
    Voice {
        activation: ActivationId(number),
        name,
        phase,
        mode: Mode::Active,
        reach: Reach::Anywhere,
        owner: None,
        declared: &ALL,
        proposals,
    }
}

/// Nobody waits to be asked again, in the first second there is.
fn around<'a>(
    conversation: &'a Conversation,
    inbox: &'a Inbox,
    directory: &'a Directory,
    parked: Option<&'a str>,
) -> Circumstances<'a> {
    Circumstances { conversation, inbox, directory, open_timers: &[], now: at(1_000), parked }
}

fn merge_with(conversation: &Conversation, voices: &[Voice<'_>]) -> Merged {
    let (inbox, directory) = (inbox(), directory());
    merge(around(conversation, &inbox, &directory, None), voices)
}

fn merge_parked(conversation: &Conversation, voices: &[Voice<'_>]) -> Merged {
    let (inbox, directory) = (inbox(), directory());
    let parked = Some("a policy failed");
    merge(around(conversation, &inbox, &directory, parked), voices)
}

#[test]
fn a_parked_conversation_goes_to_the_operator_whatever_is_proposed() {
    let proposals = [because(to("sales")), because(Action::Priority { priority: Priority::High })];
    let merged = merge_parked(&conversation(), &[voice(1, "a", Phase::Route, &proposals)]);
    let routing = merged.outcome.routing.unwrap();
    assert_eq!((routing.place.queue, routing.why.as_str()), (inbox().operator_queue, "a policy failed"));
    let verdicts: Vec<_> = merged.judged[0].iter().map(|it| it.verdict.clone()).collect();
    assert_eq!(verdicts, [Verdict::Parked, Verdict::Applied]);
    assert_eq!(merged.outcome.priority, Some(Priority::High));
    let spam = [because(Action::Spam)];
    let merged = merge_parked(&conversation(), &[voice(1, "a", Phase::Qualify, &spam)]);
    assert_eq!(merged.judged[0][0].verdict, Verdict::Parked);
    assert_eq!(merged.outcome.spam, None);
}

#[test]
fn parking_leaves_what_a_person_decided() {
    let mut decided = conversation();
    decided.person_set.destination = true;
    decided.place = Some(Place { department: SALES, queue: QueueId(12), assignee: None });
    assert_eq!(merge_parked(&decided, &[]).outcome.routing, None);
}

/// Merges one list of proposals for each of two active policies of the route phase.
fn two(first: &[Proposal], second: &[Proposal]) -> Merged {
    merge_with(
        &conversation(),
        &[voice(1, "one", Phase::Route, first), voice(2, "two", Phase::Route, second)],
    )
}

fn lost(conflict: bool) -> Verdict {
    Verdict::Lost { winner: "one".into(), conflict }
}

#[test]
fn the_first_destination_wins_and_the_loser_is_named() {
    let merged = two(&[because(to("sales"))], &[because(to("support"))]);
    let routing = merged.outcome.routing.unwrap();
    assert_eq!((routing.place.department, routing.by.as_deref()), (SALES, Some("one")));
    assert_eq!(merged.judged[1][0].verdict, lost(true));
}

#[test]
fn agreeing_is_no_conflict() {
    let merged = two(&[because(to("sales"))], &[because(to("sales"))]);
    assert_eq!(merged.judged[1][0].verdict, Verdict::Applied);
}

#[test]
fn a_destination_that_leads_nowhere_gives_way_to_the_next() {
    let merged = two(&[because(to("atlantis"))], &[because(to("sales"))]);
    assert!(
        matches!(&merged.judged[0][0].verdict, Verdict::UnknownPlace { detail } if detail.contains("atlantis"))
    );
    assert_eq!(merged.outcome.routing.unwrap().by.as_deref(), Some("two"));
}

#[test]
fn nobody_routes_so_the_operator_does() {
    let merged = two(&[because(Action::Abstain)], &[]);
    let routing = merged.outcome.routing.unwrap();
    assert_eq!((routing.place.queue, routing.by, routing.why.as_str()), (QueueId(18), None, NO_ROUTE));
}

#[test]
fn a_conversation_that_has_a_place_stays_there() {
    let mut conversation = conversation();
    conversation.place = Some(Place { department: SALES, queue: QueueId(12), assignee: None });
    assert_eq!(merge_with(&conversation, &[]).outcome.routing, None);
}

#[test]
fn the_highest_priority_and_the_earliest_deadline_win_without_conflict() {
    let priority = |priority| because(Action::Priority { priority });
    let deadline = |ms| because(Action::Deadline { at: at(ms) });
    let merged = two(&[priority(Priority::High), deadline(9)], &[priority(Priority::Low), deadline(5)]);
    assert_eq!(merged.outcome.priority, Some(Priority::High));
    assert_eq!(merged.outcome.deadline, Some(at(5)));
    assert_eq!(merged.judged[1][0].verdict, lost(false));
    assert_eq!(merged.judged[1][1].verdict, Verdict::Applied);
}

#[test]
fn a_person_s_choice_stands() {
    let mut conversation = conversation();
    conversation.person_set.destination = true;
    conversation.person_set.priority = true;
    let proposals = [because(to("sales")), because(Action::Priority { priority: Priority::Urgent })];
    let merged = merge_with(&conversation, &[voice(1, "one", Phase::Route, &proposals)]);
    assert!(merged.judged[0].iter().all(|judged| judged.verdict == Verdict::SupersededByPerson));
    assert_eq!(merged.outcome.priority, None);
}

#[test]
fn an_escalation_goes_over_a_person_s_choice_once_per_level() {
    let mut conversation = conversation();
    conversation.person_set.destination = true;
    let escalate = |level| {
        let to = Some(Destination { department: "sales".into(), queue: None, assignee: Some("ada".into()) });
        [because(Action::Escalate(Escalation { level, to, reason: "silence".into() }))]
    };
    let (first, again) = (escalate(1), escalate(1));
    let merged = merge_with(&conversation, &[voice(1, "one", Phase::Escalate, &first)]);
    let fired = merged.outcome.escalation.unwrap();
    assert_eq!((fired.level, fired.to.unwrap().place.assignee), (1, Some(AgentId(5))));
    conversation.escalation_level = 1;
    let merged = merge_with(&conversation, &[voice(1, "one", Phase::Escalate, &again)]);
    assert_eq!(merged.outcome.escalation, None);
    assert_eq!(merged.judged[0][0].verdict, Verdict::AlreadyEscalated);
}

#[test]
fn nobody_waits_so_nothing_escalates() {
    let mut conversation = conversation();
    conversation.waiting_since = None;
    let escalation = Escalation { level: 1, to: None, reason: "silence".into() };
    let proposals = [because(Action::Escalate(escalation))];
    let merged = merge_with(&conversation, &[voice(1, "one", Phase::Escalate, &proposals)]);
    assert_eq!(merged.judged[0][0].verdict, Verdict::NotWaiting);
}

#[test]
fn spam_from_qualify_ends_the_run() {
    let spam = [because(Action::Spam)];
    let route = [because(to("sales"))];
    let voices = [voice(1, "one", Phase::Qualify, &spam), voice(2, "two", Phase::Route, &route)];
    let merged = merge_with(&conversation(), &voices);
    assert_eq!(merged.outcome.routing.unwrap().place.queue, QueueId(19));
    assert_eq!(merged.judged[1][0].verdict, Verdict::RunEnded);
    assert!(ends_run(Phase::Qualify, Mode::Active, limits::valid(&ALL, &spam, at(1_000))));
}

#[test]
fn spam_from_a_later_phase_is_a_note() {
    let merged = two(&[because(Action::Spam)], &[because(to("sales"))]);
    assert_eq!(merged.judged[0][0].verdict, Verdict::KeptAsNote);
    assert_eq!(merged.outcome.notes.len(), 1);
    assert_eq!(merged.outcome.routing.unwrap().place.department, SALES);
}

#[test]
fn a_shadow_changes_nothing() {
    let proposals = [because(to("sales")), because(Action::Spam)];
    let mut shadow = voice(1, "one", Phase::Qualify, &proposals);
    shadow.mode = Mode::Shadow;
    let merged = merge_with(&conversation(), &[shadow]);
    assert!(merged.judged[0].iter().all(|judged| judged.verdict == Verdict::Shadow));
    assert_eq!(merged.outcome.routing.unwrap().by, None);
}

#[test]
fn what_the_manifest_does_not_declare_is_refused() {
    let proposals = [because(to("sales"))];
    let mut voice = voice(1, "one", Phase::Route, &proposals);
    voice.declared = &[ProposalKind::Tags];
    let merged = merge_with(&conversation(), &[voice]);
    assert_eq!(merged.judged[0][0].verdict, Verdict::Undeclared);
}

#[test]
fn a_confined_activation_routes_to_its_own_department_only() {
    let proposals = [because(to("sales")), because(to("support"))];
    let mut voice = voice(1, "one", Phase::Route, &proposals);
    voice.reach = Reach::OwnDepartment;
    voice.owner = Some(SUPPORT);
    let merged = merge_with(&conversation(), &[voice]);
    assert_eq!(merged.judged[0][0].verdict, Verdict::OutOfReach);
    assert_eq!(merged.outcome.routing.unwrap().place.department, SUPPORT);
}

#[test]
fn a_confined_activation_takes_nothing_that_another_department_has() {
    let proposals = [because(to("support"))];
    let mut voice = voice(1, "one", Phase::Route, &proposals);
    voice.reach = Reach::OwnDepartment;
    voice.owner = Some(SUPPORT);
    let with = |queue, department| {
        let place = Some(Place { department, queue, assignee: None });
        let conversation = Conversation { place, ..conversation() };
        merge_with(&conversation, std::slice::from_ref(&voice)).judged[0][0].verdict.clone()
    };
    assert_eq!(with(QueueId(99), SALES), Verdict::OutOfReach);
    assert_eq!(with(inbox().operator_queue, SALES), Verdict::Applied, "the operator asks whose it is");
    assert_eq!(with(QueueId(98), SUPPORT), Verdict::Applied);
}

#[test]
fn what_breaks_a_limit_is_refused_by_itself() {
    let long = "x".repeat(65);
    let proposals = [
        because(Action::Tags { tags: vec![long.clone()] }),
        because(Action::Intent { intent: String::new() }),
        because(Action::Escalate(Escalation { level: 0, to: None, reason: String::new() })),
        because(Action::Tags { tags: vec!["fine".into()] }),
    ];
    let merged = two(&proposals, &[]);
    assert!(merged.judged[0][..3].iter().all(|it| matches!(it.verdict, Verdict::Invalid { .. })));
    assert_eq!(merged.outcome.tags, ["fine"]);
}

fn any_action() -> impl Strategy<Value = Action> {
    let name = prop::sample::select(vec!["support", "sales", "atlantis", ""]);
    let text = prop::sample::select(vec!["a", "b", "c", "", "\u{0}"]).prop_map(str::to_owned);
    let priority =
        prop::sample::select(vec![Priority::Low, Priority::Normal, Priority::High, Priority::Urgent]);
    let listening = prop::sample::select(vec![Listening::ToUs, Listening::AboutUs, Listening::Industry]);
    prop_oneof![
        name.clone().prop_map(to),
        priority.prop_map(|priority| Action::Priority { priority }),
        any::<i64>().prop_map(|ms| Action::Deadline { at: at(ms) }),
        (text.clone(), any::<i64>(), any::<bool>()).prop_map(|(key, ms, until_answered)| {
            Action::Timer(TimerRequest { key, due_at: at(ms), until_answered })
        }),
        text.clone().prop_map(|key| Action::CancelTimer { key }),
        (0_u8..12, prop::option::of(name)).prop_map(|(level, name)| {
            let to = name.map(|it| Destination { department: it.into(), queue: None, assignee: None });
            Action::Escalate(Escalation { level, to, reason: "r".into() })
        }),
        vec(text.clone(), 0..3).prop_map(|tags| Action::Tags { tags }),
        (text.clone(), text.clone())
            .prop_map(|(key, value)| Action::Attribute { attribute: Attribute { key, value } }),
        listening.prop_map(|listening| Action::Listening { listening }),
        text.clone().prop_map(|intent| Action::Intent { intent }),
        text.clone().prop_map(|language| Action::Language { language }),
        text.prop_map(|text| Action::Note { text }),
        Just(Action::Spam),
        Just(Action::Abstain),
    ]
}

#[derive(Clone, Debug)]
struct Said {
    phase: Phase,
    mode: Mode,
    confined: bool,
    proposals: Vec<Proposal>,
}

fn any_said() -> impl Strategy<Value = Said> {
    let phase = prop::sample::select(vec![Phase::Qualify, Phase::Route, Phase::Escalate, Phase::Respond]);
    let mode = prop::sample::select(vec![Mode::Active, Mode::Active, Mode::Shadow]);
    (phase, mode, any::<bool>(), vec(any_action().prop_map(because), 0..70))
        .prop_map(|(phase, mode, confined, proposals)| Said { phase, mode, confined, proposals })
}

fn any_conversation() -> impl Strategy<Value = Conversation> {
    (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), 0_u8..9).prop_map(
        |(placed, waiting, person_place, person_priority, level)| {
            let mut it = conversation();
            it.place = placed.then_some(Place { department: SALES, queue: QueueId(12), assignee: None });
            it.waiting_since = waiting.then(|| at(5));
            it.person_set.destination = person_place && placed;
            it.person_set.priority = person_priority;
            it.escalation_level = level;
            it
        },
    )
}

fn voices(said: &[Said]) -> Vec<Voice<'_>> {
    let reach = |confined| if confined { Reach::OwnDepartment } else { Reach::Anywhere };
    said.iter()
        .zip(["a", "b", "c", "d", "e"])
        .zip(1..)
        .map(|((said, name), number)| Voice {
            mode: said.mode,
            reach: reach(said.confined),
            owner: Some(SUPPORT),
            ..voice(number, name, said.phase, &said.proposals)
        })
        .collect()
}

proptest! {
    #[test]
    fn every_recorded_proposal_gets_exactly_one_verdict(said in vec(any_said(), 0..5), conversation in any_conversation()) {
        let merged = merge_with(&conversation, &voices(&said));
        prop_assert_eq!(merged.judged.len(), said.len());
        for (judged, said) in merged.judged.iter().zip(&said) {
            prop_assert_eq!(judged.len(), said.proposals.len().min(RECORDED_MAX));
        }
    }

    #[test]
    fn the_same_words_give_the_same_decision(said in vec(any_said(), 0..5), conversation in any_conversation()) {
        prop_assert_eq!(merge_with(&conversation, &voices(&said)), merge_with(&conversation, &voices(&said)));
    }

    #[test]
    fn an_accepted_item_always_ends_in_a_queue(said in vec(any_said(), 0..5), conversation in any_conversation()) {
        let outcome = merge_with(&conversation, &voices(&said)).outcome;
        prop_assert!(conversation.place.is_some() || outcome.routing.is_some());
    }

    #[test]
    fn a_person_s_place_changes_by_escalation_only(said in vec(any_said(), 0..5), conversation in any_conversation()) {
        let outcome = merge_with(&conversation, &voices(&said)).outcome;
        if conversation.person_set.destination {
            prop_assert_eq!(outcome.routing, None);
        }
        if conversation.person_set.priority {
            prop_assert_eq!(outcome.priority, None);
        }
    }

    #[test]
    fn an_escalation_only_ever_rises(said in vec(any_said(), 0..5), conversation in any_conversation()) {
        let outcome = merge_with(&conversation, &voices(&said)).outcome;
        if let Some(fired) = outcome.escalation {
            prop_assert!(fired.level > conversation.escalation_level);
            prop_assert!(conversation.waiting_since.is_some());
        }
    }

    #[test]
    fn shadows_never_change_the_outcome(said in vec(any_said(), 0..5), conversation in any_conversation()) {
        let loud: Vec<_> = said.iter().filter(|it| it.mode == Mode::Active).cloned().collect();
        let with = merge_with(&conversation, &voices(&said)).outcome;
        let without = merge_with(&conversation, &voices(&loud)).outcome;
        // Names differ by position, so what is compared carries none.
        prop_assert_eq!(with.routing.map(|it| it.place), without.routing.map(|it| it.place));
        prop_assert_eq!(
            (with.priority, with.deadline, with.tags, with.intent, with.attributes),
            (without.priority, without.deadline, without.tags, without.intent, without.attributes)
        );
    }
}
