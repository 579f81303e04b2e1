//! What host and compile child say to each other: one job, one answer.
//!
//! A message is the length of its header (four bytes, little-endian), the header as JSON, and the
//! bytes it is about, to the end.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::domain::release::{Manifest, PluginKind};
use crate::plugin::error::PrepareFailure;
use crate::plugin::settings::SettingError;
use crate::plugin::upload::Refusal;

/// What a child is to do with a component.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::plugin) enum Job {
    /// Check an upload and ask it what it is.
    Inspect,
    /// Make it ready to be called.
    Prepare {
        /// What it is.
        kind: PluginKind,
        /// Settings as JSON, valid against its schema.
        settings: String,
    },
}

/// What came of it; an artefact follows unless it is a refusal.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::plugin) enum Answer {
    /// The upload is good.
    Inspected {
        /// What it says of itself.
        manifest: Manifest,
        /// What it imports.
        imports: Vec<String>,
    },
    /// The upload breaks a rule.
    Refused(Refusal),
    /// It is ready.
    Prepared,
    /// It cannot be made ready with these settings.
    PrepareFailed(PrepareFailure),
}

/// What a child without an engine is to do.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::plugin) struct Validation {
    /// The schema that a plugin's manifest declares.
    pub(in crate::plugin) schema: Value,
    /// The settings to check against it.
    pub(in crate::plugin) settings: Value,
}

/// What came of that.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::plugin) enum ValidationResult {
    /// The errors of the settings; none if they are valid.
    Validated(Vec<SettingError>),
    /// The schema is none.
    SchemaUnusable(String),
}

const LENGTH_BYTES: usize = 4;

/// A message without the bytes that follow it.
pub(super) fn encode_header(header: &impl Serialize) -> Result<Vec<u8>, String> {
    let json = serde_json::to_vec(header).map_err(|error| error.to_string())?;
    let length = u32::try_from(json.len()).map_err(|error| error.to_string())?;
    Ok([&length.to_le_bytes()[..], &json].concat())
}

/// Takes a message apart.
pub(super) fn decode<T: DeserializeOwned>(message: &[u8]) -> Result<(T, &[u8]), String> {
    let (length, rest) = message.split_first_chunk::<LENGTH_BYTES>().ok_or("the message has no length")?;
    let length = u32::from_le_bytes(*length) as usize;
    let (header, bytes) = rest.split_at_checked(length).ok_or("the message ends within its header")?;
    let header = serde_json::from_slice(header).map_err(|error| format!("read the header: {error}"))?;
    Ok((header, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_reads_back() {
        let mut message = encode_header(&Job::Inspect).unwrap();
        message.extend_from_slice(b"component");
        let (job, bytes): (Job, _) = decode(&message).unwrap();
        assert!(matches!(job, Job::Inspect));
        assert_eq!(bytes, b"component");
    }

    #[test]
    fn a_cut_message_is_an_error() {
        let message = encode_header(&Job::Inspect).unwrap();
        for end in 0..message.len() {
            assert!(decode::<Job>(&message[..end]).is_err());
        }
    }
}
