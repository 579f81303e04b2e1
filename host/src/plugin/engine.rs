//! The one wasmtime engine of the process.

use std::sync::Arc;
use std::time::Instant;
use std::{num, thread};

use wasmtime::component::{HasSelf, Linker};
use wasmtime::{
    Config, Enabled, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig, WasmBacktraceDetails,
};

use super::abi::v0_2::adapter_world::switchboard::plugin::secrets;
use super::abi::v0_2::{self, plugin_world::switchboard::plugin::log};
use super::budget::{Budget, LOG_BYTES_MAX, LOG_LINE_BYTES_MAX, MEMORY_BYTES_MAX, TICK};
use super::digest::StableHasher;
use super::error::PluginError;
use super::state::{CHECKED_BYTES_MAX, CHECKS_MAX, CallState};

/// Python components have about 40 core instances; the snapshot's accessor is one more.
const CORE_INSTANCES_PER_COMPONENT: u32 = 64;

/// Ordinary components have one memory. A few more are allowed, each with its own reservation of
/// address space.
const MEMORIES_PER_COMPONENT: u32 = 4;

/// A module has at most one table here, and its shims have another.
const TABLES_PER_COMPONENT: u32 = 64;

/// Elements of one table: guests made from C# have more than 10,000.
const TABLE_ELEMENTS: usize = 20_000;

/// Pages kept after a call, so that the next one of the same guest faults none of them in. Measured:
/// without it and the page-map scan a call takes 125 us instead of 41 us.
const RESIDENT_BYTES: usize = 4 * 1024 * 1024;

/// A guest's stack, on an ordinary OS thread's.
const STACK_BYTES: usize = 512 * 1024;

/// Slots per executor thread: a pipeline's guests take turns, and each finds its own memory image
/// still mapped.
const SLOTS_PER_THREAD: u32 = 8;

/// Counts the ways in which artefacts have been prepared: 2 since adapters are snapshotted too.
const PREPARATION: u32 = 2;

/// wasmtime's engine with the host's imports and the engine's fingerprint. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Engine {
    shared: Arc<Shared>,
}

struct Shared {
    wasmtime: wasmtime::Engine,
    linker: Linker<CallState>,
    fingerprint: String,
    /// Advances the epoch.
    clock: thread::JoinHandle<()>,
}

impl Engine {
    /// An engine for that many threads. Host and compile child differ in nothing else, so that what
    /// the child compiled loads in the host.
    pub(crate) fn new(threads: u32) -> Result<Self, PluginError> {
        let wasmtime = wasmtime::Engine::new(&config(threads)).map_err(PluginError::engine)?;
        let mut linker = Linker::new(&wasmtime);
        log::add_to_linker::<_, HasSelf<_>>(&mut linker, |state: &mut CallState| state)
            .map_err(PluginError::engine)?;
        secrets::add_to_linker::<_, HasSelf<_>>(&mut linker, |state: &mut CallState| state)
            .map_err(PluginError::engine)?;
        let clock = tick(&wasmtime)?;
        let fingerprint = fingerprint(&wasmtime);
        Ok(Self { shared: Arc::new(Shared { wasmtime, linker, fingerprint, clock }) })
    }

    pub(crate) fn wasmtime(&self) -> &wasmtime::Engine {
        &self.shared.wasmtime
    }

    pub(crate) fn linker(&self) -> &Linker<CallState> {
        &self.shared.linker
    }

    /// Whether nothing advances the epoch any more, so that no guest is ended by the wall clock.
    pub(crate) fn is_unclocked(&self) -> bool {
        self.shared.clock.is_finished()
    }

    /// Equal fingerprints compile alike, run alike and burn the same fuel.
    pub(crate) fn fingerprint(&self) -> &str {
        &self.shared.fingerprint
    }
}

