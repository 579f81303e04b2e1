//! Levels against time, promises and answers.

use serde_json::{Value, json};
use switchboard_plugin_escalate_on_silence::EscalateOnSilence;
use switchboard_plugin_sdk::prelude::*;
use switchboard_plugin_sdk::testing::{self, NOW_MS, With};

const MINUTE_MS: u64 = 60_000;

fn ask(settings: Value, occasion: Occasion, case: &Case) -> Vec<Proposal> {
    let policy = testing::policy::<EscalateOnSilence>(settings).unwrap();
    policy.evaluate(&testing::event(occasion), case).unwrap()
}

fn levels() -> Value {
    json!({"levels": [
        {"when": "15m", "priority": "high"},
        {"when": "promise-breached", "priority": "urgent", "to": {"department": "service", "queue": "leads"}},
        {"when": "1h", "to": {"department": "management"}, "reason": "an hour of silence"},
    ]})
}

/// A case whose customer has waited for this long, raised to this level before.
fn waiting(minutes: u64, escalation_level: u8) -> Case {
    testing::case("hello?").with(|case| {
        case.conversation.waiting_since_ms = Some(NOW_MS - minutes * MINUTE_MS);
        case.conversation.escalation_level = escalation_level;
        case.inbox.promises[0].due_at_ms = None;
    })
}

fn due() -> Occasion {
    Occasion::TimerDue("silence".to_owned())
}

fn timer_at(minutes_from_now: u64) -> Action {
    Action::timer_until_answered("silence", NOW_MS + minutes_from_now * MINUTE_MS)
}

fn actions(proposals: Vec<Proposal>) -> Vec<Action> {
    proposals.into_iter().map(|proposal| proposal.action).collect()
}

#[test]
fn an_arrival_arms_the_first_timer() {
    let proposals = ask(levels(), Occasion::ItemReceived, &waiting(0, 0));
    assert_eq!(actions(proposals), [timer_at(15)]);
}

#[test]
fn a_further_item_does_not_move_the_timer() {
    let proposals = ask(levels(), Occasion::ItemReceived, &waiting(10, 0));
    assert_eq!(actions(proposals), [timer_at(5)]);
}

#[test]
fn a_due_timer_raises_once_and_arms_the_next() {
    let proposals = ask(levels(), due(), &waiting(15, 0));
    assert_eq!(proposals[0].action, Action::Priority(Priority::High));
    let reason = "level 1: nobody has answered for 15m";
    assert_eq!(proposals[1].action, Action::escalate(1, reason));
    assert_eq!(proposals[2].action, timer_at(45));

    let again = ask(levels(), due(), &waiting(16, 1));
    assert_eq!(actions(again), [timer_at(44)]);
}

#[test]
fn a_timer_that_comes_early_only_arms_again() {
    assert_eq!(actions(ask(levels(), due(), &waiting(14, 0))), [timer_at(1)]);
}

#[test]
fn a_breach_moves_the_conversation() {
    let breached = Occasion::PromiseBreached(Metric::FirstResponse);
    let proposals = actions(ask(levels(), breached.clone(), &waiting(20, 1)));
    assert_eq!(proposals[0], Action::Priority(Priority::Urgent));
    let Action::Escalate(escalation) = &proposals[1] else {
        panic!("{proposals:?}");
    };
    assert_eq!(escalation.level, 2);
    assert_eq!(escalation.to, Some(Destination::department("service").queue("leads")));
    assert_eq!(proposals[2], timer_at(40));

    assert_eq!(actions(ask(levels(), breached, &waiting(21, 2))), [timer_at(39)]);
}

#[test]
fn a_promise_broken_unnoticed_counts_on_the_next_call() {
    let case = waiting(20, 1).with(|case| case.inbox.promises[0].due_at_ms = Some(NOW_MS));
    let proposals = actions(ask(levels(), due(), &case));
    assert!(matches!(&proposals[1], Action::Escalate(raised) if raised.level == 2), "{proposals:?}");
}

#[test]
fn only_the_highest_of_several_levels_fires() {
    let proposals = actions(ask(levels(), due(), &waiting(600, 0)));
    let management = Action::escalate_to(3, "management", "an hour of silence");
    assert_eq!(proposals, [Action::Priority(Priority::High), management]);
}

#[test]
fn after_the_last_level_nothing_is_asked() {
    assert_eq!(ask(levels(), due(), &waiting(600, 3)), []);
}

#[test]
fn nobody_waiting_means_nothing_to_say() {
    let breached = Occasion::PromiseBreached(Metric::FirstResponse);
    let answered = waiting(600, 1).with(|case| case.conversation.waiting_since_ms = None);
    let closed = waiting(600, 1).with(|case| case.conversation.status = Status::Closed);
    for occasion in [due(), breached, Occasion::ItemReceived] {
        assert_eq!(ask(levels(), occasion.clone(), &answered), []);
        assert_eq!(ask(levels(), occasion, &closed), []);
    }
}

#[test]
fn a_new_wait_begins_again_at_level_one() {
    let proposals = ask(levels(), Occasion::ConversationReopened, &waiting(0, 0));
    assert_eq!(actions(proposals), [timer_at(15)]);
}

#[test]
fn without_settings_promises_raise_the_priority() {
    let warning = Occasion::PromiseWarning(Metric::FirstResponse);
    let proposals = ask(json!({}), warning, &waiting(50, 0));
    assert_eq!(proposals[0].action, Action::Priority(Priority::High));
    assert_eq!(
        proposals[1].why,
        "level 1: nobody has answered for 50m, and the promise is about to be broken"
    );
    assert_eq!(proposals.len(), 2);
}

#[test]
fn a_clock_before_the_wait_does_no_harm() {
    let early = waiting(0, 0).with(|case| case.now_ms = 0);
    assert_eq!(actions(ask(levels(), due(), &early)), [timer_at(15)]);
}

#[test]
fn wrong_settings_are_named_by_place() {
    for (settings, pointer) in [
        (json!({"levels": [{"when": "soon"}]}), "/levels/0/when"),
        (json!({"levels": [{"when": "15m"}, {"when": "15m"}]}), "/levels/1/when"),
        (json!({"levels": [{"when": "0s"}]}), "/levels/0/when"),
        (json!({"levels": [{"when": "1m", "to": {"queue": "x"}}]}), "/levels/0/to"),
        (json!({"levels": [{"when": "1m", "priority": 3}]}), "/levels/0/priority"),
        (json!({"levels": vec![json!({"when": "promise-warning"}); 10]}), "/levels"),
    ] {
        let errors = testing::policy::<EscalateOnSilence>(settings).unwrap_err();
        assert_eq!(errors[0].pointer, pointer, "{errors:?}");
    }
}

#[test]
fn the_schema_knows_the_forms_of_when() {
    let manifest = testing::policy_manifest::<EscalateOnSilence>();
    assert_eq!(manifest.name, "escalate-on-silence");
    let schema: Value = serde_json::from_str(&manifest.settings_schema).unwrap();
    assert_eq!(schema["$defs"]["When"]["anyOf"][1]["const"], "promise-warning");
    assert_eq!(schema["properties"]["levels"]["default"][1]["when"], "promise-breached");
}
