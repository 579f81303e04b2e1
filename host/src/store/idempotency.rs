//! What the repository offers to callers who may ask twice for the same.

use async_trait::async_trait;

use super::error::StoreResult;
use crate::domain::ids::TokenId;
use crate::domain::time::Timestamp;

/// A request that its caller gave a key, to be able to send it again without its being done twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyedRequest {
    /// Whose key it is: callers do not share keys.
    pub token: TokenId,
    /// The key.
    pub key: String,
    /// SHA-256 of what was asked for, hexadecimal.
    pub fingerprint: String,
}

/// An answer to be given again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptAnswer {
    /// HTTP status.
    pub status: u16,
    /// Media type.
    pub content_type: Option<String>,
    /// Entity tag.
    pub etag: Option<String>,
    /// The body; absent where it showed a secret, which is kept nowhere.
    pub body: Option<Vec<u8>>,
}

/// What is known of a keyed request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// Nothing: it is the caller's to carry out now, and nobody else's.
    New,
    /// It was carried out, and answered so.
    Answered(KeptAnswer),
    /// The key was used for something else.
    OtherRequest,
    /// It was begun at that time, and its answer is not known.
    Unanswered(Timestamp),
}

/// How many keyed requests are kept of one token: more than one a second for a day.
pub const KEYED_REQUESTS_MAX: i64 = 100_000;

/// How many bytes of answers are kept of one token: some thousand ordinary ones, and dozens of the largest.
pub const KEPT_ANSWERS_BYTES_MAX: i64 = 64 * 1024 * 1024;

/// Keyed requests and their answers.
#[async_trait]
pub trait IdempotencyStore: Send + Sync {
    /// Claims a request, and forgets what was claimed before `forget_before`. Beyond [`KEYED_REQUESTS_MAX`] and
    /// [`KEPT_ANSWERS_BYTES_MAX`] the token's oldest answered requests are forgotten sooner.
    async fn claim_request(
        &self,
        request: &KeyedRequest,
        now: Timestamp,
        forget_before: Timestamp,
    ) -> StoreResult<Claimed>;
    /// Keeps the answer of a claimed request.
    async fn keep_answer(&self, request: &KeyedRequest, answer: &KeptAnswer) -> StoreResult<()>;
    /// Forgets what was claimed before that time.
    async fn forget_requests(&self, before: Timestamp) -> StoreResult<()>;
    /// Gives a claim back: nothing was done.
    async fn forget_request(&self, request: &KeyedRequest) -> StoreResult<()>;
}
