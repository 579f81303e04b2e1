//! Builds the bundled plugins, so that one `cargo build` makes the whole of Switchboard.

#![allow(
    clippy::disallowed_methods,
    reason = "cargo tells a build script everything by environment variables"
)]

use std::error::Error;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs};

#[path = "src/plugin/guest_build.rs"]
mod guest_build;

/// In the order in which they are published.
const PLUGINS: [&str; 6] =
    ["cloudevents", "email", "feed", "keyword-router", "reach-priority", "escalate-on-silence"];

/// What the bundled plugins are made of; where it changes, they are built again.
const SOURCES: [&str; 5] = ["plugins", "plugin-sdk", "wit", "Cargo.lock", "rust-toolchain.toml"];

fn main() -> Result<(), Box<dyn Error>> {
    let host = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let workspace = host.parent().ok_or("the host's crate stands in no workspace")?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/plugin/guest_build.rs");
    for source in SOURCES {
        println!("cargo::rerun-if-changed={}", workspace.join(source).display());
    }
    let modules = build(workspace, &shared_target(&out))?;
    fs::write(out.join("bundled.rs"), list(&out, &modules)?)?;
    Ok(())
}

/// A target folder of its own: the outer build holds the lock of its own one. All profiles share it,
/// because plugins are always built alike.
fn shared_target(out: &Path) -> PathBuf {
    // OUT_DIR is <target>/<profile>/build/<package>-<hash>/out.
    out.ancestors().nth(4).unwrap_or(out).join("bundled-plugins")
}

/// Builds all plugins at once; their names with their core modules.
fn build(workspace: &Path, target: &Path) -> Result<Vec<(&'static str, PathBuf)>, Box<dyn Error>> {
    guest_build::ensure_target(workspace)?;
    let packages = PLUGINS.map(|name| format!("switchboard-plugin-{name}"));
    let mut cargo = guest_build::cargo_build(workspace);
    cargo.args(["--locked", "--target-dir"]).arg(target);
    for package in &packages {
        cargo.args(["--package", package]);
    }
    let output = cargo.output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("the bundled plugins do not build:\n{said}").into());
    }
    let modules = packages.iter().map(|package| guest_build::module_path(target, package));
    Ok(PLUGINS.into_iter().zip(modules).collect())
}

/// Writes the components, and the source of a list of them.
fn list(out: &Path, modules: &[(&str, PathBuf)]) -> Result<String, Box<dyn Error>> {
    let mut source = String::from("&[\n");
    for (name, module) in modules {
        let component = guest_build::encode_component(&fs::read(module)?)?;
        let file = out.join(format!("{name}.wasm"));
        fs::write(&file, component)?;
        writeln!(source, "    ({name:?}, include_bytes!({:?})),", file)?;
    }
    source.push_str("]\n");
    Ok(source)
}
