//! Judging: cases are spread over the executor's threads, and each is decided on what the policies say.
//!
//! Cases of one department are evaluated together, slice by slice, so that its turn on a thread is short however
//! long its cases take, and however many they are.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;

use super::ask::Counted;
use super::decide::{Decided, Situation, concerned, decide};
use super::timer_counts::TimerCounts;
use super::times::CaseTimes;
use crate::domain::apply::{self, TimerChanges};
use crate::domain::case::{Case, ContactView};
use crate::domain::clock::{Clock, IdGenerator};
use crate::domain::decision::{Decision, Receipt};
use crate::domain::ids::{DepartmentId, ItemId};
use crate::domain::item::Item;
use crate::domain::organisation::{Directory, Inbox};
use crate::domain::quota::Quota;
use crate::domain::time::Timestamp;
use crate::domain::timer::OpenTimer;
use crate::domain::timer_room;
use crate::flow::FlowError;
use crate::flow::pipeline::Pipeline;
use crate::plugin::{ExecutorError, Lane, Plugins};
use crate::store::{ClaimedCase, Routed};
use crate::telemetry::Telemetry;

/// How long one job of the executor evaluates cases: others wait for its threads too. A case that has begun is
/// finished.
const SLICE: Duration = Duration::from_millis(2);

/// What judging works with. Cheap to clone.
#[derive(Clone)]
pub struct Judges {
    /// The sandbox.
    pub plugins: Arc<Plugins>,
    /// Everything that has a name.
    pub directory: Arc<ArcSwap<Directory>>,
    /// New identifiers.
    pub ids: Arc<IdGenerator>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What is measured.
    pub telemetry: Arc<Telemetry>,
    /// What cases usually take.
    pub times: Arc<CaseTimes>,
    /// How many timers of policies wait.
    pub timers: Arc<TimerCounts>,
}

/// Cases of one department, to be evaluated together.
pub(super) struct Batch {
    /// Whose inboxes they came to.
    pub(super) department: DepartmentId,
    /// The cases.
    pub(super) cases: Vec<ClaimedCase>,
    /// The moment at which nobody waits for them any more.
    pub(super) until: Option<Instant>,
    /// After so many microseconds of evaluation no further case is begun.
    pub(super) micros_max: u64,
}

/// What came of a batch. Cases that are missing were left out: their events wait.
#[derive(Default)]
pub(super) struct Evaluated {
    /// In the order of the cases.
    pub(super) judged: Vec<Judged>,
    /// How long the evaluation took, all threads together.
    pub(super) micros: u64,
}

impl Judges {
    /// Evaluates a batch on as many of the executor's threads as there are, in its department's share of them.
    pub(super) async fn judge(&self, pipeline: Arc<Pipeline>, batch: Batch) -> Result<Evaluated, FlowError> {
        let Batch { department, cases, until, micros_max } = batch;
        let executor = self.plugins.executor();
        let jobs = cases.len().min(executor.threads());
        let work = Arc::new(Work {
            bench: self.bench(pipeline),
            micros_max,
            queue: Mutex::new(cases.into_iter().enumerate().collect()),
            judged: Mutex::default(),
            micros: AtomicU64::new(0),
            is_over: AtomicBool::new(false),
        });
        let jobs = (0..jobs).map(|_| async {
            while work.has_more() {
                let (work, times) = (Arc::clone(&work), Arc::clone(&self.times));
                let slice = move || work.do_slice(|cases, micros| times.observe(department, cases, micros));
                executor.run(Lane::Evaluating(department), slice).await?;
            }
            Ok::<(), ExecutorError>(())
        });
        let jobs = futures::future::try_join_all(jobs);
        let ended = match until {
            Some(until) => tokio::time::timeout_at(until.into(), jobs).await.unwrap_or(Ok(Vec::new())),
            None => jobs.await,
        };
        work.end();
        ended.map_err(|error| FlowError::Unavailable(error.to_string()))?;
        Ok(work.evaluated())
    }

    fn bench(&self, pipeline: Arc<Pipeline>) -> Bench {
        Bench {
            pipeline,
            directory: self.directory.load_full(),
            ids: Arc::clone(&self.ids),
            telemetry: Arc::clone(&self.telemetry),
            engine: self.plugins.fingerprint().to_owned(),
            timers: Arc::clone(&self.timers),
            now: self.clock.now(),
        }
    }
}

/// A batch under way. What threads have begun when nobody waits any more they finish, and it counts for nothing.
struct Work {
    bench: Bench,
    micros_max: u64,
    queue: Mutex<VecDeque<(usize, ClaimedCase)>>,
    judged: Mutex<Vec<(usize, Judged)>>,
    micros: AtomicU64,
    is_over: AtomicBool,
}

impl Work {
    fn has_more(&self) -> bool {
        let is_spent = self.micros.load(Ordering::Relaxed) >= self.micros_max;
        !is_spent && !self.is_over.load(Ordering::Relaxed) && !lock(&self.queue).is_empty()
    }

