use std::collections::HashSet;

use serde_json::Value;

use super::super::openapi::{described, path_parameter};
use super::super::permission::Permission;
use super::super::route::Method;
use super::*;

fn operations(document: &Value) -> Vec<(String, Value)> {
    let paths = document["paths"].as_object().unwrap();
    let each = paths.iter().flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().iter();
        methods.map(move |(method, operation)| (format!("{method} {path}"), operation.clone()))
    });
    each.collect()
}

#[test]
fn no_route_stands_twice() {
    let mut seen = HashSet::new();
    for route in routes() {
        assert!(seen.insert((route.path, format!("{:?}", route.method))), "{} stands twice", route.path);
    }
}

#[test]
fn every_route_says_what_it_does_in_one_sentence() {
    for route in routes() {
        assert!(route.summary.len() > 10, "{}", route.path);
        assert!(!route.summary.ends_with('.'), "{}: a summary has no full stop", route.path);
    }
}

#[test]
fn every_part_of_a_path_is_explained() {
    for route in routes() {
        for name in route.path_parameters() {
            assert!(path_parameter(name).is_some(), "{name} in {}", route.path);
        }
    }
}

#[test]
fn only_what_tells_nothing_of_customers_is_public() {
    let public: Vec<_> =
        routes().into_iter().filter(|it| it.permission == Permission::Public).map(|it| it.path).collect();
    assert_eq!(public, ["/healthz", "/readyz", "/metrics", "/openapi.json"]);
}

#[test]
fn only_the_inboxes_door_takes_any_method() {
    for route in routes() {
        let door = route.permission == Permission::Inbox;
        assert_eq!(route.method == Method::Any, door, "{}", route.path);
        assert_eq!(route.path.starts_with("/in/"), door, "{}", route.path);
    }
}

#[test]
fn every_body_that_is_read_is_in_openapi() {
    let routes = routes();
    let document = described(&routes);
    for route in &routes {
        let path = route.path.replace("{*", "{");
        let methods = document["paths"][path.as_str()].as_object().unwrap();
        let described = methods.iter().any(|(_, operation)| operation.get("requestBody").is_some());
        assert!(described || route.body_bytes_max == 0, "{}", route.path);
    }
}

#[test]
fn every_operation_has_an_answer_with_a_schema_and_problems() {
    let document = described(&routes());
    for (name, operation) in operations(&document) {
        let responses = operation["responses"].as_object().unwrap();
        let success = responses.iter().find(|(status, _)| status.starts_with('2')).unwrap().1;
        let content = success["content"].as_object().unwrap();
        assert!(content.values().all(|it| it["schema"].is_object()), "{name}");
        assert!(responses.contains_key("default"), "{name}");
        assert!(operation["operationId"].is_string(), "{name}");
    }
}

#[test]
fn operation_ids_are_unique() {
    let document = described(&routes());
    let mut seen = HashSet::new();
    for (name, operation) in operations(&document) {
        assert!(seen.insert(operation["operationId"].to_string()), "{name}");
    }
}

#[test]
fn every_reference_leads_somewhere() {
    let document = described(&routes());
    let text = document.to_string();
    for reference in text.split("\"$ref\":\"").skip(1) {
        let target = reference.split('"').next().and_then(|it| it.strip_prefix('#')).unwrap();
        assert!(document.pointer(target).is_some(), "{target}");
    }
}
