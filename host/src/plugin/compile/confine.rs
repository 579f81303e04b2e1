//! What the compile child takes away from itself before it reads a byte.
//!
//! The upload decides what the compiler does, and a compiler that big has defects. So the process in
//! which it runs can do little: it gives way to the host's own work, leaves no core dump, and has a
//! limit on files, their size, processor time and memory; where the system lets it, it has no network
//! and no system calls but those that `syscalls` lists.
//! Time by the wall clock is the host's to limit, because a process that waits cannot.

use std::io::Write as _;

use rustix::io;
use rustix::process::{Resource, Rlimit, nice, setrlimit};
use rustix::thread::{UnshareFlags, set_no_new_privs};

use super::{ChildLimits, syscalls};

/// How far back a child stands that compiles, as far as the system lets it: routing goes first.
pub(super) const COMPILING: i32 = 19;

/// How far back a child stands that checks settings: behind routing, and a caller waits for it.
pub(super) const VALIDATING: i32 = 10;

/// How a child begins to say that the system did not let it leave the network.
pub(super) const KEEPS_NETWORK: &str = "the system does not let the compile child leave the network";

/// How a child begins to say that the system did not let it give up system calls.
pub(super) const KEEPS_CALLS: &str = "the system does not let the compile child give up system calls";

/// Takes away what needs no engine to be there: everything but the address space.
pub(super) fn begin(limits: &ChildLimits, niceness: i32) -> io::Result<()> {
    nice(niceness)?;
    // By itself: where the system refuses the list of calls, no program that this process could start has further
    // rights all the same.
    set_no_new_privs(true)?;
    limit(Resource::Core, 0)?;
    limit(Resource::Nofile, limits.open_files)?;
    // Not of processes: the system counts those of the whole user, the host's threads among them.
    limit(Resource::Fsize, limits.file_bytes())?;
    limit_cpu(limits.cpu.as_secs().max(1))?;
    // Private pages that can be written, whether or not they have been.
    limit(Resource::Data, limits.memory_bytes)?;
    prefer_as_victim();
    Ok(())
}

/// Limits the address space, once the engine has reserved what it never fills: its slots take
/// hundreds of gigabytes of addresses and no memory. Then gives up what is not needed any more: all
/// files and all system calls but a few.
pub(super) fn end(limits: &ChildLimits) -> io::Result<()> {
    // Without `/proc` the limit on writable pages stands alone.
    if let Some(reserved) = address_bytes() {
        limit(Resource::As, reserved.saturating_add(limits.memory_bytes))?;
    }
    if let Err(error) = syscalls::give_up_the_rest() {
        // Its last words, which the host reads.
        let _ = writeln!(std::io::stderr(), "{KEEPS_CALLS}: {error}");
    }
    Ok(())
}

/// Goes where there is no network. A system may keep that for its administrator or forbid it
/// altogether; the guest has no way to a socket in any case, so this is a second wall and its absence
/// no reason not to compile, but one to say so.
pub(super) fn leave_network() {
    // As an administrator alone, else as the administrator of a user's own name space.
    let left =
        unshare(UnshareFlags::NEWNET).or_else(|_| unshare(UnshareFlags::NEWUSER | UnshareFlags::NEWNET));
    if let Err(error) = left {
        let _ = writeln!(std::io::stderr(), "{KEEPS_NETWORK}: {error}");
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

#[expect(
    deprecated,
    reason = "only its flag for file descriptors makes it unsound, and nobody passes that here"
)]
fn unshare(flags: UnshareFlags) -> io::Result<()> {
    rustix::thread::unshare(flags)
}

#[cfg(test)]
mod tests {
    use std::process::{self, Command};
    use std::{env, fs};

    use super::*;

    /// Tells this test's own process apart from the one that it starts to be confined.
    const IN_CHILD: &str = "is-confined";
    const NAME: &str =
        "plugin::compile::confine::tests::confined_process_gains_no_rights_even_without_filters";

    #[test]
    fn confined_process_gains_no_rights_even_without_filters() {
        if env::args().any(|argument| argument == IN_CHILD) {
            begin(&ChildLimits::ORDINARY, COMPILING).unwrap();
            let status = fs::read_to_string("/proc/thread-self/status").unwrap();
            assert!(status.contains("NoNewPrivs:\t1"), "{status}");
            process::exit(0);
        }
        let child =
            Command::new(env::current_exe().unwrap()).args([NAME, IN_CHILD, "--exact"]).output().unwrap();
        let said = String::from_utf8_lossy(&child.stdout).into_owned();
        assert!(child.status.success() && !said.contains("test result"), "{:?} {said}", child.status);
    }
}
