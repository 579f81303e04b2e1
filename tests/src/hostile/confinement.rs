//! What the compile child may use, and what happens when it wants more: with the real child.

use std::fs;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use switchboard::plugin::ChildLimits;

use super::aftermath::{compiles_on, goes_on};
use super::network::has_no_network;
use crate::support::TestApp;
use crate::support::guest::{DONE, Guest, body_of, module_of, with_idle_modules};
use crate::support::reply::text;

const ORDINARY: ChildLimits = ChildLimits::ORDINARY;

/// Enough for small plugins, too little for giants.
const LITTLE_MEMORY: ChildLimits = ChildLimits { memory_bytes: 384 << 20, ..ORDINARY };

/// Too little time for giants.
const LITTLE_TIME: ChildLimits = ChildLimits { cpu: Duration::from_secs(1), ..ORDINARY };

/// An ordinary policy with giants in its luggage: functions as large as the compiler takes, which are
/// compiled at once. They need several seconds and half a gigabyte.
fn giant(name: &str) -> Vec<u8> {
    // local.get 0, local.get 1, i32.mul, local.get 0, i32.add, local.set 0
    let step = [0x20, 0, 0x20, 1, 0x6c, 0x20, 0, 0x6a, 0x21, 0];
    let giants = module_of(6, &body_of(2, &step.repeat(480_000)));
    with_idle_modules(&Guest::policy(name, DONE).component(), &[giants])
}

async fn refused(limits: ChildLimits) -> Value {
    let app = TestApp::company_within(limits).await;
    let problem = app.upload(giant("giant")).await.problem(422);
    assert_eq!(problem["type"], "urn:switchboard:problem:refused");
    assert!(text(&problem, "/remedy").contains("smaller"), "{problem}");
    app.get("/v1/plugins/giant").await.problem(404);
    goes_on(&app).await;
    problem
}

#[tokio::test]
async fn a_child_beyond_its_processor_time_is_too_slow() {
    let problem = refused(LITTLE_TIME).await;
    assert_eq!(problem["name"], "too-slow-to-compile");
    assert!(text(&problem, "/detail").contains("processor time"), "{problem}");
}

#[tokio::test]
async fn a_child_beyond_its_time_by_the_clock_is_too_slow() {
    let problem = refused(ChildLimits { wall: Duration::from_millis(300), ..ORDINARY }).await;
    assert_eq!(problem["name"], "too-slow-to-compile");
    assert!(text(&problem, "/detail").contains("300ms"), "{problem}");
}

#[tokio::test]
async fn a_child_beyond_its_memory_is_too_large() {
    let problem = refused(LITTLE_MEMORY).await;
    assert_eq!(problem["name"], "too-large-to-compile");
    assert!(text(&problem, "/detail").contains("memory"), "{problem}");
}

#[tokio::test]
async fn a_small_plugin_compiles_in_what_a_giant_does_not() {
    let app = TestApp::company_within(LITTLE_MEMORY).await;
    app.upload(Guest::policy("small", DONE).component()).await.json(201);
    app.enable(json!({ "plugin": "small" })).await;
    assert_eq!(app.flow().plugins.compilations(), 2);
}

#[tokio::test]
async fn an_activation_that_is_too_large_or_too_slow_fails_by_that_name() {
    let app = TestApp::company_within(ORDINARY).await;
    app.upload(giant("heavy")).await.json(201);
    let mut app = app;
    for (limits, failure) in [(LITTLE_MEMORY, "too-large-to-compile"), (LITTLE_TIME, "too-slow-to-compile")] {
        app = app.restart_within(limits).await;
        app.post("/v1/activations", json!({ "plugin": "heavy", "name": failure })).await.json(202);
        app.settle().await;
        let shown = app.get(&format!("/v1/activations/{failure}")).await.json(200);
        assert_eq!(shown["preparation"]["state"], "failed");
        assert_eq!(shown["preparation"]["failure"], failure, "{shown}");
        assert!(!text(&shown, "/preparation/reason").is_empty());
        goes_on(&app).await;
    }
}

/// How long a child is looked for. It is there within seconds, or not at all.
const LOOK_MAX: Duration = Duration::from_secs(60);

