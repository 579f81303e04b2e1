//! Failures counted by whose input caused them, and what is suspended for that.
//!
//! | suspended for | when |
//! |---|---|
//! | a sender, in a department | the calls on its items fail too often: five in a row, or more than a fifth of twenty within a minute |
//! | an inbox | its calls fail too often, by the same measure, on items of three senders or more |
//! | a department | more than half of its inboxes, two at least, are suspended and half of its calls of a minute failed |
//! | the company | inboxes of two departments are suspended and half of a minute's calls failed (of one department, or one inbox, where the activation covers no more) |
//! | the company, at once | it never succeeded, failed five times in a row, and fails on a neutral case too |
//!
//! By the last rule a version with a defect of its own is told from one that some input makes fail: policies are pure,
//! so one that ever succeeded does not fail on everything.
//!
//! A suspension ends when a call succeeds that is made on trial, after half a minute at first and twice as
//! long after each trial that failed, up to an hour.

use std::collections::{BTreeMap, HashMap};

use super::recent::Recent;
use super::{Breaker, IN_A_ROW_MAX, TooMuch, WINDOW_MS};
use crate::domain::ids::{DepartmentId, IdentityId, InboxId, ItemId};
use crate::domain::time::Timestamp;

mod suspension;

pub use suspension::{Scope, ScopedSuspension};

/// Failures on items of so many senders are the inbox's, not a sender's.
pub const SENDERS_MIN: usize = 3;

/// Fewer suspended inboxes never suspend their department, nor fewer departments the company.
pub const SPREAD_MIN: usize = 2;

/// A larger share of all calls than this must fail before a department or the company is suspended.
pub const WIDE_PERCENT_MAX: u32 = 49;

/// How long a suspension lasts before its first trial.
pub const TRIAL_MS: i64 = 30_000;

/// The longest time between two trials.
pub const TRIAL_MS_MAX: i64 = 3_600_000;

/// How many senders with failures, and how many inboxes, of one department are remembered for one activation.
/// Departments are the company's own, and few.
const REMEMBERED_MAX: usize = 256;

/// Where the input of a call comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Who wrote the item; absent for the company's own words.
    pub sender: Option<IdentityId>,
    /// Its inbox.
    pub inbox: InboxId,
    /// The inbox's department.
    pub department: DepartmentId,
    /// The item.
    pub item: ItemId,
}

/// How much an activation covers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    /// Inboxes.
    pub inboxes: usize,
    /// Departments with such an inbox.
    pub departments: usize,
    /// Inboxes of the department whose input it was.
    pub of_department: usize,
}

/// Whether a call is to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It is.
    Call,
    /// It is, and a suspension goes by its result.
    Trial,
    /// It is not, for that scope.
    Suspended(Scope),
}

/// A call's end, as it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallEnd<'a> {
    /// When.
    pub at: Timestamp,
    /// Where its input came from.
    pub origin: Origin,
    /// Whether it was made on trial.
    pub is_trial: bool,
    /// The name of its failure.
    pub failure: Option<&'a str>,
    /// How the policy ended on a neutral case, where it was asked: whether it succeeded.
    pub control: Option<bool>,
}

#[derive(Clone, Debug, Default)]
struct Node {
    calls: Breaker,
    /// Whose items failed, and when last; the latest few.
    failing: Vec<(Option<IdentityId>, Timestamp)>,
    suspended: Option<ScopedSuspension>,
}

/// Counts one activation's calls by scope.
#[derive(Clone, Debug)]
pub struct Breakers {
    company: Node,
    departments: HashMap<DepartmentId, Node>,
    /// Suspended inboxes, by department.
    suspended_inboxes: BTreeMap<DepartmentId, usize>,
    inboxes: Recent<InboxId, Node>,
    senders: Recent<IdentityId, Node>,
    has_succeeded: bool,
}

impl Default for Breakers {
    fn default() -> Self {
        Self {
            company: Node::default(),
            departments: HashMap::new(),
            suspended_inboxes: BTreeMap::new(),
            inboxes: Recent::new(REMEMBERED_MAX),
            senders: Recent::new(REMEMBERED_MAX),
            has_succeeded: false,
        }
    }
}

impl Breakers {
    /// All calls together.
    pub fn company(&self) -> &Breaker {
        &self.company.calls
    }

    /// The suspension for the whole company.
    pub fn company_suspension(&self) -> Option<&ScopedSuspension> {
        self.company.suspended.as_ref()
    }

