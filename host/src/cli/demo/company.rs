//! An invented company: who works there, what it listens to, by which rules.

use std::collections::{BTreeSet, HashMap};

use anyhow::Context;
use serde::Deserialize;
use serde_json::Value;

use super::client::Client;

const COMPANY: &str = include_str!("../../../demo/company.json");
const ACTIVATIONS: &str = include_str!("../../../demo/activations.json");

/// What is posted to make the company, as it is posted.
#[derive(Deserialize)]
pub struct Company {
    departments: Vec<Value>,
    queues: Vec<Value>,
    agents: Vec<Value>,
    inboxes: Vec<Value>,
}

/// An inbox that was made.
#[derive(Deserialize)]
struct MadeInbox {
    name: String,
    token: Option<String>,
}

impl Company {
    /// The company that comes with Switchboard.
    pub fn read() -> anyhow::Result<Self> {
        serde_json::from_str(COMPANY).context("the sample company")
    }

    /// Makes departments, queues and agents.
    pub async fn found(&self, client: &Client) -> anyhow::Result<()> {
        let parts = [
            ("/v1/departments", &self.departments),
            ("/v1/queues", &self.queues),
            ("/v1/agents", &self.agents),
        ];
        for (path, bodies) in parts {
            for body in bodies {
                client.post::<Value>(path, body).await?;
            }
        }
        Ok(())
    }

    /// Makes the inboxes, once their adapters are ready; gives the tokens of those that have one.
    pub async fn open_inboxes(&self, client: &Client) -> anyhow::Result<HashMap<String, String>> {
        let mut tokens = HashMap::new();
        for body in &self.inboxes {
            let made: MadeInbox = client.post("/v1/inboxes", body).await?;
            if let Some(token) = made.token {
                tokens.insert(made.name, token);
            }
        }
        Ok(tokens)
    }

    /// The names of the adapters its inboxes use, each once.
    pub fn adapters(&self) -> BTreeSet<&str> {
        self.inboxes.iter().filter_map(|inbox| inbox["adapter"].as_str()).collect()
    }
}

/// The policies the company's departments enable.
pub fn policies() -> anyhow::Result<Vec<Value>> {
    serde_json::from_str(ACTIVATIONS).context("the sample activations")
}
