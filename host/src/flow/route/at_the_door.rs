//! What comes in new is judged before it is stored: an item and its decision are one transaction.
//!
//! Only while that is quick, department by department. Policies that take long would keep those waiting who
//! deliver, to other departments' inboxes among them; so a department whose cases usually take long has its items
//! stored with an event each, and one that takes longer than it usually does has [`PATIENCE`] once, then rests
//! for a while. The router judges what waits in its own time.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use async_trait::async_trait;

use super::count;
use super::judge::{Batch, Judges};
use crate::domain::ids::DepartmentId;
use crate::domain::time::Timestamp;
use crate::flow::Wake;
use crate::flow::pipeline::Pipeline;
use crate::store::{CaseNeeds, ClaimedCase, DoorJudge, Routed};

/// How long a batch's deliveries wait to be judged: four times what a full batch takes with three policies, and
/// not long for who delivers.
const PATIENCE: Duration = Duration::from_millis(50);

/// The cases of a batch are chosen so that they may be expected to take this part of the patience on all threads,
/// the same for each department.
const EXPECTED_PART: u32 = 2;

/// A department whose cases usually take more than this part of the patience, a millisecond, is not judged at the
/// door at all: others would wait for it. With the bundled policies a case takes a tenth of that.
const CASE_PART: u32 = 50;

/// For how long nothing of a department is judged at the door after it took longer than expected.
const REST_MS: i64 = 5_000;

/// Where new items are judged.
pub struct Door {
    /// Who judges; behind the door too.
    pub(super) judges: Judges,
    pipeline: Arc<ArcSwap<Pipeline>>,
    wake: Arc<Wake>,
    is_open: AtomicBool,
    patience_micros: AtomicU64,
    /// Until when departments rest.
    rests: Mutex<HashMap<DepartmentId, Timestamp>>,
}

impl Door {
    /// A door at which nothing is judged before it is opened.
    pub fn new(judges: Judges, pipeline: Arc<ArcSwap<Pipeline>>, wake: Arc<Wake>) -> Self {
        let patience_micros = AtomicU64::new(micros(PATIENCE));
        Self {
            judges,
            pipeline,
            wake,
            is_open: AtomicBool::new(false),
            patience_micros,
            rests: Mutex::default(),
        }
    }

    /// From now on new items are judged here.
    pub fn open(&self) {
        self.is_open.store(true, Ordering::Relaxed);
    }

    /// The same, and those who deliver wait this long at most.
    pub fn open_with(&self, patience: Duration) {
        self.patience_micros.store(micros(patience), Ordering::Relaxed);
        self.open();
    }

    /// Takes over how many timers of policies wait.
    pub fn note_waiting_timers(&self, counts: impl IntoIterator<Item = (DepartmentId, u64)>) {
        self.judges.timers.replace(counts);
    }

    /// Who judges the next batch, of items of these departments, if anybody does.
    pub fn judge(&self, departments: impl IntoIterator<Item = DepartmentId>) -> Option<BatchJudge<'_>> {
        if !self.is_open.load(Ordering::Relaxed) {
            return None;
        }
        let (now, patience) = (self.judges.clock.now(), self.patience());
        let judged: BTreeSet<_> = departments
            .into_iter()
            .filter(|it| !self.rests(*it, now) && self.is_quick(*it, patience))
            .collect();
        let pipeline = self.pipeline.load_full();
        pipeline.generation?;
        if judged.is_empty() {
            return None;
        }
        let (until, committed) = (OnceLock::new(), AtomicBool::new(false));
        Some(BatchJudge { door: self, pipeline, judged, now, patience, until, committed })
    }

    fn patience(&self) -> Duration {
        Duration::from_micros(self.patience_micros.load(Ordering::Relaxed))
    }

    fn is_quick(&self, department: DepartmentId, patience: Duration) -> bool {
        self.judges.times.usual_micros(department) <= micros(patience / CASE_PART)
    }

    fn rests(&self, department: DepartmentId, now: Timestamp) -> bool {
        self.resting().get(&department).is_some_and(|until| now < *until)
    }

    /// Has a department rest; those that have rested are forgotten.
    fn rest(&self, department: DepartmentId, now: Timestamp) {
        let mut resting = self.resting();
        resting.retain(|_, until| now < *until);
        resting.insert(department, now.plus_ms(REST_MS));
    }

    fn resting(&self) -> MutexGuard<'_, HashMap<DepartmentId, Timestamp>> {
        // A panic cannot leave it half changed.
        self.rests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many cases of a department are expected to be judged in its share of this time.
    fn cases_max(&self, department: DepartmentId, share: Duration) -> usize {
        let usual = self.judges.times.usual_micros(department).max(1);
        let threads = self.judges.plugins.executor().threads() as u64;
        usize::try_from(micros(share) * threads / usual).unwrap_or(usize::MAX).max(1)
    }
}

