//! Builds plugins written in Rust: one set of flags for the bundled ones and for everybody's.
//!
//! Compiled twice: into the host, for `switchboard plugin build`, and into its build script, for the
//! plugins it brings along. So it uses nothing of the rest of the crate.
//!
//! The same sources and the same compiler give the same bytes on any machine, because a release is
//! known by its digest: paths are remapped, and neither the environment nor the user's configuration
//! reaches the code.

#![allow(clippy::disallowed_methods, reason = "cargo and rustup are configured by environment variables")]

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, str};

use wit_component::ComponentEncoder;

/// What plugins are compiled for: no operating system, so nothing can be imported by accident.
pub const TARGET: &str = "wasm32-unknown-unknown";

/// Speed first, because plugins run for every item; then size, because every page a guest touches
/// costs each call.
const PROFILE: [(&str, &str); 7] = [
    ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "3"),
    ("CARGO_PROFILE_RELEASE_LTO", "fat"),
    ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1"),
    ("CARGO_PROFILE_RELEASE_PANIC", "abort"),
    ("CARGO_PROFILE_RELEASE_STRIP", "symbols"),
    ("CARGO_PROFILE_RELEASE_DEBUG", "0"),
    ("CARGO_INCREMENTAL", "0"),
];

/// What may pass from cargo's and rustup's environment: where things are, and how to fetch them.
const ENVIRONMENT_KEPT: [&str; 8] = [
    "CARGO_HOME",
    "CARGO_TARGET_DIR",
    "CARGO_HTTP_",
    "CARGO_NET_",
    "CARGO_REGISTRIES_",
    "CARGO_REGISTRY_",
    "CARGO_SOURCE_",
    "RUSTUP_",
];

/// What a build script is told about its own crate, besides what begins with `CARGO` or `RUST`.
const BUILD_SCRIPT_ENVIRONMENT: [&str; 8] =
    ["DEBUG", "HOST", "NUM_JOBS", "OPT_LEVEL", "OUT_DIR", "PROFILE", "TARGET", "MAKEFLAGS"];

/// A `cargo build` of plugins that stand in or below `directory`; what exactly is built, and where
/// to, is for the caller to add. `CARGO` names the cargo to use, where a cargo started us.
pub fn cargo_build(directory: &Path) -> Command {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(cargo);
    clean_environment(&mut command);
    command
        .current_dir(directory)
        .args(["build", "--release", "--target", TARGET])
        .env("CARGO_ENCODED_RUSTFLAGS", encoded_flags(directory))
        .envs(PROFILE);
    command
}

/// Where cargo puts a package's core module below the target directory.
pub fn module_path(target_dir: &Path, package: &str) -> PathBuf {
    let file = format!("{}.wasm", package.replace('-', "_"));
    target_dir.join(TARGET).join("release").join(file)
}

/// Makes the component of a core module; the contract travels in it as a section.
pub fn encode_component(module: &[u8]) -> Result<Vec<u8>, String> {
    let mut encoder = ComponentEncoder::default();
    encoder.validate(true).module(module).map_err(|error| format!("read the module: {error:#}"))?;
    encoder.encode().map_err(|error| {
        format!("make a component: {error:#} (does the crate export a plugin, and is it a `cdylib`?)")
    })
}

/// Adds the target to the toolchain where it is missing.
pub fn ensure_target(directory: &Path) -> Result<(), String> {
    if target_installed(directory) {
        return Ok(());
    }
    let mut rustup = Command::new("rustup");
    clean_environment(&mut rustup);
    let added = rustup.current_dir(directory).args(["target", "add", TARGET]).status();
    if added.is_ok_and(|status| status.success()) && target_installed(directory) {
        return Ok(());
    }
    Err(format!(
        "the compiler lacks the target {TARGET}, in which plugins are built: run `rustup target add {TARGET}`, \
         or install your distribution's package of it"
    ))
}

fn target_installed(directory: &Path) -> bool {
    rustc(directory, &["--print", "target-libdir", "--target", TARGET])
        .is_some_and(|folder| Path::new(&folder).is_dir())
}

fn rustc(directory: &Path, arguments: &[&str]) -> Option<String> {
    let mut rustc = Command::new("rustc");
    clean_environment(&mut rustc);
    let output = rustc.current_dir(directory).args(arguments).output().ok()?;
    let text = str::from_utf8(&output.stdout).ok()?.trim().to_owned();
    output.status.success().then_some(text)
}

/// Vectors, which the engine runs the same on every machine: adapters look through megabytes for a few
/// bytes, at half the fuel and time so. And every folder remapped whose place differs between machines.
/// Flags are separated as cargo wants.
fn encoded_flags(directory: &Path) -> OsString {
    let mut folders = vec![(directory.to_path_buf(), "/plugins")];
    folders.extend(cargo_home().map(|home| (home, "/cargo")));
    folders.extend(rustc(directory, &["--print", "sysroot"]).map(|sysroot| (sysroot.into(), "/rust")));
    let mut flags = OsString::from("-Ctarget-feature=+simd128");
    for (folder, name) in folders {
        flags.push("\u{1f}--remap-path-prefix=");
        flags.push(folder);
        flags.push("=");
        flags.push(name);
    }
    flags
}

fn cargo_home() -> Option<PathBuf> {
    env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| Some(env::home_dir()?.join(".cargo")))
}

fn clean_environment(command: &mut Command) {
    for (name, _) in env::vars_os() {
        let Some(text) = name.to_str() else { continue };
        let kept = ENVIRONMENT_KEPT.iter().any(|prefix| text.starts_with(prefix));
        let ours = text.starts_with("CARGO") || text.starts_with("RUST") || text.starts_with("DEP_");
        if (ours && !kept) || BUILD_SCRIPT_ENVIRONMENT.contains(&text) {
            command.env_remove(&name);
        }
    }
}
