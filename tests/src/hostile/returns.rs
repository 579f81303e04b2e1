//! What guests took comes back: measured in a process of its own, where nobody else takes any.

use std::sync::Arc;

use serde_json::json;
use switchboard::domain::delivery::RawDelivery;
use switchboard::domain::time::Timestamp;
use switchboard::plugin::{Policy, ReusedPolicy};
use switchboard::vault::Granted;
use tokio::process::Command;

use super::aftermath::{case, event, policy};
use crate::fuzz::number;
use crate::support::TestApp;
use crate::support::guest::{Guest, filling, refusing};

/// Says that this process is the one that measures.
const ALONE: &str = "SWITCHBOARD_MEASURED_ALONE";

/// How often each guest is called, a policy in a slot of its own each time.
const ROUNDS: usize = 12;

const MIB: u64 = 1 << 20;

/// Policies that take much, and how much each call of them takes in mebibytes.
fn policies() -> [(Guest, u64); 2] {
    // What it refuses with, it fills first.
    let refusal = format!(
        "(memory.fill (i32.const 1048576) (i32.const 97) (i32.const 50331648)) {}",
        refusing(1 << 20, 48 << 20)
    );
    [(Guest::bomb("bomb"), 60), (Guest::policy("refusal", &refusal).pages(900), 48)]
}

/// Adapters that take much.
fn adapters() -> [(Guest, u64); 2] {
    let lifted = format!(
        "(memory.fill (i32.const 1048576) (i32.const 97) (i32.const 15728640)) {}",
        refusing(1 << 20, 15 << 20)
    );
    [
        (Guest::adapter("filler", &filling()), 60),
        // The host has it all, and then keeps little of it.
        (Guest::adapter("lifted", &lifted).pages(300), 15),
    ]
}

#[tokio::test]
async fn what_guests_took_comes_back() {
    if number(ALONE).is_some() {
        return measure().await;
    }
    let test = std::env::current_exe().unwrap();
    let mut alone = Command::new(test);
    alone.args(["--exact", "hostile::returns::what_guests_took_comes_back", "--nocapture"]);
    let output = alone.env(ALONE, "1").output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
    println!("{said}");
}

async fn measure() {
    let app = TestApp::staffed().await;
    for (guest, mebibytes) in policies() {
        app.upload(guest.component()).await.json(201);
        app.enable(json!({ "plugin": guest.name(), "mode": "shadow" })).await;
        let policy = policy(&app, guest.name());
        comes_back(&guest, mebibytes, || call_in_many_slots(&policy));
    }
    for (guest, mebibytes) in adapters() {
        app.upload(guest.component()).await.json(201);
        app.enable(json!({ "plugin": guest.name(), "mode": "active" })).await;
        comes_back(&guest, mebibytes, || deliver(&app, guest.name()));
    }
}

/// Calls a guest again and again. If each call kept half of what it took, that would be seen; a slot
/// keeps four megabytes on purpose.
fn comes_back(guest: &Guest, mebibytes: u64, calls: impl Fn()) {
    let before = resident_bytes();
    calls();
    let grown = resident_bytes().saturating_sub(before) / MIB;
    let bound = mebibytes * ROUNDS as u64 / 2;
    println!("{}: {grown} MiB more after {ROUNDS} calls of {mebibytes} MiB", guest.name());
    assert!(grown < bound, "{}: {grown} MiB more than before, {bound} is too much", guest.name());
}

/// Each call in another slot: those of before are held.
fn call_in_many_slots(policy: &Policy) {
    let mut held: Vec<ReusedPolicy> = Vec::new();
    for _ in 0..ROUNDS {
        policy.evaluate(&event(), &case()).result.unwrap_err();
        held.push(policy.reused().unwrap());
    }
}

fn deliver(app: &TestApp, adapter: &str) {
    let directory = app.flow().directory.load_full();
    let inbox = Arc::clone(directory.inbox_named("chat").unwrap());
    let adapter = Arc::clone(app.flow().pipeline.load().adapter(adapter).unwrap());
    let delivery = RawDelivery {
        method: "POST".to_owned(),
        path: String::new(),
        query: None,
        headers: Vec::new(),
        body: Vec::new(),
        received_at: Timestamp::from_ms(1_800_000_000_000),
    };
    for _ in 0..ROUNDS {
        let call = adapter.adapter.receive(&inbox, &Granted::nothing(), &delivery);
        assert!(!matches!(call.result, Ok(Ok(_))), "it finds nothing");
    }
}

/// What the process has in memory.
fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}
