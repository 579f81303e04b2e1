//! What comes in new is judged before it is stored: an item and its decision are one transaction.
//!
//! Only while that is quick. Policies that take long would keep those waiting who deliver, so after
//! [`PATIENCE`] whatever is not judged yet is stored with an event instead, and for a while everything
//! is; the router judges it in its own time.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use async_trait::async_trait;

use super::count;
use super::judge::Judges;
use crate::domain::time::Timestamp;
use crate::flow::Wake;
use crate::flow::pipeline::Pipeline;
use crate::store::{CaseNeeds, ClaimedCase, DoorJudge, Routed};

/// How long a batch's deliveries wait to be judged: ten times what a full batch takes with three
/// policies, and not long for who delivers.
const PATIENCE: Duration = Duration::from_millis(100);

/// For how long nothing is judged at the door after that was not enough.
const REST_MS: i64 = 5_000;

/// Where new items are judged.
pub struct Door {
    /// Who judges; behind the door too.
    pub(super) judges: Judges,
    pipeline: Arc<ArcSwap<Pipeline>>,
    wake: Arc<Wake>,
    is_open: AtomicBool,
    rests_until_ms: AtomicI64,
}

impl Door {
    /// A door at which nothing is judged before it is opened.
    pub fn new(judges: Judges, pipeline: Arc<ArcSwap<Pipeline>>, wake: Arc<Wake>) -> Self {
        let (is_open, rests_until_ms) = (AtomicBool::new(false), AtomicI64::new(i64::MIN));
        Self { judges, pipeline, wake, is_open, rests_until_ms }
    }

    /// From now on new items are judged here.
    pub fn open(&self) {
        self.is_open.store(true, Ordering::Relaxed);
    }

    /// Who judges the next batch, if anybody does.
    pub fn judge(&self) -> Option<BatchJudge<'_>> {
        let now = self.judges.clock.now();
        let rests = now.as_ms() < self.rests_until_ms.load(Ordering::Relaxed);
        if rests || !self.is_open.load(Ordering::Relaxed) {
            return None;
        }
        let pipeline = self.pipeline.load_full();
        pipeline.generation?;
        Some(BatchJudge {
            door: self,
            pipeline,
            now,
            until: OnceLock::new(),
            committed: AtomicBool::new(false),
        })
    }
}

/// Judges one batch, under the pipeline of its beginning.
pub struct BatchJudge<'a> {
    door: &'a Door,
    pipeline: Arc<Pipeline>,
    now: Timestamp,
    /// When its deliveries have waited long enough, from the first question on.
    until: OnceLock<Instant>,
    committed: AtomicBool,
}

impl BatchJudge<'_> {
    /// Whether the batch was stored with what was decided; else all of its events wait.
    pub fn was_heard(&self) -> bool {
        self.committed.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl DoorJudge for BatchJudge<'_> {
    fn needs(&self) -> CaseNeeds {
        self.pipeline.needs
    }

    async fn judge(&self, cases: Vec<ClaimedCase>) -> Vec<Routed> {
        let (began, asked) = (Instant::now(), cases.len());
        let pipeline = Arc::clone(&self.pipeline);
        let until = *self.until.get_or_init(|| began + PATIENCE);
        let judged = self.door.judges.judge(pipeline, cases, Some(until)).await;
        let judged = judged.unwrap_or_else(|error| {
            tracing::error!(%error, "what came in could not be judged at once; it waits");
            Vec::new()
        });
        self.door.judges.telemetry.step("judge_at_the_door", began.elapsed().as_micros() as u64);
        if judged.len() < asked {
            let until = self.now.plus_ms(REST_MS).as_ms();
            self.door.rests_until_ms.store(until, Ordering::Relaxed);
        }
        // Who is to be waited for is asked again by the router, which keeps count.
        judged.into_iter().filter(|it| !it.is_to_wait).map(|it| it.routed).collect()
    }

    fn committed(&self, decided: &[Routed], waiting: usize) {
        self.committed.store(true, Ordering::Relaxed);
        for routed in decided {
            count(&self.door.judges.telemetry, &routed.decision);
        }
        if decided.iter().any(|it| !it.timers.set.is_empty()) {
            self.door.wake.timers.notify_one();
        }
        if waiting > 0 || self.pipeline.policies.iter().any(|it| it.health.change().is_some()) {
            self.door.wake.router.notify_one();
        }
    }
}