    /// Every suspension there is, the widest first.
    pub fn suspensions(&self) -> Vec<ScopedSuspension> {
        let nodes = self.departments.values().chain(self.inboxes.values());
        let nodes = nodes.chain(self.senders.values()).chain([&self.company]);
        let mut all: Vec<_> = nodes.filter_map(|it| it.suspended.clone()).collect();
        all.sort_by_key(|it| std::cmp::Reverse(it.scope));
        all
    }

    /// Suspends for the company what the repository says is suspended.
    pub fn resume_suspension(&mut self, at: Timestamp, too_much: TooMuch, failure: &str) {
        self.company.suspended = Some(ScopedSuspension {
            scope: Scope::Company,
            too_much,
            failure: failure.to_owned(),
            item: None,
            inbox: None,
            department: None,
            since: at,
            retry_at: at.plus_ms(TRIAL_MS),
            wait_ms: TRIAL_MS,
        });
    }

    /// Ends every suspension, and counts from the start.
    pub fn reset(&mut self) {
        *self = Self { has_succeeded: self.has_succeeded, ..Self::default() };
    }

    /// Whether a call on such an input is made. One on trial takes the turn: the next trial comes no sooner than
    /// it would after this one failed, so that a call whose end is never counted leaves nothing behind.
    pub fn admit(&mut self, now: Timestamp, origin: &Origin) -> Admission {
        let path = self.path(origin);
        let suspended: Vec<_> = path.into_iter().flatten().filter_map(|it| it.suspended.as_mut()).collect();
        // A trial for many is not made with the items of a sender who is suspended by itself.
        let narrow = suspended.iter().any(|it| matches!(it.scope, Scope::Sender(_)));
        let is_due = suspended.iter().all(|it| it.retry_at <= now) && !(narrow && suspended.len() > 1);
        match suspended.iter().map(|it| it.scope).max() {
            None => Admission::Call,
            Some(widest) if !is_due => Admission::Suspended(widest),
            Some(_) => {
                suspended.into_iter().for_each(|it| it.retry_at = now.plus_ms(it.wait_ms));
                Admission::Trial
            }
        }
    }

    /// Whether a failure now would be one too many of a version that never succeeded: ask it about a neutral case.
    pub fn wants_control(&self) -> bool {
        !self.has_succeeded && self.company.calls.in_a_row() + 1 >= IN_A_ROW_MAX
    }

    /// Counts a call; the suspensions that begin with it.
    pub fn count(&mut self, end: &CallEnd<'_>, extent: Extent) -> Vec<ScopedSuspension> {
        self.has_succeeded |= end.control == Some(true);
        match end.failure {
            None => {
                self.succeed(end);
                Vec::new()
            }
            Some(failure) if end.is_trial => {
                self.fail_trial(end, failure);
                Vec::new()
            }
            Some(failure) => self.fail(end, failure, extent),
        }
    }

    fn succeed(&mut self, end: &CallEnd<'_>) {
        self.has_succeeded = true;
        let Origin { inbox, department, .. } = end.origin;
        let _ = self.inboxes.entry((department, inbox), |_| false);
        self.departments.entry(department).or_default();
        let mut ended = Vec::new();
        for node in self.path(&end.origin).into_iter().flatten() {
            if end.is_trial
                && let Some(it) = node.suspended.take()
            {
                ended.push(it.scope);
                node.calls = Breaker::default();
                node.failing.clear();
            }
            node.calls.count(end.at, false);
            node.failing.retain(|(_, at)| *at > end.at.plus_ms(-WINDOW_MS));
        }
        ended.into_iter().for_each(|it| self.let_go(it, department));
    }

    /// A suspension ended: what is counted for it may be forgotten again.
    fn let_go(&mut self, scope: Scope, department: DepartmentId) {
        match scope {
            Scope::Sender(sender) => self.senders.hold((department, sender), false),
            Scope::Inbox(inbox) => {
                self.inboxes.hold((department, inbox), false);
                if let Some(count) = self.suspended_inboxes.get_mut(&department) {
                    *count -= 1;
                }
                self.suspended_inboxes.retain(|_, count| *count > 0);
            }
            Scope::Department(_) | Scope::Company => {}
        }
    }

    fn fail_trial(&mut self, end: &CallEnd<'_>, failure: &str) {
        for node in self.path(&end.origin).into_iter().flatten() {
            node.calls.count(end.at, true);
            if let Some(it) = &mut node.suspended {
                it.wait_ms = (it.wait_ms * 2).min(TRIAL_MS_MAX);
                it.retry_at = end.at.plus_ms(it.wait_ms);
                failure.clone_into(&mut it.failure);
                (it.item, it.inbox) = (Some(end.origin.item), Some(end.origin.inbox));
                it.department = Some(end.origin.department);
            }
        }
    }

