//! How many timers a policy has, and until when.

use super::*;

fn timer(key: &str, due_at: Timestamp) -> Proposal {
    because(Action::Timer(TimerRequest { key: key.into(), due_at, until_answered: false }))
}

fn is_refused(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Invalid { .. })
}

/// The verdicts on what a policy proposes that has these timers already.
fn judged_beside(open_timers: &[OpenTimer], proposals: &[Proposal]) -> Vec<Verdict> {
    let (conversation, inbox, directory) = (conversation(), inbox(), directory());
    let around = Circumstances { open_timers, ..around(&conversation, &inbox, &directory, None) };
    let judged = merge(around, &[voice(1, "first", Phase::Route, proposals)]).judged.remove(0);
    judged.into_iter().map(|it| it.verdict).collect()
}

fn open(activation: i64, keys: std::ops::Range<usize>, is_due: bool) -> Vec<OpenTimer> {
    let timer = |key: usize| OpenTimer { activation: ActivationId(activation), key: key.to_string(), is_due };
    keys.map(timer).collect()
}

#[test]
fn a_policy_has_so_many_timers_in_a_conversation_and_no_more() {
    let (full, others) = (open(1, 0..32, false), open(2, 0..32, false));
    let cancel = |key: &str| because(Action::CancelTimer { key: key.into() });
    let refused = |open: &[OpenTimer], proposals: &[Proposal]| {
        judged_beside(open, proposals).iter().map(is_refused).collect::<Vec<_>>()
    };
    let due = at(5_000);
    assert_eq!(refused(&full, &[timer("new", due), timer("7", due)]), [true, false], "one is replaced");
    assert_eq!(refused(&full, &[cancel("7"), timer("new", due), timer("7", due)]), [false, false, true]);
    assert_eq!(refused(&others, &[timer("new", due)]), [false], "another policy's count for themselves");
    let waiting = open(1, 0..32, true);
    assert_eq!(refused(&waiting, &[cancel("7"), timer("7", due)]), [false, true], "its event still waits");
    let many: Vec<_> = (0..40).map(|number| timer(&number.to_string(), due)).collect();
    assert_eq!(refused(&[], &many).iter().filter(|it| **it).count(), 8);
    let again = [timer("31", at(4_000)), timer("31", at(4_500))];
    assert_eq!(refused(&open(1, 0..31, false), &again), [false, false], "the last place is taken once");
}

#[test]
fn a_timer_is_due_at_once_or_within_ten_years() {
    let days = |days: i64| at(1_000 + days * 86_400_000);
    let dues = [at(0), at(999), at(1_000), days(3_650), days(3_650).plus_ms(1), Timestamp::MAX];
    let proposals: Vec<_> = dues.iter().map(|due| timer(&due.to_string(), *due)).collect();
    let refused: Vec<_> = judged_beside(&[], &proposals).iter().map(is_refused).collect();
    assert_eq!(refused, [false, false, false, false, true, true]);
}

#[test]
fn a_cancel_beats_a_timer_before_it_and_a_later_timer_beats_the_cancel() {
    let timer = |ms| {
        because(Action::Timer(TimerRequest { key: "nudge".into(), due_at: at(ms), until_answered: true }))
    };
    let cancel = because(Action::CancelTimer { key: "nudge".into() });
    let merged = two(&[timer(9), cancel.clone()], &[]);
    assert!(merged.outcome.timers.is_empty());
    assert_eq!(merged.outcome.cancelled_timers, [(ActivationId(1), "nudge".to_owned())]);
    let merged = two(&[cancel, timer(9), timer(5), timer(7)], &[timer(1)]);
    let set: Vec<_> = merged.outcome.timers.iter().map(|it| (it.activation, it.timer.due_at)).collect();
    assert_eq!(set, [(ActivationId(1), at(5)), (ActivationId(2), at(1))]);
}
