//! A gate before something of which there is a bounded amount: database readers, bytes of responses under way.
//!
//! Each owner, a department for one, has at most as much as is free, so that one alone has half and another always
//! finds something. Within that each of its tokens waits in a line of its own and has at most a share. Owners take
//! turns, and so do the tokens of one. A caller with a thousand requests, or a department with a thousand tokens,
//! therefore delays its own requests, and another's by no more than what is under way.
//!
//! Called by `store` (readers) and `http` (responses).
//!
//! **Invariant:** a line is bounded in length and in time; a caller that holds and wants nothing costs nothing.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::domain::caller::{Caller, ShareOwner};
use crate::domain::fair_share::may_take;

/// Requests of one token that wait at once. Each is a connection; a client that has more open waits for
/// seconds anyway.
const LINE_MAX: usize = 256;

/// The same for all tokens of one owner.
const OWNER_LINE_MAX: usize = 1_024;

/// What a gate is about, and how much of it there is.
#[derive(Clone, Copy, Debug)]
pub struct GateLimits {
    /// The name of the limit, for the one who meets it.
    pub name: &'static str,
    /// How many units there are.
    pub units: usize,
    /// How many of them one token has at most.
    pub share: usize,
    /// How long one waits.
    pub wait: Duration,
}

/// A caller's line is full, or its turn did not come in time. Holds the name of the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the limit `{0}` is reached: what this token or its department has under way fills its share, or others have their turns"
)]
pub struct NoTurn(pub &'static str);

/// The gate.
#[derive(Debug)]
pub struct Gate {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    limits: GateLimits,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    taken: usize,
    owners: HashMap<ShareOwner, Lines>,
    /// Owners that wait, the next one first.
    turns: VecDeque<ShareOwner>,
}

/// The lines of one owner's tokens.
#[derive(Debug, Default)]
struct Lines {
    held: usize,
    lines: HashMap<i64, Line>,
    /// Tokens that wait, the next one first.
    turns: VecDeque<i64>,
}

#[derive(Debug, Default)]
struct Line {
    held: usize,
    waiting: VecDeque<Waiter>,
}

/// Whose turn it is among an owner's tokens.
enum Turn {
    /// The first of this token's line.
    Of(i64, Waiter),
    /// None waits.
    None,
    /// The owner, or each token that waits, has its share.
    HasShare,
    /// The owner has nothing, and what it wants is more than is left.
    TooFewLeft,
}

#[derive(Debug)]
struct Waiter {
    units: usize,
    turn: oneshot::Sender<Pass>,
}

/// Units that are held until this goes.
#[derive(Debug)]
pub struct Pass {
    shared: Arc<Shared>,
    caller: Caller,
    units: usize,
}

impl Gate {
    /// A gate with these limits.
    pub fn new(limits: GateLimits) -> Self {
        Self { shared: Arc::new(Shared { limits, state: Mutex::default() }) }
    }

    /// Waits for so many units; more than a share are taken for a share.
    pub async fn enter(&self, caller: Caller, units: usize) -> Result<Pass, NoTurn> {
        let limits = self.shared.limits;
        let (turn, mut called) = oneshot::channel();
        let none = NoTurn(limits.name);
        self.shared.join(caller, Waiter { units: units.min(limits.share), turn }).ok_or(none)?;
        // Nearly always there is room at once.
        if let Ok(pass) = called.try_recv() {
            return Ok(pass);
        }
        tokio::time::timeout(limits.wait, called).await.ok().and_then(Result::ok).ok_or(none)
    }
}

impl Shared {
    /// Nothing that holds the lock leaves the counts half done.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn join(self: &Arc<Self>, caller: Caller, waiter: Waiter) -> Option<()> {
        let mut state = self.lock();
        let State { owners, turns, .. } = &mut *state;
        if !owners.entry(caller.owner).or_default().join(caller.credential, waiter) {
            return None;
        }
        if !turns.contains(&caller.owner) {
            turns.push_back(caller.owner);
        }
        self.call(&mut state);
        Some(())
    }

    /// Calls everyone whose turn it is.
    fn call(self: &Arc<Self>, state: &mut State) {
        // An owner that has its share is passed over; one for whom there are too few units left is not, or
        // smaller requests of others would keep a large one waiting for good.
        let (State { taken, owners, turns }, mut passed_over) = (state, 0);
        while passed_over < turns.len() {
            let Some(owner) = turns.pop_front() else { return };
            let Some(lines) = owners.get_mut(&owner) else { continue };
            match lines.next(self.limits, *taken) {
                Turn::None => {
                    if lines.is_idle() {
                        owners.remove(&owner);
                    }
                    continue;
                }
                Turn::HasShare => passed_over += 1,
                Turn::TooFewLeft => {
                    turns.push_front(owner);
                    return;
                }
                Turn::Of(credential, Waiter { units, turn }) => {
                    let caller = Caller { owner, credential };
                    match turn.send(Pass { shared: Arc::clone(self), caller, units }) {
                        Ok(()) => {
                            lines.hold(credential, 0, units);
                            *taken += units;
                            passed_over = 0;
                        }
                        // It went away at this moment, and must not give back what it never had.
                        Err(mut unused) => unused.units = 0,
                    }
                }
            }
            turns.push_back(owner);
        }
    }

    fn resize(self: &Arc<Self>, caller: Caller, before: usize, after: usize) {
        let mut state = self.lock();
        state.taken = (state.taken + after).saturating_sub(before);
        if let Some(lines) = state.owners.get_mut(&caller.owner) {
            lines.hold(caller.credential, before, after);
            if lines.is_idle() {
                state.owners.remove(&caller.owner);
            }
        }
        self.call(&mut state);
    }
}

