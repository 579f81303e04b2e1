//! Twice as many plugins that never end as there are cores, beside one that is good.
//!
//! Once with a thread of the sandbox for each, so that they compete for the processors and for nothing
//! else, and once with the threads that a host has by itself. The good one's share is what the
//! processors have for one of so many.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use switchboard::app::clock::SystemClock;
use switchboard::app::{App, Parts};
use switchboard::domain::ids::{DepartmentId, InboxId};
use switchboard::egress::{Answer, Egress, EgressError, Request};
use switchboard::plugin::budget::Budget;
use switchboard::plugin::{Lane, PluginConfig, Plugins, Policy};
use switchboard::store::sqlite::StorePath;
use tokio::net::TcpListener;

use crate::health::Caller;
use crate::{cores, figure, guests, quantile};

/// Loops of each kind that are stopped.
const STOPS: usize = 1_000;
/// How long the good plugin works by itself, before and after.
const ALONE: Duration = Duration::from_secs(5);
/// The good plugin works in slices, and each is one job of the sandbox: as long as a share of cases.
const SLICE: Duration = Duration::from_millis(5);

struct NoEgress;

#[async_trait]
impl Egress for NoEgress {
    async fn send(&self, _: Request, _: &[String]) -> Result<Answer, EgressError> {
        Err(EgressError::Refused("nothing goes out of a benchmark".to_owned()))
    }
}

pub async fn measure() {
    let loopers = 2 * cores();
    println!("\n{loopers} plugins that never end, a good one, and a caller of /healthz: a thread for each");
    measure_with(loopers, PluginConfig { threads: loopers + 1, ..PluginConfig::default() }).await;
    println!("\nthe same with the threads that a host has");
    measure_with(loopers, PluginConfig::default()).await;
}

async fn measure_with(loopers: usize, config: PluginConfig) {
    let (app, address) = host(config).await;
    let plugins = Arc::clone(&app.flow.plugins);
    let good = guests::load_good(&plugins).await;
    let loops =
        [guests::load(&plugins, guests::burning()).await, guests::load(&plugins, guests::slow()).await];

    let (before, mut health) = alone(&plugins, &good, address).await;
    let (beside, stops, mut health_beside) = beside(&plugins, &good, &loops, loopers, address).await;
    let (after, more) = alone(&plugins, &good, address).await;
    health.extend(more);

    let idle = f64::midpoint(before, after);
    let share = idle * cores() as f64 / (loopers + 1) as f64;
    let deadline = Budget::POLICY.wall.as_secs_f64() * 1_000.0;
    for (name, mut times) in ["burning fuel", "slow for their fuel"].into_iter().zip(stops) {
        figure(&format!("loops {name}: stopped"), times.stopped.len() as f64, "times");
        figure(&format!("loops {name}: stopped after, p50"), quantile(&mut times.stopped, 0.5), "ms");
        let goal = format!("loops {name}: stopped after, p99 (goal: at most {})", deadline + 20.0);
        figure(&goal, quantile(&mut times.stopped, 0.99), "ms");
        figure(&format!("loops {name}: a thread was theirs for, p99"), quantile(&mut times.held, 0.99), "ms");
    }
    figure("/healthz alone, p99", quantile(&mut health, 0.99), "ms");
    figure("/healthz beside the loops, p50", quantile(&mut health_beside, 0.5), "ms");
    figure("/healthz beside the loops, p99 (goal: at most 50)", quantile(&mut health_beside, 0.99), "ms");
    figure("good plugin alone", idle, "calls/s");
    figure("good plugin beside the loops", beside, "calls/s");
    println!(
        "{:<64} {:>12.2} of its share",
        "good plugin beside the loops (goal: at least 0.8)",
        beside / share
    );
    app.stopping().cancel();
    app.stop().await;
}

/// A host as it is by itself, whose workers do not work yet.
pub async fn open() -> App {
    open_with(PluginConfig::default()).await
}

async fn open_with(plugins: PluginConfig) -> App {
    let app = App::open(Parts {
        repository: StorePath::Temporary,
        artefact_shelf: None,
        plugins,
        secrets_key: None,
        clock: Arc::new(SystemClock),
        egress: Arc::new(NoEgress),
    });
    app.await.expect("open a repository")
}

