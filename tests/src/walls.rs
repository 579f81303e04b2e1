//! The walls between the rooms: who may know what.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

/// A source file: its path below `host/src`, and its text without comments.
struct Source {
    path: String,
    text: String,
}

impl Source {
    /// Whether it belongs to this room: the room's file, or anything in its folder.
    fn is_in(&self, room: &str) -> bool {
        self.path == format!("{room}.rs") || self.path.starts_with(&format!("{room}/"))
    }
}

fn host() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../host/src")
}

fn sources() -> Vec<Source> {
    let mut found = Vec::new();
    let mut folders = vec![host()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "rs") {
                found.push(source(&path));
            }
        }
    }
    assert!(found.len() > 50, "only {} files found: is this the right folder?", found.len());
    found
}

fn source(path: &Path) -> Source {
    let lines = fs::read_to_string(path).unwrap();
    let code = lines.lines().filter(|line| !line.trim_start().starts_with("//"));
    Source {
        path: path.strip_prefix(host()).unwrap().to_str().unwrap().to_owned(),
        text: code.collect::<Vec<_>>().join("\n"),
    }
}

/// Whether code names this crate or module: as the start of a path, not as a part of another word.
fn names(text: &str, name: &str) -> bool {
    text.match_indices(name).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = &text[at + name.len()..];
        let starts_word = !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':' || c == '.');
        starts_word && (after.starts_with("::") || after.starts_with("!("))
    })
}

/// Nobody outside the rooms names the crate.
fn only_in(rooms: &[&str], krate: &str) {
    let outside = sources().into_iter().filter(|source| !rooms.iter().any(|room| source.is_in(room)));
    let guilty: Vec<_> = outside.filter(|source| names(&source.text, krate)).map(|it| it.path).collect();
    assert!(guilty.is_empty(), "{krate} is for {rooms:?} alone, but these name it: {guilty:?}");
}

/// Each room, and those that it may know.
const MAY_KNOW: [(&str, &[&str]); 15] = [
    ("domain", &[]),
    ("crash", &[]),
    ("egress", &[]),
    ("gate", &["domain"]),
    ("telemetry", &["domain"]),
    ("vault", &["domain"]),
    ("plugin", &["domain", "vault"]),
    ("store", &["crash", "domain", "gate"]),
    ("config", &["vault"]),
    ("bundled", &["plugin"]),
    ("flow", &["bundled", "crash", "domain", "egress", "plugin", "store", "telemetry", "vault"]),
    ("worker", &["domain", "flow"]),
    ("http", &["domain", "flow", "gate", "store"]),
    (
        "app",
        &[
            "bundled",
            "crash",
            "domain",
            "egress",
            "flow",
            "http",
            "plugin",
            "store",
            "telemetry",
            "vault",
            "worker",
        ],
    ),
    (
        "cli",
        &[
            "app",
            "bundled",
            "config",
            "crash",
            "domain",
            "egress",
            "flow",
            "http",
            "plugin",
            "store",
            "telemetry",
            "vault",
        ],
    ),
];

/// The rooms that code names: what stands behind `crate::`, and each that stands in its braces.
fn rooms_named(text: &str) -> BTreeSet<String> {
    text.split("crate::").skip(1).flat_map(first_segments).collect()
}

/// `flow::enable` begins with `flow`; `{http, domain::{item, ids}}` with `http` and `domain`.
fn first_segments(path: &str) -> Vec<String> {
    let word = |text: &str| {
        text.trim_start().split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap().to_owned()
    };
    let Some(inside) = path.strip_prefix('{') else { return vec![word(path)] };
    let (mut depth, mut found, mut begin) = (0, Vec::new(), 0);
    for (at, c) in inside.char_indices() {
        match c {
            '{' => depth += 1,
            ',' | '}' if depth == 0 => {
                found.push(word(&inside[begin..at]));
                begin = at + 1;
                if c == '}' {
                    break;
                }
            }
            '}' => depth -= 1,
            _ => {}
        }
    }
    found
}

