//! Settings: whatever is given to a bundled plugin is taken or refused at its place, by its schema first
//! and then by the plugin itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use fastrand::Rng;
use serde_json::{Value, json};
use switchboard::bundled::BUNDLED;
use switchboard::domain::release::PluginKind;
use switchboard::plugin::{Policy, SettingError, validate_settings};

use super::each_input;
use super::mutate::{changed, stirred};
use crate::hostile::aftermath::{case, event};
use crate::support::TestApp;
use crate::support::company;

/// How many settings that a policy refused are given to the compile child too, to see where it points.
const PREPARED_MAX: usize = 5;

/// Nearly right settings: changed as text, or in their values alone, which schemas let through more often.
fn settings(samples: &[Value], rng: &mut Rng) -> Option<Value> {
    if rng.bool() {
        return Some(stirred(&samples[rng.usize(..samples.len())], rng));
    }
    let texts: Vec<_> = samples.iter().map(|it| it.to_string().into_bytes()).collect();
    serde_json::from_slice(&changed(&texts, rng)).ok()
}

/// Every error is at a place that there is, or that is missing where it should be.
fn are_at_their_places(errors: &[SettingError], settings: &Value, case: &str) {
    for error in errors {
        let there = error.pointer.is_empty() || settings.pointer(parent(&error.pointer)).is_some();
        assert!(there, "{case}: {} points nowhere in {settings}", error.pointer);
    }
}

/// A bundled policy that has not been configured.
struct Asked {
    name: String,
    schema: Value,
    policy: Policy,
}

impl Asked {
    async fn of(app: &TestApp, name: &str) -> Self {
        let inspected = app.flow().plugins.inspect(None, component(name).into()).await.unwrap();
        let schema = inspected.manifest.settings_schema.clone();
        let policy = app.flow().plugins.load_policy(&inspected.artefact, Arc::new(inspected.manifest));
        Self { name: name.to_owned(), schema, policy: policy.unwrap() }
    }

    /// Configures it with settings that match its schema and asks it; whether it took them.
    fn takes(&self, settings: &Value, case_of: &str) -> bool {
        match self.policy.evaluate_configuring(settings, &event(), &case()).result {
            Ok(_) => true,
            Err(failure) => {
                let refused = failure.detail.contains("the settings were refused");
                assert!(refused, "{case_of}: {failure} of {} on {settings}", self.name);
                false
            }
        }
    }
}

fn component(name: &str) -> &'static [u8] {
    BUNDLED.iter().find(|it| it.0 == name).unwrap().1
}

#[tokio::test]
async fn whatever_a_policy_is_given_as_settings_is_taken_or_refused_at_its_place() {
    let app = TestApp::company().await;
    let mut samples = Vec::new();
    let mut policies = Vec::new();
    for enabled in [company::router(), company::reach(), company::silence()] {
        samples.push(enabled.get("settings").cloned().unwrap_or_else(|| json!({})));
        policies.push(Asked::of(&app, enabled["plugin"].as_str().unwrap()).await);
    }
    samples.push(json!({ "rules": [
        { "name": "a", "any": [{ "regex": "order [0-9]{6}" }], "tags": ["x"] },
        { "name": "b", "all": ["one", "two"], "none": ["three"], "priority": "low", "spam": true },
    ] }));
    let mut tried: BTreeMap<&str, usize> = BTreeMap::new();
    let mut pointed = 0;
    each_input(async |seed, mut rng| {
        let Some(settings) = settings(&samples, &mut rng) else { return };
        let policy = &policies[rng.usize(..policies.len())];
        let case = format!("seed {seed}");
        let errors = validate_settings(&policy.schema, &settings);
        are_at_their_places(&errors, &settings, &case);
        let came = match errors.is_empty() {
            false => "refused by its schema",
            true if policy.takes(&settings, &case) => "taken",
            true => "refused by the policy",
        };
        *tried.entry(came).or_default() += 1;
        if came == "refused by the policy" && pointed < PREPARED_MAX {
            pointed += 1;
            let component = component(&policy.name).into();
            let prepared = app.flow().plugins.prepare(None, component, PluginKind::Policy, &settings).await;
            let failure = prepared.expect_err("it was refused before");
            assert_eq!(failure.name, "invalid-settings", "{case}: {failure} on {settings}");
            are_at_their_places(&failure.setting_errors, &settings, &case);
        }
    })
    .await;
    println!("{tried:?}");
    assert_eq!(tried.len(), 3, "one of the three never happened: {tried:?}");
}

#[tokio::test]
async fn whatever_an_inbox_is_given_as_settings_is_taken_or_refused_at_its_place() {
    let app = TestApp::company().await;
    let inboxes = [company::chat(), company::mail(), company::alerts()];
    let samples: Vec<Value> =
        inboxes.iter().map(|it| it.get("settings").cloned().unwrap_or_else(|| json!({}))).collect();
    let pipeline = app.flow().pipeline.load_full();
    let mut tried: BTreeMap<&str, usize> = BTreeMap::new();
    each_input(async |seed, mut rng| {
        let Some(settings) = settings(&samples, &mut rng) else { return };
        let name = inboxes[rng.usize(..inboxes.len())]["adapter"].as_str().unwrap();
        let adapter = pipeline.adapter(name).unwrap();
        let case = format!("seed {seed}, {name}");
        let errors = validate_settings(&adapter.manifest.settings_schema, &settings);
        are_at_their_places(&errors, &settings, &case);
        if !errors.is_empty() {
            *tried.entry("refused by its schema").or_default() += 1;
            return;
        }
        let checked = adapter.adapter.check_settings(&settings).result;
        match checked.unwrap_or_else(|failure| panic!("{case}: {failure} on {settings}")) {
            Ok(()) => *tried.entry("taken").or_default() += 1,
            Err(errors) => {
                assert!(!errors.is_empty(), "{case}: refused without a word");
                are_at_their_places(&errors, &settings, &case);
                *tried.entry("refused by the adapter").or_default() += 1;
            }
        }
    })
    .await;
    println!("{tried:?}");
    assert!(tried.contains_key("taken") && tried.len() >= 2, "something never happened: {tried:?}");
}

/// The place that holds this one: what is missing has none of its own.
fn parent(pointer: &str) -> &str {
    pointer.rsplit_once('/').map_or("", |(parent, _)| parent)
}