    fn fail(&mut self, end: &CallEnd<'_>, failure: &str, extent: Extent) -> Vec<ScopedSuspension> {
        let Origin { sender, inbox, department, .. } = end.origin;
        let began = |scope, too_much| ScopedSuspension::of(end, scope, too_much, failure);
        let mut new = Vec::new();
        self.company.calls.count(end.at, true);
        let of_department = self.departments.entry(department).or_default();
        of_department.calls.count(end.at, true);
        let most_fail = of_department.calls.exceeds(WIDE_PERCENT_MAX, end.at);
        let in_a_row = self.company.calls.in_a_row();
        if !self.has_succeeded && end.control == Some(false) && in_a_row >= IN_A_ROW_MAX {
            let too_much = TooMuch::InARow { failures: in_a_row };
            new.extend(self.company.suspend(began(Scope::Company, too_much)));
            return new;
        }
        // One that is full of suspended senders counts no other by itself: its failures are the inbox's.
        let is_overdue = |it: &Node| it.is_overdue(end.at);
        if let Some(sender) = sender
            && let Some(node) = self.senders.entry((department, sender), is_overdue)
        {
            let too_much = node.calls.count(end.at, true);
            let suspended = too_much.and_then(|it| node.suspend(began(Scope::Sender(sender), it)));
            if suspended.is_some() {
                self.senders.hold((department, sender), true);
            }
            new.extend(suspended);
        }
        let Some(node) = self.inboxes.entry((department, inbox), |_| false) else { return new };
        node.failed_for(sender, end.at);
        let too_much = node.calls.count(end.at, true).filter(|_| node.failing.len() >= SENDERS_MIN);
        let Some(too_much) = too_much else { return new };
        if let Some(suspended) = node.suspend(began(Scope::Inbox(inbox), too_much)) {
            self.inboxes.hold((department, inbox), true);
            *self.suspended_inboxes.entry(department).or_default() += 1;
            new.push(suspended);
        }
        if let Some(too_much) = most_fail.filter(|_| self.is_spread_in(department, extent)) {
            let node = self.departments.entry(department).or_default();
            new.extend(node.suspend(began(Scope::Department(department), too_much)));
        }
        if self.is_spread(extent)
            && let Some(too_much) = self.company.calls.exceeds(WIDE_PERCENT_MAX, end.at)
        {
            new.extend(self.company.suspend(began(Scope::Company, too_much)));
        }
        new
    }

    /// Whether a department's inboxes are suspended, most of those that the activation covers: a stranger who
    /// reaches those that are open leaves it to the others.
    fn is_spread_in(&self, department: DepartmentId, extent: Extent) -> bool {
        let suspended = self.suspended_inboxes.get(&department).copied().unwrap_or_default();
        suspended >= SPREAD_MIN && suspended * 2 > extent.of_department
    }

    /// Whether failures are spread as far as the activation's extent allows.
    fn is_spread(&self, extent: Extent) -> bool {
        let inboxes: usize = self.suspended_inboxes.values().sum();
        match extent {
            Extent { departments: 2.., .. } => self.suspended_inboxes.len() >= SPREAD_MIN,
            Extent { inboxes: 2.., .. } => inboxes >= SPREAD_MIN,
            Extent { .. } => inboxes > 0,
        }
    }

    /// What is counted for such an input, the narrowest first.
    fn path(&mut self, origin: &Origin) -> [Option<&mut Node>; 4] {
        let Origin { sender, inbox, department, .. } = *origin;
        let sender = sender.and_then(|it| self.senders.get_mut((department, it)));
        let inbox = self.inboxes.get_mut((department, inbox));
        [sender, inbox, self.departments.get_mut(&department), Some(&mut self.company)]
    }
}

impl Node {
    fn failed_for(&mut self, sender: Option<IdentityId>, at: Timestamp) {
        self.failing.retain(|(it, _)| *it != sender);
        if self.failing.len() >= SENDERS_MIN {
            self.failing.remove(0);
        }
        self.failing.push((sender, at));
    }

    /// Whether no trial has come for so long that the suspension may be forgotten.
    fn is_overdue(&self, now: Timestamp) -> bool {
        self.suspended.as_ref().is_none_or(|it| it.retry_at.plus_ms(TRIAL_MS_MAX) <= now)
    }

    /// Suspends it, unless it is already.
    fn suspend(&mut self, suspension: ScopedSuspension) -> Option<ScopedSuspension> {
        if self.suspended.is_some() {
            return None;
        }
        self.suspended = Some(suspension.clone());
        Some(suspension)
    }
}

#[cfg(test)]
#[path = "scopes/tests.rs"]
mod tests;