    fn next(&self) -> Option<(usize, ClaimedCase)> {
        if self.has_more() { lock(&self.queue).pop_front() } else { None }
    }

    /// Evaluates cases for as long as a slice is, one at least; `observe` is told of each how long it took.
    fn do_slice(&self, observe: impl Fn(u64, u64)) {
        let (began, mut cases) = (Instant::now(), 0);
        while began.elapsed() < SLICE {
            let Some((index, case)) = self.next() else { break };
            cases += 1;
            let case_began = Instant::now();
            let judged = self.bench.judge(case);
            self.micros.fetch_add(micros(case_began), Ordering::Relaxed);
            lock(&self.judged).extend(judged.map(|it| (index, it)));
        }
        observe(cases, micros(began));
    }

    fn end(&self) {
        self.is_over.store(true, Ordering::Relaxed);
    }

    fn evaluated(&self) -> Evaluated {
        let mut judged = std::mem::take(&mut *lock(&self.judged));
        judged.sort_unstable_by_key(|(index, _)| *index);
        let judged = judged.into_iter().map(|(_, it)| it).collect();
        Evaluated { judged, micros: self.micros.load(Ordering::Relaxed) }
    }
}

/// Nothing that holds one of these locks leaves anything half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn micros(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX)
}

/// A decision, and whether its event should rather wait.
pub(super) struct Judged {
    pub(super) routed: Routed,
    pub(super) is_to_wait: bool,
}

/// What every case of a batch is judged with.
struct Bench {
    pipeline: Arc<Pipeline>,
    directory: Arc<Directory>,
    ids: Arc<IdGenerator>,
    telemetry: Arc<Telemetry>,
    engine: String,
    timers: Arc<TimerCounts>,
    now: Timestamp,
}

impl Bench {
    /// Asks the policies about one case and works out what changes.
    ///
    /// Absent only when the conversation's inbox is not known to this host yet: its event waits.
    fn judge(&self, claimed: ClaimedCase) -> Option<Judged> {
        let inbox = Arc::clone(self.directory.inbox(claimed.conversation.inbox)?);
        let generation = self.pipeline.generation?;
        let ClaimedCase {
            claim,
            mut conversation,
            item,
            history,
            contact,
            other_open_conversations,
            open_timers,
        } = claimed;
        let event = &claim.event;
        let (item_id, revision) = (item.id, item.revision);
        let (history_ids, history) = history.into_iter().map(|it| ((it.item, it.revision), it.view)).unzip();
        let mut case = Case {
            now: self.now,
            item: item.item,
            conversation: conversation.view(&self.directory),
            inbox: conversation.inbox_view(&inbox, &self.directory),
            history,
            contact: Some(ContactView {
                id: contact.id,
                name: contact.name,
                vip: contact.vip,
                other_open_conversations,
            }),
            earlier: Vec::new(),
        };
        let situation = Situation {
            conversation: &conversation,
            inbox: &inbox,
            directory: &self.directory,
            open_timers: &open_timers,
            telemetry: &self.telemetry,
            counted: Counted::At(self.now),
        };
        let asked = concerned(&self.pipeline, event, &inbox, &self.directory);
        let mut decided = decide(asked, event, &mut case, &situation);
        self.bound_timers(&inbox, &open_timers, &mut decided);
        let Decided { outcome, contributions, is_to_wait } = decided;
        let seen_revision = conversation.revision;
        let timers: TimerChanges = apply::apply(&mut conversation, &outcome, &inbox, self.now, event.depth);
        let decision = Decision {
            erased_at: None,
            id: self.ids.next(self.now),
            conversation: conversation.id,
            item: item_id,
            event: event.clone(),
            generation,
            at: self.now,
            outcome,
            contributions,
            receipt: self.receipt(case, (item_id, revision), history_ids),
        };
        let routed = Routed { claim, seen_revision, conversation, timers, decision };
        Some(Judged { routed, is_to_wait })
    }

    /// Timers count to the department whose inbox has the conversation, whoever's policy sets them.
    fn bound_timers(&self, inbox: &Inbox, open: &[OpenTimer], decided: &mut Decided) {
        let (department, Decided { outcome, contributions, .. }) = (inbox.department, decided);
        if outcome.timers.is_empty() {
            return;
        }
        let limit = self.directory.quotas().limit(Some(department), Quota::WaitingTimers);
        let added = |used| timer_room::keep_within(limit, used, open, outcome, contributions);
        self.timers.add(department, added);
    }

    /// What was shown, without the texts.
    fn receipt(&self, case: Case, item: (ItemId, i64), history: Vec<(ItemId, i64)>) -> Receipt {
        let Case { item: Item { author, .. }, conversation, inbox, contact, .. } = case;
        Receipt {
            engine: self.engine.clone(),
            now: self.now,
            item,
            history,
            conversation,
            inbox,
            contact: contact.map(|it| ContactView { name: None, ..it }),
            author: (author.followers, author.verified),
        }
    }
}
