//! A gate before something of which there is a bounded amount: database readers, bytes of responses under way.
//!
//! Each caller waits in a line of its own and has at most a share; callers take turns. One caller with a
//! thousand requests therefore delays its own requests, and another's by no more than what is under way.
//!
//! Called by `store` (readers) and `http` (responses).
//!
//! **Invariant:** a line is bounded in length and in time; a caller that holds and wants nothing costs nothing.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

/// Requests of one caller that wait at once. Each is a connection; a client that has more open waits for
/// seconds anyway.
const LINE_MAX: usize = 256;

/// What a gate is about, and how much of it there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GateLimits {
    /// The name of the limit, for the one who meets it.
    pub name: &'static str,
    /// What it counts.
    pub unit: &'static str,
    /// How many units there are.
    pub units: usize,
    /// How many of them one caller has at most.
    pub share: usize,
    /// How long one waits.
    pub wait: Duration,
}

/// A caller's line is full, or its turn did not come in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the limit `{}` of {} {} is reached: what this token has under way fills its share of {}, or others have their turns",
    .0.name, .0.units, .0.unit, .0.share
)]
pub struct NoTurn(pub GateLimits);

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
    lines: HashMap<i64, Line>,
    /// Callers that wait, the next one first.
    turns: VecDeque<i64>,
}

#[derive(Debug, Default)]
struct Line {
    held: usize,
    waiting: VecDeque<Waiter>,
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
    caller: i64,
    units: usize,
}

impl Gate {
    /// A gate with these limits.
    pub fn new(limits: GateLimits) -> Self {
        Self { shared: Arc::new(Shared { limits, state: Mutex::default() }) }
    }

    /// Waits for so many units; more than a share are taken for a share.
    pub async fn enter(&self, caller: i64, units: usize) -> Result<Pass, NoTurn> {
        let limits = self.shared.limits;
        let (turn, mut called) = oneshot::channel();
        let none = NoTurn(limits);
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

    fn join(self: &Arc<Self>, caller: i64, waiter: Waiter) -> Option<()> {
        let mut state = self.lock();
        let State { lines, turns, .. } = &mut *state;
        let line = lines.entry(caller).or_default();
        line.waiting.retain(|it| !it.turn.is_closed());
        if line.waiting.len() >= LINE_MAX {
            return None;
        }
        line.waiting.push_back(waiter);
        if !turns.contains(&caller) {
            turns.push_back(caller);
        }
        self.call(&mut state);
        Some(())
    }

    /// Calls everyone whose turn it is.
    fn call(self: &Arc<Self>, state: &mut State) {
        // A caller that has its share is passed over; one for whom there are too few units left is not, or
        // smaller requests of others would keep a large one waiting for good.
        let (State { taken, lines, turns }, mut passed_over) = (state, 0);
        while passed_over < turns.len() {
            let Some(caller) = turns.pop_front() else { return };
            let Some(line) = lines.get_mut(&caller) else { continue };
            line.waiting.retain(|it| !it.turn.is_closed());
            let Some(units) = line.waiting.front().map(|it| it.units) else {
                if line.held == 0 {
                    lines.remove(&caller);
                }
                continue;
            };
            if line.held + units > self.limits.share {
                turns.push_back(caller);
                passed_over += 1;
                continue;
            }
            if *taken + units > self.limits.units {
                turns.push_front(caller);
                return;
            }
            if let Some(waiter) = line.waiting.pop_front() {
                let pass = Pass { shared: Arc::clone(self), caller, units };
                match waiter.turn.send(pass) {
                    Ok(()) => {
                        line.held += units;
                        *taken += units;
                        passed_over = 0;
                    }
                    // It went away at this moment, and must not give back what it never had.
                    Err(mut unused) => unused.units = 0,
                }
            }
            turns.push_back(caller);
        }
    }

    fn resize(self: &Arc<Self>, caller: i64, before: usize, after: usize) {
        let mut state = self.lock();
        state.taken = (state.taken + after).saturating_sub(before);
        if let Some(line) = state.lines.get_mut(&caller) {
            line.held = (line.held + after).saturating_sub(before);
            if line.held == 0 && line.waiting.is_empty() {
                state.lines.remove(&caller);
            }
        }
        self.call(&mut state);
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

    fn gate(units: usize, share: usize) -> Gate {
        Gate::new(GateLimits { name: "things", unit: "things", units, share, wait: Duration::from_secs(5) })
    }

    fn is_idle(gate: &Gate) -> bool {
        let state = gate.shared.lock();
        state.taken == 0 && state.lines.is_empty()
    }

    #[tokio::test(start_paused = true)]
    async fn one_caller_has_its_share_and_leaves_the_rest() {
        let gate = gate(4, 2);
        let mut held = vec![gate.enter(1, 1).await.unwrap(), gate.enter(1, 1).await.unwrap()];
        assert_eq!(gate.enter(1, 1).await.unwrap_err().0.name, "things");
        held.push(gate.enter(2, 2).await.unwrap());
        assert!(gate.enter(3, 1).await.is_err(), "all units are taken");
        held.remove(0);
        held.push(gate.enter(3, 1).await.unwrap());
        held.clear();
        assert!(is_idle(&gate));
    }

    #[tokio::test(start_paused = true)]
    async fn callers_take_turns_whatever_their_lines() {
        let gate = Arc::new(gate(1, 1));
        let first = gate.enter(1, 1).await.unwrap();
        let (said, mut order) = tokio::sync::mpsc::unbounded_channel();
        let mut tasks = Vec::new();
        for caller in [1, 1, 1, 2, 3] {
            let (gate, said) = (Arc::clone(&gate), said.clone());
            tasks.push(tokio::spawn(async move {
                let pass = gate.enter(caller, 1).await.unwrap();
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
    async fn a_large_request_is_not_overtaken_for_good() {
        let gate = gate(4, 4);
        let small = gate.enter(1, 2).await.unwrap();
        let (large, later) = tokio::join!(gate.enter(2, 4), async {
            tokio::task::yield_now().await;
            let mut later = Box::pin(gate.enter(3, 1));
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
        let held = gate.enter(1, 1).await.unwrap();
        let gave_up = tokio::time::timeout(Duration::from_millis(1), gate.enter(2, 1)).await;
        assert!(gave_up.is_err());
        let (next, ()) = tokio::join!(gate.enter(3, 1), async { drop(held) });
        drop(next.unwrap());
        assert!(is_idle(&gate));
    }

    #[tokio::test(start_paused = true)]
    async fn a_line_is_bounded() {
        let gate = gate(1, 1);
        let _held = gate.enter(1, 1).await.unwrap();
        let waiting = (0..LINE_MAX).map(|_| Box::pin(gate.enter(1, 1)));
        let mut waiting: Vec<_> = waiting.collect();
        assert!(waiting.iter_mut().all(|it| it.now_or_never().is_none()));
        assert_eq!(gate.enter(1, 1).now_or_never().unwrap().unwrap_err().0.name, "things");
    }

    #[tokio::test(start_paused = true)]
    async fn a_pass_can_shrink_and_grow() {
        let gate = gate(4, 3);
        let mut pass = gate.enter(1, 100).await.unwrap();
        assert_eq!(pass.units, 3, "a share, however much is asked for");
        pass.resize(1);
        let second = gate.enter(1, 2).await.unwrap();
        drop(second);
        pass.resize(9);
        assert!(gate.enter(2, 1).await.is_err(), "it holds more than there is");
        drop(pass);
        assert!(is_idle(&gate));
    }
}
