//! `switchboard plugin sign` and `verify`: a signature beside a component, in a file of its own.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;

use crate::domain::signing::Signature;
use crate::plugin::digest::digest;
use crate::plugin::signing::{PrivateKey, verify};

/// Flags of `plugin sign`.
#[derive(Args)]
pub struct Sign {
    /// The component
    component: PathBuf,
    /// The private key, as `plugin keygen` makes one
    #[arg(long)]
    key: PathBuf,
    /// Where the signature goes [default: the component's name with `.sig`]
    #[arg(short, long)]
    output: Option<PathBuf>,
}

impl Sign {
    /// Signs it.
    pub fn run(self) -> anyhow::Result<()> {
        let pem = fs::read_to_string(&self.key).with_context(|| format!("read {}", self.key.display()))?;
        let key = PrivateKey::read(&pem).with_context(|| format!("read {}", self.key.display()))?;
        let digest = digest_of(&self.component)?;
        let output = self.output.unwrap_or_else(|| beside(&self.component));
        let text = serde_json::to_string_pretty(&key.sign(&digest))? + "\n";
        fs::write(&output, text).with_context(|| format!("write {}", output.display()))?;
        println!("{}: signed, sha256 {digest}", output.display());
        Ok(())
    }
}

/// Flags of `plugin verify`.
#[derive(Args)]
pub struct Verify {
    /// The component
    component: PathBuf,
    /// The signature [default: the component's name with `.sig`]
    #[arg(long)]
    signature: Option<PathBuf>,
    /// Whose it must be, a public key in base64; anybody's when absent
    #[arg(long)]
    public_key: Option<String>,
}

impl Verify {
    /// Verifies it.
    pub fn run(self) -> anyhow::Result<()> {
        let signature = read_signature(&self.signature.unwrap_or_else(|| beside(&self.component)))?;
        verify(&digest_of(&self.component)?, &signature)
            .with_context(|| format!("verify {}", self.component.display()))?;
        if let Some(wanted) = self.public_key {
            anyhow::ensure!(signature.public_key == wanted, "it was signed by {}", signature.public_key);
        }
        println!("{}: signed by {}", self.component.display(), signature.public_key);
        Ok(())
    }
}

/// Reads a signature from its file.
pub(super) fn read_signature(file: &Path) -> anyhow::Result<Signature> {
    let text = fs::read_to_string(file).with_context(|| format!("read {}", file.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} holds no signature", file.display()))
}

/// Where a component's signature is unless somebody says otherwise.
pub(super) fn beside(component: &Path) -> PathBuf {
    let mut name = component.as_os_str().to_owned();
    name.push(".sig");
    name.into()
}

fn digest_of(component: &Path) -> anyhow::Result<String> {
    let bytes = fs::read(component).with_context(|| format!("read {}", component.display()))?;
    Ok(digest(&bytes))
}
