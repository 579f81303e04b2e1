//! A company in a hurry: its promises are over after two seconds, so that timers are always due.

use std::path::Path;

use serde_json::{Value, json};
use tokio::process::Command;
use tokio::sync::OnceCell;

use super::findings::Findings;
use crate::support::{TestApp, program, template};

/// What the inbox promises, in milliseconds.
const PROMISE_MS: u64 = 2_000;
/// How long before the end it warns.
const WARN_MS: u64 = 1_000;

struct Hurried {
    repository: template::Copied,
    token: String,
}

/// Puts its repository into a folder; the admin's token.
pub async fn furnish(folder: &Path) -> String {
    static HURRIED: OnceCell<Hurried> = OnceCell::const_new();
    let hurried = HURRIED.get_or_init(make).await;
    hurried.repository.put_into(folder);
    hurried.token.clone()
}

async fn make() -> Hurried {
    let app = TestApp::staffed().await;
    let promise = json!({ "promise": { "within_ms": PROMISE_MS, "warn_before_ms": WARN_MS } });
    app.patch("/v1/inboxes/chat", promise).await.json(200);
    let levels = json!([
        { "when": "1s", "priority": "high" },
        { "when": "promise-breached", "priority": "urgent", "to": { "department": "service", "queue": "leads" } },
    ]);
    let hurry = json!({ "settings": { "levels": levels } });
    app.patch("/v1/activations/escalate-on-silence", hurry).await.json(202);
    app.prepared().await;
    let activation = app.get("/v1/activations/escalate-on-silence").await.json(200);
    assert_eq!(activation["settings"]["levels"][0]["when"], "1s", "{activation}");
    Hurried { repository: template::copy(&app).await, token: app.token.clone() }
}

/// What the program finds wrong with the audit log.
pub async fn verify_audit(folder: &Path) -> Findings {
    let mut command = Command::new(program());
    let verified = command.args(["audit", "verify", "--json", "--data"]).arg(folder).output().await.unwrap();
    let mut findings = Findings::default();
    if !verified.status.success() {
        findings.lost.push(format!("the audit log does not fit: {verified:?}"));
    } else {
        let verified: Value = serde_json::from_slice(&verified.stdout).unwrap();
        assert!(verified["verified"].as_u64().unwrap() > 0, "{verified}");
    }
    findings
}
