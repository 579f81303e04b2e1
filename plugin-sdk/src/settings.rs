//! From a JSON document to an author's settings type, and back to the place of an error.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;

use crate::types::SettingError;

/// For plugins without settings: the empty object.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoSettings {}

impl SettingError {
    /// An error at a JSON Pointer such as `/rules/3/any/0`; the empty pointer means the whole.
    pub fn at(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), message: message.into() }
    }
}

/// Reads settings.
///
/// # Errors
/// The first thing that does not fit the type, with its place.
pub fn parse<S: DeserializeOwned>(json: &str) -> Result<S, SettingError> {
    let mut document = serde_json::Deserializer::from_str(json);
    let settings = serde_path_to_error::deserialize(&mut document)
        .map_err(|error| SettingError::at(pointer(error.path()), error.inner().to_string()))?;
    document.end().map_err(|error| SettingError::at("", error.to_string()))?;
    Ok(settings)
}

/// The JSON Schema (2020-12) of a settings type.
pub fn schema<S: JsonSchema>() -> Schema {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<S>()
}

/// RFC 6901, section 3: `~` and `/` are escaped.
fn pointer(path: &serde_path_to_error::Path) -> String {
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
            Segment::Map { key } => {
                pointer.push('/');
                pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
            }
            // A variant's name is no place of its own in most representations, and what could not
            // be read at all has no name.
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    pointer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only read through its Debug output")]
    struct Rules {
        rules: Vec<std::collections::BTreeMap<String, u8>>,
    }

    #[test]
    fn an_error_points_at_the_value() {
        let error = parse::<Rules>(r#"{"rules": [{}, {"a/b~c": "x"}]}"#).unwrap_err();
        assert_eq!(error.pointer, "/rules/1/a~1b~0c");
        assert!(error.message.contains("expected u8"), "{error:?}");
    }

    #[test]
    fn an_unknown_field_is_an_error() {
        let error = parse::<Rules>(r#"{"rules": [], "rule": 1}"#).unwrap_err();
        assert!(error.message.contains("unknown field `rule`"), "{error:?}");
    }

    #[test]
    fn what_follows_the_document_is_an_error() {
        let error = parse::<NoSettings>("{} {}").unwrap_err();
        assert_eq!(error.pointer, "");
    }

    #[test]
    fn a_schema_names_its_draft_and_its_type() {
        let schema = schema::<NoSettings>();
        assert_eq!(schema.get("$schema").unwrap(), "https://json-schema.org/draft/2020-12/schema");
        assert_eq!(schema.get("type").unwrap(), "object");
    }
}
