//! `switchboard plugin build`: from a crate to a component.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::Context;
use clap::Args;
use serde::Deserialize;

use crate::cli::remedy::refused;
use crate::plugin::{digest, guest_build};

/// Flags of `plugin build`.
#[derive(Args)]
pub struct Build {
    /// The crate's folder
    dir: PathBuf,
    /// Where to write the component; `<crate>.wasm` in the crate's folder otherwise
    #[arg(short, long)]
    output: Option<PathBuf>,
}

impl Build {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let dir = fs::canonicalize(&self.dir).with_context(|| format!("find {}", self.dir.display()))?;
        if !dir.join("Cargo.toml").is_file() {
            let why = format!("{} holds no Cargo.toml", dir.display());
            return Err(refused(why, "name the folder of the plugin's crate"));
        }
        guest_build::ensure_target(&dir).map_err(anyhow::Error::msg)?;
        let module = compile(&dir)?;
        let bytes = fs::read(&module).with_context(|| format!("read {}", module.display()))?;
        let component = guest_build::encode_component(&bytes).map_err(anyhow::Error::msg)?;
        let output = self.output.unwrap_or_else(|| default_output(&dir, &module));
        fs::write(&output, &component).with_context(|| format!("write {}", output.display()))?;
        println!("{}  {} bytes  sha256 {}", output.display(), component.len(), digest::digest(&component));
        Ok(())
    }
}

/// Compiles the crate; the path of its core module.
fn compile(dir: &Path) -> anyhow::Result<PathBuf> {
    let output = guest_build::cargo_build(dir)
        .arg("--message-format=json-render-diagnostics")
        .stderr(Stdio::inherit())
        .output()
        .context("start cargo")?;
    if !output.status.success() {
        return Err(refused("the crate does not compile", "correct what the compiler names above"));
    }
    let manifest = dir.join("Cargo.toml");
    let said = String::from_utf8_lossy(&output.stdout);
    said.lines().find_map(|line| module_of(line, &manifest)).ok_or_else(|| {
        let why = format!("{} makes no `cdylib`", manifest.display());
        refused(why, "add `[lib]` with `crate-type = [\"cdylib\", \"rlib\"]` to it")
    })
}

/// What cargo says of something it built.
#[derive(Deserialize)]
struct Artefact {
    manifest_path: PathBuf,
    filenames: Vec<PathBuf>,
}

fn module_of(line: &str, manifest: &Path) -> Option<PathBuf> {
    let artefact: Artefact = serde_json::from_str(line).ok()?;
    let is_module = |file: &PathBuf| file.extension().is_some_and(|extension| extension == "wasm");
    (artefact.manifest_path == manifest).then(|| artefact.filenames.into_iter().find(is_module))?
}

fn default_output(dir: &Path, module: &Path) -> PathBuf {
    dir.join(module.file_name().unwrap_or("plugin.wasm".as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_module_of_the_crate_itself_is_found() {
        let manifest = Path::new("/p/Cargo.toml");
        let own = r#"{"reason":"compiler-artifact","manifest_path":"/p/Cargo.toml","filenames":["/t/p.rlib","/t/p.wasm"]}"#;
        let other =
            r#"{"reason":"compiler-artifact","manifest_path":"/q/Cargo.toml","filenames":["/t/q.wasm"]}"#;
        assert_eq!(module_of(own, manifest), Some("/t/p.wasm".into()));
        assert_eq!(module_of(other, manifest), None);
        assert_eq!(module_of("not json", manifest), None);
    }
}
