//! When everything has come to rest: each event took effect once, and nothing waits for nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use futures::{StreamExt, stream};
use serde_json::Value;

use super::findings::{Figures, Findings};
use super::ledger::{Ledger, Lot, lot};
use crate::support::host::Caller;
use crate::support::reply::{entries, text};

/// How long it may take until nothing is due any more: promises are over after two seconds, and thousands of
/// timers are judged.
const PATIENCE: Duration = Duration::from_secs(90);

/// How many conversations are looked at at once.
const AT_ONCE: usize = 8;

/// Everything about one conversation.
#[derive(Default)]
struct Story {
    items: usize,
    replies: usize,
    is_silent: bool,
    decisions: Vec<Value>,
    outbox: Vec<Value>,
}

/// Waits until everything has come to rest, and says what is not as it should be.
pub async fn check(
    caller: &Caller,
    ledger: &Ledger,
    received: impl Fn() -> BTreeMap<String, usize>,
) -> Figures {
    let until = Instant::now() + PATIENCE;
    loop {
        let stories = read(caller, ledger).await;
        let mut figures = Figures {
            items: ledger.items.len(),
            replies: ledger.replies.len(),
            parked: in_state(&stories, "parked"),
            decisions: stories.values().map(|it| it.decisions.len()).sum(),
            findings: judge(&stories),
            ..Figures::default()
        };
        figures.findings += sent(&stories, &received());
        if figures.findings.unfinished.is_empty() || Instant::now() > until {
            return figures;
        }
    }
}

fn in_state(stories: &BTreeMap<String, Story>, state: &str) -> usize {
    stories.values().flat_map(|it| &it.outbox).filter(|it| it["state"] == state).count()
}

async fn read(caller: &Caller, ledger: &Ledger) -> BTreeMap<String, Story> {
    let mut stories: BTreeMap<String, Story> = BTreeMap::new();
    // Of what was in doubt nobody was told the conversation.
    for (number, conversation) in &ledger.items {
        let Some(conversation) = conversation else { continue };
        let story = stories.entry(conversation.clone()).or_default();
        story.items += 1;
        story.is_silent = lot(*number) == Lot::Silent;
    }
    for conversation in ledger.replies.values() {
        stories.entry(conversation.clone()).or_default().replies += 1;
    }
    each(caller, "/v1/decisions?limit=200", |decision| {
        let conversation = text(&decision, "/conversation").to_owned();
        stories.entry(conversation).or_default().decisions.push(decision);
    })
    .await;
    let replied: BTreeSet<&String> = ledger.replies.values().collect();
    let shown = replied.into_iter().map(|id| async move {
        let shown = caller.get(&format!("/v1/conversations/{id}")).await;
        (id, shown["outbox"].as_array().unwrap().clone())
    });
    let mut shown = stream::iter(shown).buffer_unordered(AT_ONCE);
    while let Some((id, outbox)) = shown.next().await {
        stories.get_mut(id).unwrap().outbox = outbox;
    }
    stories
}

/// Every entry of a list.
async fn each(caller: &Caller, path: &str, mut take: impl FnMut(Value)) {
    let mut next = path.to_owned();
    loop {
        let page = caller.get(&next).await;
        entries(&page).iter().cloned().for_each(&mut take);
        let Some(cursor) = page["next_cursor"].as_str() else { return };
        next = format!("{path}&cursor={cursor}");
    }
}

fn judge(stories: &BTreeMap<String, Story>) -> Findings {
    let mut findings = Findings::default();
    let mut events = BTreeSet::new();
    for (id, story) in stories {
        for decision in &story.decisions {
            if !events.insert(text(decision, "/event/id")) {
                findings.doubled.push(format!("{id}: an event was judged twice: {}", decision["event"]));
            }
        }
        story.judge(id, &mut findings);
    }
    findings
}

impl Story {
    fn judge(&self, id: &str, findings: &mut Findings) {
        let of = |kind: &str| self.decisions.iter().filter(|it| text(it, "/event/kind") == kind).count();
        // What came in by a delivery that was in doubt is not in the ledger by its conversation.
        if of("item-received") < self.items {
            findings.unfinished.push(format!("{id}: {} of {} items judged", of("item-received"), self.items));
        }
        // A timer is known by what it is for and when it is due.
        let mut fired = BTreeSet::new();
        for decision in &self.decisions {
            let mut event = decision["event"].clone();
            let is_timer =
                ["promise-warning", "promise-breached", "timer-due"].contains(&text(&event, "/kind"));
            event.as_object_mut().unwrap().remove("id");
            if is_timer && !fired.insert(event.to_string()) {
                findings.doubled.push(format!("{id}: a timer fired twice: {event}"));
            }
        }
        if self.is_silent {
            self.judge_silence(id, findings);
        }
    }

    /// Nobody answers: the promise warns once and breaks once, and each level is reached once.
    fn judge_silence(&self, id: &str, findings: &mut Findings) {
        let of = |kind: &str| self.decisions.iter().filter(|it| text(it, "/event/kind") == kind).count();
        for (kind, most) in [("item-received", self.items), ("promise-warning", 1), ("promise-breached", 1)] {
            match of(kind) {
                found if found > most => findings.doubled.push(format!("{id}: {found} times {kind}")),
                found if found < most => findings.unfinished.push(format!("{id}: {found} times {kind}")),
                _ => {}
            }
        }
        // Newest first.
        let levels =
            self.decisions.iter().rev().filter_map(|it| it["outcome"]["escalation"]["level"].as_u64());
        let levels: Vec<u64> = levels.collect();
        if !levels.is_sorted_by(|a, b| a < b) {
            findings.doubled.push(format!("{id}: a level was reached twice: {levels:?}"));
        }
        if levels.last() != Some(&2) {
            findings.unfinished.push(format!("{id}: the highest level was not reached: {levels:?}"));
        }
    }
}

/// Replies were sent once or left to an agent, and none is gone.
fn sent(stories: &BTreeMap<String, Story>, received: &BTreeMap<String, usize>) -> Findings {
    let mut findings = Findings::default();
    for (id, story) in stories {
        match story.outbox.len() {
            there if there < story.replies => findings.lost.push(format!("{id}: a reply is gone")),
            there if there > story.replies => findings.doubled.push(format!("{id}: a reply is there twice")),
            _ => {}
        }
        for entry in &story.outbox {
            let arrived = received.get(text(entry, "/id")).copied().unwrap_or_default();
            match (text(entry, "/state"), arrived) {
                ("sent", 1) | ("parked", 0 | 1) => {}
                ("sent", 0) => findings.lost.push(format!("{id}: this was never sent: {entry}")),
                ("queued", 0) => findings.unfinished.push(format!("{id}: this still waits: {entry}")),
                (_, arrived) => findings.doubled.push(format!("{id}: sent {arrived} times: {entry}")),
            }
        }
    }
    findings
}
