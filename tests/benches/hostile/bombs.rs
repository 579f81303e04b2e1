//! Sixty-four callers at once whose plugin takes all the memory there is, for a minute.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use switchboard::plugin::budget::MEMORY_BYTES_MAX;
use switchboard::plugin::{Lane, PluginConfig, Plugins};

use crate::{figure, guests};

const CALLERS: usize = 64;
const FOR: Duration = Duration::from_secs(60);
/// How long the process has to give memory back.
const AFTER: Duration = Duration::from_secs(5);
/// How often its size is looked at.
const LOOK: Duration = Duration::from_millis(20);
const MIB: f64 = 1024.0 * 1024.0;

pub async fn measure() {
    println!("\n{CALLERS} callers at once whose plugin takes all memory, for {} s", FOR.as_secs());
    let plugins = Plugins::new(PluginConfig::default()).expect("start the sandbox");
    let bomb = guests::load(&plugins, guests::bomb()).await;
    let (event, case) = guests::asked();
    let (stop, calls) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let start = resident_mib();
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| {
            let (plugins, bomb, stop, calls) =
                (Arc::clone(&plugins), bomb.clone(), Arc::clone(&stop), Arc::clone(&calls));
            let (event, case) = (event.clone(), case.clone());
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let (bomb, event, case) = (bomb.clone(), event.clone(), case.clone());
                    let call = plugins
                        .executor()
                        .run(Lane::Trying(None), move || bomb.evaluate(&event, &case))
                        .await;
                    let failure = call.expect("a call").result.expect_err("a bomb is stopped");
                    assert_eq!(failure.kind.name(), "memory", "{failure:?}");
                    calls.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    let (began, mut most) = (Instant::now(), start);
    while began.elapsed() < FOR {
        tokio::time::sleep(LOOK).await;
        most = most.max(resident_mib());
    }
    stop.store(true, Ordering::Relaxed);
    for caller in callers {
        caller.await.expect("a caller");
    }
    tokio::time::sleep(AFTER).await;
    let running = plugins.executor().threads();
    let goal = running as f64 * MEMORY_BYTES_MAX as f64 / MIB + 128.0;
    figure("bombs stopped", calls.load(Ordering::Relaxed) as f64, "times");
    figure("calls that run at once", running as f64, "calls");
    figure("memory before", start, "MiB");
    figure(&format!("memory grown by, at most (goal: at most {goal})"), most - start, "MiB");
    figure("memory grown by, five seconds later (goal: at most 64)", resident_mib() - start, "MiB");
}

/// Mebibytes of this process that are in memory, what it has in files included.
pub fn resident_mib() -> f64 {
    resident_mib_of(std::process::id())
}

/// The same of the process of this number (proc(5)).
pub fn resident_mib_of(process: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("the status of a process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS in status");
    line.trim().trim_end_matches("kB").trim().parse::<f64>().expect("a number") / 1024.0
}