/// Judges one batch, under the pipeline of its beginning.
pub struct BatchJudge<'a> {
    door: &'a Door,
    pipeline: Arc<Pipeline>,
    /// The departments whose items are judged.
    judged: BTreeSet<DepartmentId>,
    now: Timestamp,
    patience: Duration,
    /// When its deliveries have waited long enough, from the first question on.
    until: OnceLock<Instant>,
    committed: AtomicBool,
}

impl BatchJudge<'_> {
    /// Whether the batch was stored with what was decided; else all of its events wait.
    pub fn was_heard(&self) -> bool {
        self.committed.load(Ordering::Relaxed)
    }

    /// The cases that are judged now, by department; the others' events wait.
    fn chosen(&self, cases: Vec<ClaimedCase>) -> BTreeMap<DepartmentId, Vec<ClaimedCase>> {
        let directory = self.door.judges.directory.load();
        let mut chosen: BTreeMap<DepartmentId, Vec<ClaimedCase>> = BTreeMap::new();
        for case in cases {
            let Some(inbox) = directory.inbox(case.conversation.inbox) else { continue };
            if self.judged.contains(&inbox.department) {
                chosen.entry(inbox.department).or_default().push(case);
            }
        }
        let departments = u32::try_from(chosen.len()).unwrap_or(u32::MAX).max(1);
        let share = self.patience / EXPECTED_PART / departments;
        for (department, cases) in &mut chosen {
            cases.truncate(self.door.cases_max(*department, share));
        }
        chosen
    }

    async fn judge_some(
        &self,
        department: DepartmentId,
        cases: Vec<ClaimedCase>,
        until: Instant,
    ) -> Vec<Routed> {
        let asked = cases.len();
        let batch = Batch { department, cases, until: Some(until), micros_max: u64::MAX };
        let judged = self.door.judges.judge(Arc::clone(&self.pipeline), batch).await;
        let judged = judged.map(|it| it.judged).unwrap_or_else(|error| {
            tracing::error!(%department, %error, "what came in could not be judged at once; it waits");
            Vec::new()
        });
        if judged.len() < asked {
            self.door.rest(department, self.now);
        }
        // Who is to be waited for is asked again by the router, which keeps count.
        judged.into_iter().filter(|it| !it.is_to_wait).map(|it| it.routed).collect()
    }
}

#[async_trait]
impl DoorJudge for BatchJudge<'_> {
    fn needs(&self) -> CaseNeeds {
        self.pipeline.needs
    }

    async fn judge(&self, cases: Vec<ClaimedCase>) -> Vec<Routed> {
        let began = Instant::now();
        let until = *self.until.get_or_init(|| began + self.patience);
        let judging = self
            .chosen(cases)
            .into_iter()
            .map(|(department, cases)| self.judge_some(department, cases, until));
        let decided = futures::future::join_all(judging).await;
        self.door.judges.telemetry.step("judge_at_the_door", micros(began.elapsed()));
        decided.into_iter().flatten().collect()
    }

    fn committed(&self, decided: &[Routed], waiting: usize) {
        self.committed.store(true, Ordering::Relaxed);
        for routed in decided {
            count(&self.door.judges.telemetry, &routed.decision);
        }
        if decided.iter().any(|it| !it.timers.set.is_empty()) {
            self.door.wake.timers.notify_one();
        }
        if waiting > 0 || self.pipeline.policies.iter().any(|it| it.health.is_tripped()) {
            self.door.wake.router.notify_one();
        }
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
