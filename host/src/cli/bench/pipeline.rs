//! Accept, route, commit: the whole way of an item, beside the sum of its parts, in one run.
//!
//! The host runs in this process, the load generator in another; what is compared is processor time,
//! which a busy neighbour disturbs less than the clock on the wall. A machine's speed changes from one
//! second to the next all the same, so load and parts are measured by turns, a stretch each.

use std::time::{Duration, Instant};

use tokio::net::TcpListener;

use super::generator::Generator;
use super::load::Order;
use super::parts::{Cost, Parts};
use super::report::Report;
use super::{machine, scene};
use crate::app::App;
use crate::http;

/// Items sent before measuring, so that caches and pools are warm.
const WARM_UP: u64 = 2_000;
/// From here on, the first stretch is compared with the last.
const LONG_RUN: u64 = 100_000;
const STRETCHES: u64 = 10;
/// Looks at whether everything is routed come this often.
const LOOK: Duration = Duration::from_millis(5);

/// What one stretch of load cost the host.
struct Stretch {
    items: u64,
    seconds: f64,
    cpu_seconds: f64,
    load_cpu_seconds: f64,
}

impl Stretch {
    fn cpu_us(&self) -> f64 {
        self.cpu_seconds * 1e6 / self.items as f64
    }
}

pub async fn measure(report: &Report, items: u64, connections: usize) -> anyhow::Result<()> {
    report.section("accept, route, commit: one adapter, three policies, synchronous FULL");
    let folder = tempfile::tempdir()?;
    let app = scene::open(folder.path()).await?;
    scene::set(&app, &scene::three_policies()).await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let serving =
        tokio::spawn(http::serve(listener, app.flow.clone(), app.stopping(), http::ServeOptions::default()));
    app.work();
    let mut load = Load { app: &app, generator: Generator::start(address, scene::INBOX, connections)? };
    let mut parts = Parts::prepare(&app, folder.path()).await?;
    load.stretch(Order { first: 0, items: WARM_UP }).await?;
    parts.measure().await?;

    let resident_before = machine::resident_mib()?;
    let (mut stretches, mut costs) = (Vec::new(), Vec::new());
    for order in orders(items) {
        stretches.push(load.stretch(order).await?);
        costs.push(parts.measure().await?);
    }
    let resident_after = machine::resident_mib()?;
    tell(report, &stretches, resident_after - resident_before);
    tell_steps(report, &app.flow.telemetry.render(), items + WARM_UP);
    tell_parts(report, &total(&stretches), &Cost::mean(&costs));
    parts.finish().await?;
    load.generator.stop().await?;
    app.stopping().cancel();
    serving.await?;
    app.stop().await;
    Ok(())
}

/// The items in stretches. Each is whole threads: an item answers one of the four before it, and what
/// belongs together is to be written together when the rows are written once more.
fn orders(items: u64) -> impl Iterator<Item = Order> {
    let share = (items / STRETCHES).max(1).next_multiple_of(5);
    (0..STRETCHES).map(move |stretch| Order { first: WARM_UP + stretch * share, items: share })
}

struct Load<'a> {
    app: &'a App,
    generator: Generator,
}

impl Load<'_> {
    /// Sends items and waits until all are routed.
    async fn stretch(&mut self, order: Order) -> anyhow::Result<Stretch> {
        let (cpu, began) = (machine::cpu_seconds()?, Instant::now());
        let sent = self.generator.send(order).await?;
        anyhow::ensure!(sent.refused == 0, "{} items were refused", sent.refused);
        while self.app.flow.store.pending_events().await? > 0 {
            tokio::time::sleep(LOOK).await;
        }
        Ok(Stretch {
            items: order.items,
            seconds: began.elapsed().as_secs_f64(),
            cpu_seconds: machine::cpu_seconds()? - cpu,
            load_cpu_seconds: sent.cpu_seconds,
        })
    }
}

fn total(stretches: &[Stretch]) -> Stretch {
    let sum = |of: fn(&Stretch) -> f64| stretches.iter().map(of).sum::<f64>();
    Stretch {
        items: stretches.iter().map(|it| it.items).sum(),
        seconds: sum(|it| it.seconds),
        cpu_seconds: sum(|it| it.cpu_seconds),
        load_cpu_seconds: sum(|it| it.load_cpu_seconds),
    }
}

fn tell(report: &Report, stretches: &[Stretch], grown_mib: f64) {
    let all = total(stretches);
    report.figure("pipeline", "items", all.items as f64, "count");
    report.figure("pipeline", "throughput (goal: at least 4000)", all.items as f64 / all.seconds, "items/s");
    report.figure("pipeline", "CPU per item, host", all.cpu_us(), "us");
    report.figure(
        "pipeline",
        "CPU per item, load generator",
        all.load_cpu_seconds * 1e6 / all.items as f64,
        "us",
    );
    report.figure("pipeline", "memory grown by", grown_mib, "MiB");
    let ([first, .., last], LONG_RUN..) = (stretches, all.items) else { return };
    for (index, stretch) in stretches.iter().enumerate() {
        report.figure(
            "pipeline",
            &format!("CPU per item, part {} of {STRETCHES}", index + 1),
            stretch.cpu_us(),
            "us",
        );
    }
    report.figure(
        "pipeline",
        "CPU per item, last over first (goal: at most 1.3)",
        last.cpu_us() / first.cpu_us(),
        "ratio",
    );
}

fn tell_parts(report: &Report, all: &Stretch, cost: &Cost) {
    report.figure("pipeline", "part: adapter call", cost.adapter_us, "us");
    report.figure("pipeline", "part: three policies' calls", cost.policies_us, "us");
    report.figure("pipeline", "part: identical rows in plain batches", cost.rows_us, "us");
    report.figure("pipeline", "sum of the parts", cost.sum(), "us");
    report.figure(
        "pipeline",
        "CPU per item over the sum of its parts (goal: at most 1.5)",
        all.cpu_us() / cost.sum(),
        "ratio",
    );
}

/// How often each step of the story ran, for how many items at a time, and how long it took: the clock
/// on the wall, waiting for its turn included.
fn tell_steps(report: &Report, metrics: &str, items: u64) {
    let value = |metric: &str, step: &str| {
        let line = format!("switchboard_step_microseconds_{metric}{{step=\"{step}\"}} ");
        metrics.lines().find_map(|it| it.strip_prefix(&line)?.parse::<f64>().ok())
    };
    for step in ["commit_intakes", "claim_cases", "judge", "commit_routed"] {
        let (Some(sum), Some(count)) = (value("sum", step), value("count", step)) else { continue };
        report.figure("pipeline", &format!("step {step}: items at a time"), items as f64 / count, "count");
        report.figure("pipeline", &format!("step {step}: time per item"), sum / items as f64, "us");
    }
}
