//! What an admin sets.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use switchboard_plugin_sdk::{Destination, ItemKind, Listening, Priority, Visibility};

pub use self::field::{Field, FieldError};

mod field;

/// Ordered rules that route by words and patterns.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "keyword-router")]
pub struct Settings {
    /// Whether only the first rule that holds speaks, or every one.
    #[serde(default, rename = "match")]
    #[schemars(title = "Match")]
    pub mode: Mode,
    /// The rules, in order.
    #[schemars(title = "Rules", length(max = 1000))]
    pub rules: Vec<Rule>,
}

/// How many rules speak.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Only the first that holds.
    #[default]
    First,
    /// Every one that holds; where two say different things, the earlier one counts.
    All,
}

/// One rule: when everything it asks for holds, it says everything it has to say.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Names the rule in reasons; unique.
    #[schemars(length(min = 1, max = 64))]
    pub name: String,

    /// At least one of these is found.
    #[serde(default)]
    pub any: Vec<Condition>,
    /// Each of these is found.
    #[serde(default)]
    pub all: Vec<Condition>,
    /// None of these is found.
    #[serde(default)]
    pub none: Vec<Condition>,
    /// The inbox is of one of these channels; empty for every channel.
    #[serde(default)]
    pub channels: Vec<String>,
    /// The item, or else the conversation, is in one of these languages (BCP 47); `de` includes
    /// `de-AT`. Empty for every language, stated or not.
    #[serde(default)]
    pub languages: Vec<String>,
    /// The item is of one of these kinds; empty for every kind.
    #[serde(default)]
    pub kinds: Vec<ItemKind>,
    /// Who can read the item; absent for either.
    #[serde(default)]
    pub visibility: Option<Visibility>,
    /// The conversation has one of these labels; empty for any labels or none.
    #[serde(default)]
    pub tagged: Vec<String>,

    /// Where the conversation goes.
    #[serde(default)]
    pub destination: Option<Destination>,
    /// At least this priority.
    #[serde(default)]
    pub priority: Option<Priority>,
    /// Labels to add.
    #[serde(default)]
    pub tags: Vec<String>,
    /// What the customer wants.
    #[serde(default)]
    pub intent: Option<String>,
    /// Which kind of listening it is.
    #[serde(default)]
    pub listening: Option<Listening>,
    /// Whether it is spam. Said in the phase `qualify`, it ends the run, and the conversation goes to
    /// the inbox's junk queue, which people review; said in a later phase it is a remark.
    #[serde(default)]
    pub spam: bool,
}

/// Something to look for: a word, several words of which one suffices, or a pattern.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "expected a word, or `{\"words\": [...]}`, or `{\"regex\": \"...\"}`, the last two \
                 optionally with `\"in\": [...]`"
)]
pub enum Condition {
    /// A word or phrase in the subject or the text.
    Word(String),
    /// One of several words or phrases.
    Words(Words),
    /// A regular expression.
    Regex(Regex),
}

/// Words or phrases, of which one suffices.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Words {
    /// Whole words, whatever their case; in scripts without spaces, any part of the text.
    #[schemars(length(min = 1))]
    pub words: Vec<String>,
    /// Where to look.
    #[serde(default = "subject_and_text", rename = "in")]
    pub fields: Vec<Field>,
}

/// A regular expression.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Regex {
    /// In the syntax of Rust's `regex`; ignores case unless it says `(?-i)`.
    #[schemars(length(min = 1, max = 4096))]
    pub regex: String,
    /// Where to look.
    #[serde(default = "subject_and_text", rename = "in")]
    pub fields: Vec<Field>,
}

/// Where a condition looks that does not say where.
pub fn subject_and_text() -> Vec<Field> {
    vec![Field::Subject, Field::Text]
}
