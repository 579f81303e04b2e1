//! What the compile child takes away from itself before it reads a byte.
//!
//! The upload decides what the compiler does, and a compiler that big has defects. So the process in
//! which it runs can do little: it gives way to the host's own work, leaves no core dump, and has a
//! limit on files, their size, processor time and memory; where the system lets it, it has no network either.
//! Time by the wall clock is the host's to limit, because a process that waits cannot.

use std::io::Write as _;

use rustix::io;
use rustix::process::{Resource, Rlimit, nice, setrlimit};
use rustix::thread::UnshareFlags;

use super::ChildLimits;

/// As far back as the system lets a process stand: whoever routes an item goes first.
const NICENESS: i32 = 19;

/// How a child begins to say that the system did not let it leave the network.
pub(super) const KEEPS_NETWORK: &str = "the system does not let the compile child leave the network";

/// Takes away what needs no engine to be there: everything but the address space.
pub(super) fn begin(limits: &ChildLimits) -> io::Result<()> {
    nice(NICENESS)?;
    limit(Resource::Core, 0)?;
    limit(Resource::Nofile, limits.open_files)?;
    // Not of processes: the system counts those of the whole user, the host's threads among them.
    limit(Resource::Fsize, limits.file_bytes())?;
    limit_cpu(limits.cpu.as_secs().max(1))?;
    // Private pages that can be written, whether or not they have been.
    limit(Resource::Data, limits.memory_bytes)?;
    prefer_as_victim();
    if let Err(error) = leave_network() {
        // Its last words, which the host reads.
        let _ = writeln!(std::io::stderr(), "{KEEPS_NETWORK}: {error}");
    }
    Ok(())
}

/// Limits the address space, once the engine has reserved what it never fills: its slots take
/// hundreds of gigabytes of addresses and no memory.
pub(super) fn end(limits: &ChildLimits) -> io::Result<()> {
    match address_bytes() {
        Some(reserved) => limit(Resource::As, reserved.saturating_add(limits.memory_bytes)),
        // Without `/proc` the limit on writable pages stands alone.
        None => Ok(()),
    }
}

/// Sets both the soft and the hard limit, so that nothing in this process raises it again. One that
/// is lower already stays.
fn limit(resource: Resource, most: u64) -> io::Result<()> {
    let before = rustix::process::getrlimit(resource);
    let most = before.maximum.map_or(most, |maximum| maximum.min(most));
    setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })
}

/// The soft limit ends the process by a signal that says why; at the hard one it would be killed
/// without a word.
fn limit_cpu(seconds: u64) -> io::Result<()> {
    limit(Resource::Cpu, seconds + 1)?;
    let hard = rustix::process::getrlimit(Resource::Cpu).maximum;
    setrlimit(Resource::Cpu, Rlimit { current: Some(seconds), maximum: hard })
}

/// The size of this process's address space.
fn address_bytes() -> Option<u64> {
    let pages = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = pages.split(' ').next()?.parse().ok()?;
    pages.checked_mul(rustix::param::page_size() as u64)
}

/// If the machine's memory ends, the system should end this process and not the host.
fn prefer_as_victim() {
    // A wish: a system that does not grant it is no reason not to compile.
    let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
}

/// Goes where there is no network. A system may keep that for its administrator or forbid it
/// altogether; the guest has no way to a socket in any case, so this is a second wall and its absence
/// no reason not to compile, but one to say so.
fn leave_network() -> io::Result<()> {
    // As an administrator alone, else as the administrator of a user's own name space.
    unshare(UnshareFlags::NEWNET).or_else(|_| unshare(UnshareFlags::NEWUSER | UnshareFlags::NEWNET))
}

#[expect(
    deprecated,
    reason = "only its flag for file descriptors makes it unsound, and nobody passes that here"
)]
fn unshare(flags: UnshareFlags) -> io::Result<()> {
    rustix::thread::unshare(flags)
}
