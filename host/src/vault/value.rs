//! A secret's value in memory.

use std::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

/// The bytes of a secret: never printed, and wiped when the last one who holds them lets go.
#[derive(Clone)]
pub struct SecretValue(Arc<Zeroizing<Vec<u8>>>);

impl SecretValue {
    /// Takes the bytes over.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Arc::new(Zeroizing::new(bytes)))
    }

    /// The bytes.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// How many bytes there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it can stand in a header field (RFC 9110, section 5.5) without a space.
    pub fn is_visible_ascii(&self) -> bool {
        self.0.iter().all(u8::is_ascii_graphic)
    }

    /// The value as text, for a request that goes out.
    pub(super) fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }
}

impl fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretValue(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_never_printed() {
        let value = SecretValue::new(b"canary".to_vec());
        assert_eq!(format!("{value:?} {:#?}", Some(&value)), "SecretValue(…) Some(\n    SecretValue(…),\n)");
    }
}