/// The child that works under these limits, as soon as it does. They are its arguments, and no other
/// test's.
async fn child_with(limits: ChildLimits) -> u32 {
    let mine = format!("--memory-bytes\0{}\0", limits.memory_bytes);
    let began = Instant::now();
    while began.elapsed() < LOOK_MAX {
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            let pid = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok());
            let arguments = fs::read_to_string(entry.path().join("cmdline")).unwrap_or_default();
            let (Some(pid), true) = (pid, arguments.contains(&mine)) else { continue };
            // It has confined itself once it has the address space that its engine reserves.
            if limit_of(pid, "Max address space").is_some_and(|limit| limit != "unlimited") {
                return pid;
            }
        }
        tokio::task::yield_now().await;
    }
    panic!("no child has confined itself within {LOOK_MAX:?}");
}

/// Waits until a process is gone, or is nothing but its exit status.
async fn is_gone(pid: u32) {
    let began = Instant::now();
    while fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|it| !it.is_empty()) {
        assert!(began.elapsed() < LOOK_MAX, "the child is still there");
        tokio::task::yield_now().await;
    }
}

/// The hard limit of a process.
fn limit_of(pid: u32, name: &str) -> Option<String> {
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace()
        .rev()
        .find(|word| word.parse::<u64>().is_ok() || *word == "unlimited")
        .map(str::to_owned)
}

#[tokio::test]
async fn a_child_that_crashes_takes_nothing_with_it_and_says_so() {
    let limits = ChildLimits { memory_bytes: ORDINARY.memory_bytes - 4096, ..ORDINARY };
    let app = TestApp::company_within(limits).await;
    let mut upload = pin!(app.upload(giant("crashing")));
    let pid = tokio::select! {
        reply = &mut upload => panic!("it was over before it could be killed: {}", reply.text()),
        pid = child_with(limits) => pid,
    };
    let killed = tokio::process::Command::new("kill").args(["-ABRT", &pid.to_string()]).status().await;
    assert!(killed.unwrap().success());
    let reply = upload.await;
    let problem = reply.problem(422);
    assert_eq!(problem["name"], "crashed", "{problem}");
    assert!(text(&problem, "/detail").contains("signal: 6"), "{problem}");
    compiles_on(&app).await;
}

#[tokio::test]
async fn the_child_has_confined_itself_before_it_compiles() {
    let limits = ChildLimits { memory_bytes: ORDINARY.memory_bytes - 8192, ..ORDINARY };
    let app = TestApp::company_within(limits).await;
    let look = async {
        let pid = child_with(limits).await;
        let limit = |name| limit_of(pid, name).unwrap();
        // The hard limit: a second after the one that ends it.
        assert_eq!(limit("Max cpu time"), (limits.cpu.as_secs() + 1).to_string());
        assert_eq!(limit("Max data size"), limits.memory_bytes.to_string());
        has_little_address_space(pid, limits, &limit("Max address space"));
        assert_eq!(limit("Max file size"), limits.file_bytes().to_string());
        assert_eq!(limit("Max open files"), limits.open_files.to_string());
        assert_eq!(limit("Max core file size"), "0");
        let process = |file: &str| fs::read(format!("/proc/{pid}/{file}")).unwrap();
        assert_eq!(process("environ"), b"RAYON_NUM_THREADS=4\0", "nothing of ours is in its environment");
        let stat = String::from_utf8(process("stat")).unwrap();
        // The fields after the command, which may hold spaces; niceness is the 19th of all.
        let nice = stat.rsplit_once(") ").unwrap().1.split(' ').nth(16).unwrap().to_owned();
        assert_eq!(nice, "19", "routing goes first");
        assert_eq!(process("oom_score_adj").trim_ascii(), b"1000");
        has_no_network(pid);
        has_given_up_system_calls(pid).await;
    };
    let upload = app.upload(giant("looked-at"));
    tokio::select! {
        reply = upload => panic!("it was not hard enough to be looked at: {}", reply.text()),
        () = look => {}
    }
}

