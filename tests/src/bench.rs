//! The benchmark of the pipeline runs to its end: what it measures is for people to judge, that it
//! still measures is for a test.

use std::process::Stdio;

use serde_json::Value;
use tokio::process::Command;

use crate::support::program;

/// More than a transaction in each of its ten stretches, so that nothing holds only by luck: the rows
/// that are written once more come in several batches too.
const ITEMS: &str = "6000";

#[tokio::test]
async fn the_pipeline_is_measured_beside_all_of_its_parts() {
    let mut bench = Command::new(program());
    bench.args(["bench", "--only", "pipeline", "--items", ITEMS, "--connections", "64", "--json"]);
    let output = bench.stdin(Stdio::null()).kill_on_drop(true).output().await.unwrap();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaints}");
    let told = String::from_utf8(output.stdout).unwrap();
    let figures: Vec<Value> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let named = |part: &str| {
        let found = figures.iter().find(|it| it["metric"].as_str().is_some_and(|name| name.contains(part)));
        found.and_then(|it| it["value"].as_f64()).unwrap_or_else(|| panic!("no `{part}` in {told}"))
    };
    for part in ["CPU per item, host", "identical rows", "over the sum of its parts"] {
        assert!(named(part) > 0.0, "{part}: {told}");
    }
}
