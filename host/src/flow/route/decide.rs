//! From an event and its case to a decision: the same way for what happened and for what is only imagined.

use std::sync::Arc;

use super::ask::{self, Counted, Fate};
use crate::domain::case::{Case, DEPTH_MAX, Event};
use crate::domain::conversation::Conversation;
use crate::domain::decision::{Contribution, Outcome, Routing};
use crate::domain::merge::Circumstances;
use crate::domain::organisation::{Directory, Inbox, Place};
use crate::domain::timer::OpenTimer;
use crate::flow::pipeline::{EnabledPolicy, Pipeline};
use crate::telemetry::Telemetry;

/// The reason recorded when policies keep causing one another.
const TOO_DEEP: &str = "policies have been causing one another for too long; somebody should look";

/// What is decided about, and by what.
pub struct Situation<'a> {
    /// The conversation before the decision.
    pub conversation: &'a Conversation,
    /// Its inbox.
    pub inbox: &'a Inbox,
    /// Where names lead.
    pub directory: &'a Directory,
    /// What the policies are to be asked again about already.
    pub open_timers: &'a [OpenTimer],
    /// What is measured.
    pub telemetry: &'a Telemetry,
    /// Whether the calls count, and against whom.
    pub counted: Counted,
}

/// What is decided.
pub struct Decided {
    /// What changes.
    pub outcome: Outcome,
    /// What each policy said, in the pipeline's order.
    pub contributions: Vec<Contribution>,
    /// Whether the event should rather wait.
    pub is_to_wait: bool,
}

/// The policies that an event is for, in the pipeline's order.
pub fn concerned<'a>(
    pipeline: &'a Pipeline,
    event: &'a Event,
    inbox: &'a Inbox,
    directory: &'a Directory,
) -> impl Iterator<Item = &'a Arc<EnabledPolicy>> {
    pipeline.policies.iter().filter(move |policy| {
        policy.manifest.events.contains(&event.occasion.kind())
            && policy.activation.covers(event, inbox, directory)
    })
}

/// Asks the policies, shown the case cut to its size, and merges what they say; where they have caused one another for too long, nobody is
/// asked and the operator gets the conversation.
pub fn decide<'a>(
    asked: impl Iterator<Item = &'a Arc<EnabledPolicy>>,
    event: &Event,
    case: &mut Case,
    situation: &Situation<'_>,
) -> Decided {
    case.cut();
    if event.depth >= DEPTH_MAX {
        let outcome = to_operator(situation);
        return Decided { outcome, contributions: Vec::new(), is_to_wait: false };
    }
    let Situation { conversation, inbox, directory, open_timers, .. } = *situation;
    let heard = ask::ask(asked, event, case, situation);
    let fate = ask::fate(&heard);
    let (now, parked) = (case.now, fate.parked());
    let around = Circumstances { conversation, inbox, directory, open_timers, now, parked };
    let (outcome, contributions) = ask::conclude(around, heard);
    Decided { outcome, contributions, is_to_wait: matches!(fate, Fate::Waits(_)) }
}

fn to_operator(situation: &Situation<'_>) -> Outcome {
    let directory = situation.directory;
    let routing = directory.queue(situation.inbox.operator_queue).and_then(|queue| {
        let place = Place { department: queue.department, queue: queue.id, assignee: None };
        let destination = directory.describe(place)?;
        Some(Routing { place, destination, by: None, why: TOO_DEEP.to_owned() })
    });
    Outcome { routing, ..Outcome::default() }
}