/// It can get no further rights, and two filters are on each of its threads: where the system has them.
async fn has_given_up_system_calls(pid: u32) {
    let of = |process: &str, name: &str| {
        let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
        status.lines().find_map(|line| line.strip_prefix(name)).map(|value| value.trim().to_owned())
    };
    if of("self", "Seccomp:").is_none() {
        return;
    }
    // That comes right after the limit of its address space.
    let began = Instant::now();
    while of(&pid.to_string(), "Seccomp:").as_deref() != Some("2") {
        assert!(began.elapsed() < LOOK_MAX, "it has no filter");
        tokio::task::yield_now().await;
    }
    assert_eq!(of(&pid.to_string(), "NoNewPrivs:").as_deref(), Some("1"));
    for thread in fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten() {
        let thread = format!("{pid}/task/{}", thread.file_name().to_str().unwrap());
        assert_eq!(of(&thread, "Seccomp:").as_deref(), Some("2"), "{thread}");
    }
}

/// What its engine had reserved before, and its memory; what it has now cannot be more than that.
fn has_little_address_space(pid: u32, limits: ChildLimits, limit: &str) {
    let limit: u64 = limit.parse().unwrap();
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmPeak:")).unwrap();
    let peak = peak.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024;
    assert!(limit >= peak, "{limit} bytes, and {peak} taken");
    let reserved = limit.checked_sub(limits.memory_bytes).expect("more than nothing is reserved");
    assert!(reserved <= peak, "{reserved} bytes count as reserved, and it never had more than {peak}");
}

/// How many giants a department uploads at once: as many as may wait.
const FLOOD: usize = 8;

/// Uploads giants for a department without an end in sight, and counts those that are done.
async fn flood(app: &TestApp, department: &str, done: &AtomicUsize) {
    let uploads = (0..FLOOD).map(async |number| {
        app.upload_for(department, giant(&format!("{department}-{number}"))).await.json(201);
        done.fetch_add(1, Ordering::Relaxed);
    });
    futures::future::join_all(uploads).await;
}

/// Once so many children are at work, uploads a small plugin for a department and lets a new item come
/// in; where it went.
async fn meanwhile(app: &TestApp, children: u64, department: &str) -> String {
    while app.flow().plugins.compilations() < children {
        tokio::task::yield_now().await;
    }
    let small = Guest::policy("meanwhile", &format!("(nop) {DONE}")).component();
    app.upload_for(department, small).await.json(201);
    let conversation = app.say("hello").await;
    app.settle().await;
    app.place(&conversation).await
}

#[tokio::test]
async fn one_departments_uploads_delay_neither_anothers_nor_routing() {
    let app = TestApp::company_within(ORDINARY).await;
    let done = AtomicUsize::new(0);
    tokio::select! {
        () = flood(&app, "billing", &done) => panic!("the flood was over before anybody else was served"),
        place = meanwhile(&app, 2, "service") => assert_eq!(place, "service/operator"),
    }
    // In the order of their coming, all but the last of the flood would have come first.
    assert!(done.into_inner() <= 2, "nobody waited for more than what was at work already");
}

#[tokio::test]
async fn two_departments_that_flood_delay_a_third_by_no_more_than_what_is_at_work() {
    let app = TestApp::company_within(ORDINARY).await;
    let done = AtomicUsize::new(0);
    let floods = async {
        tokio::join!(flood(&app, "billing", &done), flood(&app, "communications", &done));
    };
    tokio::select! {
        () = floods => panic!("the floods were over before anybody else was served"),
        place = meanwhile(&app, 3, "service") => assert_eq!(place, "service/operator"),
    }
    assert!(done.into_inner() <= 3, "nobody waited for more than what was at work already");
}

#[tokio::test]
async fn an_upload_whose_sender_goes_away_leaves_no_child_behind() {
    let limits = ChildLimits { memory_bytes: ORDINARY.memory_bytes - 16_384, ..ORDINARY };
    let app = TestApp::company_within(limits).await;
    let pid = tokio::select! {
        reply = app.upload(giant("left-alone")) => panic!("it was not hard enough: {}", reply.text()),
        pid = child_with(limits) => pid,
    };
    // The upload is gone; the child is killed, and forgotten by the system.
    is_gone(pid).await;
    compiles_on(&app).await;
}