impl Lines {
    /// Adds to a token's line, if there is a place.
    fn join(&mut self, token: i64, waiter: Waiter) -> bool {
        self.lines.values_mut().for_each(|it| it.waiting.retain(|it| !it.turn.is_closed()));
        let waiting: usize = self.lines.values().map(|it| it.waiting.len()).sum();
        let in_line = self.lines.get(&token).map_or(0, |it| it.waiting.len());
        if in_line >= LINE_MAX || waiting >= OWNER_LINE_MAX {
            return false;
        }
        self.lines.entry(token).or_default().waiting.push_back(waiter);
        if !self.turns.contains(&token) {
            self.turns.push_back(token);
        }
        true
    }

    /// Whose turn it is, while so much is taken by all.
    fn next(&mut self, limits: GateLimits, taken: usize) -> Turn {
        let mut passed_over = 0;
        while passed_over < self.turns.len() {
            let Some(token) = self.turns.pop_front() else { break };
            let Some(line) = self.lines.get_mut(&token) else { continue };
            line.waiting.retain(|it| !it.turn.is_closed());
            let Some(waiter) = line.waiting.pop_front() else {
                if line.held == 0 {
                    self.lines.remove(&token);
                }
                continue;
            };
            if line.held + waiter.units > limits.share {
                line.waiting.push_front(waiter);
                self.turns.push_back(token);
                passed_over += 1;
                continue;
            }
            if !may_take(waiter.units, self.held, taken, limits.units) {
                // Its turn stays: a smaller request of another token is not called before.
                line.waiting.push_front(waiter);
                self.turns.push_front(token);
                return if self.held == 0 { Turn::TooFewLeft } else { Turn::HasShare };
            }
            self.turns.push_back(token);
            return Turn::Of(token, waiter);
        }
        if self.turns.is_empty() { Turn::None } else { Turn::HasShare }
    }

    /// A token holds so many units instead of so many before.
    fn hold(&mut self, token: i64, before: usize, after: usize) {
        self.held = (self.held + after).saturating_sub(before);
        if let Some(line) = self.lines.get_mut(&token) {
            line.held = (line.held + after).saturating_sub(before);
            if line.held == 0 && line.waiting.is_empty() {
                self.lines.remove(&token);
            }
        }
    }

    fn is_idle(&self) -> bool {
        self.held == 0 && self.lines.is_empty()
    }
}

