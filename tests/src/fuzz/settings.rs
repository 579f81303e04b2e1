//! Settings: whatever is given to a bundled policy is taken or refused at its place.

use std::collections::BTreeSet;

use serde_json::Value;
use switchboard::plugin::validate_settings;

use super::each_input;
use super::mutate::changed;
use crate::support::TestApp;
use crate::support::company;

#[tokio::test]
async fn whatever_a_policy_is_given_as_settings_is_taken_or_refused_at_its_place() {
    let app = TestApp::company().await;
    let mut tried = BTreeSet::new();
    let policies = [company::router(), company::reach(), company::silence()];
    let samples: Vec<Vec<u8>> = policies
        .iter()
        .map(|it| it.get("settings").cloned().unwrap_or_default().to_string().into_bytes())
        .collect();
    let mut schemas = Vec::new();
    for policy in &policies {
        let name = policy["plugin"].as_str().unwrap();
        let releases = app.flow().store.versions(name).await.unwrap();
        schemas.push(releases[0].manifest.settings_schema.clone());
    }
    each_input(async |seed, mut rng| {
        let bytes = changed(&samples, &mut rng);
        let Ok(settings) = serde_json::from_slice::<Value>(&bytes) else { return };
        let schema = &schemas[rng.usize(..schemas.len())];
        let errors = validate_settings(schema, &settings);
        for error in &errors {
            let there = error.pointer.is_empty() || settings.pointer(parent(&error.pointer)).is_some();
            assert!(there, "seed {seed}: {} points nowhere in {settings}", error.pointer);
        }
        tried.insert(errors.is_empty());
    })
    .await;
    assert!(tried.contains(&false), "nothing was ever refused");
}

/// The place that holds this one: what is missing has none of its own.
fn parent(pointer: &str) -> &str {
    pointer.rsplit_once('/').map_or("", |(parent, _)| parent)
}
