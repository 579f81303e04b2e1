//! What is copied from an item to what stands beside it: a subject to its conversation, a name and a handle to
//! its contact and its identity.
//!
//! A conversation's row is read and written again with each item, decision and act, so a sender must not make it
//! large. A copy is cut; the item keeps the whole.

use super::Author;
use crate::domain::case::shown::MARK;

/// The longest copy: a subject as policies are shown it, and more than any name.
pub const COPY_BYTES_MAX: usize = 1024;

/// A copy of a text: the whole, or its beginning with a mark.
pub fn copy(text: &str) -> String {
    match text.len() <= COPY_BYTES_MAX {
        true => text.to_owned(),
        false => text[..text.floor_char_boundary(COPY_BYTES_MAX - MARK.len())].to_owned() + MARK,
    }
}

/// What the text begins with that a copy was cut from; none where the copy is the whole.
pub fn beginning_of(copy: &str) -> Option<&str> {
    // At most three bytes of a character that did not fit are missing.
    copy.strip_suffix(MARK).filter(|_| copy.len() + 3 >= COPY_BYTES_MAX)
}

impl Author {
    /// The author as an identity keeps it.
    pub fn copy(&self) -> Self {
        Self {
            external_id: self.external_id.clone(),
            handle: self.handle.as_deref().map(copy),
            name: self.name.as_deref().map(copy),
            followers: self.followers,
            verified: self.verified,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_has_a_kibibyte_at_most_and_says_that_it_is_cut() {
        for text in ["", "short", &"é".repeat(COPY_BYTES_MAX / 2)] {
            assert_eq!(copy(text), text);
            assert_eq!(beginning_of(&copy(text)), None);
        }
        for letter in ["a", "é", "語", "🦀"] {
            let text = letter.repeat(COPY_BYTES_MAX + 1);
            let cut = copy(&text);
            assert!(cut.len() <= COPY_BYTES_MAX && cut.ends_with(MARK), "{letter}: {}", cut.len());
            assert!(text.starts_with(beginning_of(&cut).unwrap()), "{letter}");
            assert_eq!(copy(&cut), cut, "{letter}");
        }
    }
}
