//! Why the repository did not do something.

use crate::domain::quota::OverQuota;
use crate::gate::NoTurn;

/// Why the repository did not do something, by what the caller does next.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A unique name is taken; tell the user. Holds what is taken, such as `department billing`.
    #[error("{0} exists already")]
    Taken(String),
    /// People take a name for another's; tell the user. Holds what has the new name, such as `inbox shop`, and the
    /// other name.
    #[error("{0} is easily taken for {1}")]
    LookAlike(String, String),
    /// A thing that was named is not there; tell the user. Holds what, such as `queue que_…`.
    #[error("there is no {0}")]
    Missing(String),
    /// It was erased, and does not come back; tell the user. Holds what, such as `item itm_…`.
    #[error("{0} is erased")]
    Gone(String),
    /// It was changed meanwhile: load again and decide again.
    #[error("{0} was changed meanwhile")]
    Stale(String),
    /// A department would have more than its quota; tell the user.
    #[error(transparent)]
    OverQuota(#[from] OverQuota),
    /// Another host works on it. Holds the file.
    #[error("another host has {0} open")]
    InUse(String),
    /// There is no room left or the disk refuses: answer 503, try later.
    #[error("the repository cannot write: {0}")]
    Unavailable(String),
    /// Readers are for others now: answer 503, try again.
    #[error(transparent)]
    Busy(NoTurn),
    /// A request read for too long; tell the user to ask for less.
    #[error("reading it takes too long")]
    TooCostly,
    /// One transaction would hold the writer for long; tell the user, in these words, to send less at once.
    #[error("{0}")]
    TooMuch(String),
    /// The file is not what was written, or no repository: nobody should work on it.
    #[error("the repository is damaged: {0}")]
    Damaged(String),
    /// A surprise: log it, answer 500.
    #[error("the repository failed")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// What every method returns.
pub type StoreResult<T> = Result<T, StoreError>;
