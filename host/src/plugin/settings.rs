//! Settings against the schema that a manifest declares.
//!
//! Both are a department's: a few links of a schema can ask for more steps than there is time, or for
//! more stack than any thread has. So this runs in the compile child; the host asks
//! [`Plugins::check_settings`](super::Plugins::check_settings).

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

/// The validator collects every error before it hands out the first, one and a half kilobytes each. So
/// settings of more values than this get the first error alone.
const COLLECTED_VALUES_MAX: usize = 10_000;

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

/// Everything that is wrong with `settings`, up to a bound; empty when a plugin may see them. For the
/// child, and for tests with schemas of their own.
pub fn validate_settings(schema: &Value, settings: &Value) -> Vec<SettingError> {
    validate(schema, settings).unwrap_or_else(|reason| vec![unusable_schema(&reason)])
}

/// The same, unless the schema is none: then why not.
pub(super) fn validate(schema: &Value, settings: &Value) -> Result<Vec<SettingError>, String> {
    let validator = compile(schema)?;
    if let Some(error) = check_size(settings) {
        return Ok(vec![error]);
    }
    let errors = match values(settings) > COLLECTED_VALUES_MAX {
        true => errors_of(schema, validator.validate(settings).err()),
        false => errors_of(schema, validator.iter_errors(settings)),
    };
    Ok(errors)
}

/// What settings are told whose plugin has no usable schema.
pub(super) fn unusable_schema(reason: &str) -> SettingError {
    SettingError::new("", &format!("the plugin's schema is not usable: {reason}"))
}

/// Whether a schema has the form of one, which costs little; else why not.
pub(super) fn check_form(schema: &Value) -> Result<(), String> {
    if !schema.is_object() {
        return Err("it is not a JSON object".into());
    }
    if depth(schema) > SETTINGS_DEPTH_MAX {
        return Err(format!("it is nested deeper than {SETTINGS_DEPTH_MAX} levels"));
    }
    Ok(())
}

/// Schemas come from uploads: no retrieval of references, and patterns in linear time.
fn compile(schema: &Value) -> Result<Validator, String> {
    jsonschema::options()
        .offline()
        .with_pattern_options(PatternOptions::regex().size_limit(PATTERN_BYTES_MAX))
        .build(schema)
        .map_err(|error| error.to_string())
}

/// Refuses settings by their size alone.
pub(super) fn check_size(settings: &Value) -> Option<SettingError> {
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

/// Levels of nesting.
fn depth(value: &Value) -> usize {
    nested(value).map(|(_, level)| level).max().unwrap_or_default()
}

/// How many values there are, one in another.
fn values(value: &Value) -> usize {
    nested(value).count()
}

/// Every value with its level, without recursion: the outermost may be hostile.
fn nested(value: &Value) -> impl Iterator<Item = (&Value, usize)> {
    let mut open = vec![(value, 1)];
    std::iter::from_fn(move || {
        let (value, level) = open.pop()?;
        match value {
            Value::Array(entries) => open.extend(entries.iter().map(|entry| (entry, level + 1))),
            Value::Object(fields) => open.extend(fields.values().map(|field| (field, level + 1))),
            _ => {}
        }
        Some((value, level))
    })
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
        let none = json!({});
        assert!(validate(&json!({"$ref": "https://example.com/schema.json"}), &none).is_err());
        assert!(validate(&json!({"type": 5}), &none).is_err());
        assert!(validate(&json!({"type": "object"}), &none).is_ok());
    }

    #[test]
    fn errors_are_cut_to_fifty_of_five_hundred_bytes() {
        let schema =
            json!({"items": {"type": "string"}, "properties": {"known": {}}, "additionalProperties": false});
        let many: Value = (0..3_000).map(|number| json!([number, "x".repeat(100)])).collect();
        let unknown: Value = (0..9_000).map(|number| (format!("unknown-{number}"), json!(1))).collect();
        for settings in [many, unknown] {
            let errors = validate_settings(&schema, &settings);
            assert_eq!(errors.len(), ERRORS_MAX);
            assert!(errors.iter().all(|it| it.message.len() <= MESSAGE_BYTES_MAX));
        }
    }

    #[test]
    fn settings_of_very_many_values_get_the_first_error_alone() {
        let schema = json!({"items": {"type": "string"}});
        let errors = validate_settings(&schema, &json!(vec![1; COLLECTED_VALUES_MAX + 1]));
        assert_eq!(errors.len(), 1);
        assert_eq!(errors[0].pointer, "/0");
    }

    #[test]
    fn a_text_that_many_alternatives_refuse_is_quoted_in_a_bounded_message() {
        let alternatives: Vec<_> =
            (0..200).map(|number| json!({"minimum": number, "type": "integer"})).collect();
        let errors = validate_settings(&json!({"anyOf": alternatives}), &json!("x".repeat(500_000)));
        assert_eq!(errors.len(), 1);
        assert!(errors[0].message.len() <= MESSAGE_BYTES_MAX);
    }
}
