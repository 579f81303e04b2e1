//! The policies judge conversations.
//!
//! The unit of work is the conversation: a batch claims the next event of many conversations and loads
//! their cases, the executor's threads ask the policies and merge what they say ([`ask`]), and one
//! transaction carries the results out. What a person changed meanwhile is judged again.

use std::sync::Arc;
use std::time::Instant;

use self::ask::{Counted, Fate};
use super::pipeline::Pipeline;
use super::{Flow, FlowError, suspend};
use crate::domain::apply::{self, TimerChanges};
use crate::domain::case::{Case, ContactView, DEPTH_MAX};
use crate::domain::clock::IdGenerator;
use crate::domain::decision::{Decision, Outcome, Receipt, Routing};
use crate::domain::merge::{Circumstances, NO_ROUTE};
use crate::domain::organisation::{Directory, Inbox, Place};
use crate::domain::time::Timestamp;
use crate::store::{Claim, ClaimedCase, RouteCommit, Routed};
use crate::telemetry::Telemetry;

pub mod ask;
mod postpone;

/// How many conversations one batch judges at most: large enough that the transaction's fixed cost
/// is shared, small enough that the first one does not wait for long.
pub const BATCH_MAX: usize = 256;

/// How many cases one job of the executor judges at most: deliveries wait for its threads too.
const SHARE_MAX: usize = 32;

/// The reason recorded when policies keep causing one another.
const TOO_DEEP: &str = "policies have been causing one another for too long; somebody should look";

/// Judges a batch of waiting events; how many were found.
pub async fn route_batch(flow: &Flow) -> Result<usize, FlowError> {
    let pipeline = flow.pipeline.load_full();
    if pipeline.generation.is_none() {
        return Ok(0);
    }
    let began = Instant::now();
    let claimed = flow.store.claim_cases(BATCH_MAX, pipeline.needs).await?;
    if claimed.is_empty() {
        return Ok(0);
    }
    flow.telemetry.step("claim_cases", micros(began));
    let claims: Vec<Claim> = claimed.iter().map(|it| it.claim.clone()).collect();
    match judge_and_commit(flow, pipeline, claimed).await {
        Ok(()) => Ok(claims.len()),
        Err(error) => {
            flow.store.release_claims(&claims).await?;
            Err(error)
        }
    }
}

async fn judge_and_commit(
    flow: &Flow,
    pipeline: Arc<Pipeline>,
    claimed: Vec<ClaimedCase>,
) -> Result<(), FlowError> {
    let began = Instant::now();
    let judged = judge_all(flow, Arc::clone(&pipeline), claimed).await?;
    flow.telemetry.step("judge", micros(began));
    let routed = postpone::postpone(flow, judged).await?;
    let began = Instant::now();
    let commits = flow.store.commit_routed(&routed).await?;
    flow.telemetry.step("commit_routed", micros(began));
    let mut timers = false;
    for (routed, commit) in routed.iter().zip(commits) {
        if commit == RouteCommit::Committed {
            count(&flow.telemetry, &routed.decision);
            timers |= !routed.timers.set.is_empty();
        }
    }
    if timers {
        flow.wake.timers.notify_one();
    }
    // What is decided stays decided, whatever comes of this: it is tried again after the next batch.
    if let Err(error) = suspend::suspend_tripped(flow, &pipeline).await {
        tracing::error!(%error, "a policy that failed too often could not be suspended");
    }
    Ok(())
}

fn count(telemetry: &Telemetry, decision: &Decision) {
    let unrouted = decision.outcome.routing.as_ref().is_some_and(|it| it.by.is_none());
    telemetry.decision(decision.conflicts().count() as u64, unrouted, decision.outcome.escalation.is_some());
}

/// Spreads the cases over the executor's threads; the answer keeps their order.
async fn judge_all(
    flow: &Flow,
    pipeline: Arc<Pipeline>,
    claimed: Vec<ClaimedCase>,
) -> Result<Vec<Judged>, FlowError> {
    let bench = Arc::new(Bench {
        pipeline,
        directory: flow.directory.load_full(),
        ids: Arc::clone(&flow.ids),
        telemetry: Arc::clone(&flow.telemetry),
        engine: flow.plugins.fingerprint().to_owned(),
        now: flow.now(),
    });
    let executor = flow.plugins.executor();
    let share = claimed.len().div_ceil(executor.threads()).min(SHARE_MAX);
    let mut rest = claimed.into_iter().peekable();
    let mut shares = Vec::new();
    while rest.peek().is_some() {
        let (share, bench): (Vec<_>, _) = (rest.by_ref().take(share).collect(), Arc::clone(&bench));
        shares.push(
            executor.run(move || share.into_iter().filter_map(|case| bench.judge(case)).collect::<Vec<_>>()),
        );
    }
    let judged = futures::future::try_join_all(shares).await;
    let judged = judged.map_err(|error| FlowError::Unavailable(error.to_string()))?;
    Ok(judged.into_iter().flatten().collect())
}

