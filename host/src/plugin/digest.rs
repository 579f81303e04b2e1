//! Digests that name components and settings.

use std::hash::{Hash, Hasher};

use serde_json::Value;
use sha2::{Digest, Sha256};

/// SHA-256, hexadecimal.
pub fn digest(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// SHA-256 of settings, whatever the order of their keys.
pub fn settings_digest(settings: &Value) -> String {
    digest(canonical(settings).to_string().as_bytes())
}

/// The settings with every object's keys in order.
pub fn canonical(settings: &Value) -> Value {
    match settings {
        Value::Array(entries) => Value::Array(entries.iter().map(canonical).collect()),
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by_key(|(key, _)| *key);
            Value::Object(fields.into_iter().map(|(key, value)| (key.clone(), canonical(value))).collect())
        }
        plain => plain.clone(),
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A hasher whose result is the same in every process: the standard one is seeded.
#[derive(Default)]
pub(super) struct StableHasher(Sha256);

impl StableHasher {
    /// Adds a value.
    pub(super) fn feed(&mut self, value: &impl Hash) {
        value.hash(self);
    }

    /// The first 16 hexadecimal digits.
    pub(super) fn hex_short(self) -> String {
        hex(&self.0.finalize()[..8])
    }
}

impl Hasher for StableHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        let sum = self.0.clone().finalize();
        sum[..8].iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_order_of_keys_does_not_matter() {
        let one: Value = serde_json::from_str(r#"{"a":1,"b":{"c":[1,2],"d":null}}"#).unwrap();
        let other: Value = serde_json::from_str(r#"{"b":{"d":null,"c":[1,2]},"a":1}"#).unwrap();
        assert_eq!(settings_digest(&one), settings_digest(&other));
        assert_ne!(settings_digest(&one), settings_digest(&json!({"a": 1})));
    }
}
