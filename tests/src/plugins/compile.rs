//! From a bundled plugin's bytes to its answer, by the real compile child and without the rest of a host.

use std::sync::Arc;

use serde_json::json;
use switchboard::bundled::BUNDLED;
use switchboard::domain::release::PluginKind;
use switchboard::plugin::{ChildLimits, InspectError, Lane, PluginConfig, Plugins};

use crate::hostile::aftermath::{case, event};
use crate::support::program;

fn plugins() -> Arc<Plugins> {
    plugins_within(ChildLimits::ORDINARY)
}

fn plugins_within(child_limits: ChildLimits) -> Arc<Plugins> {
    Plugins::new(PluginConfig { child_limits, ..PluginConfig::new(program()) }).unwrap()
}

fn bundled(name: &str) -> &'static [u8] {
    BUNDLED.iter().find(|(bundled, _)| *bundled == name).unwrap().1
}

#[tokio::test]
async fn a_policy_goes_from_bytes_to_proposals() {
    let plugins = plugins();
    let component = bundled("keyword-router");
    let inspected = plugins.inspect(None, component.into()).await.unwrap();
    assert_eq!(inspected.manifest.name, "keyword-router");
    assert_eq!(inspected.imports, ["switchboard:plugin/log@0.2.0"]);
    let settings = json!({"rules": [{"name": "refunds", "any": ["refund"], "destination": {"department": "logistics"}}]});
    let artefact = plugins.prepare(None, component.into(), PluginKind::Policy, &settings).await.unwrap();
    let policy = plugins.load_policy(&artefact, inspected.manifest.into()).unwrap();
    let call =
        plugins.executor().run(Lane::Trying(None), move || policy.evaluate(&event(), &case())).await.unwrap();
    let proposals = serde_json::to_value(call.result.unwrap()).unwrap();
    assert_eq!(proposals[0]["department"], "logistics");
}

#[tokio::test]
async fn what_a_policy_refuses_of_its_settings_comes_with_its_place() {
    let settings = json!({"rules": [{"name": "broken", "any": [{"regex": "("}], "tags": ["x"]}]});
    let component = bundled("keyword-router");
    let failure = plugins().prepare(None, component.into(), PluginKind::Policy, &settings).await.unwrap_err();
    assert_eq!(failure.name, "invalid-settings");
    assert!(failure.setting_errors[0].pointer.starts_with("/rules/0/any/0"), "{failure:?}");
}

#[tokio::test]
async fn a_text_is_refused_with_a_remedy() {
    let error = plugins().inspect(None, "(component)".into()).await.unwrap_err();
    let InspectError::Refused(refusal) = error else { panic!("{error}") };
    assert_eq!(refusal.name.name(), "text-format");
    assert!(refusal.remedy.contains("wasm-tools"));
}

#[tokio::test]
async fn an_ordinary_plugin_compiles_in_a_quarter_of_what_a_child_may_use() {
    let quarter = ChildLimits { memory_bytes: 1 << 30, ..ChildLimits::ORDINARY };
    plugins_within(quarter).inspect(None, bundled("email").into()).await.unwrap();
}
