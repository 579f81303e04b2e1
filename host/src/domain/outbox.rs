//! Answers on their way out.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ids::{ConversationId, InboxId, ItemId, OutboxId};
use super::time::Timestamp;

/// How often an answer is tried before it is parked for an agent.
pub const ATTEMPTS_MAX: i64 = 8;

/// The longest that a channel may have an answer wait between two attempts, a day: what waits longer is
/// forgotten rather than sent, and after the last attempt somebody is to hear of it.
const ASKED_MS_MAX: i64 = 24 * 3_600_000;

/// Where an answer stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OutboxState {
    /// Waits for its next attempt.
    Queued,
    /// Went out.
    Sent,
    /// Will never go out; the conversation shows why.
    Failed,
    /// It may have gone out or not, or was tried too often: an agent decides.
    Parked,
}

/// An answer on its way out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OutboxEntry {
    /// Its id; also what the channel knows it by, so that repetitions can be dropped.
    pub id: OutboxId,
    /// The conversation.
    pub conversation: ConversationId,
    /// The outbound item.
    pub item: ItemId,
    /// The inbox it leaves by.
    pub inbox: InboxId,
    /// Where it stands.
    pub state: OutboxState,
    /// How often it was tried.
    pub attempts: i64,
    /// When it is tried next.
    pub next_attempt_at: Timestamp,
    /// What went wrong last.
    pub last_error: Option<String>,
    /// When it was written.
    pub created_at: Timestamp,
}

/// How long to wait after the `attempts`-th failed attempt: as long as the channel asks for, at most a day,
/// and never less than the host's own wait, which is one second, doubled each time, at most an hour.
pub fn wait_ms(attempts: i64, asked_ms: Option<i64>) -> i64 {
    let doublings = attempts.clamp(1, 13) - 1;
    let own_ms = (1_000_i64 << doublings).min(3_600_000);
    own_ms.max(asked_ms.unwrap_or(0).min(ASKED_MS_MAX))
}