fn config(threads: u32) -> Config {
    let mut config = Config::new();
    config
        .consume_fuel(true)
        .epoch_interruption(true)
        .max_wasm_stack(STACK_BYTES)
        .cranelift_opt_level(OptLevel::Speed)
        .cranelift_nan_canonicalization(true)
        .memory_init_cow(true)
        .memory_guaranteed_dense_image_size(MEMORY_BYTES_MAX as u64)
        .native_unwind_info(false)
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        .wasm_backtrace_max_frames(num::NonZeroUsize::new(4))
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool(threads)));
    proposals_off(&mut config);
    config
}

/// What the contract's languages do not need, or what would not replay. Threads, garbage collection
/// and the component model's async are not even compiled in.
fn proposals_off(config: &mut Config) {
    config
        .wasm_relaxed_simd(false)
        .wasm_memory64(false)
        .wasm_multi_memory(false)
        .wasm_custom_page_sizes(false);
}

fn pool(threads: u32) -> PoolingAllocationConfig {
    let components = threads.saturating_mul(SLOTS_PER_THREAD);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(components)
        .total_core_instances(threads.saturating_mul(CORE_INSTANCES_PER_COMPONENT))
        .total_memories(components)
        .total_tables(threads.saturating_mul(TABLES_PER_COMPONENT))
        .max_core_instances_per_component(CORE_INSTANCES_PER_COMPONENT)
        .max_memories_per_component(MEMORIES_PER_COMPONENT)
        .max_tables_per_component(TABLES_PER_COMPONENT)
        .max_tables_per_module(2)
        .table_elements(TABLE_ELEMENTS)
        .max_memory_size(Budget::SNAPSHOT.memory_bytes)
        .linear_memory_keep_resident(RESIDENT_BYTES)
        .table_keep_resident(TABLE_ELEMENTS * size_of::<usize>())
        .pagemap_scan(Enabled::Auto)
        .max_unused_warm_slots(components);
    pool
}

/// Advances the epoch until the engine is gone: by the time that has passed, for a busy machine wakes
/// this thread late, and a backstop that counted its awakenings would be late by the sum of it.
#[expect(clippy::disallowed_methods, reason = "a clock that ticks has to wait for time itself")]
fn tick(engine: &wasmtime::Engine) -> Result<thread::JoinHandle<()>, PluginError> {
    let engine = engine.weak();
    let run = move || {
        let (began, mut ticks) = (Instant::now(), 0);
        while let Some(engine) = engine.upgrade() {
            let due = began.elapsed().as_millis() / TICK.as_millis();
            while ticks <= due {
                engine.increment_epoch();
                ticks += 1;
            }
            drop(engine);
            thread::sleep(TICK);
        }
    };
    thread::Builder::new().name("plugin-epoch".into()).spawn(run).map_err(PluginError::Thread)
}

/// wasmtime's version and configuration (both are part of its compatibility hash), the contract's
/// version, how artefacts are prepared, and every limit that a call can run into.
fn fingerprint(engine: &wasmtime::Engine) -> String {
    let mut hasher = StableHasher::default();
    hasher.feed(&engine.precompile_compatibility_hash());
    hasher.feed(&v0_2::VERSION);
    let (delivery, case) = (Budget::for_delivery(usize::MAX), Budget::POLICY.for_case(usize::MAX));
    hasher.feed(&[Budget::POLICY, case, Budget::ADAPTER, delivery, Budget::SETUP]);
    hasher.feed(&PREPARATION);
    hasher.feed(&[CHECKS_MAX, CHECKED_BYTES_MAX]);
    hasher.feed(&[LOG_BYTES_MAX, LOG_LINE_BYTES_MAX, STACK_BYTES, TABLE_ELEMENTS]);
    hasher.hex_short()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_child_has_the_hosts_fingerprint() {
        let host = Engine::new(8).unwrap();
        let child = Engine::new(1).unwrap();
        assert_eq!(host.fingerprint(), child.fingerprint());
    }
}