/// A decision, and whether its event should rather wait.
struct Judged {
    routed: Routed,
    is_to_wait: bool,
}

/// What every case of a batch is judged with.
struct Bench {
    pipeline: Arc<Pipeline>,
    directory: Arc<Directory>,
    ids: Arc<IdGenerator>,
    telemetry: Arc<Telemetry>,
    engine: String,
    now: Timestamp,
}

impl Bench {
    /// Asks the policies about one case and works out what changes.
    ///
    /// Absent only when the conversation's inbox is not known to this host yet: its event waits.
    fn judge(&self, claimed: ClaimedCase) -> Option<Judged> {
        let inbox = Arc::clone(self.directory.inbox(claimed.conversation.inbox)?);
        let generation = self.pipeline.generation?;
        let event = &claimed.claim.event;
        let mut case = self.case_of(&claimed, &inbox);
        let receipt = self.receipt_of(&claimed, &case);
        let mut is_to_wait = false;
        let (outcome, contributions) = if event.depth >= DEPTH_MAX {
            (self.to_operator(&inbox), Vec::new())
        } else {
            let asked = self.pipeline.policies.iter().filter(|policy| {
                policy.manifest.events.contains(&event.occasion.kind())
                    && policy.activation.covers(event, &inbox, &self.directory)
            });
            let heard = ask::ask(asked, event, &mut case, &self.telemetry, Counted::At(self.now));
            let fate = ask::fate(&heard);
            is_to_wait = matches!(fate, Fate::Waits(_));
            let conversation = &claimed.conversation;
            let (directory, parked) = (&self.directory, fate.parked());
            ask::conclude(Circumstances { conversation, inbox: &inbox, directory, parked }, heard)
        };
        let mut conversation = claimed.conversation;
        let seen_revision = conversation.revision;
        let timers: TimerChanges = apply::apply(&mut conversation, &outcome, &inbox, self.now, event.depth);
        let decision = Decision {
            id: self.ids.next(self.now),
            conversation: conversation.id,
            item: claimed.item.id,
            event: event.clone(),
            generation,
            at: self.now,
            outcome,
            contributions,
            receipt,
        };
        let routed = Routed { claim: claimed.claim, seen_revision, conversation, timers, decision };
        Some(Judged { routed, is_to_wait })
    }

    fn case_of(&self, claimed: &ClaimedCase, inbox: &Inbox) -> Case {
        let contact = &claimed.contact;
        Case {
            now: self.now,
            item: claimed.item.item.clone(),
            conversation: claimed.conversation.view(&self.directory),
            inbox: claimed.conversation.inbox_view(inbox, &self.directory),
            history: claimed.history.iter().map(|it| it.view.clone()).collect(),
            contact: Some(ContactView {
                id: contact.id,
                name: contact.name.clone(),
                vip: contact.vip,
                other_open_conversations: claimed.other_open_conversations,
            }),
            earlier: Vec::new(),
        }
    }

    fn receipt_of(&self, claimed: &ClaimedCase, case: &Case) -> Receipt {
        let author = &claimed.item.item.author;
        Receipt {
            engine: self.engine.clone(),
            now: self.now,
            item: (claimed.item.id, claimed.item.revision),
            history: claimed.history.iter().map(|it| (it.item, it.revision)).collect(),
            conversation: case.conversation.clone(),
            inbox: case.inbox.clone(),
            contact: case.contact.as_ref().map(|it| ContactView { name: None, ..it.clone() }),
            author: (author.followers, author.verified),
        }
    }

    fn to_operator(&self, inbox: &Inbox) -> Outcome {
        let queue = self.directory.queue(inbox.operator_queue);
        let routing = queue.and_then(|queue| {
            let place = Place { department: queue.department, queue: queue.id, assignee: None };
            let destination = self.directory.describe(place)?;
            Some(Routing { place, destination, by: None, why: TOO_DEEP.to_owned() })
        });
        Outcome { routing, ..Outcome::default() }
    }
}

/// Whether a decision fell to the operator because nobody routed the item.
pub fn fell_to_operator(decision: &Decision) -> bool {
    decision.outcome.routing.as_ref().is_some_and(|it| it.by.is_none() && it.why == NO_ROUTE)
}

fn micros(since: Instant) -> u64 {
    since.elapsed().as_micros() as u64
}
