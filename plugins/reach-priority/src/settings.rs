//! What an admin sets.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use switchboard_plugin_sdk::{Duration, Priority, Visibility};

/// Who is heard by many, and what that is worth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(title = "reach-priority")]
pub struct Settings {
    /// Steps of reach. Of the steps an author reaches, the highest one counts.
    #[schemars(title = "Follower steps")]
    pub followers: Vec<Step>,
    /// What an item that anybody can read is worth, whoever wrote it.
    #[schemars(title = "Public items")]
    pub public: Worth,
    /// What an author whose identity the channel vouches for is worth.
    #[schemars(title = "Verified authors")]
    pub verified: Worth,
    /// What a very important person is worth.
    #[schemars(title = "Very important people")]
    pub vip: Worth,
    /// Who is very important besides the contacts marked so: handles, mail addresses or the
    /// channel's own ids. Upper and lower case and a leading `@` make no difference.
    #[schemars(title = "VIP list")]
    pub vip_identities: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            followers: vec![
                Step {
                    at_least: 10_000,
                    visibility: None,
                    priority: Some(Priority::High),
                    within: Some(Duration::from_ms(2 * 3_600_000)),
                    tags: vec!["reach".to_owned()],
                },
                Step {
                    at_least: 1_000_000,
                    visibility: None,
                    priority: Some(Priority::Urgent),
                    within: Some(Duration::from_ms(30 * 60_000)),
                    tags: vec!["reach".to_owned()],
                },
            ],
            public: Worth::default(),
            verified: Worth { priority: Some(Priority::High), ..Worth::default() },
            vip: Worth { priority: Some(Priority::High), within: None, tags: vec!["vip".to_owned()] },
            vip_identities: Vec::new(),
        }
    }
}

/// A number of followers, and what it is worth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Step {
    /// From how many followers on.
    pub at_least: u64,
    /// Only for items that are public, or private; absent for both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visibility: Option<Visibility>,
    /// At least this priority.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<Priority>,
    /// Answer within this time, counted from when the customer began to wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Duration>,
    /// Labels to add; 1 to 64 characters each.
    #[serde(default)]
    pub tags: Vec<String>,
}

/// What something is worth; nothing by default.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Worth {
    /// At least this priority.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<Priority>,
    /// Answer within this time, counted from when the customer began to wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub within: Option<Duration>,
    /// Labels to add; 1 to 64 characters each.
    pub tags: Vec<String>,
}
