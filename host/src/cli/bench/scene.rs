//! The installation that is measured: one inbox, one adapter, three policies.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use async_trait::async_trait;
use serde_json::{Value, json};

use crate::app::clock::SystemClock;
use crate::app::{App, Parts};
use crate::domain::activation::{Mode, Phase, Preparation};
use crate::domain::case::{Case, ContactView, ConversationView, Event, InboxView, Occasion};
use crate::domain::conversation::{PersonSet, Status};
use crate::domain::ids::{ContactId, ConversationId, EventId};
use crate::domain::item::{Author, Item, ItemKind, Visibility};
use crate::domain::organisation::FirstResponsePromise;
use crate::domain::principal::Principal;
use crate::domain::proposal::Priority;
use crate::domain::time::Timestamp;
use crate::egress::{Answer, Egress, EgressError, Request};
use crate::flow::enable::{self, NewActivation};
use crate::flow::organise::{self, Access, NewDepartment, NewInbox};
use crate::plugin::PluginConfig;
use crate::store::sqlite::StorePath;

/// The inbox that is loaded.
pub const INBOX: &str = "web";

/// Nothing goes out while measuring.
struct NoEgress;

#[async_trait]
impl Egress for NoEgress {
    async fn send(&self, _: Request, _: &[String]) -> Result<Answer, EgressError> {
        Err(EgressError::Refused("nothing goes out of a benchmark".to_owned()))
    }
}

/// Opens a repository in this folder.
pub async fn open(folder: &Path) -> anyhow::Result<App> {
    App::open(Parts {
        repository: StorePath::File(folder.join("bench.db")),
        artefact_shelf: None,
        plugins: PluginConfig::default(),
        secrets_key: None,
        clock: Arc::new(SystemClock),
        egress: Arc::new(NoEgress),
    })
    .await
}

/// Publishes the bundled plugins, enables these policies and the `cloudevents` adapter, and makes the
/// inbox.
pub async fn set(app: &App, policies: &[(&str, Phase, Value)]) -> anyhow::Result<()> {
    let (flow, admin) = (&app.flow, Principal::admin());
    app.publish_bundled().await?;
    for name in ["support", "billing", "desk"] {
        let new: NewDepartment = serde_json::from_value(json!({ "name": name }))?;
        organise::add_department(flow, &admin, new).await?;
    }
    let adapter: NewActivation =
        serde_json::from_value(json!({ "plugin": "cloudevents", "mode": "active" }))?;
    enable::enable(flow, &admin, adapter).await?;
    for (plugin, phase, settings) in policies {
        let policy = NewActivation {
            name: None,
            plugin: (*plugin).to_owned(),
            version: None,
            settings: settings.clone(),
            owner: None,
            applies_to: Default::default(),
            reach: Default::default(),
            phase: Some(*phase),
            rank: None,
            mode: Mode::Active,
            on_failure: Default::default(),
        };
        enable::enable(flow, &admin, policy).await?;
    }
    flow.tasks.close();
    flow.tasks.wait().await;
    flow.tasks.reopen();
    for activation in flow.store.activations().await? {
        let state = &activation.preparation;
        anyhow::ensure!(*state == Preparation::Ready, "{} is not ready: {state:?}", activation.name);
    }
    let inbox = NewInbox {
        name: INBOX.to_owned(),
        department: "desk".to_owned(),
        adapter: "cloudevents".to_owned(),
        channel: Some("web".to_owned()),
        settings: json!({}),
        operator_queue: None,
        junk_queue: None,
        promise: Some(FirstResponsePromise { within_ms: 4 * 3_600_000, warn_before_ms: 3_600_000 }),
        access: Access::Open,
        reply_hosts: vec![],
        allowance: Default::default(),
        secrets: Default::default(),
        retention: Default::default(),
    };
    organise::add_inbox(flow, &admin, inbox).await.context("make the inbox")?;
    Ok(())
}

/// The three policies of the main measurement.
pub fn three_policies() -> [(&'static str, Phase, Value); 3] {
    [
        ("reach-priority", Phase::Qualify, json!({})),
        ("keyword-router", Phase::Route, regex_rules()),
        (
            "escalate-on-silence",
            Phase::Escalate,
            json!({ "levels": [{ "when": "30m" }, { "when": "promise-breached" }] }),
        ),
    ]
}

/// Twenty rules with a pattern each; an item of the load matches one of the later ones or none.
pub fn regex_rules() -> Value {
    let subjects = [
        r"refund(s|ed|ing)?",
        r"invoice\s+#?\d+",
        r"charged\s+(me\s+)?twice",
        r"late\s+deliver(y|ies)",
        r"lost\s+parcel",
        r"broken\s+(screen|box)",
        r"cancel(l?ed|ling)?\s+(my\s+)?order",
        r"password\s+reset",
        r"can(no|')t\s+log\s?in",
        r"rude\s+(staff|agent)",
        r"warrant(y|ies)",
        r"wrong\s+(size|colou?r)",
        r"gift\s+card\s+\w+",
        r"order\s+#\d{4,}",
        r"out\s+of\s+stock",
        r"discount\s+code",
        r"data\s+protection",
        r"press\s+(inquiry|enquiry)",
        r"job\s+application",
        r"flight\s+[a-z]{2}\s?\d{2,4}",
    ];
    let rules: Vec<Value> = subjects
        .iter()
        .enumerate()
        .map(|(index, pattern)| {
            let department = ["support", "billing"][index % 2];
            json!({
                "name": format!("rule-{index}"),
                "any": [{ "regex": pattern }],
                "destination": { "department": department },
                "intent": format!("intent-{index}"),
            })
        })
        .collect();
    json!({ "rules": rules })
}

/// A case as the load's items make it, for measuring calls alone.
pub fn case() -> (Event, Case) {
    let now = Timestamp::from_ms(1_800_000_000_000);
    let item = Item {
        external_id: "item-1".into(),
        in_reply_to: vec![],
        kind: ItemKind::Mention,
        visibility: Visibility::Public,
        author: Author {
            external_id: "u-1".into(),
            handle: Some("traveller".into()),
            followers: Some(12_000),
            ..Default::default()
        },
        subject: None,
        text:
            "Third time I write about order #48151623 today and still nothing: the parcel was to be here on \
               Monday, nobody answers the phone, and the tracking page says unknown."
                .into(),
        quoted: None,
        html: None,
        language: Some("en".into()),
        permalink: None,
        attachments: vec![],
        occurred_at: now,
        automatic: None,
        attributes: vec![],
    };
    let conversation = ConversationView {
        id: ConversationId(1),
        status: Status::Open,
        priority: Priority::Normal,
        destination: None,
        tags: vec![],
        attributes: vec![],
        intent: None,
        listening: None,
        language: None,
        deadline: None,
        waiting_since: Some(now),
        opened_at: now,
        item_count: 1,
        reopened_count: 0,
        handed_over_count: 0,
        escalation_level: 0,
        person_set: PersonSet::default(),
    };
    let inbox =
        InboxView { name: INBOX.into(), channel: "web".into(), department: "desk".into(), promises: vec![] };
    let contact = ContactView { id: ContactId(1), name: None, vip: false, other_open_conversations: 0 };
    let case =
        Case { now, item, conversation, inbox, history: vec![], contact: Some(contact), earlier: vec![] };
    (Event { id: EventId(1), occasion: Occasion::ItemReceived, at: now, depth: 0 }, case)
}
