//! One call of a guest, in a store of its own.

use std::time::{Duration, Instant};

use cpu_time::ThreadTime;
use wasmtime::Store;

use super::budget::Budget;
use super::engine::Engine;
use super::failure::{Failure, FailureKind};
use super::state::{CallState, Imports};

/// What a call brought, and what it cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call<T> {
    /// The answer, or why there is none.
    pub result: Result<T, Failure>,
    /// Fuel it used: the same for the same input under the same engine.
    pub fuel: u64,
    /// How long it took, start of the instance included.
    pub micros: u64,
    /// Processor time of its thread within that.
    pub cpu_micros: u64,
    /// What it logged, as `level: line`.
    pub log: Vec<String>,
    /// How many lines were not kept.
    pub log_dropped: u64,
}

impl<T> Call<T> {
    /// Goes on with the answer.
    pub fn and_then<U>(self, next: impl FnOnce(T) -> Result<U, Failure>) -> Call<U> {
        Call {
            result: self.result.and_then(next),
            fuel: self.fuel,
            micros: self.micros,
            cpu_micros: self.cpu_micros,
            log: self.log,
            log_dropped: self.log_dropped,
        }
    }

    /// Whether the wall clock stopped it while others had the processor for most of the time: worth a second
    /// try. What used the time itself would only use it once more.
    pub(super) fn was_kept_waiting(&self) -> bool {
        let hit_deadline = self.result.as_ref().is_err_and(|it| it.kind == FailureKind::Deadline);
        hit_deadline && self.cpu_micros < self.micros / 2
    }
}

/// Runs `work` with a fresh store under `budget`, and drops the store: nothing outlives the call.
pub(super) fn run<T>(
    engine: &Engine,
    budget: &Budget,
    imports: Imports,
    work: impl FnOnce(&mut Store<CallState>) -> wasmtime::Result<T>,
) -> Call<T> {
    let started = Started::now();
    let mut store = match open(engine, budget, imports) {
        Ok(store) => store,
        Err(error) => return unavailable(&error, &started),
    };
    let outcome = work(&mut store);
    let fuel = spent(&store, budget);
    let state = store.into_data();
    let result = outcome.map_err(|error| Failure::of(&error, &state.limiter));
    let (log, log_dropped) = state.journal.finish();
    let (micros, cpu_micros) = started.elapsed();
    Call { result, fuel, micros, cpu_micros, log, log_dropped }
}

/// A store with every limit set: an instance's start runs guest code, so they come before it.
pub(super) fn open(engine: &Engine, budget: &Budget, imports: Imports) -> wasmtime::Result<Store<CallState>> {
    let mut store = Store::new(engine.wasmtime(), CallState::new(budget.memory_bytes, imports));
    store.limiter(|state| &mut state.limiter);
    refill(&mut store, budget)?;
    Ok(store)
}

/// Sets what is counted per call.
pub(super) fn refill(store: &mut Store<CallState>, budget: &Budget) -> wasmtime::Result<()> {
    store.set_fuel(budget.fuel)?;
    store.set_hostcall_fuel(budget.lifted_bytes);
    store.epoch_deadline_trap();
    store.set_epoch_deadline(budget.ticks());
    Ok(())
}

/// Fuel used since the last [`refill`].
pub(super) fn spent(store: &Store<CallState>, budget: &Budget) -> u64 {
    budget.fuel.saturating_sub(store.get_fuel().unwrap_or(0))
}

/// When a call began, by the wall clock and by its thread's processor time.
pub(super) struct Started {
    wall: Instant,
    cpu: ThreadTime,
}

impl Started {
    pub(super) fn now() -> Self {
        Self { wall: Instant::now(), cpu: ThreadTime::now() }
    }

    /// Whole microseconds since, by both. The calls of a guest stay on their thread.
    pub(super) fn elapsed(&self) -> (u64, u64) {
        let micros = |it: Duration| u64::try_from(it.as_micros()).unwrap_or(u64::MAX);
        (micros(self.wall.elapsed()), micros(self.cpu.elapsed()))
    }
}

fn unavailable<T>(error: &wasmtime::Error, started: &Started) -> Call<T> {
    let (micros, cpu_micros) = started.elapsed();
    Call {
        result: Err(Failure::new(FailureKind::Unavailable, &error.to_string())),
        fuel: 0,
        micros,
        cpu_micros,
        log: Vec::new(),
        log_dropped: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(kind: FailureKind, micros: u64, cpu_micros: u64) -> Call<()> {
        let result = Err(Failure::new(kind, ""));
        Call { result, fuel: 0, micros, cpu_micros, log: Vec::new(), log_dropped: 0 }
    }

    #[test]
    fn call_that_used_its_time_itself_is_not_tried_again() {
        assert!(ended(FailureKind::Deadline, 105_000, 20_000).was_kept_waiting());
        assert!(!ended(FailureKind::Deadline, 105_000, 90_000).was_kept_waiting());
        assert!(!ended(FailureKind::Fuel, 105_000, 20_000).was_kept_waiting());
    }
}
