//! A disk that is full: nothing is answered that is not stored, and when there is room again the host goes
//! on without a restart.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::host::Host;
use crate::support::template::{self, Stage};

const MIB: u64 = 1024 * 1024;

/// Set to 1 where a small file system can be mounted: then a test that cannot fails, instead of being
/// skipped.
const MUST: &str = "SWITCHBOARD_TEST_DISK";

#[expect(clippy::disallowed_methods, reason = "whoever runs the tests says what must be tested")]
fn must_be_tested() -> bool {
    std::env::var_os(MUST).is_some_and(|it| it == "1")
}

/// A file system of its own that is taken away when this goes.
struct SmallDisk {
    place: TempDir,
}

impl SmallDisk {
    /// Of so many bytes; none where the system does not let us.
    fn of(bytes: u64) -> Option<Self> {
        let place = TempDir::new().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={bytes}"), "tmpfs"]).arg(place.path());
        let mounted = mount.output().is_ok_and(|it| it.status.success());
        mounted.then_some(Self { place })
    }

    fn path(&self) -> &Path {
        self.place.path()
    }

    /// Fills it but for so many bytes.
    fn fill_up_to(&self, bytes: u64) -> PathBuf {
        let ballast = self.path().join("ballast");
        let output = Command::new("df").args(["--output=avail", "-B1"]).arg(self.path()).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        let free: u64 = said.lines().last().unwrap().trim().parse().unwrap();
        std::fs::write(&ballast, vec![1; usize::try_from(free - bytes).unwrap()]).unwrap();
        ballast
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.place.path()).status();
    }
}

fn item(number: usize) -> Value {
    json!({ "id": format!("d-{number}"), "author": "u-1", "text": "word ".repeat(20_000) })
}

#[tokio::test]
async fn a_full_disk_loses_nothing_and_needs_no_restart() {
    let template = template::shared().await;
    let Some(disk) = SmallDisk::of(256 * MIB) else {
        let skipped = "this system does not let the test mount a small file system";
        assert!(!must_be_tested(), "{skipped}, and {MUST} says that it does");
        println!("skipped: {skipped}; with {MUST}=1 that is a failure");
        return;
    };
    template.furnish(Stage::Staffed, disk.path());
    let host = Host::start(disk.path(), &template.token).await;
    let ballast = disk.fill_up_to(4 * MIB);
    let (mut answered, mut refused) = (Vec::new(), 0);
    for number in 0..200 {
        let answer = host.caller().try_post("/in/chat", &item(number)).await.unwrap();
        match answer.status().as_u16() {
            202 => answered.push(number),
            503 => {
                assert!(answer.headers().contains_key("retry-after"));
                refused += 1;
            }
            other => panic!("{other}: {}", answer.text().await.unwrap()),
        }
        if refused == 5 {
            break;
        }
    }
    assert!(!answered.is_empty() && refused == 5, "{} answered, {refused} refused", answered.len());
    // What only reads goes on.
    assert_eq!(host.caller().get("/healthz").await["status"], "ok");
    assert!(host.caller().get("/v1/counts").await["items"].as_u64().unwrap() >= answered.len() as u64);

    std::fs::remove_file(ballast).unwrap();
    let next = answered.len() + refused;
    host.caller().until("/readyz", |it| it["status"] == "ok").await;
    let late = host.caller().try_post("/in/chat", &item(next)).await.unwrap();
    let (status, said) = (late.status(), late.text().await.unwrap());
    assert_eq!(status, 202, "there is room again: {said}");
    answered.push(next);
    let all_judged = |it: &Value| it["decisions"].as_u64() >= it["items"].as_u64();
    let counts = host.caller().until("/v1/counts", all_judged).await;
    assert_eq!(counts["decisions"], counts["items"], "an item was judged twice");
    host.kill().await;

    let host = Host::start(disk.path(), &template.token).await;
    for number in answered {
        let again = host.caller().post("/in/chat", item(number)).await;
        assert_eq!(again["duplicates"], 1, "delivery {number} was answered and is gone: {again}");
    }
    host.kill().await;
}
