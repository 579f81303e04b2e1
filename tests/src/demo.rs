//! What the demonstration promises, by the shipped program: the README's first command.

use std::process::Stdio;

use serde_json::Value;
use tokio::process::Command;

use crate::support::program;
use crate::support::reply::text;

/// Everything the demonstration has to tell.
async fn told() -> Value {
    let mut demo = Command::new(program());
    demo.args(["demo", "--json"]).stdin(Stdio::null()).kill_on_drop(true);
    let output = demo.output().await.unwrap();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaints}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {complaints}"))
}

/// It is played once, because that means preparing eight plugins; everything is looked at here.
#[tokio::test]
async fn the_demonstration_shows_what_it_promises() {
    let report = told().await;
    the_bundled_plugins_are_at_work(&report);
    everything_is_taken_in_or_kept(&report);
    every_conversation_waits_in_a_queue(&report);
    conflicts_name_winner_and_reasons(&report);
    junk_is_for_people_to_look_through(&report);
    the_operator_has_a_small_share(&report);
    a_customer_is_answered(&report);
    silence_is_escalated_once_a_level(&report);
}

#[track_caller]
fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().unwrap_or_else(|| panic!("no list `{name}` in {value}"))
}

#[track_caller]
fn number(value: &Value, pointer: &str) -> u64 {
    let found = value.pointer(pointer).and_then(Value::as_u64);
    found.unwrap_or_else(|| panic!("no number at {pointer} in {value}"))
}

fn sum(list: &[Value], pointer: &str) -> u64 {
    list.iter().map(|it| number(it, pointer)).sum()
}

#[track_caller]
fn explained<'a>(report: &'a Value, title: &str) -> &'a Value {
    let found = list(report, "explained").iter().find(|it| text(it, "/title").contains(title));
    found.unwrap_or_else(|| panic!("nothing is explained about {title}: {}", report["explained"]))
}

fn the_bundled_plugins_are_at_work(report: &Value) {
    for (name, _) in switchboard::bundled::BUNDLED {
        let at_work =
            list(report, "plugins").iter().any(|it| it["plugin"] == *name && it["mode"] == "active");
        assert!(at_work, "{name} is not at work: {}", report["plugins"]);
    }
}

fn everything_is_taken_in_or_kept(report: &Value) {
    let intake = list(report, "intake");
    assert!(sum(intake, "/deliveries") > 250, "{intake:?}");
    for (pointer, what) in
        [("/items", "new"), ("/duplicates", "a duplicate"), ("/changes", "an edit or a deletion")]
    {
        assert!(sum(intake, pointer) > 0, "nothing was {what}: {intake:?}");
    }
    let unread: Vec<_> = intake.iter().flat_map(|it| list(it, "unparsed")).collect();
    assert!(!unread.is_empty());
    for unread in unread {
        assert!(text(unread, "/reason").contains(": "), "{unread}");
    }
}

fn waiting(queue: &Value) -> u64 {
    ["/urgent", "/high", "/normal", "/low"].iter().map(|priority| number(queue, priority)).sum()
}

fn every_conversation_waits_in_a_queue(report: &Value) {
    let queues = list(report, "queues");
    for path in [
        "desk/operator",
        "desk/junk",
        "support/outage",
        "support/returns",
        "support/general",
        "sales/general",
        "press/general",
        "people/general",
    ] {
        let queue = queues.iter().find(|it| it["path"] == path);
        assert!(queue.is_some_and(|it| waiting(it) > 0), "nobody waits in {path}: {queues:?}");
    }
    let outage = queues.iter().find(|it| it["path"] == "support/outage");
    assert!(outage.is_some_and(|it| number(it, "/urgent") > 0), "the million followers wait like anybody");
    let judged = number(report, "/decisions/made");
    let items = sum(list(report, "intake"), "/items");
    assert!(judged >= items - 1, "{judged} decisions on {items} items, of which one is an echo");
}

fn conflicts_name_winner_and_reasons(report: &Value) {
    assert!(number(report, "/decisions/with_conflict") > 0);
    let contested = explained(report, "Two departments");
    let voices = list(contested, "voices");
    let lost = voices.iter().find(|it| it["conflict"] == true).unwrap_or_else(|| panic!("{contested}"));
    let winner = text(lost, "/verdict").strip_prefix("LOST to ").unwrap_or_else(|| panic!("{lost}"));
    let won = voices.iter().find(|it| it["by"] == winner).unwrap_or_else(|| panic!("{contested}"));
    assert!(text(won, "/says").contains(&format!("to {}", text(contested, "/went_to"))), "{contested}");
    for voice in voices {
        assert!(!text(voice, "/why").is_empty(), "{voice}");
    }
    assert_eq!(explained(report, "a million followers")["priority"], "urgent");
}

fn junk_is_for_people_to_look_through(report: &Value) {
    let junk = explained(report, "Junk");
    assert_eq!(junk["went_to"], "desk/junk");
    let voices = list(junk, "voices");
    let voice =
        voices.iter().find(|it| text(it, "/says").contains("spam")).unwrap_or_else(|| panic!("{junk}"));
    assert_eq!((text(voice, "/by"), text(voice, "/verdict")), ("company-words", "applied"));
    assert!(text(voice, "/why").starts_with("rule `junk`: "), "{voice}");
    assert!(voices.iter().all(|it| it["by"] == voice["by"]), "spam ends the run: {junk}");
}

fn the_operator_has_a_small_share(report: &Value) {
    let (share, all) = (number(report, "/decisions/to_operator"), number(report, "/decisions/made"));
    assert!(share > 0 && share * 4 < all, "{share} of {all} fell to the operator");
    for said in list(report, "operator") {
        assert!(!text(said, "/who").is_empty() && !text(said, "/what").is_empty(), "{said}");
    }
}

fn a_customer_is_answered(report: &Value) {
    let answer = &report["answer"];
    assert_eq!(answer["status"], "closed");
    assert!(text(answer, "/customer/who").contains("followers"), "the most urgent one comes first: {answer}");
    assert_eq!(text(answer, "/request/url"), "https://social.kittiwake.example.com/replies");
    assert!(text(answer, "/request/body").contains(&text(answer, "/text")[..40]), "{answer}");
    assert!(!text(answer, "/theme").is_empty());
}

fn silence_is_escalated_once_a_level(report: &Value) {
    let moves = list(report, "silence");
    let levels: Vec<Vec<u64>> = moves
        .iter()
        .map(|it| list(it, "escalated").iter().map(|level| number(level, "/0")).collect())
        .collect();
    assert_eq!(levels, [vec![1], vec![2], vec![]], "{moves:?}");
    let raised = |at: usize| number(&moves[at], "/escalated/0/1");
    assert!(raised(0) > 0 && raised(0) == raised(1), "who was warned is escalated: {moves:?}");
    let escalated = &report["escalated"];
    assert!(text(escalated, "/went_to").starts_with("leads"), "{escalated}");
}
