//! One call of a guest, in a store of its own.

use std::time::Instant;

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
            log: self.log,
            log_dropped: self.log_dropped,
        }
    }

    /// Whether the wall clock stopped it: worth a second try, because another program may have had
    /// the processor.
    pub(super) fn hit_deadline(&self) -> bool {
        self.result.as_ref().is_err_and(|failure| failure.kind == FailureKind::Deadline)
    }
}

/// Runs `work` with a fresh store under `budget`, and drops the store: nothing outlives the call.
pub(super) fn run<T>(
    engine: &Engine,
    budget: &Budget,
    imports: Imports,
    work: impl FnOnce(&mut Store<CallState>) -> wasmtime::Result<T>,
) -> Call<T> {
    let started = Instant::now();
    let mut store = match open(engine, budget, imports) {
        Ok(store) => store,
        Err(error) => return unavailable(&error, started),
    };
    let outcome = work(&mut store);
    let fuel = spent(&store, budget);
    let state = store.into_data();
    let result = outcome.map_err(|error| Failure::of(&error, &state.limiter));
    let (log, log_dropped) = state.journal.finish();
    Call { result, fuel, micros: micros_since(started), log, log_dropped }
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

/// Whole microseconds since a moment.
pub(super) fn micros_since(started: Instant) -> u64 {
    u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX)
}

fn unavailable<T>(error: &wasmtime::Error, started: Instant) -> Call<T> {
    Call {
        result: Err(Failure::new(FailureKind::Unavailable, &error.to_string())),
        fuel: 0,
        micros: micros_since(started),
        log: Vec::new(),
        log_dropped: 0,
    }
}
