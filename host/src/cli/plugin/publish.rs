//! `switchboard plugin publish`: a component to a running host's marketplace.

use std::fs;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use serde_json::Value;

use super::sign::{beside, read_signature};
use super::wait;
use crate::cli::remedy::{Remedy, refused};
use crate::cli::terminal::shown;
use crate::egress::http::send_by_hand;
use crate::egress::{Answer, EgressError, Request};

/// What to do where no host is.
const NO_HOST: &str = "start a host there (`switchboard serve`), or name the address of one with --server or \
                       SWITCHBOARD_SERVER";

/// Flags of `plugin publish`.
#[derive(Args)]
pub struct Publish {
    /// The component
    component: PathBuf,
    /// Where the host is
    #[arg(long, default_value = "http://127.0.0.1:8080", env = "SWITCHBOARD_SERVER")]
    server: String,
    /// A file with the token of an author or admin
    #[arg(long, default_value = "switchboard-data/admin-token")]
    token_file: PathBuf,
    /// The department that publishes it; the token's when absent
    #[arg(long)]
    department: Option<String>,
    /// The signature [default: the component's name with `.sig`, if there is one]
    #[arg(long)]
    signature: Option<PathBuf>,
}

impl Publish {
    /// Publishes it, and says what the host said.
    pub fn run(self) -> anyhow::Result<()> {
        let component = self.component.display().to_string();
        let request = self.request()?;
        let answer = wait(self.send(request))?;
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let said = |pointer: &str| {
            // Any server can listen there: its texts are shown as one line.
            shown(body.pointer(pointer).and_then(Value::as_str).unwrap_or_default()).into_owned()
        };
        match answer.status {
            200 | 201 => {
                let (name, version) = (said("/manifest/name"), said("/manifest/version"));
                let signed = if body["signature"].is_null() { "not signed" } else { "signed" };
                let new = if answer.status == 201 { "published" } else { "was published before" };
                println!("{component}: {name}@{version} {new}, {signed}");
                Ok(())
            }
            status => {
                let remedy = said("/remedy");
                // Whatever listens there, a host says more.
                if remedy.is_empty() {
                    let why =
                        format!("{component}: {} answers {status}, and not as a host does", self.server);
                    return Err(refused(why, NO_HOST));
                }
                Err(refused(format!("{component}: {status}: {}", said("/detail")), remedy))
            }
        }
    }

    async fn send(&self, request: Request) -> anyhow::Result<Answer> {
        let sent = send_by_hand(request).await;
        let remedy = match &sent {
            Err(EgressError::NoAnswer(_)) => {
                "publish it again: what was published already is not published twice"
            }
            _ => NO_HOST,
        };
        sent.with_context(|| format!("publish to {}", self.server)).remedy(remedy)
    }

    fn request(&self) -> anyhow::Result<Request> {
        let body = fs::read(&self.component).with_context(|| format!("read {}", self.component.display()))?;
        let token = fs::read_to_string(&self.token_file)
            .with_context(|| format!("read the token from {}", self.token_file.display()))
            .remedy("name a file that holds the token of an author or an admin with --token-file")?;
        let mut headers = vec![
            ("authorization".to_owned(), format!("Bearer {}", token.trim())),
            ("content-type".to_owned(), "application/wasm".to_owned()),
        ];
        let signature = self.signature.clone().or_else(|| {
            let beside = beside(&self.component);
            beside.exists().then_some(beside)
        });
        if let Some(file) = signature {
            let it = read_signature(&file)?;
            headers
                .push(("x-switchboard-signature".to_owned(), format!("{} {}", it.public_key, it.signature)));
        }
        let department = self.department.as_ref().map(|it| format!("?department={it}")).unwrap_or_default();
        let url = format!("{}/v1/plugins{department}", self.server.trim_end_matches('/'));
        Ok(Request { method: "POST".to_owned(), url, headers, body })
    }
}
