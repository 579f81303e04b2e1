//! What a guest may use. Each number has its own failure name.

use std::time::Duration;

/// The size of memory that a call may fill, and that a snapshot may therefore have: all memories and
/// tables of the instance together. Python guests begin at about 20 MiB.
pub const MEMORY_BYTES_MAX: usize = 64 * MIB;

/// The largest component that is accepted. JavaScript components have 12 MB, Python ones 18 MB.
pub const UPLOAD_BYTES_MAX: usize = 32 * MIB;

/// What is kept of one log line.
pub const LOG_LINE_BYTES_MAX: usize = 4 * 1024;

/// What is kept of one call's log.
pub const LOG_BYTES_MAX: usize = 64 * 1024;

/// How often the epoch advances: the precision of the wall-clock backstop.
pub const TICK: Duration = Duration::from_millis(10);

const MIB: usize = 1024 * 1024;

/// The limits of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Budget {
    /// Fuel: the deterministic limit, hit long before the wall clock on an ordinary machine.
    pub fuel: u64,
    /// Wall-clock backstop.
    pub wall: Duration,
    /// Memories and tables together.
    pub memory_bytes: usize,
    /// What may be copied from the guest in one call.
    pub lifted_bytes: usize,
}

impl Budget {
    /// A policy's `evaluate`. An ordinary evaluation takes a thousandth of the fuel.
    pub const POLICY: Budget = Budget {
        fuel: 50_000_000,
        wall: Duration::from_millis(100),
        memory_bytes: MEMORY_BYTES_MAX,
        lifted_bytes: 2 * MIB,
    };

    /// An adapter's calls: a delivery may be a mail of many megabytes.
    pub const ADAPTER: Budget = Budget {
        fuel: 200_000_000,
        wall: Duration::from_millis(500),
        memory_bytes: MEMORY_BYTES_MAX,
        lifted_bytes: 16 * MIB,
    };

    /// `describe`, and a policy's `configure`: once per release or activation, in the compile child.
    /// Interpreted languages start a whole runtime here.
    pub const SETUP: Budget = Budget {
        fuel: 20_000_000_000,
        wall: Duration::from_secs(30),
        memory_bytes: MEMORY_BYTES_MAX,
        lifted_bytes: 2 * MIB,
    };

    /// The snapshot's own read of the memory: every byte is lifted, and one page is added to say
    /// where the bytes are.
    pub const SNAPSHOT: Budget = Budget {
        memory_bytes: MEMORY_BYTES_MAX + MIB,
        lifted_bytes: 2 * (MEMORY_BYTES_MAX + MIB),
        ..Budget::SETUP
    };

    /// Ticks of the epoch until the backstop. One more, because the first may come at once.
    pub fn ticks(&self) -> u64 {
        let ticks = self.wall.as_millis().div_ceil(TICK.as_millis());
        u64::try_from(ticks).unwrap_or(u64::MAX).saturating_add(1)
    }
}

/// What one compile child may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChildLimits {
    /// By the wall clock, from its start.
    pub wall: Duration,
    /// Of the processors, all threads together; whole seconds.
    pub cpu: Duration,
    /// Memory, and address space beyond what the engine reserves.
    pub memory_bytes: u64,
    /// Files it has open at once: its pipes, and an image for each module.
    pub open_files: u64,
    /// Threads that compile.
    pub threads: usize,
}

impl ChildLimits {
    /// The largest components (JavaScript's, Python's) take up to half a minute of the wall clock and
    /// well below a gigabyte on a busy machine with two cores.
    pub const ORDINARY: ChildLimits = ChildLimits {
        wall: Duration::from_secs(120),
        cpu: Duration::from_secs(240),
        memory_bytes: 4 * 1024 * MIB as u64,
        open_files: 256,
        // More would take a small machine's processors from everybody else and gain little.
        threads: 4,
    };
}
