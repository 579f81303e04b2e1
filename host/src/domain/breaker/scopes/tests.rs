//! Who is suspended for whose failures.

use super::*;
use crate::domain::breaker::CALLS_MIN;

/// Two departments with two inboxes each: 10 and 11 of the first, 20 and 21 of the second.
const WIDE: Extent = Extent { inboxes: 4, departments: 2, of_department: 2 };
const ONE_INBOX: Extent = Extent { inboxes: 1, departments: 1, of_department: 1 };

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_ms(1_000_000 + seconds * 1_000)
}

fn origin(inbox: i64, sender: i64) -> Origin {
    Origin {
        sender: Some(IdentityId(sender)),
        inbox: InboxId(inbox),
        department: DepartmentId(inbox / 10),
        item: ItemId(sender),
    }
}

struct Host {
    breakers: Breakers,
    extent: Extent,
    now: Timestamp,
    /// How it ends on a neutral case.
    control: bool,
}

impl Host {
    /// Of a policy that has succeeded before.
    fn proven(extent: Extent) -> Self {
        let mut host = Self::new(extent, true);
        host.succeed(99, 1);
        host
    }

    fn new(extent: Extent, control: bool) -> Self {
        Self { breakers: Breakers::default(), extent, now: at(0), control }
    }

    /// The end of a call on an item of this sender to this inbox, if it is made; the scopes suspended by it.
    fn call(&mut self, inbox: i64, sender: i64, failure: Option<&str>) -> Result<Vec<Scope>, Scope> {
        let origin = origin(inbox, sender);
        let is_trial = match self.breakers.admit(self.now, &origin) {
            Admission::Suspended(scope) => return Err(scope),
            admission => admission == Admission::Trial,
        };
        let wants_control = failure.is_some() && !is_trial && self.breakers.wants_control();
        let control = wants_control.then_some(self.control);
        let end = CallEnd { at: self.now, origin, is_trial, failure, control };
        Ok(self.breakers.count(&end, self.extent).into_iter().map(|it| it.scope).collect())
    }

    fn fail(&mut self, inbox: i64, sender: i64) -> Result<Vec<Scope>, Scope> {
        self.call(inbox, sender, Some("trap"))
    }

    fn succeed(&mut self, inbox: i64, sender: i64) {
        assert_eq!(self.call(inbox, sender, None), Ok(vec![]));
    }

    fn scopes(&self) -> Vec<Scope> {
        self.breakers.suspensions().into_iter().map(|it| it.scope).collect()
    }

    fn company(&self) -> bool {
        self.breakers.company_suspension().is_some()
    }
}

#[test]
fn one_senders_failures_suspend_for_that_sender_alone() {
    let mut host = Host::proven(WIDE);
    for _ in 0..4 {
        assert_eq!(host.fail(10, 7), Ok(vec![]));
    }
    assert_eq!(host.fail(10, 7), Ok(vec![Scope::Sender(IdentityId(7))]));
    assert_eq!(host.fail(10, 7), Err(Scope::Sender(IdentityId(7))));
    assert_eq!(host.fail(11, 7), Err(Scope::Sender(IdentityId(7))), "in every inbox of the department");
    host.succeed(20, 7);
    host.succeed(10, 8);
}

#[test]
fn invented_senders_of_one_inbox_suspend_for_that_inbox_at_most() {
    let mut host = Host::proven(WIDE);
    for sender in 0..1_000 {
        let _ = host.fail(10, sender);
    }
    assert_eq!(host.scopes(), [Scope::Inbox(InboxId(10))]);
    assert_eq!(host.fail(10, 2_000), Err(Scope::Inbox(InboxId(10))));
    host.succeed(11, 2_000);
    host.succeed(20, 2_000);
}

/// Calls for the first department's inboxes until each is suspended, each third of which succeeds.
fn fail_mostly(host: &mut Host, inboxes: &[i64]) {
    for number in 0..60 {
        for inbox in inboxes {
            let _ = host.call(*inbox, inbox * 1_000 + number, (number % 3 != 0).then_some("trap"));
        }
    }
    let suspended = host.scopes();
    assert!(inboxes.iter().all(|it| suspended.contains(&Scope::Inbox(InboxId(*it)))), "{suspended:?}");
}