#[test]
fn every_room_knows_whom_it_may_and_nobody_else() {
    let rooms: Vec<&str> = MAY_KNOW.iter().map(|(room, _)| *room).collect();
    for source in sources() {
        let Some((room, may)) = MAY_KNOW.iter().find(|(room, _)| source.is_in(room)) else {
            assert!(["lib.rs", "main.rs"].contains(&source.path.as_str()), "{} is in no room", source.path);
            continue;
        };
        // Tests may know more: the second assembles a flow without an app for the room's own.
        if source.path.contains("tests") || source.path == "http/testing.rs" {
            continue;
        }
        let text = source.text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        for named in rooms_named(text) {
            let is_known =
                named == *room || may.contains(&named.as_str()) || !rooms.contains(&named.as_str());
            assert!(is_known, "{} must not know {named}", source.path);
        }
    }
}

#[test]
fn rooms_are_found_however_they_are_named() {
    let text = "use crate::flow::{Flow, enable};\nuse crate::{http, domain::{item, ids}, store};\ncrate::cli::main()";
    let named: Vec<String> = rooms_named(text).into_iter().collect();
    assert_eq!(named, ["cli", "domain", "flow", "http", "store"]);
}

#[test]
fn only_the_sandbox_knows_webassembly() {
    for krate in ["wasmtime", "wasmtime_wizer", "wasmparser", "wit_component", "wit_parser"] {
        only_in(&["plugin"], krate);
    }
}

/// What a department wrote is checked in a child, where it may take all there is.
#[test]
fn settings_meet_their_schema_in_the_child_alone() {
    only_in(&["plugin/settings"], "jsonschema");
    let callers = sources().into_iter().filter(|it| it.text.contains("validate(&job.schema"));
    assert_eq!(callers.map(|it| it.path).collect::<Vec<_>>(), ["plugin/compile/validate.rs"]);
    // The other way to it is for tests.
    let others = sources().into_iter().filter(|it| it.text.contains("validate_settings"));
    let may = ["plugin.rs", "plugin/settings.rs"];
    let guilty: Vec<_> = others.map(|it| it.path).filter(|path| !may.contains(&path.as_str())).collect();
    assert!(guilty.is_empty(), "{guilty:?} check settings in the host");
}

#[test]
fn only_the_compile_child_knows_system_calls() {
    only_in(&["plugin/compile/syscalls"], "seccompiler");
    // Memory is given back by a call of the C library alone.
    only_in(&["plugin/compile/syscalls", "app/memory"], "libc");
}

#[test]
fn only_the_repository_knows_the_database() {
    only_in(&["store"], "sqlx");
}

#[test]
fn only_the_http_room_knows_axum() {
    for krate in ["axum", "hyper", "hyper_util"] {
        only_in(&["http"], krate);
    }
}

#[test]
fn only_the_vault_knows_ciphers() {
    let ciphers = sources().into_iter().filter(|source| source.text.contains("ring::aead"));
    let guilty: Vec<_> = ciphers.filter(|source| !source.is_in("vault")).map(|it| it.path).collect();
    assert!(guilty.is_empty(), "{guilty:?}");
}

#[test]
fn only_the_way_out_knows_an_http_client() {
    only_in(&["egress"], "reqwest");
}

#[test]
fn the_domain_knows_nothing_that_does_io() {
    let data = ["serde", "serde_json", "jiff", "schemars", "thiserror", "unicode_normalization"];
    let allowed = [&["std", "crate", "super", "self"][..], &data].concat();
    for source in sources().iter().filter(|source| source.is_in("domain")) {
        let in_tests = source.path.ends_with("tests.rs");
        for line in source.text.lines().map(str::trim) {
            let Some(path) = line.strip_prefix("use ").or_else(|| line.strip_prefix("pub use ")) else {
                continue;
            };
            let root = path.split([':', ';', ' ']).next().unwrap();
            let own = root.chars().next().is_some_and(|first| !first.is_ascii_lowercase())
                || host().join(source.path.trim_end_matches(".rs")).join(format!("{root}.rs")).exists();
            let for_tests = root == "proptest" && in_tests;
            assert!(allowed.contains(&root) || own || for_tests, "{}: {line}", source.path);
        }
        for io in ["async fn", "std::fs", "std::net", "std::thread", "std::process"] {
            assert!(!source.text.contains(io), "{} has `{io}`", source.path);
        }
    }
}

#[test]
fn errors_have_a_type_everywhere_but_at_the_top() {
    only_in(&["main", "app", "cli", "config"], "anyhow");
}

