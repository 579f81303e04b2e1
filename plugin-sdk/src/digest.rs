//! An id for what has none.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

/// An id made of the content itself, for arrivals to which their channel gives none.
///
/// The same content always has the same id, `sha256:` and 64 hexadecimal digits, so that a repeated
/// delivery is recognised. Hash what makes the arrival the one it is, without what changes from one
/// delivery to the next, such as the time it was sent.
pub fn content_id(content: &[u8]) -> String {
    let mut id = String::from("sha256:");
    for byte in Sha256::digest(content) {
        // Writing to a string cannot fail.
        let _ = write!(id, "{byte:02x}");
    }
    id
}
