//! `switchboard token`: tokens without a token, for whoever has the repository's folder.
//!
//! For the first one that was lost, and for scripts that set an installation up. It opens the repository,
//! so the host must not be running; a running host makes tokens at `/v1/tokens`.

use std::str::FromStr;
use std::sync::Arc;

use clap::{Args, Subcommand};

use crate::app::clock::SystemClock;
use crate::app::{App, Parts};
use crate::cli::remedy::{Remedy, existing_repository};
use crate::cli::terminal::shown;
use crate::cli::wait;
use crate::config::{Config, LogArgs, OpenArgs, Settings};
use crate::domain::ids::TokenId;
use crate::domain::principal::{Principal, Role};
use crate::domain::token::Token;
use crate::egress::http::HttpEgress;
use crate::flow::Flow;
use crate::flow::organise::{self, NewToken};
use crate::plugin::PluginConfig;
use crate::store::sqlite::StorePath;
use crate::telemetry;

/// Where ids of tokens are found.
const IDS: &str = "`switchboard token list` shows the ids that there are";

/// Commands about tokens.
#[derive(Args)]
pub struct TokenArgs {
    #[command(flatten)]
    open: OpenArgs,
    #[command(flatten)]
    log: LogArgs,
    #[command(subcommand)]
    command: TokenCommand,
}

#[derive(Subcommand)]
enum TokenCommand {
    /// Make a token and print it, this once
    New(New),
    /// List what is kept of the tokens
    List,
    /// Revoke a token
    Revoke {
        /// Its id, `tok_…`
        id: String,
    },
}

#[derive(Args)]
struct New {
    /// What its bearer may do: admin, author, agent, service or auditor
    #[arg(long, value_parser = role)]
    role: Role,
    /// What it is for
    #[arg(long)]
    title: Option<String>,
    /// The department that its bearer is confined to
    #[arg(long)]
    department: Option<String>,
    /// The agent whose it is, for the role `agent`
    #[arg(long)]
    agent: Option<String>,
    /// For how many days it counts [default: 90]
    #[arg(long)]
    expires_in_days: Option<u32>,
}

fn role(name: &str) -> Result<Role, String> {
    let known = || Role::ALL.map(Role::name).join(", ");
    Role::ALL.into_iter().find(|it| it.name() == name).ok_or_else(|| format!("there is: {}", known()))
}

impl TokenArgs {
    /// Does it.
    pub fn run(self) -> anyhow::Result<()> {
        let config = self.open.resolve(Settings { log: self.log.log, ..Settings::default() })?;
        telemetry::log::start(&config.log);
        wait(run(&config, self.command))
    }

    #[cfg(test)]
    pub(super) fn data(&self) -> Option<&std::path::Path> {
        self.open.place.data.as_deref()
    }
}

async fn run(config: &Config, command: TokenCommand) -> anyhow::Result<()> {
    let file = existing_repository(config)?;
    let app = App::open(Parts {
        repository: StorePath::File(file),
        artefact_shelf: None,
        plugins: PluginConfig { threads: 1, ..PluginConfig::default() },
        secrets_key: config.secrets_key.clone(),
        clock: Arc::new(SystemClock),
        egress: Arc::new(HttpEgress::new()?),
    })
    .await?;
    let done = carry_out(&app.flow, command).await;
    app.stop().await;
    done
}

async fn carry_out(flow: &Flow, command: TokenCommand) -> anyhow::Result<()> {
    let principal = Principal::system();
    match command {
        TokenCommand::New(new) => {
            let made = organise::add_token(flow, &principal, wanted(new)).await?;
            println!("{}", made.plain);
            eprintln!("{} is shown only now.", said_of(flow, &made.token));
        }
        TokenCommand::List => {
            for token in organise::tokens(flow, &principal).await? {
                println!("{}", said_of(flow, &token));
            }
        }
        TokenCommand::Revoke { id } => {
            let id = TokenId::from_str(&id).remedy(IDS)?;
            let token = organise::revoke_token(flow, &principal, id).await.remedy(IDS)?;
            println!("{}", said_of(flow, &token));
        }
    }
    Ok(())
}

fn wanted(new: New) -> NewToken {
    NewToken {
        title: new.title,
        role: new.role,
        department: new.department,
        agent: new.agent,
        expires_in_days: new.expires_in_days,
        allowance: Default::default(),
    }
}

fn said_of(flow: &Flow, token: &Token) -> String {
    let directory = flow.directory.load();
    let department = token.department.and_then(|id| directory.department(id));
    let of = department.map_or_else(String::new, |it| format!(" of {}", shown(&it.name)));
    let state = match (token.revoked_at, token.expires_at) {
        (Some(at), _) => format!("revoked at {at}"),
        (None, Some(at)) => format!("counts until {at}"),
        (None, None) => "does not expire".to_owned(),
    };
    format!("{}  {}{of}  {}  {state}", token.id, token.role, shown(&token.title))
}
