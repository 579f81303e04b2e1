//! `switchboard plugin prove`: the proof with which a signing key is registered.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::sign::read_key;
use crate::cli::remedy::Remedy;

/// Flags of `plugin prove`.
#[derive(Args)]
pub struct Prove {
    /// The private key, as `plugin keygen` makes one
    #[arg(long)]
    key: PathBuf,
    /// The installation where it is to be registered: the `id` that GET /v1/installation shows
    #[arg(long)]
    installation: String,
    /// The department whose releases it signs; the company's key when absent
    #[arg(long)]
    department: Option<String>,
    /// What people call the key
    #[arg(long, default_value = "signing key")]
    title: String,
}

impl Prove {
    /// Prints the JSON to send to `POST /v1/signing-keys`.
    pub fn run(self) -> anyhow::Result<()> {
        let key =
            read_key(&self.key).remedy("name a key with --key; `switchboard plugin keygen` makes one")?;
        let proof = key.prove(&self.installation, self.department.as_deref());
        let mut request = json!({ "title": self.title, "public_key": key.public_key(), "proof": proof });
        if let Some(department) = self.department {
            request["department"] = department.into();
        }
        println!("{request}");
        Ok(())
    }
}
