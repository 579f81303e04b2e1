//! How much one caller may ask for, so that one cannot take from the others.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is granted to a token or an inbox. What is absent is not limited beyond what holds for everybody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Allowance {
    /// Requests a second, at least 1; a burst of one second's requests at once is no excess.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub requests_per_second: Option<u32>,
    /// Bytes of a request's body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body_bytes: Option<u64>,
}

impl Allowance {
    /// What is left of it under another one besides.
    pub fn narrowed_by(self, other: Self) -> Self {
        Self {
            requests_per_second: least(self.requests_per_second, other.requests_per_second),
            body_bytes: least(self.body_bytes, other.body_bytes),
        }
    }

    /// Why it cannot be granted, if it cannot.
    pub fn check(self) -> Result<(), &'static str> {
        match self.requests_per_second {
            Some(0) => Err("at least one request a second; to shut somebody out, revoke or close"),
            _ => Ok(()),
        }
    }
}

fn least<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_narrower_of_two_counts() {
        let one = Allowance { requests_per_second: Some(5), body_bytes: None };
        let other = Allowance { requests_per_second: Some(3), body_bytes: Some(10) };
        assert_eq!(one.narrowed_by(other), other);
        assert_eq!(other.narrowed_by(one), other);
        assert_eq!(one.narrowed_by(Allowance::default()), one);
    }
}
