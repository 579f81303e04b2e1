//! Hosts with a fault on purpose. What holds for others must be found broken in them, or finding nothing
//! in those would mean nothing.

use std::time::Duration;

use switchboard::crash::Point;

use super::cut::Shim;
use super::rig::{Death, Rig};

/// How many hosts it may take: each is all but certain to lose something.
const HOSTS_MAX: usize = 5;

/// Long enough for hundreds of answers.
const LIFE: Duration = Duration::from_millis(400);

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_answers_before_it_stores_is_found_out() {
    for passage in 1..=HOSTS_MAX {
        let mut rig = Rig::new(0, &["--answer-before-commit"], None).await;
        // Who was answered in this batch is never stored.
        rig.live(Death::At(Point::IntakeWritten, passage * 3)).await;
        let found = rig.found().await;
        if found.lost.iter().any(|it| it.contains("was answered and is gone")) {
            return;
        }
    }
    panic!("{HOSTS_MAX} hosts answered before they stored, and nothing was missed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_whose_commits_wait_for_no_disk_is_found_out() {
    for seed in 0..HOSTS_MAX as u64 {
        let Some(shim) = Shim::load() else {
            println!("skipped: nothing can be loaded into another process here");
            return;
        };
        let mut rig = Rig::new(seed, &["--no-sync"], Some(shim)).await;
        rig.live(Death::After(LIFE)).await;
        let found = rig.found().await;
        if found.lost.iter().any(|it| it.contains("was answered and is gone")) {
            return;
        }
    }
    panic!("{HOSTS_MAX} hosts waited for no disk, and nothing was missed");
}
