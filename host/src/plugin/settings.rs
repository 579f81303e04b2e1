//! Settings against the schema that a manifest declares.

use jsonschema::{PatternOptions, Validator};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::place::errors_of;
use super::failure::cut;

mod place;

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
            .flat_map(|error| errors_of(schema, &error))
            .take(ERRORS_MAX)
            .collect(),
        Err(message) => vec![SettingError::new("", &format!("the plugin's schema is not usable: {message}"))],
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

    /// What a rule of words and patterns can ask for, and more alternatives of other forms.
    fn alternatives() -> Value {
        json!({
            "properties": {
                "any": { "items": { "anyOf": [
                    { "type": "string" }, { "$ref": "#/$defs/Words" }, { "$ref": "#/$defs/Regex" },
                ] } },
                "to": { "anyOf": [{ "$ref": "#/$defs/To" }, { "type": "null" }] },
                "access": { "oneOf": [
                    { "type": "object", "required": ["kind"], "properties": { "kind": { "const": "open" } } },
                    {
                        "type": "object", "required": ["kind", "secret"],
                        "properties": { "kind": { "const": "token" }, "secret": { "type": "string" } },
                    },
                ] },
                "match": { "oneOf": [{ "const": "first" }, { "const": "all" }] },
            },
            "$defs": {
                "Words": {
                    "type": "object", "required": ["words"], "additionalProperties": false,
                    "properties": {
                        "words": { "type": "array", "items": { "type": "string" }, "minItems": 1 },
                        "in": { "$ref": "#/$defs/Fields" },
                    },
                },
                "Regex": {
                    "type": "object", "required": ["regex"], "additionalProperties": false,
                    "properties": { "regex": { "type": "string" }, "in": { "$ref": "#/$defs/Fields" } },
                },
                "Fields": { "type": "array", "items": { "anyOf": [
                    { "enum": ["subject", "text"] }, { "type": "string", "pattern": "^attributes\\..+" },
                ] } },
                "To": { "type": "object", "required": ["department"], "additionalProperties": false,
                        "properties": { "department": { "type": "string" } } },
            },
        })
    }

    fn only_error(settings: Value) -> (String, String) {
        let mut errors = validate_settings(&alternatives(), &settings);
        assert_eq!(errors.len(), 1, "{settings}: {errors:?}");
        let error = errors.remove(0);
        (error.pointer, error.message)
    }

    #[test]
    fn an_error_within_the_alternative_that_was_meant_names_the_exact_place() {
        for (settings, pointer, message) in [
            (json!({"any": ["ok", {"words": ["ok", 7]}]}), "/any/1/words/1", "7 is not of type"),
            (json!({"any": [{"words": []}]}), "/any/0/words", "[] has less than 1 item"),
            (json!({"any": [{"regex": 7}]}), "/any/0/regex", "7 is not of type"),
            (json!({"any": [{"regex": "x", "inn": []}]}), "/any/0/inn", "there is: in, regex"),
            (json!({"any": [{"words": ["x"], "in": ["body"]}]}), "/any/0/in/0", "does not match"),
            (json!({"to": {"queue": "x", "department": "y"}}), "/to/queue", "there is: department"),
            (json!({"to": {}}), "/to", "\"department\" is a required property"),
            (json!({"access": {"kind": "token"}}), "/access", "\"secret\" is a required property"),
            (json!({"access": {"kind": "token", "secret": 7}}), "/access/secret", "7 is not of type"),
        ] {
            let (found, said) = only_error(settings.clone());
            assert_eq!(found, pointer, "{settings}: {said}");
            assert!(said.contains(message), "{settings}: {said}");
        }
    }

    #[test]
    fn where_a_value_is_one_of_some_they_are_listed_at_its_place() {
        for (settings, pointer, message) in [
            (json!({"match": "best"}), "/match", "must be one of: \"first\", \"all\""),
            (json!({"access": {"kind": "opne"}}), "/access/kind", "must be one of: \"open\", \"token\""),
        ] {
            assert_eq!(only_error(settings), (pointer.to_owned(), message.to_owned()));
        }
    }

    #[test]
    fn where_no_alternative_was_clearly_meant_each_says_what_it_misses() {
        for (settings, message) in [
            (json!({"any": [7]}), "7 is not of type \"string\"; or 7 is not of type \"object\""),
            (json!({"any": [{"words": ["x"], "regex": "x"}]}), "; or Additional properties"),
            (json!({"any": [{"word": "x"}]}), "\"words\" is a required property"),
        ] {
            let (pointer, said) = only_error(settings.clone());
            assert_eq!(pointer, "/any/0", "{settings}");
            assert!(said.contains(message), "{settings}: {said}");
        }
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
