//! One thing to take in, out of a file that holds many.

use std::io;

/// The most bytes of one record: as many as a delivery over HTTP may have.
pub const RECORD_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Why a record could not be read.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The file ends here for us.
    #[error("read the file")]
    Io(#[source] io::Error),
    /// It is passed over.
    #[error("it has more than the {RECORD_BYTES_MAX} bytes that are taken in at once")]
    TooLong,
    /// The file is of another kind.
    #[error("{0}")]
    Format(String),
}

impl RecordError {
    /// Whether the records after it can still be read.
    pub fn passes(&self) -> bool {
        matches!(self, Self::TooLong)
    }
}

/// The bytes of each record of a file, in order.
pub type Records = Box<dyn Iterator<Item = Result<Vec<u8>, RecordError>> + Send>;
