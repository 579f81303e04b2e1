//! An id for what has none.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

/// The same content always has the same id, so that a repeated delivery is recognised.
pub fn of(content: &[u8]) -> String {
    let mut id = String::from("sha256:");
    for byte in Sha256::digest(content) {
        // Writing to a string cannot fail.
        let _ = write!(id, "{byte:02x}");
    }
    id
}
