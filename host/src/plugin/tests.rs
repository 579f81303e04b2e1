//! The room from uploaded bytes to answers, with guests that misbehave.

mod guest;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use guest::{Guest, NOTHING};
use serde_json::json;

use super::budget::{Budget, LOG_BYTES_MAX, LOG_LINE_BYTES_MAX};
use super::compile::{inspect::inspect, prepare::prepare};
use super::engine::Engine;
use super::load::load;
use super::*;
use crate::domain::case::{Case, Event};
use crate::domain::release::{Manifest, PluginKind};

/// One engine for all tests: each reserves address space and has a thread.
fn engine() -> Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| Engine::new(16).unwrap()).clone()
}

fn manifest_of(component: &[u8]) -> Manifest {
    inspect(&engine(), component).unwrap().manifest
}

/// Limits of a call that only a guest's own doing can reach, however busy the machine is.
const UNHURRIED: Budget = Budget { wall: Duration::from_secs(3_600), ..Budget::POLICY };

fn policy(guest: &Guest) -> Policy {
    policy_within(guest, UNHURRIED)
}

fn policy_within(guest: &Guest, budget: Budget) -> Policy {
    let component = guest.component();
    let manifest = manifest_of(&component);
    let artefact = Artefact::made(prepare(&engine(), PluginKind::Policy, "{}", &component).unwrap().into());
    Policy::new(engine(), load(&engine(), &artefact).unwrap(), Arc::new(manifest), budget).unwrap()
}

fn unprepared(guest: &Guest) -> PrepareFailure {
    prepare(&engine(), PluginKind::Policy, "{}", &guest.component()).unwrap_err()
}

fn event() -> Event {
    serde_json::from_value(json!({"id": "evt_0000000000001", "kind": "item-received", "at": 1_000})).unwrap()
}

fn case() -> Case {
    serde_json::from_value(json!({
        "now": 2_000,
        "item": {
            "external_id": "m1", "kind": "email", "visibility": "private", "text": "hello",
            "author": {"external_id": "ada@example.com"}, "occurred_at": 1_000,
        },
        "conversation": {
            "id": "cnv_0000000000001", "status": "open", "opened_at": 1_000, "item_count": 1,
        },
        "inbox": {"name": "support", "channel": "email", "department": "service"},
        "history": [
            {"direction": "inbound", "kind": "email", "text": "earlier", "occurred_at": 500},
        ],
    }))
    .unwrap()
}

fn failure(evaluate: &str) -> Failure {
    policy(&Guest::evaluating(evaluate)).evaluate(&event(), &case()).result.unwrap_err()
}

/// Stores an answer at 512: `Err(other(text))`, the text at `pointer`.
fn refuse(pointer: u32, length: u32) -> String {
    format!(
        "(i32.store8 (i32.const 512) (i32.const 1)) (i32.store8 (i32.const 516) (i32.const 1))
         (i32.store (i32.const 520) (i32.const {pointer})) (i32.store (i32.const 524) (i32.const {length}))
         i32.const 512"
    )
}

#[test]
fn a_quiet_policy_answers_nothing() {
    let call = policy(&Guest::default()).evaluate(&event(), &case());
    assert_eq!(call.result, Ok(vec![]));
    assert!(call.fuel > 0);
    assert!(call.log.is_empty());
}

#[test]
fn the_same_call_burns_the_same_fuel() {
    let policy = policy(&Guest::default());
    let fuel: Vec<_> = (0..3).map(|_| policy.evaluate(&event(), &case()).fuel).collect();
    assert_eq!(fuel[0], fuel[1]);
    assert_eq!(fuel[1], fuel[2]);
}

#[test]
fn an_endless_loop_runs_out_of_fuel() {
    assert_eq!(failure("(loop $again (br $again)) unreachable").kind, FailureKind::Fuel);
}

#[test]
fn work_that_burns_no_fuel_is_stopped_by_the_clock() {
    let fill = "(loop $again (memory.fill (i32.const 1048576) (i32.const 1) (i32.const 4194304)) (br $again))
        unreachable";
    let hurried = Budget { wall: Duration::from_millis(20), fuel: u64::MAX, ..Budget::POLICY };
    let call = policy_within(&Guest::evaluating(fill), hurried).evaluate(&event(), &case());
    assert_eq!(call.result.unwrap_err().kind, FailureKind::Deadline);
}

#[test]
fn growing_without_end_is_a_failure_of_memory() {
    let bomb =
        "(loop $again (br_if $again (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) unreachable";
    assert_eq!(failure(bomb).kind, FailureKind::Memory);
}

