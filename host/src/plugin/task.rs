//! Work for adapters, and what they make of it.

use crate::domain::arrival::{Intake, Rejection};
use crate::domain::item::{Attribute, Author, Visibility};
use crate::domain::time::Timestamp;

/// How many exchanges may belong to one task.
pub const EXCHANGES_MAX: usize = 16;

/// The most bytes an adapter may ask to remember between two exchanges.
pub const STATE_BYTES_MAX: usize = 64 * 1024;

/// A person's answer that has to go out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outbound {
    /// The same for every attempt.
    pub idempotency_key: String,
    /// When it was written.
    pub written_at: Timestamp,
    /// Who gets it.
    pub recipient: Author,
    /// The external id of the item that is answered.
    pub in_reply_to: Option<String>,
    /// External ids of the conversation's items, oldest first, at most 50.
    pub references: Vec<String>,
    /// The subject of the conversation.
    pub subject: Option<String>,
    /// What to say.
    pub text: String,
    /// Whether to answer in public.
    pub visibility: Visibility,
    /// Attributes of the item that is answered.
    pub attributes: Vec<Attribute>,
}

/// A piece of a text that may hold secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// As it stands.
    Text(String),
    /// The value of the secret of this name.
    Secret(String),
}

/// A request for the host to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Method, upper case.
    pub method: String,
    /// Absolute URL.
    pub url: String,
    /// Segments to add to its path.
    pub segments: Vec<Vec<Piece>>,
    /// Header fields.
    pub headers: Vec<(String, Vec<Piece>)>,
    /// The body.
    pub body: Vec<u8>,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Header fields, names lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// How a task ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SendOutcome {
    /// Done; the channel's id of what was sent, where it gives one.
    Sent(Option<String>),
    /// Not now: try the whole task again after this many milliseconds.
    RetryAfter(i64),
    /// Never; says why.
    Failed(String),
    /// It may or may not have been sent.
    Unknown,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Send the request, then resume with its answer and this state.
    Send {
        /// The request.
        request: Request,
        /// Handed back with the answer.
        state: Vec<u8>,
    },
    /// Finished.
    Done(SendOutcome),
}

/// Why a task cannot be worked on at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TaskError {
    /// This channel or inbox cannot do that.
    #[error("unsupported: {0}")]
    Unsupported(String),
    /// The task or the state makes no sense.
    #[error("invalid: {0}")]
    Invalid(String),
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

/// An adapter's answer to a delivery.
pub type ReceiveResult = Result<Intake, Rejection>;

/// An adapter's answer to a task.
pub type StepResult = Result<Step, TaskError>;
