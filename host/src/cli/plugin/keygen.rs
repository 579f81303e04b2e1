//! `switchboard plugin keygen`: a key to sign releases with.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;

use crate::cli::remedy::Remedy;
use crate::plugin::signing::PrivateKey;

/// What was signed with a key that is lost can be signed by nobody again.
const IS_THERE: &str = "name another file with --output; the key that is there is not written over, because whoever \
                        signs with it needs it";

/// Flags of `plugin keygen`.
#[derive(Args)]
pub struct Keygen {
    /// Where the private key goes; a file that is there is never written over
    #[arg(short, long, default_value = "switchboard-signing-key.pem")]
    output: PathBuf,
}

impl Keygen {
    /// Makes it, readable by its owner alone.
    pub fn run(self) -> anyhow::Result<()> {
        let key = PrivateKey::generate()?;
        let mut open = File::options();
        let made = open.write(true).create_new(true).mode(0o600).open(&self.output);
        let is_there = made.as_ref().is_err_and(|it| it.kind() == ErrorKind::AlreadyExists);
        let made = made.with_context(|| format!("make {}", self.output.display()));
        let mut file = if is_there { made.remedy(IS_THERE)? } else { made? };
        file.write_all(key.pem().as_bytes()).with_context(|| format!("write {}", self.output.display()))?;
        eprintln!("The private key is in {}; keep it to yourself.", self.output.display());
        eprintln!(
            "To register it, have an admin send what `switchboard plugin prove` prints to POST /v1/signing-keys."
        );
        eprintln!("The public key:");
        println!("{}", key.public_key());
        Ok(())
    }
}