#[test]
fn endless_recursion_is_a_failure_of_the_stack() {
    let guest = Guest {
        fields: "(func $deeper (param i64) (result i64)
            (i64.add (call $deeper (i64.add (local.get 0) (i64.const 1))) (i64.const 1)))"
            .into(),
        ..Guest::evaluating("(drop (call $deeper (i64.const 0))) i32.const 512")
    };
    let call = policy(&guest).evaluate(&event(), &case());
    assert_eq!(call.result.unwrap_err().kind, FailureKind::Stack);
}

#[test]
fn a_trap_is_named() {
    assert_eq!(failure("unreachable").kind, FailureKind::Trap);
    assert_eq!(failure("(i32.div_u (i32.const 1) (i32.const 0))").kind, FailureKind::Trap);
}

#[test]
fn an_answer_of_megabytes_is_too_large() {
    assert_eq!(failure(&refuse(0, 3 << 20)).kind, FailureKind::OutputTooLarge);
}

#[test]
fn answers_that_break_the_contract_are_bad_output() {
    let bad_discriminant = "(i32.store8 (i32.const 512) (i32.const 7)) i32.const 512";
    assert_eq!(failure(bad_discriminant).kind, FailureKind::BadOutput);
    let beyond_memory = refuse(0x7fff_0000, 100);
    assert_eq!(failure(&beyond_memory).kind, FailureKind::BadOutput);
    let no_text = format!("(i32.store (i32.const 600) (i32.const -1)) {}", refuse(600, 4));
    assert_eq!(failure(&no_text).kind, FailureKind::BadOutput);
}

#[test]
fn a_refusal_is_kept_short_and_harmless() {
    let failure = failure(&refuse(2 << 20, 1 << 20));
    assert_eq!(failure.kind, FailureKind::Refused);
    assert!(failure.detail.len() <= 4 * 1024);
    assert!(failure.detail.starts_with("\\u{0}"));
}

#[test]
fn nothing_leaks_from_one_call_to_the_next() {
    let count = format!(
        "(i32.store8 (i32.const 600) (i32.add (i32.load8_u (i32.const 600)) (i32.const 1))) {}",
        refuse(600, 1)
    );
    let guest = Guest {
        configure: format!("(i32.store8 (i32.const 600) (i32.const 0x61)) {NOTHING}"),
        ..Guest::evaluating(&count)
    };
    let policy = policy(&guest);
    for _ in 0..1_000 {
        // `b` is what `configure` left, plus one.
        assert_eq!(policy.evaluate(&event(), &case()).result.unwrap_err().detail, "b");
    }
    let mut reused = policy.reused().unwrap();
    assert_eq!(reused.evaluate(&event(), &case()).result.unwrap_err().detail, "b");
    assert_eq!(reused.evaluate(&event(), &case()).result.unwrap_err().detail, "c");
}

#[test]
fn a_trap_spoils_nothing_but_its_own_call() {
    let trap_on_edit =
        "(if (i32.eqz (i32.load8_u offset=8 (local.get 0))) (then) (else unreachable)) i32.const 512";
    let policy = policy(&Guest::evaluating(trap_on_edit));
    let edit: Event =
        serde_json::from_value(json!({"id": "evt_0000000000001", "kind": "item-edited", "at": 1_000}))
            .unwrap();
    for _ in 0..50 {
        assert_eq!(policy.evaluate(&edit, &case()).result.unwrap_err().kind, FailureKind::Trap);
        assert_eq!(policy.evaluate(&event(), &case()).result, Ok(vec![]));
    }
}

#[test]
fn a_flood_of_log_lines_is_capped_and_counted() {
    let flood = "(local $left i32) (local.set $left (i32.const 100))
        (loop $again
            (call $log (i32.const 1) (i32.const 2097152) (i32.const 100000))
            (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
        i32.const 512";
    let call = policy(&Guest::evaluating(flood)).evaluate(&event(), &case());
    assert_eq!(call.result, Ok(vec![]));
    assert!(call.log.iter().map(String::len).sum::<usize>() <= LOG_BYTES_MAX);
    assert!(call.log.iter().all(|line| line.len() <= LOG_LINE_BYTES_MAX + "error: ".len()));
    assert_eq!(call.log.len() as u64 + call.log_dropped, 100);
}

#[test]
fn what_a_policy_does_not_declare_it_does_not_see() {
    // Whatever is handed over takes memory: the guest answers how much, as four letters.
    let memory_used = format!(
        "(i32.store (i32.const 600) (i32.or (i32.const 0x40404040)
            (i32.and (i32.const 0x0f0f0f0f) (i32.shr_u (global.get $next) (i32.const 4))))) {}",
        refuse(600, 4)
    );
    let blind = Guest::evaluating(&memory_used);
    let seeing = Guest { needs: vec![0], ..Guest::evaluating(&memory_used) };
    let used = |guest: &Guest, case: &Case| policy(guest).evaluate(&event(), case).result.unwrap_err().detail;
    let without = Case { history: vec![], ..case() };
    assert_eq!(used(&blind, &case()), used(&blind, &without));
    assert_ne!(used(&seeing, &case()), used(&seeing, &without));
}

