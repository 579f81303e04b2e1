//! The system calls that are left to a compile child: what compiling, guest code and its pipes need.
//!
//! A list of what is allowed, because a system grows new calls. Above all it has no `open`: what the child
//! needs of the file system it has read before. So a defect in the compiler leads to no file, no socket, no
//! other process and no new program.

use std::collections::BTreeMap;
use std::io;

use libc::c_long;
use seccompiler::SeccompCmpArgLen::{Dword, Qword};
use seccompiler::SeccompCmpOp::{Eq, MaskedEq};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCondition, SeccompFilter, SeccompRule,
    apply_filter_all_threads,
};

/// Calls that reach nothing but the process's own memory, threads and open files.
const ALLOWED: &[c_long] = &[
    // The pipes to the host, and the images of guests' memories, which are files without a name.
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_pread64,
    libc::SYS_pwrite64,
    libc::SYS_lseek,
    libc::SYS_fstat,
    libc::SYS_ftruncate,
    libc::SYS_close,
    libc::SYS_memfd_create,
    // Memory.
    libc::SYS_brk,
    libc::SYS_mmap,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_mprotect,
    libc::SYS_madvise,
    libc::SYS_membarrier,
    // Threads of its own.
    libc::SYS_futex,
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_gettid,
    libc::SYS_getpid,
    libc::SYS_exit,
    libc::SYS_exit_group,
    // Traps of guests arrive as signals.
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_restart_syscall,
    // Time and chance.
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_getrandom,
];

/// `PAGEMAP_SCAN` of `linux/fs.h`, by which the engine finds the pages that a guest wrote.
const PAGEMAP_SCAN: u64 = 0xc060_6610;

/// `PR_SET_VMA` of `linux/prctl.h`, by which the C library names its memory.
const PR_SET_VMA: u64 = 0x5356_4d41;

/// What a file descriptor is asked or told: nothing that has signals sent.
const FILE_COMMANDS: [i32; 5] =
    [libc::F_GETFD, libc::F_SETFD, libc::F_GETFL, libc::F_DUPFD_CLOEXEC, libc::F_ADD_SEALS];

/// Gives up every other call, in all threads, for good, and with them all further rights.
pub(super) fn give_up_the_rest() -> io::Result<()> {
    install(without_clone3())?;
    install(allowed().map_err(io::Error::other)?)
}

type Rules = BTreeMap<c_long, Vec<SeccompRule>>;

/// `clone3` keeps its flags where no filter sees them. Where it does not exist, the C library starts
/// threads by `clone`.
fn without_clone3() -> Filter {
    let rules = Rules::from([(libc::SYS_clone3, Vec::new())]);
    Filter { rules, otherwise: SeccompAction::Allow, listed: SeccompAction::Errno(libc::ENOSYS as u32) }
}

fn allowed() -> Result<Filter, seccompiler::BackendError> {
    let mut rules: Rules = ALLOWED.iter().map(|call| (*call, Vec::new())).collect();
    // A thread, and never a process.
    let thread = libc::CLONE_THREAD as u64;
    rules.insert(libc::SYS_clone, vec![rule(0, Qword, MaskedEq(thread), thread)?]);
    // The other filter denies it as it must be denied; of two denials the later one's error would count.
    rules.insert(libc::SYS_clone3, Vec::new());
    // A signal to itself, which is how it aborts.
    let own = u64::from(std::process::id());
    rules.insert(libc::SYS_tgkill, vec![rule(0, Dword, Eq, own)?]);
    rules.insert(libc::SYS_ioctl, vec![rule(1, Dword, Eq, PAGEMAP_SCAN)?]);
    let options = [libc::PR_SET_NAME as u64, PR_SET_VMA];
    rules.insert(libc::SYS_prctl, any_of(0, &options)?);
    rules.insert(libc::SYS_fcntl, any_of(1, &FILE_COMMANDS.map(|command| command as u64))?);
    let refused = SeccompAction::Errno(libc::EPERM as u32);
    Ok(Filter { rules, otherwise: refused, listed: SeccompAction::Allow })
}

/// The call counts where this argument is one of these.
fn any_of(argument: u8, values: &[u64]) -> Result<Vec<SeccompRule>, seccompiler::BackendError> {
    values.iter().map(|value| rule(argument, Dword, Eq, *value)).collect()
}

fn rule(
    argument: u8,
    length: SeccompCmpArgLen,
    operator: seccompiler::SeccompCmpOp,
    value: u64,
) -> Result<SeccompRule, seccompiler::BackendError> {
    SeccompRule::new(vec![SeccompCondition::new(argument, length, operator, value)?])
}

/// What becomes of the calls that are listed, and of all others.
struct Filter {
    rules: Rules,
    otherwise: SeccompAction,
    listed: SeccompAction,
}

fn install(filter: Filter) -> io::Result<()> {
    let Filter { rules, otherwise, listed } = filter;
    let program: BpfProgram = std::env::consts::ARCH
        .try_into()
        .and_then(|arch| SeccompFilter::new(rules, otherwise, listed, arch))
        .and_then(TryInto::try_into)
        .map_err(io::Error::other)?;
    apply_filter_all_threads(&program).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::net::UdpSocket;
    use std::process::{self, Command};
    use std::{env, thread};

    use rustix::process::{Pid, Resource, Rlimit, getppid, getrlimit, setrlimit, test_kill_process};

    use super::*;

    /// Tells this test's own process apart from the one that it starts to lose its calls.
    const IN_CHILD: &str = "has-few-calls-left";
    const NAME: &str = "plugin::compile::syscalls::tests::few_calls_left_reach_no_file_socket_or_process";

    /// What it is refused, of what it could do before: the host is another process, the limit one of its own.
    fn try_everything(host: Pid, limit: Rlimit) -> Vec<(&'static str, io::Result<()>)> {
        vec![
            ("read a file", File::open("/proc/self/status").map(drop)),
            ("write a file", File::create(env::temp_dir().join(IN_CHILD)).map(drop)),
            ("look at a file", fs::metadata("/").map(drop)),
            ("open a socket", UdpSocket::bind("127.0.0.1:0").map(drop)),
            ("start a program", Command::new("/bin/true").spawn().map(drop)),
            ("signal the host", test_kill_process(host).map_err(Into::into)),
            ("change its limits", setrlimit(Resource::Core, limit).map_err(Into::into)),
        ]
    }

    #[test]
    fn few_calls_left_reach_no_file_socket_or_process() {
        if env::args().any(|argument| argument == IN_CHILD) {
            let (host, limit) = (getppid().unwrap(), getrlimit(Resource::Core));
            for (what, done) in try_everything(host, limit) {
                assert!(done.is_ok(), "it cannot {what} before: {done:?}");
            }
            give_up_the_rest().unwrap();
            for (what, done) in try_everything(host, limit) {
                let refused = done.err().and_then(|error| error.raw_os_error());
                assert_eq!(refused, Some(libc::EPERM), "{what}");
            }
            // What compiling needs is there.
            let filled = thread::spawn(|| vec![1_u8; 64 << 20].iter().map(|it| u64::from(*it)).sum::<u64>());
            assert_eq!(filled.join().unwrap(), 64 << 20);
            process::exit(0);
        }
        let child =
            Command::new(env::current_exe().unwrap()).args([NAME, IN_CHILD, "--exact"]).output().unwrap();
        let said = String::from_utf8_lossy(&child.stdout).into_owned();
        assert!(child.status.success() && !said.contains("test result"), "{:?} {said}", child.status);
    }
}
