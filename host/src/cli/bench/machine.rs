//! What the operating system knows of this process: processor time and memory (proc(5)).

use std::fs;
use std::path::Path;

use anyhow::{Context, bail};

use super::report::Report;

/// Ticks per second of the times in `/proc/*/stat`: fixed at 100 on Linux for user space.
const TICKS_PER_SECOND: f64 = 100.0;

/// Processor seconds that all threads of this process have used so far, to 10 ms.
pub fn cpu_seconds() -> anyhow::Result<f64> {
    let stat = fs::read_to_string("/proc/self/stat").context("read /proc/self/stat")?;
    // The command's name, in brackets, may hold anything; fields are counted behind it.
    let Some((_, fields)) = stat.rsplit_once(')') else { bail!("/proc/self/stat has another form") };
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let ticks =
        |index: usize| fields.get(index).and_then(|it| it.parse::<f64>().ok()).context("a time in stat");
    // utime and stime are the 14th and 15th field of the file.
    Ok((ticks(11)? + ticks(12)?) / TICKS_PER_SECOND)
}

/// Processor nanoseconds that this thread has used so far.
pub fn thread_cpu_nanos() -> anyhow::Result<f64> {
    cpu_nanos(Path::new("/proc/thread-self/schedstat"))
}

/// Processor nanoseconds that the threads of this process have used so far; those that have ended
/// are not counted.
pub fn threads_cpu_nanos() -> anyhow::Result<f64> {
    let mut nanos = 0.0;
    for thread in fs::read_dir("/proc/self/task").context("list the threads")? {
        nanos += cpu_nanos(&thread?.path().join("schedstat"))?;
    }
    Ok(nanos)
}

fn cpu_nanos(schedstat: &Path) -> anyhow::Result<f64> {
    let stat = fs::read_to_string(schedstat).context("read schedstat")?;
    stat.split_whitespace().next().and_then(|it| it.parse().ok()).context("schedstat has another form")
}

/// Mebibytes of this process that are in memory and its own: what files it maps can be dropped any
/// time.
pub fn resident_mib() -> anyhow::Result<f64> {
    let status = fs::read_to_string("/proc/self/status").context("read /proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).context("RssAnon in status")?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse().context("RssAnon is a number")?;
    Ok(kib / 1024.0)
}

/// Says on what was measured.
pub fn describe(report: &Report) {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    report.figure("machine", "cores", cores as f64, "count");
    if cfg!(debug_assertions) {
        report.figure("machine", "debug build: figures mean nothing", 1.0, "flag");
    }
}