impl Pass {
    /// Holds so many units from now on. More than it had are taken without waiting: they are in use already.
    pub fn resize(&mut self, units: usize) {
        if units != self.units {
            self.shared.resize(self.caller, self.units, units);
            self.units = units;
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        // One that was never handed over has none, and the lock is held then.
        if self.units > 0 {
            self.shared.resize(self.caller, self.units, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;
    use crate::domain::ids::{DepartmentId, TokenId};

    fn token(number: i64) -> Caller {
        Caller { owner: ShareOwner::CompanyToken(TokenId(number)), credential: number }
    }

    fn token_of(department: i64, credential: i64) -> Caller {
        Caller { owner: ShareOwner::Department(DepartmentId(department)), credential }
    }

    fn gate(units: usize, share: usize) -> Gate {
        Gate::new(GateLimits { name: "things", units, share, wait: Duration::from_secs(5) })
    }

    fn is_idle(gate: &Gate) -> bool {
        let state = gate.shared.lock();
        state.taken == 0 && state.owners.is_empty()
    }

    #[tokio::test(start_paused = true)]
    async fn one_caller_has_its_share_and_leaves_the_rest() {
        let gate = gate(4, 2);
        let mut held = vec![gate.enter(token(1), 1).await.unwrap(), gate.enter(token(1), 1).await.unwrap()];
        assert_eq!(gate.enter(token(1), 1).await.unwrap_err(), NoTurn("things"));
        held.push(gate.enter(token(2), 2).await.unwrap());
        assert!(gate.enter(token(3), 1).await.is_err(), "all units are taken");
        held.remove(0);
        held.push(gate.enter(token(3), 1).await.unwrap());
        held.clear();
        assert!(is_idle(&gate));
    }

    #[tokio::test(start_paused = true)]
    async fn callers_take_turns_whatever_their_lines() {
        let gate = Arc::new(gate(1, 1));
        let first = gate.enter(token(1), 1).await.unwrap();
        let (said, mut order) = tokio::sync::mpsc::unbounded_channel();
        let mut tasks = Vec::new();
        for caller in [1, 1, 1, 2, 3] {
            let (gate, said) = (Arc::clone(&gate), said.clone());
            tasks.push(tokio::spawn(async move {
                let pass = gate.enter(token(caller), 1).await.unwrap();
                said.send(caller).unwrap();
                drop(pass);
            }));
            tokio::task::yield_now().await;
        }
        drop(first);
        for task in tasks {
            task.await.unwrap();
        }
        let mut called = Vec::new();
        while let Ok(caller) = order.try_recv() {
            called.push(caller);
        }
        // The first has its share until it leaves, so the second is called before its line.
        assert_eq!(called, [2, 1, 3, 1, 1]);
        assert!(is_idle(&gate));
    }

    #[tokio::test(start_paused = true)]
    async fn a_departments_tokens_leave_units_to_another_department_however_many_they_are() {
        let gate = gate(8, 3);
        let mut waiting: Vec<_> = (0..64).map(|token| Box::pin(gate.enter(token_of(1, token), 1))).collect();
        let mut held: Vec<_> = waiting.iter_mut().filter_map(|it| it.now_or_never()?.ok()).collect();
        assert_eq!(held.len(), 4, "half");
        held.push(
            gate.enter(token_of(2, 100), 1).now_or_never().expect("it waits for none of them").unwrap(),
        );
        held.push(gate.enter(token_of(3, 200), 1).now_or_never().expect("nor does a third").unwrap());
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_leaves_units_to_the_other_tokens_of_its_department() {
        let gate = gate(8, 3);
        let mut greedy: Vec<_> = (0..8).map(|_| Box::pin(gate.enter(token_of(1, 1), 1))).collect();
        let held: Vec<_> = greedy.iter_mut().filter_map(|it| it.now_or_never()?.ok()).collect();
        assert_eq!(held.len(), 3);
        assert!(gate.enter(token_of(1, 2), 1).now_or_never().is_some_and(|it| it.is_ok()));
    }

    #[tokio::test(start_paused = true)]
    async fn departments_take_turns_and_so_do_the_tokens_of_one() {
        let gate = gate(1, 1);
        let first = gate.enter(token_of(1, 1), 1).await.unwrap();
        let callers = [(1, 1), (1, 1), (1, 2), (1, 3), (2, 9), (2, 9)];
        let mut waiting = Vec::new();
        for (department, token) in callers {
            let mut entry = Box::pin(gate.enter(token_of(department, token), 1));
            assert!((&mut entry).now_or_never().is_none());
            waiting.push(((department, token), entry));
        }
        drop(first);
        let mut called = Vec::new();
        for _ in callers {
            let place = waiting.iter_mut().position(|(caller, entry)| match entry.now_or_never() {
                Some(pass) => {
                    called.push(*caller);
                    drop(pass.unwrap());
                    true
                }
                None => false,
            });
            drop(waiting.remove(place.expect("one is called")));
        }
        let departments: Vec<_> = called.iter().map(|it| it.0).collect();
        assert!(departments[..4] == [1, 2, 1, 2] || departments[..4] == [2, 1, 2, 1], "{called:?}");
        let tokens: Vec<_> = called.iter().filter(|it| it.0 == 1).map(|it| it.1).collect();
        assert_eq!(tokens[..3].iter().collect::<std::collections::BTreeSet<_>>().len(), 3, "{called:?}");
        assert!(is_idle(&gate));
    }

    #[tokio::test(start_paused = true)]
    async fn a_large_request_is_not_overtaken_for_good() {
        let gate = gate(4, 4);
        let small = gate.enter(token(1), 2).await.unwrap();
        let (large, later) = tokio::join!(gate.enter(token(2), 4), async {
            tokio::task::yield_now().await;
            let mut later = Box::pin(gate.enter(token(3), 1));
            assert!((&mut later).now_or_never().is_none(), "there is room for it, and it is not its turn");
            drop(small);
            later.await
        });
        assert!(large.is_ok(), "it came first");
        assert!(later.is_err(), "what came later waited for it");
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_goes_away_leaves_its_turn_to_the_next() {
        let gate = gate(1, 1);
        let held = gate.enter(token(1), 1).await.unwrap();
        let gave_up = tokio::time::timeout(Duration::from_millis(1), gate.enter(token(2), 1)).await;
        assert!(gave_up.is_err());
        let (next, ()) = tokio::join!(gate.enter(token(3), 1), async { drop(held) });
        drop(next.unwrap());
        assert!(is_idle(&gate));
    }

    #[tokio::test(start_paused = true)]
    async fn a_line_is_bounded() {
        let gate = gate(1, 1);
        let _held = gate.enter(token(1), 1).await.unwrap();
        let waiting = (0..LINE_MAX).map(|_| Box::pin(gate.enter(token(1), 1)));
        let mut waiting: Vec<_> = waiting.collect();
        assert!(waiting.iter_mut().all(|it| it.now_or_never().is_none()));
        assert_eq!(gate.enter(token(1), 1).now_or_never().unwrap().unwrap_err(), NoTurn("things"));
    }

    #[tokio::test(start_paused = true)]
    async fn the_lines_of_a_departments_tokens_are_bounded_together() {
        let gate = gate(1, 1);
        let _held = gate.enter(token_of(1, 0), 1).await.unwrap();
        let waiting = (1..=OWNER_LINE_MAX as i64).map(|token| Box::pin(gate.enter(token_of(1, token), 1)));
        let mut waiting: Vec<_> = waiting.collect();
        assert!(waiting.iter_mut().all(|it| it.now_or_never().is_none()));
        assert!(gate.enter(token_of(1, 5_000), 1).now_or_never().is_some_and(|it| it.is_err()));
        assert!(gate.enter(token_of(2, 1), 1).now_or_never().is_none(), "another department's is its own");
    }

    #[tokio::test(start_paused = true)]
    async fn a_pass_can_shrink_and_grow() {
        let gate = gate(4, 3);
        let mut pass = gate.enter(token(1), 100).await.unwrap();
        assert_eq!(pass.units, 3, "a share, however much is asked for");
        pass.resize(1);
        let second = gate.enter(token(1), 2).await.unwrap();
        drop(second);
        pass.resize(9);
        assert!(gate.enter(token(2), 1).await.is_err(), "it holds more than there is");
        drop(pass);
        assert!(is_idle(&gate));
    }
}
