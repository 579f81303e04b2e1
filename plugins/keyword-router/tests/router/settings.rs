use serde_json::{Value, json};
use switchboard_plugin_keyword_router::KeywordRouter;
use switchboard_plugin_sdk::SettingError;
use switchboard_plugin_sdk::testing;

fn errors(settings: Value) -> Vec<SettingError> {
    testing::policy::<KeywordRouter>(settings).unwrap_err()
}

fn with_condition(condition: Value) -> Value {
    let mut rules: Vec<Value> =
        (0..3).map(|n| json!({"name": format!("rule {n}"), "any": ["word"], "priority": "low"})).collect();
    rules.push(json!({"name": "wrong", "any": [condition], "priority": "low"}));
    json!({"rules": rules})
}

#[test]
fn a_bad_pattern_is_named_by_place_and_reason() {
    let errors = errors(with_condition(json!({"regex": "(unclosed"})));
    assert_eq!(errors.len(), 1);
    assert_eq!(errors[0].pointer, "/rules/3/any/0");
    assert_eq!(errors[0].message, "the pattern `(unclosed` is wrong: unclosed group");
}

#[test]
fn what_patterns_cannot_do_is_said() {
    for pattern in [r"(?=look)", r"(a)\1", r"\p{Klingon}", r"(\w{200}){200}"] {
        let errors = errors(with_condition(json!({"regex": pattern})));
        assert_eq!(errors[0].pointer, "/rules/3/any/0", "{pattern}");
        assert!(errors[0].message.len() < 300, "{}", errors[0].message);
    }
}

#[test]
fn every_wrong_condition_is_named_by_place() {
    for condition in [
        json!(""),
        json!("  "),
        json!(7),
        json!({"words": []}),
        json!({"words": ["ok", ""]}),
        json!({"words": ["ok"], "in": []}),
        json!({"words": ["ok"], "in": ["body"]}),
        json!({"words": ["ok"], "in": ["attributes."]}),
        json!({"word": "ok"}),
        json!({"regex": "ok", "words": ["ok"]}),
    ] {
        let errors = errors(with_condition(condition.clone()));
        assert_eq!(errors[0].pointer, "/rules/3/any/0", "{condition}: {errors:?}");
    }
}

#[test]
fn all_errors_are_found_at_once() {
    let settings = json!({"rules": [
        {"name": "", "any": [{"regex": "["}], "priority": "low"},
        {"name": "same", "all": ["ok", {"regex": "*"}], "tags": ["ok", ""]},
        {"name": "same", "none": [""], "intent": " ", "destination": {"department": ""}},
        {"name": "silent", "any": ["x"], "spam": false},
    ]});
    let errors = errors(settings);
    let mut pointers: Vec<&str> = errors.iter().map(|error| error.pointer.as_str()).collect();
    pointers.sort_unstable();
    let expected = [
        "/rules/0/any/0",
        "/rules/0/name",
        "/rules/1/all/1",
        "/rules/1/tags/1",
        "/rules/2/destination/department",
        "/rules/2/intent",
        "/rules/2/name",
        "/rules/2/none/0",
        "/rules/3",
    ];
    assert_eq!(pointers, expected);
}

#[test]
fn values_of_a_wrong_type_are_named_by_place() {
    let rule = |key: &str, value: Value| json!({"rules": [{"name": "x", key: value}]});
    for (settings, pointer) in [
        (rule("priority", json!("huge")), "/rules/0/priority"),
        (rule("spam", json!("yes")), "/rules/0/spam"),
        (rule("kinds", json!(["mail"])), "/rules/0/kinds/0"),
        (rule("destination", json!({"queue": "x"})), "/rules/0/destination"),
        (json!({"rules": {}}), "/rules"),
        (json!({"match": "best", "rules": []}), "/match"),
        (json!({}), ""),
    ] {
        assert_eq!(errors(settings.clone())[0].pointer, pointer, "{settings}");
    }
    assert!(errors(rule("kind", json!("email")))[0].message.contains("unknown field `kind`"));
}

#[test]
fn the_manifest_carries_a_documented_schema() {
    let manifest = testing::policy_manifest::<KeywordRouter>();
    assert_eq!(manifest.name, "keyword-router");
    let schema: Value = serde_json::from_str(&manifest.settings_schema).unwrap();
    assert_eq!(schema["title"], "keyword-router");
    assert_eq!(schema["additionalProperties"], json!(false));
    let rule = &schema["$defs"]["Rule"];
    assert_eq!(rule["required"], json!(["name"]));
    for (name, property) in rule["properties"].as_object().unwrap() {
        assert!(property["description"].is_string(), "{name}: {property}");
    }
    assert_eq!(schema["properties"]["match"]["default"], "first");
}
