//! The names of choices, as the contract and settings spell them.

use std::fmt;

use crate::types::{ItemKind, Listening, Metric, Priority, Visibility};

impl fmt::Display for ItemKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::DirectMessage => "direct-message",
            Self::Mention => "mention",
            Self::Comment => "comment",
            Self::Post => "post",
            Self::Review => "review",
            Self::Email => "email",
            Self::Sms => "sms",
            Self::Call => "call",
            Self::Form => "form",
            Self::Alert => "alert",
        })
    }
}

impl fmt::Display for Visibility {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Public => "public",
            Self::Private => "private",
        })
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Low => "low",
            Self::Normal => "normal",
            Self::High => "high",
            Self::Urgent => "urgent",
        })
    }
}

impl fmt::Display for Listening {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::ToUs => "to-us",
            Self::AboutUs => "about-us",
            Self::Industry => "industry",
            Self::RelatedProducts => "related-products",
        })
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::FirstResponse => "first-response",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_settings() {
        for kind in [ItemKind::DirectMessage, ItemKind::Sms] {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.to_string());
        }
        for listening in [Listening::ToUs, Listening::RelatedProducts] {
            assert_eq!(serde_json::to_value(listening).unwrap(), listening.to_string());
        }
    }
}