async fn host(plugins: PluginConfig) -> (App, SocketAddr) {
    let app = open_with(plugins).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("listen");
    let address = listener.local_addr().expect("an address");
    let options = switchboard::http::ServeOptions::default();
    tokio::spawn(switchboard::http::serve(listener, app.flow.clone(), app.stopping(), options));
    (app, address)
}

/// Calls a second of the good plugin by itself, and how long `/healthz` took.
async fn alone(plugins: &Arc<Plugins>, good: &Policy, address: SocketAddr) -> (f64, Vec<f64>) {
    let caller = Caller::start(address);
    let began = Instant::now();
    let mut calls = 0;
    while began.elapsed() < ALONE {
        calls += slice(plugins, good).await;
    }
    (calls as f64 / began.elapsed().as_secs_f64(), caller.stop())
}

/// The same while loops run, until enough of each kind were stopped; and how long that took each.
async fn beside(
    plugins: &Arc<Plugins>,
    good: &Policy,
    loops: &[Policy; 2],
    loopers: usize,
    address: SocketAddr,
) -> (f64, [Stops; 2], Vec<f64>) {
    let left = Arc::new([AtomicUsize::new(STOPS), AtomicUsize::new(STOPS)]);
    let running = (0..loopers).map(|number| {
        let kind = number % 2;
        tokio::spawn(run(Arc::clone(plugins), loops[kind].clone(), Arc::clone(&left), number))
    });
    let running: Vec<_> = running.collect();
    let caller = Caller::start(address);
    let began = Instant::now();
    let mut calls = 0;
    // Only as long as all of them run.
    while left.iter().all(|left| left.load(Ordering::Relaxed) > 0) {
        calls += slice(plugins, good).await;
    }
    let beside = calls as f64 / began.elapsed().as_secs_f64();
    let health = caller.stop();
    let mut stops = [Stops::default(), Stops::default()];
    for (number, looper) in running.into_iter().enumerate() {
        let more = looper.await.expect("a looper");
        stops[number % 2].stopped.extend(more.stopped);
        stops[number % 2].held.extend(more.held);
    }
    (beside, stops, health)
}

/// Milliseconds.
#[derive(Default)]
struct Stops {
    /// From a call's start to its end.
    stopped: Vec<f64>,
    /// For which it had a thread: what the clock stopped is tried once more.
    held: Vec<f64>,
}

/// Has one plugin called again and again, until enough of its kind were stopped.
async fn run(plugins: Arc<Plugins>, policy: Policy, left: Arc<[AtomicUsize; 2]>, number: usize) -> Stops {
    let (event, case) = guests::asked();
    let (kind, lane) = (number % 2, owned_by(number as i64 + 1));
    let mut stops = Stops::default();
    // It goes on until the other kind is done too, so that the load stays.
    while left.iter().any(|left| left.load(Ordering::Relaxed) > 0) {
        let (policy, event, case) = (policy.clone(), event.clone(), case.clone());
        let work = move || {
            let began = Instant::now();
            (policy.evaluate(&event, &case), began.elapsed())
        };
        let (call, held) = plugins.executor().run(lane, work).await.expect("a call");
        let failure = call.result.expect_err("a loop does not end by itself");
        assert!(["fuel", "deadline"].contains(&failure.kind.name()), "{failure:?}");
        stops.stopped.push(call.micros as f64 / 1_000.0);
        stops.held.push(held.as_secs_f64() * 1_000.0);
        let one_less = |left: usize| left.checked_sub(1);
        let _ = left[kind].fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less);
    }
    stops
}

/// The good plugin's calls in one slice of time.
async fn slice(plugins: &Arc<Plugins>, good: &Policy) -> usize {
    let good = good.clone();
    let work = move || {
        let (event, case) = guests::asked();
        let (began, mut calls) = (Instant::now(), 0);
        while began.elapsed() < SLICE {
            // What the clock stopped is a call that was lost to the others.
            calls += usize::from(good.evaluate(&event, &case).result.is_ok());
        }
        calls
    };
    plugins.executor().run(owned_by(0), work).await.expect("a slice")
}

/// The lane of an inbox whose department has no other.
fn owned_by(number: i64) -> Lane {
    Lane::Receiving(DepartmentId(number), InboxId(number))
}