#[test]
fn logging_while_configuring_is_refused_by_name() {
    let guest = Guest {
        configure: format!("(call $log (i32.const 3) (i32.const 1100) (i32.const 7)) {NOTHING}"),
        ..Guest::default()
    };
    let failure = unprepared(&guest);
    assert_eq!(failure.name, "called-import");
    assert!(failure.reason.contains("hostile"), "{}", failure.reason);
}

#[test]
fn a_snapshot_larger_than_its_calls_may_use_is_refused() {
    let guest = Guest {
        configure: format!(
            "(if (i32.eq (memory.grow (i32.const 2000)) (i32.const -1)) (then unreachable)) {NOTHING}"
        ),
        ..Guest::default()
    };
    assert_eq!(unprepared(&guest).name, "snapshot-too-large");
}

#[test]
fn a_snapshot_may_have_all_the_memory_its_calls_may_use() {
    // The component's own tables take a little of it.
    let pages_left = 1024 - 80 - 1;
    let guest = Guest {
        configure: format!(
            "(if (i32.eq (memory.grow (i32.const {pages_left})) (i32.const -1)) (then unreachable)) {NOTHING}"
        ),
        ..Guest::default()
    };
    assert_eq!(policy(&guest).evaluate(&event(), &case()).result.map_err(|failure| failure.kind), Ok(vec![]));
}

#[test]
fn settings_that_the_plugin_refuses_are_named() {
    let guest = Guest {
        configure: "(i32.store8 (i32.const 512) (i32.const 1)) i32.const 512".into(),
        ..Guest::default()
    };
    assert_eq!(unprepared(&guest).name, "invalid-settings");
}

#[test]
fn a_start_function_is_under_the_same_limits() {
    let guest = Guest { fields: "(func $start (call $start)) (start $start)".into(), ..Guest::default() };
    let refusal = inspect(&engine(), &guest.component()).unwrap_err();
    assert_eq!(refusal.name, RefusalKind::DescribeFailed);
    assert!(refusal.found.contains("stack"), "{refusal}");
}

#[test]
fn more_memory_than_allowed_from_the_start_is_refused() {
    let guest = Guest { pages: 2_000, ..Guest::default() };
    let refusal = inspect(&engine(), &guest.component()).unwrap_err();
    assert!(matches!(refusal.name, RefusalKind::DescribeFailed | RefusalKind::NotCompilable), "{refusal:?}");
}

#[test]
fn a_component_cut_anywhere_is_refused_by_name() {
    let component = Guest::default().component();
    let whole = manifest_of(&component);
    let mut accepted = 0;
    for end in 0..component.len() {
        match inspect(&engine(), &component[..end]) {
            Ok(cut) => {
                // Only what names its tools was cut off: two sections at the end.
                assert_eq!(cut.manifest, whole, "{end}");
                accepted += 1;
            }
            Err(refusal) => assert!(
                matches!(
                    refusal.name,
                    RefusalKind::Truncated | RefusalKind::Invalid | RefusalKind::WrongWorld
                ),
                "{end}: {refusal:?}"
            ),
        }
    }
    assert!(accepted <= 2, "{accepted} parts of it were taken for the whole");
}

#[test]
fn a_component_of_another_world_is_refused_by_name() {
    let empty = wat::parse_str("(component)").unwrap();
    assert_eq!(inspect(&engine(), &empty).unwrap_err().name, RefusalKind::WrongWorld);
    let wasi = wat::parse_str("(component (import \"wasi:cli/stdout@0.2.0\" (instance)))").unwrap();
    assert_eq!(inspect(&engine(), &wasi).unwrap_err().name, RefusalKind::ForeignImport);
}

#[test]
fn an_artefact_of_another_kind_does_not_load() {
    let component = Guest::default().component();
    let artefact =
        Artefact::made(prepare(&engine(), PluginKind::ChannelAdapter, "{}", &component).unwrap().into());
    let loaded = load(&engine(), &artefact).unwrap();
    assert!(Adapter::new(engine(), loaded, Arc::new(manifest_of(&component))).is_err());
    assert!(load(&engine(), &Artefact::made(b"no artefact".as_slice().into())).is_err());
}
