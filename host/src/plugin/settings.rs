//! Settings against the schema that a manifest declares.

use jsonschema::error::ValidationErrorKind;
use jsonschema::{PatternOptions, ValidationError, Validator};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::failure::cut;

/// The most bytes that settings may have as JSON.
pub const SETTINGS_BYTES_MAX: usize = 1024 * 1024;

/// How deep settings may be nested.
pub const SETTINGS_DEPTH_MAX: usize = 64;

/// More errors than this help nobody.
pub(super) const ERRORS_MAX: usize = 50;

/// What is kept of one error's text, which may quote a whole value.
const MESSAGE_BYTES_MAX: usize = 500;

/// What one compiled pattern of a schema may take.
const PATTERN_BYTES_MAX: usize = 1024 * 1024;

/// One thing wrong with settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingError {
    /// JSON Pointer (RFC 6901) to the offending value; empty for the whole document.
    pub pointer: String,
    /// What is wrong.
    pub message: String,
}

impl SettingError {
    /// An error at a place, its text made harmless.
    pub fn new(pointer: &str, message: &str) -> Self {
        Self { pointer: cut(pointer, MESSAGE_BYTES_MAX), message: cut(message, MESSAGE_BYTES_MAX) }
    }
}

/// Everything that is wrong with `settings`; empty when a plugin may see them.
pub fn validate_settings(schema: &Value, settings: &Value) -> Vec<SettingError> {
    if let Some(error) = check_size(settings) {
        return vec![error];
    }
    match compile(schema) {
        Ok(validator) => validator
            .iter_errors(settings)
            .take(ERRORS_MAX)
            .flat_map(|error| errors_of(schema, &error))
            .collect(),
        Err(message) => vec![SettingError::new("", &format!("the plugin's schema is not usable: {message}"))],
    }
}

/// The validator points at the object for settings that do not exist; people look for the setting.
fn errors_of(schema: &Value, error: &ValidationError<'_>) -> Vec<SettingError> {
    let place = error.instance_path().as_str();
    let ValidationErrorKind::AdditionalProperties { unexpected } = error.kind() else {
        return vec![SettingError::new(place, &error.to_string())];
    };
    let known = known_settings(schema, error.schema_path().as_str());
    let unknown = |name: &String| {
        // RFC 6901, section 3.
        let escaped = name.replace('~', "~0").replace('/', "~1");
        SettingError::new(&format!("{place}/{escaped}"), &format!("there is no such setting{known}"))
    };
    unexpected.iter().map(unknown).collect()
}

/// The settings there are beside the keyword at this place of the schema, as the end of a sentence.
fn known_settings(schema: &Value, keyword: &str) -> String {
    let object = keyword.rsplit_once('/').map_or("", |(object, _)| object);
    match schema.pointer(&format!("{object}/properties")) {
        Some(Value::Object(known)) if !known.is_empty() => {
            format!("; there is: {}", known.keys().map(String::as_str).collect::<Vec<_>>().join(", "))
        }
        _ => String::new(),
    }
}

/// Whether a schema is one; else why not.
pub(super) fn check_schema(schema: &Value) -> Result<(), String> {
    if !schema.is_object() {
        return Err("it is not a JSON object".into());
    }
    if depth(schema) > SETTINGS_DEPTH_MAX {
        return Err(format!("it is nested deeper than {SETTINGS_DEPTH_MAX} levels"));
    }
    compile(schema).map(drop)
}

/// Schemas come from uploads: no retrieval of references, and patterns in linear time.
fn compile(schema: &Value) -> Result<Validator, String> {
    jsonschema::options()
        .offline()
        .with_pattern_options(PatternOptions::regex().size_limit(PATTERN_BYTES_MAX))
        .build(schema)
        .map_err(|error| error.to_string())
}

fn check_size(settings: &Value) -> Option<SettingError> {
    if depth(settings) > SETTINGS_DEPTH_MAX {
        let message = format!("settings are nested deeper than {SETTINGS_DEPTH_MAX} levels");
        return Some(SettingError::new("", &message));
    }
    let bytes = settings.to_string().len();
    (bytes > SETTINGS_BYTES_MAX).then(|| {
        let message = format!("settings have {bytes} bytes, the most is {SETTINGS_BYTES_MAX}");
        SettingError::new("", &message)
    })
}

/// Levels of nesting, without recursion: the value may be hostile.
fn depth(value: &Value) -> usize {
    let mut deepest = 0;
    let mut open = vec![(value, 1)];
    while let Some((value, level)) = open.pop() {
        deepest = deepest.max(level);
        match value {
            Value::Array(entries) => open.extend(entries.iter().map(|entry| (entry, level + 1))),
            Value::Object(fields) => open.extend(fields.values().map(|field| (field, level + 1))),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_setting_that_does_not_exist_is_pointed_at() {
        let schema = json!({"properties": {"rules": {}}, "additionalProperties": false});
        let errors = validate_settings(&schema, &json!({"rulez/2": []}));
        assert_eq!(errors, [SettingError::new("/rulez~12", "there is no such setting; there is: rules")]);
    }

    #[test]
    fn errors_name_their_place() {
        let schema = json!({"properties": {"rules": {"items": {"required": ["to"]}}}});
        let errors = validate_settings(&schema, &json!({"rules": [{"to": "x"}, {}]}));
        assert_eq!(errors.len(), 1);
        assert_eq!(errors[0].pointer, "/rules/1");
    }

    #[test]
    fn deep_settings_are_refused_before_anyone_reads_them() {
        let deep = (0..10_000).fold(json!(1), |inner, _| Value::Array(vec![inner]));
        let errors = validate_settings(&json!({}), &deep);
        assert!(errors[0].message.contains("deeper than 64"));
        // Dropping the value recurses: take it apart first.
        let mut rest = deep;
        while let Value::Array(mut entries) = rest {
            rest = entries.pop().unwrap();
        }
    }

    #[test]
    fn oversize_settings_are_refused() {
        let errors = validate_settings(&json!({}), &json!("x".repeat(SETTINGS_BYTES_MAX)));
        assert!(errors[0].message.contains("the most is"));
    }

    #[test]
    fn schemas_do_not_reach_outside() {
        assert!(check_schema(&json!({"$ref": "https://example.com/schema.json"})).is_err());
        assert!(check_schema(&json!({"type": 5})).is_err());
        assert!(check_schema(&json!({"type": "object"})).is_ok());
    }
}