#[test]
fn failures_of_most_calls_and_inboxes_of_a_department_suspend_for_it() {
    let mut host = Host::proven(WIDE);
    fail_mostly(&mut host, &[10, 11]);
    assert_eq!(host.scopes()[0], Scope::Department(DepartmentId(1)));
    assert!(!host.company());
    host.succeed(20, 1);
}

#[test]
fn failures_of_two_inboxes_leave_a_department_whose_other_calls_succeed_alone() {
    let mut host = Host::proven(WIDE);
    for sender in 0..20 {
        host.succeed(10, 5_000 + sender);
        host.succeed(11, 6_000 + sender);
    }
    for inbox in [10, 11] {
        for sender in 0..20 {
            let _ = host.fail(inbox, inbox * 100 + sender);
        }
    }
    assert_eq!(host.scopes(), [Scope::Inbox(InboxId(11)), Scope::Inbox(InboxId(10))]);
}

#[test]
fn failures_of_two_inboxes_leave_the_other_two_of_a_quiet_department_alone() {
    let mut host = Host::proven(Extent { inboxes: 6, departments: 2, of_department: 4 });
    fail_mostly(&mut host, &[10, 11]);
    assert_eq!(host.scopes(), [Scope::Inbox(InboxId(11)), Scope::Inbox(InboxId(10))]);
    host.succeed(12, 1);
    host.succeed(13, 1);
}

#[test]
fn most_calls_of_two_departments_suspend_for_the_company() {
    let mut host = Host::proven(WIDE);
    for sender in 0..5 {
        for inbox in [10, 11, 20, 21] {
            let _ = host.fail(inbox, inbox * 100 + sender);
        }
    }
    assert!(host.company(), "{:?}", host.scopes());
}

#[test]
fn failures_of_two_departments_among_many_successes_leave_the_company_alone() {
    let mut host = Host::proven(WIDE);
    for sender in 0..40 {
        host.succeed(20, 5_000 + sender);
    }
    for inbox in [10, 20] {
        for sender in 0..8 {
            let _ = host.fail(inbox, inbox * 100 + sender);
        }
    }
    let scopes = host.scopes();
    assert_eq!(scopes, [Scope::Inbox(InboxId(20)), Scope::Inbox(InboxId(10))]);
}

#[test]
fn only_inbox_suspends_for_the_company_when_half_of_its_calls_fail() {
    let mut host = Host::proven(ONE_INBOX);
    for sender in 0..i64::from(CALLS_MIN) + 4 {
        let _ = host.call(10, sender, (sender % 2 == 0).then_some("trap"));
    }
    assert!(host.company(), "{:?}", host.scopes());
}

#[test]
fn version_that_fails_on_everything_is_suspended_for_the_company_at_once() {
    let mut host = Host::new(WIDE, false);
    for _ in 0..4 {
        assert_eq!(host.fail(10, 7), Ok(vec![]));
    }
    assert_eq!(host.fail(10, 7), Ok(vec![Scope::Company]));
}

#[test]
fn version_that_succeeds_on_a_neutral_case_is_suspended_for_the_sender() {
    let mut host = Host::new(WIDE, true);
    for _ in 0..5 {
        let _ = host.fail(10, 7);
    }
    assert_eq!(host.scopes(), [Scope::Sender(IdentityId(7))]);
}

#[test]
fn suspension_is_tried_again_later_each_time_and_ends_with_a_success() {
    let mut host = Host::proven(WIDE);
    for _ in 0..5 {
        let _ = host.fail(10, 7);
    }
    let mut waits = Vec::new();
    for _ in 0..9 {
        let suspension = host.breakers.suspensions().remove(0);
        waits.push(suspension.wait_ms / 1_000);
        host.now = suspension.retry_at.plus_ms(-1);
        assert!(host.fail(10, 7).is_err(), "before its time");
        host.now = suspension.retry_at;
        assert_eq!(host.fail(10, 7), Ok(vec![]), "on trial");
        assert!(host.fail(10, 7).is_err(), "one trial at a time");
    }
    assert_eq!(waits, [30, 60, 120, 240, 480, 960, 1_920, 3_600, 3_600]);
    host.now = host.breakers.suspensions()[0].retry_at;
    host.succeed(10, 7);
    assert_eq!(host.scopes(), []);
    assert_eq!(host.fail(10, 7), Ok(vec![]), "it is counted from the start");
}

