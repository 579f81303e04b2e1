//! Whether a component's imports and exports are the contract's.

use wasmparser::{Parser, Payload};

use super::{Refusal, RefusalKind};
use crate::domain::release::PluginKind;

const PACKAGE: &str = "switchboard:plugin/";
const VERSION_SUFFIX: &str = "@0.2.0";

/// Functions are imported from here.
const LOG: &str = "switchboard:plugin/log@0.2.0";

/// The same, for adapters alone.
const SECRETS: &str = "switchboard:plugin/secrets@0.2.0";

/// The version that came before this one. It was provisional, so nothing of it is kept.
const PREDECESSOR: &str = "0.1.0";

/// Types alone: nothing that can be called.
const TYPES: &str = "switchboard:plugin/types@0.2.0";

/// What a component asks for and offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::plugin) struct Shape {
    /// Its kind, by what it exports.
    pub(in crate::plugin) kind: PluginKind,
    /// Imports that can be called; an import of types alone gives a plugin nothing.
    pub(in crate::plugin) imports: Vec<String>,
}

/// Reads a valid component's shape, or says which rule it breaks.
pub(in crate::plugin) fn read_shape(bytes: &[u8]) -> Result<Shape, Refusal> {
    let names = read_names(bytes).map_err(|error| Refusal::new(RefusalKind::Invalid, error.message()))?;
    check_imports(&names.imports)?;
    let kind = kind_of(&names.exports)?;
    if kind == PluginKind::Policy && names.imports.iter().any(|name| name == SECRETS) {
        let found = format!("the component is a policy and imports `{SECRETS}`");
        return Err(Refusal::new(RefusalKind::ForeignImport, found));
    }
    let imports = names.imports.into_iter().filter(|name| name != TYPES).collect();
    Ok(Shape { kind, imports })
}

#[derive(Default)]
struct Names {
    imports: Vec<String>,
    exports: Vec<String>,
}

fn read_names(bytes: &[u8]) -> wasmparser::Result<Names> {
    let mut names = Names::default();
    // Modules and components inside have imports and exports too; only the outermost count.
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    names.imports.push(import?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                for export in section {
                    names.exports.push(export?.name.name.to_owned());
                }
            }
            _ => {}
        }
    }
    Ok(names)
}

fn check_imports(imports: &[String]) -> Result<(), Refusal> {
    let is_foreign = |name: &&str| ![LOG, SECRETS, TYPES].contains(name);
    let foreign: Vec<&str> = imports.iter().map(String::as_str).filter(is_foreign).collect();
    let Some(first) = foreign.first() else { return Ok(()) };
    if let Some(version) = other_version(first) {
        let found = format!("the component imports `{first}`: contract {version} {}", what_of(version));
        return Err(Refusal::new(RefusalKind::UnsupportedContract, found));
    }
    let found = format!("the component imports `{}`", foreign.join("`, `"));
    Err(Refusal::new(RefusalKind::ForeignImport, found))
}

fn kind_of(exports: &[String]) -> Result<PluginKind, Refusal> {
    let has =
        |interface: &str| exports.iter().any(|name| *name == format!("{PACKAGE}{interface}{VERSION_SUFFIX}"));
    let wrong = |found: &str| Err(Refusal::new(RefusalKind::WrongWorld, found));
    match (has("plugin"), has("adapter"), has("policy")) {
        (true, true, false) => Ok(PluginKind::ChannelAdapter),
        (true, false, true) => Ok(PluginKind::Policy),
        (_, true, true) => wrong("the component exports both `adapter` and `policy`: a plugin is one kind"),
        (true, false, false) => wrong("the component exports neither `adapter` nor `policy`"),
        (false, ..) => match exports.iter().find_map(|name| other_version(name)) {
            Some(version) => {
                let found = format!("the component follows contract {version}, which {}", what_of(version));
                Err(Refusal::new(RefusalKind::UnsupportedContract, found))
            }
            None => wrong("the component does not export `switchboard:plugin/plugin@0.2.0`"),
        },
    }
}

fn what_of(version: &str) -> &'static str {
    match version {
        PREDECESSOR => "was provisional; 0.2.0 is its successor",
        _ => "is not known here",
    }
}

/// The version of one of the contract's interfaces, where it is not ours. Versions are looked up
/// exactly: records match by structure, so there is no compatible other.
fn other_version(name: &str) -> Option<&str> {
    let (_, version) = name.strip_prefix(PACKAGE)?.split_once('@')?;
    (VERSION_SUFFIX[1..] != *version).then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_foreign_import_is_named_with_its_remedy() {
        let refusal = check_imports(&names(&[LOG, "wasi:cli/stdout@0.2.3"])).unwrap_err();
        assert_eq!(refusal.name.name(), "foreign-import");
        assert!(refusal.found.contains("wasi:cli/stdout@0.2.3"));
        assert!(refusal.remedy.contains("--stub-wasi"));
    }

    #[test]
    fn another_version_of_the_contract_is_named() {
        let refusal = check_imports(&names(&["switchboard:plugin/log@0.3.0"])).unwrap_err();
        assert_eq!(refusal.name.name(), "unsupported-contract");
        let refusal = check_imports(&names(&["switchboard:plugin/log@0.1.0"])).unwrap_err();
        assert!(refusal.found.contains("0.2.0 is its successor"), "{}", refusal.found);
        let refusal = kind_of(&names(&["switchboard:plugin/plugin@0.1.1"])).unwrap_err();
        assert!(refusal.found.contains("0.1.1"));
    }

    #[test]
    fn a_plugin_is_one_kind() {
        let plugin = "switchboard:plugin/plugin@0.2.0";
        let adapter = "switchboard:plugin/adapter@0.2.0";
        let policy = "switchboard:plugin/policy@0.2.0";
        assert_eq!(kind_of(&names(&[plugin, policy])), Ok(PluginKind::Policy));
        assert_eq!(kind_of(&names(&[adapter, plugin])), Ok(PluginKind::ChannelAdapter));
        assert_eq!(kind_of(&names(&[plugin, adapter, policy])).unwrap_err().name.name(), "wrong-world");
        assert_eq!(kind_of(&names(&[plugin])).unwrap_err().name.name(), "wrong-world");
        assert_eq!(kind_of(&names(&["wasi:cli/run@0.2.0"])).unwrap_err().name.name(), "wrong-world");
    }
}
