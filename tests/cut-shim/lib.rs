//! Loaded into a host before the C library, to know what a loss of power would take: keeps a log of how to
//! undo every write that was not synchronised yet.
//!
//! Watched are the files below `SWITCHBOARD_CUT_FOLDER`. Before a write or a truncation, what it replaces is
//! added to a log of the file in `SWITCHBOARD_CUT_LOG`; once the file was synchronised, its log is emptied.
//! The logs survive the process, as its writes do, because the operating system's cache does. With
//! `SWITCHBOARD_CUT_AT=n` the process dies in the middle of its n-th watched operation.
//!
//! Not modelled: directory entries (a file that was made or removed is so at once), memory maps (the host
//! maps only SQLite's `-shm`, which is no durable state), and calls that SQLite and the host do not make
//! (`pwritev`, `copy_file_range`, `fallocate`, and the like).

use std::ffi::{c_int, c_long, c_void};
use std::fs::{File, OpenOptions};
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use libc::{off_t, size_t, ssize_t};

/// What is watched, and where the logs are.
struct Watch {
    folder: PathBuf,
    log: PathBuf,
    die_at: Option<u64>,
    operations: AtomicU64,
    /// Held from the log's entry to the end of the write, so that both happen or only the entry does.
    order: Mutex<()>,
}

#[expect(clippy::disallowed_methods, reason = "a library that is loaded first can be told in no other way")]
fn watch() -> Option<&'static Watch> {
    static WATCH: OnceLock<Option<Watch>> = OnceLock::new();
    let read = || {
        let folder = PathBuf::from(std::env::var_os("SWITCHBOARD_CUT_FOLDER")?);
        let log = PathBuf::from(std::env::var_os("SWITCHBOARD_CUT_LOG")?);
        let die_at = std::env::var("SWITCHBOARD_CUT_AT").ok().and_then(|it| it.parse().ok());
        Some(Watch { folder, log, die_at, operations: AtomicU64::new(0), order: Mutex::new(()) })
    };
    WATCH.get_or_init(read).as_ref()
}

/// A file that is watched, as it is now.
struct Watched {
    watch: &'static Watch,
    fd: c_int,
    size: u64,
    log: PathBuf,
    path: PathBuf,
}

/// What is about to be done to a file.
#[derive(Clone, Copy)]
enum Change {
    Write { at: u64, bytes: u64 },
    Resize { to: u64 },
}

/// The file behind a descriptor, if it is watched.
fn watched(fd: c_int) -> Option<Watched> {
    let watch = watch()?;
    let mut stat = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: `fstat` fills the structure that it is given, unless it fails.
    let stat = unsafe {
        if libc::fstat(fd, stat.as_mut_ptr()) != 0 {
            return None;
        }
        stat.assume_init()
    };
    if stat.st_mode & libc::S_IFMT != libc::S_IFREG {
        return None;
    }
    let path = std::fs::read_link(format!("/proc/self/fd/{fd}")).ok()?;
    let is_map = path.as_os_str().as_encoded_bytes().ends_with(b"-shm");
    if is_map || !path.starts_with(&watch.folder) {
        return None;
    }
    let log = watch.log.join(format!("{}.undo", stat.st_ino));
    Some(Watched { watch, fd, size: stat.st_size.unsigned_abs(), log, path })
}

impl Watched {
    /// Adds to the log how to undo this.
    fn log(&self, change: Change) -> std::io::Result<()> {
        let (kind, at, bytes, old_until) = match change {
            Change::Write { at, bytes } => (0, at, bytes, at.saturating_add(bytes).min(self.size)),
            Change::Resize { to } => (1, to, 0, self.size),
        };
        let old = self.read(at, old_until.saturating_sub(at))?;
        let mut log = OpenOptions::new().append(true).create(true).open(&self.log)?;
        let mut entry = Vec::with_capacity(old.len() + 256);
        if log.metadata()?.len() == 0 {
            let path = self.path.as_os_str().as_encoded_bytes();
            entry.extend((path.len() as u64).to_le_bytes());
            entry.extend(path);
        }
        for number in [kind, self.size, at, bytes, old.len() as u64] {
            entry.extend(number.to_le_bytes());
        }
        entry.extend(old);
        append(&mut log, &entry)
    }