#[test]
fn trial_whose_end_is_never_counted_is_made_again() {
    let mut host = Host::proven(WIDE);
    for _ in 0..5 {
        let _ = host.fail(10, 7);
    }
    host.now = at(30);
    assert_eq!(host.breakers.admit(host.now, &origin(10, 7)), Admission::Trial);
    assert_ne!(host.breakers.admit(host.now, &origin(10, 7)), Admission::Trial);
    host.now = at(60);
    assert_eq!(host.breakers.admit(host.now, &origin(10, 7)), Admission::Trial);
}

#[test]
fn suspended_senders_item_is_no_trial_for_its_inbox() {
    let mut host = Host::proven(WIDE);
    for _ in 0..5 {
        let _ = host.fail(10, 7);
    }
    for sender in 100..110 {
        let _ = host.fail(10, sender);
    }
    assert_eq!(host.scopes(), [Scope::Inbox(InboxId(10)), Scope::Sender(IdentityId(7))]);
    host.now = at(3_600);
    assert_eq!(host.fail(10, 7), Err(Scope::Inbox(InboxId(10))));
    host.succeed(10, 8);
    assert_eq!(host.scopes(), [Scope::Sender(IdentityId(7))]);
}

#[test]
fn inventions_of_one_department_end_no_suspension_of_another() {
    let mut host = Host::proven(Extent { inboxes: 20_000, departments: 2, of_department: 10_000 });
    for sender in [7, 7, 7, 7, 7, 101, 102, 103, 104, 105] {
        let _ = host.fail(10, sender);
    }
    let before = host.scopes();
    assert_eq!(before, [Scope::Inbox(InboxId(10)), Scope::Sender(IdentityId(7))]);
    for number in 0..2_000 {
        let other = Origin { department: DepartmentId(2), ..origin(100_000 + number, 1_000 + number) };
        let failure = Some("trap");
        let end = CallEnd { at: host.now, origin: other, is_trial: false, failure, control: None };
        host.breakers.count(&end, host.extent);
        host.breakers.count(&CallEnd { failure: None, ..end }, host.extent);
    }
    assert_eq!(host.scopes(), before);
}

#[test]
fn inventions_end_no_suspension_of_their_own_department() {
    let mut host = Host::proven(WIDE);
    for _ in 0..5 {
        let _ = host.fail(10, 7);
    }
    for sender in 1_000..3_000 {
        let _ = host.fail(10, sender);
        host.succeed(11, sender);
        // A trial that succeeds opens the inbox again.
        host.now = host.now.plus_ms(TRIAL_MS_MAX);
        let _ = host.call(10, 1, None);
    }
    assert_eq!(host.scopes(), [Scope::Sender(IdentityId(7))]);
}

#[test]
fn inbox_whose_trial_succeeded_counts_as_suspended_no_more() {
    let mut host = Host::proven(WIDE);
    fail_mostly(&mut host, &[10]);
    host.now = at(3_600);
    host.succeed(10, 1);
    assert_eq!(host.scopes(), []);
    assert!(host.breakers.suspended_inboxes.is_empty());
    fail_mostly(&mut host, &[11]);
    assert_eq!(host.scopes(), [Scope::Inbox(InboxId(11))]);
}

#[test]
fn state_stays_bounded_under_a_flood_of_inventions() {
    let mut host = Host::proven(Extent { inboxes: 10_000, departments: 1, of_department: 10_000 });
    for number in 0..20_000 {
        let origin = Origin { department: DepartmentId(1), ..origin(number / 10, number) };
        for failure in [Some("trap"), None, Some("trap")] {
            let end = CallEnd { at: host.now, origin, is_trial: false, failure, control: None };
            host.breakers.count(&end, host.extent);
        }
    }
    assert!(host.breakers.senders.values().count() <= REMEMBERED_MAX);
    let of_others = 1;
    assert!(host.breakers.inboxes.values().count() <= REMEMBERED_MAX + of_others);
}
