//! What a guest may use. Each number has its own failure name.

use std::time::Duration;

use crate::domain::case::shown::CASE_BYTES_MAX;

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
pub const TICK: Duration = Duration::from_millis(5);

/// What each byte of a delivery adds to an adapter's fuel. The bundled adapters burn 10 units a byte of
/// plain mail, 4 of a mail's files, 35 to 80 of encoded or marked up text; all of a call's fuel besides
/// stays for what does not grow with the size.
const FUEL_PER_DELIVERED_BYTE: u64 = 64;

/// What each byte of a case adds to a policy's fuel. 100 KB of letters with two combining marks in the wrong order,
/// the worst text that is known, used up the keyword-router's 50 million units: 500 a byte at least. Twice that,
/// beside the units that every call has.
const FUEL_PER_CASE_BYTE: u64 = 1_024;

/// No delivery adds more than one of this size, the largest that is taken in: 1,274 million units
/// altogether, a third of a second on an ordinary machine.
const DELIVERY_BYTES_MAX: usize = 16 * MIB;

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
    /// A policy's `evaluate`; more for large cases, see [`Budget::for_case`]. An ordinary evaluation takes a
    /// thousandth of the fuel.
    pub const POLICY: Budget = Budget {
        fuel: 50_000_000,
        wall: Duration::from_millis(100),
        memory_bytes: MEMORY_BYTES_MAX,
        lifted_bytes: 2 * MIB,
    };

    /// An adapter's calls; more for large deliveries, see [`Budget::for_delivery`].
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

    /// What a policy may use on a case of this size, which is bounded by the cut of what is shown.
    ///
    /// As for deliveries, it depends on the size alone; what a sender writes must not be what a policy's fuel fails on.
    pub fn for_case(self, case_bytes: usize) -> Self {
        let added = FUEL_PER_CASE_BYTE * case_bytes.min(CASE_BYTES_MAX) as u64;
        let fuel = self.fuel.saturating_add(added);
        // In whole milliseconds: a case of ordinary size changes nothing.
        let wall_ms =
            self.wall.as_millis() as u64 + Self::POLICY.wall.as_millis() as u64 * added / Self::POLICY.fuel;
        Self { fuel, wall: Duration::from_millis(wall_ms), ..self }
    }

    /// What an adapter may use to read a delivery of this size.
    ///
    /// A fixed limit would either refuse large mails or let a small one burn as much as those need. It
    /// depends on the size alone, so the same delivery has the same limit everywhere; the backstop
    /// grows with it.
    pub fn for_delivery(body_bytes: usize) -> Self {
        let added = FUEL_PER_DELIVERED_BYTE * body_bytes.min(DELIVERY_BYTES_MAX) as u64;
        let fuel = Self::ADAPTER.fuel + added;
        // In whole milliseconds: a delivery of a few bytes changes nothing.
        let wall_ms = Self::ADAPTER.wall.as_millis() as u64 * fuel / Self::ADAPTER.fuel;
        Self { fuel, wall: Duration::from_millis(wall_ms), ..Self::ADAPTER }
    }

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
    /// How large a file may be that it writes: the image of a snapshot's memory, which is in memory
    /// itself. It has no other to write.
    pub const fn file_bytes(&self) -> u64 {
        Budget::SNAPSHOT.memory_bytes as u64
    }

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

    /// Settings of ordinary plugins take milliseconds and a few megabytes; the largest that are taken, half a
    /// second. Only a machine that has no time for the child reaches its time by the wall clock.
    pub const VALIDATION: ChildLimits = ChildLimits {
        wall: Duration::from_secs(120),
        cpu: Duration::from_secs(2),
        memory_bytes: 256 * MIB as u64,
        // Its pipes, and the file of its own address space for as long as it reads that.
        open_files: 8,
        threads: 1,
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the contract's documents and the operator's manual have them.
    #[test]
    fn the_limits_are_those_that_were_agreed() {
        let limits = |budget: Budget| {
            let Budget { fuel, wall, memory_bytes, lifted_bytes } = budget;
            (fuel, wall.as_millis(), memory_bytes >> 20, lifted_bytes >> 20)
        };
        assert_eq!(limits(Budget::POLICY), (50_000_000, 100, 64, 2));
        assert_eq!(limits(Budget::ADAPTER), (200_000_000, 500, 64, 16));
        assert_eq!(limits(Budget::SETUP), (20_000_000_000, 30_000, 64, 2));
        assert_eq!(limits(Budget::SNAPSHOT), (20_000_000_000, 30_000, 65, 130));
        assert_eq!((LOG_LINE_BYTES_MAX, LOG_BYTES_MAX, UPLOAD_BYTES_MAX >> 20), (4_096, 65_536, 32));
        let ChildLimits { wall, cpu, memory_bytes, open_files, threads } = ChildLimits::ORDINARY;
        assert_eq!((wall.as_secs(), cpu.as_secs(), memory_bytes >> 30), (120, 240, 4));
        assert_eq!((open_files, threads), (256, 4));
        let ChildLimits { wall, cpu, memory_bytes, .. } = ChildLimits::VALIDATION;
        assert_eq!((wall.as_secs(), cpu.as_secs(), memory_bytes >> 20), (120, 2, 256));
    }

    #[test]
    fn large_case_has_more_fuel_and_time_up_to_a_bound() {
        assert_eq!(Budget::POLICY.for_case(0), Budget::POLICY);
        let largest = Budget::POLICY.for_case(CASE_BYTES_MAX);
        assert_eq!((largest.fuel, largest.wall.as_millis()), (486_207_616, 972));
        assert_eq!(Budget::POLICY.for_case(usize::MAX), largest);
    }

    #[test]
    fn a_large_delivery_has_more_fuel_and_time_up_to_a_bound() {
        let small = Budget::for_delivery(0);
        assert_eq!(small, Budget::ADAPTER);
        let mail = Budget::for_delivery(10_000_000);
        assert_eq!((mail.fuel, mail.wall.as_millis()), (840_000_000, 2_100));
        let (largest, larger) = (Budget::for_delivery(DELIVERY_BYTES_MAX), Budget::for_delivery(usize::MAX));
        assert_eq!(largest, larger);
        assert_eq!((largest.fuel, largest.wall.as_millis()), (1_273_741_824, 3_184));
        assert_eq!((largest.memory_bytes, largest.lifted_bytes), (small.memory_bytes, small.lifted_bytes));
    }
}
