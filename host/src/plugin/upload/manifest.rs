//! Whether what a plugin says of itself follows the contract.

use std::collections::HashSet;
use std::hash::Hash;

use super::{Refusal, RefusalKind};
use crate::domain::release::{Manifest, PluginKind, VERSION_CHARS_MAX, check_name};
use crate::domain::secret::NEEDS_MAX;
use crate::domain::visible_text::{check_line, quote};
use crate::plugin::settings::check_form;

/// What a list of plugins has room for.
const SUMMARY_CHARS_MAX: usize = 200;

/// A schema is text from an upload; the forms people build from it are much smaller.
const SCHEMA_BYTES_MAX: usize = 256 * 1024;

/// Completes a manifest with its schema, or names everything that is wrong with it.
pub(in crate::plugin) fn check_manifest(
    told: Manifest,
    schema: &str,
    exported: PluginKind,
) -> Result<Manifest, Refusal> {
    let mut wrong = Vec::new();
    if let Err(error) = check_name(&told.name) {
        wrong.push(format!("name: {error}"));
    }
    wrong.extend(check_version(&told.version));
    wrong.extend(check_summary(&told.summary));
    if told.kind != exported {
        wrong.push(format!("kind: it says {:?} but exports {exported:?}", told.kind));
    }
    wrong.extend(check_lists(&told));
    wrong.extend(check_secrets(&told));
    let settings_schema = read_schema(schema).unwrap_or_else(|error| {
        wrong.push(format!("settings-schema: {error}"));
        serde_json::Value::Null
    });
    if wrong.is_empty() {
        return Ok(Manifest { settings_schema, ..told });
    }
    Err(Refusal::new(RefusalKind::BadManifest, format!("the manifest is wrong: {}", wrong.join("; "))))
}

/// Where it stands, a version is looked up and shown as it is, its build metadata with it.
fn check_version(version: &str) -> Option<String> {
    let chars = version.chars().count();
    if chars > VERSION_CHARS_MAX {
        return Some(format!("version: it has {chars} characters, the most is {VERSION_CHARS_MAX}"));
    }
    let error = semver::Version::parse(version).err()?;
    Some(format!("version: `{}` is no semantic version: {error}", quote(version)))
}

fn check_summary(summary: &str) -> Option<String> {
    check_line(summary, SUMMARY_CHARS_MAX).err().map(|why| format!("summary: {why}"))
}

fn check_lists(told: &Manifest) -> Vec<String> {
    let mut wrong = Vec::new();
    for (list, repeats) in [
        ("events", repeats(&told.events)),
        ("proposals", repeats(&told.proposals)),
        ("needs", repeats(&told.needs)),
    ] {
        if repeats {
            wrong.push(format!("{list}: an entry stands there twice"));
        }
    }
    let lists = told.events.len() + told.proposals.len() + told.needs.len();
    match told.kind {
        PluginKind::ChannelAdapter if lists > 0 => {
            wrong.push("events, proposals, needs: adapters have none".into());
        }
        PluginKind::Policy if told.events.is_empty() => {
            wrong.push("events: a policy without events is never asked".into());
        }
        PluginKind::Policy if told.proposals.is_empty() => {
            wrong.push("proposals: a policy without proposals can say nothing".into());
        }
        _ => {}
    }
    wrong
}

fn check_secrets(told: &Manifest) -> Vec<String> {
    let mut wrong = Vec::new();
    if told.kind == PluginKind::Policy && !told.secrets.is_empty() {
        wrong.push("secrets: policies have none".into());
    }
    if told.secrets.len() > NEEDS_MAX {
        wrong.push(format!("secrets: {} of them, the most is {NEEDS_MAX}", told.secrets.len()));
    }
    let names: Vec<&str> = told.secrets.iter().map(|need| need.name.as_str()).collect();
    if repeats(&names) {
        wrong.push("secrets: a name stands there twice".into());
    }
    for (index, need) in told.secrets.iter().enumerate() {
        if let Err(error) = check_name(&need.name) {
            wrong.push(format!("secrets[{index}].name: {error}"));
        }
        if let Some(error) = check_summary(&need.purpose) {
            wrong.push(format!("secrets[{index}].purpose, as a {error}"));
        }
        if need.uses.is_empty() {
            wrong.push(format!("secrets[{index}].uses: used for nothing"));
        }
    }
    wrong
}

fn repeats<T: Eq + Hash>(list: &[T]) -> bool {
    let mut seen = HashSet::new();
    !list.iter().all(|entry| seen.insert(entry))
}

fn read_schema(schema: &str) -> Result<serde_json::Value, String> {
    if schema.len() > SCHEMA_BYTES_MAX {
        return Err(format!("{} bytes, the most is {SCHEMA_BYTES_MAX}", schema.len()));
    }
    let schema = serde_json::from_str(schema).map_err(|error| format!("it is not JSON: {error}"))?;
    check_form(&schema)?;
    Ok(schema)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::case::EventKind;
    use crate::domain::proposal::ProposalKind;

    fn manifest() -> Manifest {
        Manifest {
            name: "praise".into(),
            version: "1.0.0".into(),
            summary: "Sends praise to marketing.".into(),
            kind: PluginKind::Policy,
            settings_schema: serde_json::Value::Null,
            events: vec![EventKind::ItemReceived],
            secrets: vec![],
            proposals: vec![ProposalKind::Destination],
            needs: vec![],
        }
    }

    #[test]
    fn a_good_manifest_gets_its_schema() {
        let checked = check_manifest(manifest(), r#"{"type":"object"}"#, PluginKind::Policy).unwrap();
        assert_eq!(checked.settings_schema["type"], "object");
    }

    #[test]
    fn everything_wrong_is_named_at_once() {
        let bad = Manifest {
            name: "Prаise".into(),
            version: "1".into(),
            summary: "x".repeat(201),
            events: vec![EventKind::ItemReceived, EventKind::ItemReceived],
            ..manifest()
        };
        let refusal = check_manifest(bad, "[", PluginKind::ChannelAdapter).unwrap_err();
        assert_eq!(refusal.name.name(), "bad-manifest");
        for part in ["name:", "version:", "summary:", "kind:", "events:", "settings-schema:"] {
            assert!(refusal.found.contains(part), "{part} in {}", refusal.found);
        }
    }

    #[test]
    fn a_version_of_65_characters_is_refused() {
        let long = Manifest { version: format!("1.0.0+{}", "x".repeat(59)), ..manifest() };
        let refusal = check_manifest(long, "{}", PluginKind::Policy).unwrap_err();
        assert!(refusal.found.contains("version: it has 65 characters, the most is 64"), "{}", refusal.found);
    }

    #[test]
    fn a_version_of_64_characters_is_good() {
        let long = Manifest { version: format!("1.0.0+{}", "x".repeat(58)), ..manifest() };
        assert!(check_manifest(long, "{}", PluginKind::Policy).is_ok());
    }

    #[test]
    fn a_summary_that_hides_something_is_refused() {
        for (summary, wrong) in [
            ("\u{200b}\u{200d}", "summary: it has no visible character"),
            ("Sends \u{202e}praise", "summary: it has the character U+202E"),
        ] {
            let hiding = Manifest { summary: summary.into(), ..manifest() };
            let refusal = check_manifest(hiding, "{}", PluginKind::Policy).unwrap_err();
            assert!(refusal.found.contains(wrong), "{}", refusal.found);
        }
    }
}