#[test]
fn the_environment_is_read_in_one_place() {
    let reads = ["env::var", "env::vars", "env::var_os", "env::vars_os"];
    let may = |path: &str| {
        // Building plugins hands cargo's own environment on, filtered; `clap` reads in `config`.
        path == "config.rs" || path == "plugin/guest_build.rs"
    };
    for source in sources().iter().filter(|source| !may(&source.path)) {
        for read in reads {
            assert!(!source.text.contains(read), "{} reads the environment: {read}", source.path);
        }
    }
}

#[test]
fn unsafe_stands_only_where_an_artefact_is_loaded_or_memory_given_back() {
    for source in sources() {
        let has = source.text.contains("unsafe {") || source.text.contains("unsafe fn");
        let may = ["plugin/load.rs", "app/memory.rs"].contains(&source.path.as_str());
        assert!(!has || may, "{} has unsafe code", source.path);
    }
}

#[test]
fn no_file_is_longer_than_five_hundred_lines() {
    for source in sources() {
        let lines = fs::read_to_string(host().join(&source.path)).unwrap().lines().count();
        assert!(lines <= 500, "{} has {lines} lines", source.path);
    }
}

#[test]
fn no_file_is_named_for_everything_and_nothing() {
    for source in sources() {
        let name = source.path.rsplit('/').next().unwrap();
        let vague = ["mod.rs", "utils.rs", "util.rs", "helpers.rs", "common.rs", "manager.rs", "misc.rs"];
        assert!(!vague.contains(&name), "{}", source.path);
    }
}

/// `cargo run` in the workspace needs no flag only while there is one program to run.
#[test]
fn the_workspace_has_one_program() {
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&metadata.stdout).unwrap();
    let targets =
        metadata["packages"].as_array().unwrap().iter().flat_map(|it| it["targets"].as_array().unwrap());
    let programs: Vec<&Value> =
        targets.filter(|it| it["kind"] == json!(["bin"])).map(|it| &it["name"]).collect();
    assert_eq!(programs, ["switchboard"]);
}

/// The text of every Rust file below a folder of the workspace.
fn rust_below(folder: &Path, texts: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_below(&path, texts);
        } else if path.extension().is_some_and(|it| it == "rs") {
            texts.push_str(&fs::read_to_string(path).unwrap());
        }
    }
}

#[test]
fn every_promise_names_tests_that_there_are() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let promises = fs::read_to_string(workspace.join("SECURITY.md")).unwrap();
    let mut code = String::new();
    for folder in ["host/src", "tests/src"] {
        rust_below(&workspace.join(folder), &mut code);
    }
    let named = promises.split('`').skip(1).step_by(2).filter(|it| it.matches('_').count() > 1);
    let names: Vec<&str> = named.collect();
    assert!(names.len() > 30, "only {} tests are named", names.len());
    let missing: Vec<_> = names.iter().filter(|it| !code.contains(&format!("fn {it}("))).collect();
    assert!(missing.is_empty(), "these tests are promised, but not there: {missing:?}");
}

/// What a release is built with has no point at which it may be told to die, and no fault on purpose.
#[test]
fn no_release_has_what_tests_do_to_hosts() {
    let manifests = ["../Cargo.toml", "../host/Cargo.toml", "Cargo.toml"];
    let read = |it: &&str| fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(it)).unwrap();
    let [workspace, host, tests] = [read(&manifests[0]), read(&manifests[1]), read(&manifests[2])];
    assert!(host.contains("crash-points = []"), "this test looks for the wrong word");
    assert!(!host.contains("default = ["), "the host has features by default");
    assert!(!workspace.contains("crash-points"));
    let (before, for_tests) = tests.split_once("[dev-dependencies]").unwrap();
    assert!(for_tests.contains("crash-points") && !before.contains("crash-points"));

    for source in sources().iter().filter(|it| !it.is_in("crash")) {
        let ways = source.text.matches("crash-points").count();
        // The flags of `serve`, and that they count.
        assert!(
            ways == 0 || (source.path == "cli/serve.rs" && ways == 2),
            "{} knows the feature",
            source.path
        );
    }
}

/// Asks cargo itself what a build of the workspace is made with.
#[test]
fn a_build_of_the_workspace_has_no_feature_for_tests() {
    let tree = |edges: &str| {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["tree", "--offline", "--workspace", "--edges", edges]);
        let tree = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
        String::from_utf8(tree.stdout).unwrap()
    };
    assert!(tree("features,normal,build,dev").contains("crash-points"), "tests have it");
    assert!(!tree("features,normal,build").contains("crash-points"));
}