    /// What the file has there.
    ///
    /// By the caller's own descriptor: closing another one of the same file would end the locks that SQLite
    /// holds on it (fcntl, POSIX.1-2024). One that only writes is none of SQLite's.
    fn read(&self, at: u64, bytes: u64) -> std::io::Result<Vec<u8>> {
        let mut old = vec![0; usize::try_from(bytes).map_err(std::io::Error::other)?];
        let mut done = 0;
        while done < old.len() {
            let rest = &mut old[done..];
            let from = at + done as u64;
            // SAFETY: the pointer and the length are those of a slice that lives.
            let read =
                unsafe { libc::syscall(libc::SYS_pread64, self.fd, rest.as_mut_ptr(), rest.len(), from) };
            match usize::try_from(read) {
                Ok(0) => return Err(std::io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => done += read,
                Err(_) => {
                    File::open(&self.path)?.read_exact_at(rest, from)?;
                    done = old.len();
                }
            }
        }
        Ok(old)
    }

    /// Whether the process is to die now.
    fn is_last(&self) -> bool {
        let number = self.watch.operations.fetch_add(1, Ordering::Relaxed) + 1;
        self.watch.die_at == Some(number)
    }
}

/// Past this library's own `write`.
fn append(log: &mut File, mut entry: &[u8]) -> std::io::Result<()> {
    while !entry.is_empty() {
        // SAFETY: the pointer and the length are those of a slice that lives.
        let written = unsafe { libc::syscall(libc::SYS_write, log.as_raw_fd(), entry.as_ptr(), entry.len()) };
        let Ok(written) = usize::try_from(written) else { return Err(std::io::Error::last_os_error()) };
        entry = &entry[written..];
    }
    Ok(())
}

fn die() -> ! {
    // SAFETY: neither call touches memory.
    unsafe {
        libc::kill(libc::getpid(), libc::SIGKILL);
        libc::_exit(137)
    }
}

/// Logs a change and makes it by `change`, which is told whether to make it by halves.
fn changing(file: &Watched, change: Change, make: impl FnOnce(bool) -> c_long) -> c_long {
    let _order = file.watch.order.lock().unwrap_or_else(PoisonError::into_inner);
    // Without its entry a write must not happen: the test would believe that it was durable.
    let file = watched(file.fd).unwrap_or_else(|| die());
    if let Err(error) = file.log(change) {
        eprintln!("the log of {} cannot be written: {error}", file.path.display());
        die();
    }
    let last = file.is_last();
    let made = make(last);
    if last {
        die();
    }
    made
}

fn synchronise(fd: c_int, call: c_long) -> c_int {
    let file = watched(fd);
    let _order = file.as_ref().map(|it| it.watch.order.lock().unwrap_or_else(PoisonError::into_inner));
    if file.as_ref().is_some_and(Watched::is_last) {
        die();
    }
    // SAFETY: the call takes a number.
    let done = unsafe { libc::syscall(call, fd) } as c_int;
    if let Some(file) = file.filter(|_| done == 0) {
        forget(&file.log);
    }
    done
}

fn forget(log: &Path) {
    match std::fs::remove_file(log) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => die(),
        _ => {}
    }
}

/// Where the next write of a descriptor goes.
fn position(file: &Watched) -> u64 {
    // SAFETY: neither call touches memory.
    let (flags, at) = unsafe {
        (libc::fcntl(file.fd, libc::F_GETFL), libc::syscall(libc::SYS_lseek, file.fd, 0, libc::SEEK_CUR))
    };
    if flags & libc::O_APPEND != 0 { file.size } else { at.unsigned_abs() }
}

/// Half of a write that the process does not survive.
fn share(count: size_t, by_halves: bool) -> size_t {
    if by_halves { count / 2 } else { count }
}

/// # Safety
/// As `write` of the C library.
#[unsafe(no_mangle)]
unsafe extern "C" fn write(fd: c_int, buffer: *const c_void, count: size_t) -> ssize_t {
    // SAFETY: what the caller gave is handed on, or less of it.
    let call = |halves| unsafe { libc::syscall(libc::SYS_write, fd, buffer, share(count, halves)) };
    let done = match watched(fd) {
        Some(file) => changing(&file, Change::Write { at: position(&file), bytes: count as u64 }, call),
        None => call(false),
    };
    done as ssize_t
}

/// # Safety
/// As `pwrite` of the C library.
#[unsafe(no_mangle)]
unsafe extern "C" fn pwrite(fd: c_int, buffer: *const c_void, count: size_t, at: off_t) -> ssize_t {
    // SAFETY: what the caller gave is handed on, or less of it.
    let call = |halves| unsafe { libc::syscall(libc::SYS_pwrite64, fd, buffer, share(count, halves), at) };
    let change = Change::Write { at: at.unsigned_abs(), bytes: count as u64 };
    watched(fd).map_or_else(|| call(false), |file| changing(&file, change, call)) as ssize_t
}

/// # Safety
/// As `pwrite64` of the C library.
#[unsafe(no_mangle)]
unsafe extern "C" fn pwrite64(fd: c_int, buffer: *const c_void, count: size_t, at: off_t) -> ssize_t {
    // SAFETY: the same call under another name.
    unsafe { pwrite(fd, buffer, count, at) }
}

/// # Safety
/// As `ftruncate` of the C library.
#[unsafe(no_mangle)]
unsafe extern "C" fn ftruncate(fd: c_int, to: off_t) -> c_int {
    // SAFETY: the call takes numbers.
    let call = |_| unsafe { libc::syscall(libc::SYS_ftruncate, fd, to) };
    let change = Change::Resize { to: to.unsigned_abs() };
    watched(fd).map_or_else(|| call(false), |file| changing(&file, change, call)) as c_int
}

/// # Safety
/// As `ftruncate64` of the C library.
#[unsafe(no_mangle)]
unsafe extern "C" fn ftruncate64(fd: c_int, to: off_t) -> c_int {
    // SAFETY: the same call under another name.
    unsafe { ftruncate(fd, to) }
}

/// # Safety
/// As `fsync` of the C library.
#[unsafe(no_mangle)]
unsafe extern "C" fn fsync(fd: c_int) -> c_int {
    synchronise(fd, libc::SYS_fsync)
}

/// # Safety
/// As `fdatasync` of the C library.
#[unsafe(no_mangle)]
unsafe extern "C" fn fdatasync(fd: c_int) -> c_int {
    synchronise(fd, libc::SYS_fdatasync)
}
