//! The example company that most tests are about, founded through the HTTP interface.

use serde_json::{Value, json};

use super::{HOUR_MS, MINUTE_MS, TestApp};

/// What the inbox `chat` promises.
pub const PROMISE_MS: i64 = HOUR_MS;
/// How long before the end it warns.
pub const WARN_MS: i64 = 15 * MINUTE_MS;
/// Where answers of `chat` go.
pub const CHAT_REPLIES: &str = "https://hooks.example.com/replies";
/// Where answers of `mail` go.
pub const MAIL_RELAY: &str = "https://relay.example.net/send";

/// Departments with their queues and people, the adapters, and an inbox of each.
pub async fn found(app: &TestApp) {
    for name in ["service", "billing", "communications", "management"] {
        app.post("/v1/departments", json!({ "name": name })).await.json(201);
    }
    for (department, name) in [("service", "leads"), ("billing", "refunds")] {
        app.post("/v1/queues", json!({ "department": department, "name": name })).await.json(201);
    }
    for (department, name) in [("service", "ada"), ("service", "cem"), ("billing", "ben")] {
        app.post("/v1/agents", json!({ "department": department, "name": name })).await.json(201);
    }
    for adapter in ["cloudevents", "email", "feed"] {
        app.post("/v1/activations", json!({ "plugin": adapter, "mode": "active" })).await.json(202);
    }
    app.prepared().await;
    for inbox in [chat(), mail(), alerts()] {
        app.post("/v1/inboxes", inbox).await.json(201);
    }
}

/// Enables the bundled policies.
pub async fn staff(app: &TestApp) {
    for activation in [router(), reach(), silence()] {
        app.post("/v1/activations", activation).await.json(202);
    }
    app.prepared().await;
}

/// An inbox for events and plain JSON items, with a promise.
pub fn chat() -> Value {
    json!({
        "name": "chat", "department": "service", "adapter": "cloudevents", "channel": "web", "access": "open",
        "settings": { "reply_url": CHAT_REPLIES }, "reply_hosts": ["hooks.example.com"],
        "promise": { "within_ms": PROMISE_MS, "warn_before_ms": WARN_MS },
    })
}

/// An inbox for mail, without a promise.
pub fn mail() -> Value {
    json!({
        "name": "mail", "department": "service", "adapter": "email", "access": "open",
        "settings": { "address": "support@example.com", "display_name": "Example Support", "relay_url": MAIL_RELAY },
        "reply_hosts": ["relay.example.net"],
    })
}

/// An inbox for search alerts and feeds.
pub fn alerts() -> Value {
    json!({ "name": "alerts", "department": "communications", "adapter": "feed", "access": "open" })
}

/// Refunds go to billing, the press to communications; there is no last rule that takes everything.
pub fn router() -> Value {
    json!({
        "plugin": "keyword-router", "phase": "route", "mode": "active",
        "settings": { "rules": [
            {
                "name": "refunds", "any": ["refund", "money back"],
                "destination": { "department": "billing", "queue": "refunds" },
                "intent": "refund", "tags": ["money"],
            },
            {
                "name": "press", "any": [{ "words": ["journalist"], "in": ["text", "subject"] }],
                "destination": { "department": "communications" }, "priority": "high", "listening": "about-us",
            },
        ] },
    })
}

/// The bundled policy for reach, as it is without settings.
pub fn reach() -> Value {
    json!({ "plugin": "reach-priority", "phase": "qualify", "mode": "active" })
}

/// After half an hour somebody should hurry; when the promise is broken, the leads take over.
pub fn silence() -> Value {
    json!({
        "plugin": "escalate-on-silence", "phase": "escalate", "mode": "active",
        "settings": { "levels": [
            { "when": "30m", "priority": "high" },
            {
                "when": "promise-breached", "priority": "urgent",
                "to": { "department": "service", "queue": "leads" },
            },
        ] },
    })
}

/// Sends everything that holds a word to a department, under a name of its own.
pub fn word_to(name: &str, word: &str, department: &str) -> Value {
    json!({
        "name": name, "plugin": "keyword-router", "phase": "route", "mode": "active",
        "settings": { "rules": [
            { "name": word, "any": [word], "destination": { "department": department } },
        ] },
    })
}
