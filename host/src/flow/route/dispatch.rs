//! Whose events are evaluated now.
//!
//! Each department that waits has one batch under way, of as many events as it evaluates in a short while.
//! There are places for many departments at once; slow ones have half of them at most. Where more wait than
//! there are places, they take turns by the time that their evaluation used ([`FairShare`]). On the executor's
//! threads departments take turns again, so that a batch takes its department's share of them and no more.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt as _, StreamExt as _};
use tokio_util::sync::CancellationToken;

use super::times::CaseTimes;
use super::{BATCH_MAX, BATCH_MICROS, BatchOutcome, route_some};
use crate::domain::fair_share::FairShare;
use crate::domain::ids::DepartmentId;
use crate::flow::driving::while_driving;
use crate::flow::liveness::ROUTING;
use crate::flow::pipeline::Pipeline;
use crate::flow::{Flow, FlowError, suspend};

/// So many departments have a batch under way at once.
const PLACES: usize = 16;

/// So many of them may be slow: the others' events are evaluated in a moment, so that a place is soon free.
const SLOW_PLACES: usize = PLACES / 2;

/// Where many departments wait, each batch is smaller, so that all of them together hold about as many cases in
/// memory as one large batch; but no smaller than this, because each is a transaction.
const BATCH_MIN: usize = 32;

/// How soon departments are looked for again while batches are under way: a ring may be lost, and an event of
/// which nothing could be evaluated is tried again.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// A department's batch that ended.
type Ended = (DepartmentId, Result<BatchOutcome, FlowError>);

/// Evaluates one batch of each department that waits; how many events were found.
pub async fn route_batch(flow: &Flow) -> Result<usize, FlowError> {
    let pipeline = flow.pipeline.load_full();
    if pipeline.generation.is_none() {
        return Ok(0);
    }
    let waiting = flow.store.waiting_departments().await?;
    if waiting.is_empty() {
        // What is judged at the door may have failed too often.
        suspend::suspend_tripped(flow, &pipeline).await?;
        return Ok(0);
    }
    let plan = Plan::of(flow, waiting.len());
    let batches = waiting
        .into_iter()
        .map(|department| route_some(flow, Arc::clone(&pipeline), department, plan.events_max(department)));
    let batches = futures::future::join_all(batches).await;
    batches.into_iter().try_fold(0, |found, batch| Ok(found + batch?.claimed))
}

/// Evaluates what waits, until nothing does or the host stops.
pub async fn route_until_idle(flow: &Flow, stop: &CancellationToken) -> Result<(), FlowError> {
    let mut dispatcher = Dispatcher::default();
    let mut under_way: FuturesUnordered<BoxFuture<'_, Ended>> = FuturesUnordered::new();
    let (mut look_again, mut failure) = (tokio::time::interval(LOOK_AGAIN), None);
    loop {
        let pipeline = flow.pipeline.load_full();
        if failure.is_none() && !stop.is_cancelled() && pipeline.generation.is_some() {
            let (waiting, ended) = while_driving(&mut under_way, flow.store.waiting_departments()).await;
            for (department, outcome) in ended {
                flow.liveness.moved(ROUTING);
                failure = dispatcher.end(department, outcome).err().or(failure);
            }
            match waiting {
                Ok(waiting) => {
                    let begun = dispatcher.begin(waiting, &flow.door.judges.times);
                    let plan = Plan::of(flow, dispatcher.under_way.len());
                    let batches = begun.into_iter().map(|it| route_for(flow, &pipeline, it, &plan));
                    under_way.extend(batches);
                }
                Err(error) => failure = Some(error.into()),
            }
        }
        tokio::select! {
            ended = under_way.next() => match ended {
                Some((department, outcome)) => {
                    flow.liveness.moved(ROUTING);
                    failure = dispatcher.end(department, outcome).err().or(failure);
                }
                None => {
                    if let Some(failure) = failure {
                        return Err(failure);
                    }
                    // What is judged at the door may have failed too often.
                    return suspend::suspend_tripped(flow, &pipeline).await;
                }
            },
            () = flow.wake.router.notified(), if !under_way.is_empty() => {}
            _ = look_again.tick(), if !under_way.is_empty() => dispatcher.unanswered.clear(),
        }
    }
}

fn route_for<'a>(
    flow: &'a Flow,
    pipeline: &Arc<Pipeline>,
    department: DepartmentId,
    plan: &Plan<'_>,
) -> BoxFuture<'a, Ended> {
    let (pipeline, max) = (Arc::clone(pipeline), plan.events_max(department));
    async move { (department, route_some(flow, pipeline, department, max).await) }.boxed()
}

/// How large batches are.
struct Plan<'a> {
    times: &'a CaseTimes,
    threads: u64,
    departments: usize,
}

impl<'a> Plan<'a> {
    fn of(flow: &'a Flow, departments: usize) -> Self {
        let threads = flow.plugins.executor().threads() as u64;
        Self { times: &flow.door.judges.times, threads, departments }
    }

