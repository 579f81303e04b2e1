//! `switchboard plugin sign` and `verify`: a signature beside a component, in a file of its own.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;

use crate::cli::remedy::{Remedy, refused};
use crate::cli::terminal::shown;
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
        let key =
            read_key(&self.key).remedy("name a key with --key; `switchboard plugin keygen` makes one")?;
        let digest = digest_of(&self.component)?;
        let output = self.output.unwrap_or_else(|| beside(&self.component));
        let text = serde_json::to_string_pretty(&key.sign(&digest))? + "\n";
        fs::write(&output, text).with_context(|| format!("write {}", output.display()))?;
        println!("{}: signed, sha256 {digest}", output.display());
        Ok(())
    }
}

/// Either can be what is wrong.
const CHANGED: &str = "get the component and its signature anew from who made them, or sign it again: one of them is \
                       not what it was";

/// Nobody can tell from here whom to trust.
const ANOTHERS: &str = "do not take it for theirs: ask them for a component and a signature of their own, or, if the \
                        other key is theirs too, name that one with --public-key";

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
        let (component, digest) = (self.component.display(), digest_of(&self.component)?);
        let file = self.signature.unwrap_or_else(|| beside(&self.component));
        let unsigned = format!(
            "sign it first (`switchboard plugin sign {component} --key KEY`), or name the file of its signature \
             with --signature"
        );
        let signature = read_signature(&file).remedy(unsigned)?;
        verify(&digest, &signature).with_context(|| format!("verify {component}")).remedy(CHANGED)?;
        if let Some(wanted) = self.public_key.filter(|it| *it != signature.public_key) {
            let why =
                format!("{component} was signed by {}, and not by {wanted}", shown(&signature.public_key));
            return Err(refused(why, ANOTHERS));
        }
        println!("{component}: signed by {}", shown(&signature.public_key));
        Ok(())
    }
}

pub(super) fn read_key(file: &Path) -> anyhow::Result<PrivateKey> {
    let read = || format!("read {}", file.display());
    let pem = fs::read_to_string(file).with_context(read)?;
    PrivateKey::read(&pem).with_context(read)
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