    /// How many events a department's batch has at most: what it evaluates in a short while.
    fn events_max(&self, department: DepartmentId) -> usize {
        let usual = self.times.usual_micros(department).max(1);
        let in_time = usize::try_from(BATCH_MICROS * self.threads / usual).unwrap_or(usize::MAX);
        let share = (BATCH_MAX / self.departments.max(1)).max(BATCH_MIN);
        in_time.clamp(1, share)
    }
}

/// Which departments have a batch under way, and what they have used.
#[derive(Default)]
struct Dispatcher {
    /// With what each was charged beforehand, and whether it counts as slow.
    under_way: HashMap<DepartmentId, Place>,
    share: FairShare<DepartmentId>,
    /// Departments of whose events nothing could be evaluated just now.
    unanswered: HashSet<DepartmentId>,
}

#[derive(Clone, Copy)]
struct Place {
    charged: u64,
    is_slow: bool,
}

impl Dispatcher {
    /// Gives places to departments that wait, by turns.
    fn begin(&mut self, waiting: Vec<DepartmentId>, times: &CaseTimes) -> Vec<DepartmentId> {
        let mut waiting: HashSet<_> = waiting.into_iter().filter(|it| self.may_begin(*it)).collect();
        let mut begun = Vec::new();
        while self.under_way.len() < PLACES
            && let Some(department) = self.share.next(waiting.iter().copied())
        {
            waiting.remove(&department);
            let is_slow = times.is_slow(department);
            if is_slow && self.under_way.values().filter(|it| it.is_slow).count() >= SLOW_PLACES {
                continue;
            }
            // One case, at least; the rest is charged when it is known.
            let charged = times.usual_micros(department).max(1);
            self.share.charge(department, charged);
            self.under_way.insert(department, Place { charged, is_slow });
            begun.push(department);
        }
        begun
    }

    fn may_begin(&self, department: DepartmentId) -> bool {
        !self.under_way.contains_key(&department) && !self.unanswered.contains(&department)
    }

    /// A department gives its place back.
    fn end(
        &mut self,
        department: DepartmentId,
        routed: Result<BatchOutcome, FlowError>,
    ) -> Result<(), FlowError> {
        let place = self.under_way.remove(&department);
        let routed = routed?;
        if let Some(Place { charged, .. }) = place {
            self.share.settle(department, charged, routed.micros);
        }
        if routed.evaluated == 0 {
            self.unanswered.insert(department);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn departments(ids: std::ops::Range<i64>) -> Vec<DepartmentId> {
        ids.map(DepartmentId).collect()
    }

    fn routed(micros: u64) -> Result<BatchOutcome, FlowError> {
        Ok(BatchOutcome { claimed: 1, evaluated: 1, micros })
    }

    /// Of these departments a case takes far too long.
    fn slow(departments: &[DepartmentId]) -> CaseTimes {
        let times = CaseTimes::default();
        for department in departments {
            (0..20).for_each(|_| times.observe(*department, 1, 50_000));
        }
        times
    }

    #[test]
    fn a_department_has_one_batch_under_way() {
        let (mut dispatcher, times) = (Dispatcher::default(), CaseTimes::default());
        assert_eq!(dispatcher.begin(departments(1..3), &times).len(), 2);
        assert!(dispatcher.begin(departments(1..3), &times).is_empty());
        dispatcher.end(DepartmentId(1), routed(5)).unwrap();
        assert_eq!(dispatcher.begin(departments(1..3), &times), [DepartmentId(1)]);
    }

    #[test]
    fn slow_departments_leave_places_to_quick_ones() {
        let all_slow = departments(1..100);
        let (mut dispatcher, times) = (Dispatcher::default(), slow(&all_slow));
        assert_eq!(dispatcher.begin(all_slow, &times).len(), SLOW_PLACES);
        assert_eq!(dispatcher.begin(departments(100..101), &times), [DepartmentId(100)]);
    }

    #[test]
    fn departments_share_the_time_of_evaluation_where_there_are_more_than_places() {
        let (mut dispatcher, times) = (Dispatcher::default(), CaseTimes::default());
        let all = departments(0..40);
        let mut batches: HashMap<DepartmentId, u64> = HashMap::new();
        let mut running = dispatcher.begin(all.clone(), &times);
        for _ in 0..10_000 {
            let ended = running.remove(0);
            *batches.entry(ended).or_default() += 1;
            // The first half of them takes four times as long.
            dispatcher.end(ended, routed(if ended.0 < 20 { 400 } else { 100 })).unwrap();
            running.extend(dispatcher.begin(all.clone(), &times));
        }
        let of = |ids: std::ops::Range<i64>| -> u64 { ids.map(|it| batches[&DepartmentId(it)]).sum() };
        let ratio = of(20..40) as f64 / of(0..20) as f64;
        assert!((3.5..4.5).contains(&ratio), "{ratio}");
    }

    #[test]
    fn a_department_of_which_nothing_could_be_evaluated_waits_a_while() {
        let (mut dispatcher, times) = (Dispatcher::default(), CaseTimes::default());
        dispatcher.begin(departments(1..2), &times);
        dispatcher.end(DepartmentId(1), Ok(BatchOutcome { claimed: 3, ..BatchOutcome::default() })).unwrap();
        assert!(dispatcher.begin(departments(1..2), &times).is_empty());
    }
}
