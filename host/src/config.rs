//! How an installation is configured: flags over environment over one TOML file over defaults.
//!
//! **Invariant:** the environment is read here and nowhere else.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use clap::{Args, ValueEnum};
use ipnet::IpNet;
use serde::Deserialize;

use crate::vault::KeySource;

/// Where it listens when nobody says otherwise: reachable from this machine only.
const LISTEN: &str = "127.0.0.1:8080";
/// Where it keeps its repository when nobody says otherwise.
const DATA: &str = "switchboard-data";

/// What the file can say, and the flags and the environment too.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Where it listens.
    pub listen: Option<SocketAddr>,
    /// The repository's folder.
    pub data: Option<PathBuf>,
    /// What it logs.
    pub log: Option<String>,
    /// Threads that run plugins.
    pub threads: Option<usize>,
    /// How long work is still taken after the first signal to stop.
    pub drain_grace_ms: Option<u64>,
    /// How long requests under way may take from then on.
    pub drain_timeout_ms: Option<u64>,
    /// How many connections one caller may have at once.
    pub connections_per_peer: Option<usize>,
    /// Who may have more, because it speaks for many.
    pub trusted_proxies: Option<Vec<String>>,
    /// The file of the key that seals secrets.
    pub secrets_key_file: Option<PathBuf>,
    /// Who may read what is measured.
    pub metrics: Option<Metrics>,
}

/// Who may read what is measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Metrics {
    /// Anybody.
    #[default]
    Public,
    /// Whoever shows a token of the whole company: an admin's, an auditor's or a service's
    Token,
}

/// Which repository: flags of every command that works on one, behind whichever of its words they stand.
#[derive(Args, Clone, Debug, Default)]
pub struct PlaceArgs {
    /// A TOML file; its keys are `listen`, `data`, `log`, `threads`, `drain_grace_ms`, `drain_timeout_ms`,
    /// `connections_per_peer`, `trusted_proxies` (a list), `secrets_key_file` and `metrics`
    #[arg(long, env = "SWITCHBOARD_CONFIG", global = true)]
    pub config: Option<PathBuf>,
    /// Folder of the repository, which `serve` makes if it is missing [default: ./switchboard-data]
    #[arg(long, env = "SWITCHBOARD_DATA", global = true)]
    pub data: Option<PathBuf>,
}

/// What it takes to open a repository.
#[derive(Args, Clone, Debug, Default)]
pub struct OpenArgs {
    /// Which one.
    #[command(flatten)]
    pub place: PlaceArgs,
    /// File of the key that seals secrets, made if it is missing; the key itself can stand in the environment
    /// instead, as SWITCHBOARD_SECRETS_KEY [default: `secrets-key` in the repository's folder]
    #[arg(long, env = "SWITCHBOARD_SECRETS_KEY_FILE", global = true)]
    pub secrets_key_file: Option<PathBuf>,
}

/// What is logged.
#[derive(Args, Clone, Debug, Default)]
pub struct LogArgs {
    /// What to log, such as `info` or `switchboard=debug` [default: info]
    #[arg(long, env = "SWITCHBOARD_LOG", global = true)]
    pub log: Option<String>,
}

/// How much of the machine plugins get.
#[derive(Args, Clone, Debug, Default)]
pub struct ThreadArgs {
    /// Threads that run plugins; as many again run those that are slow [default: one for each core]
    #[arg(long, env = "SWITCHBOARD_THREADS")]
    pub threads: Option<usize>,
}

/// What a host is told.
#[derive(Args, Clone, Debug, Default)]
pub struct HostArgs {
    /// The repository, made if it is missing.
    #[command(flatten)]
    pub open: OpenArgs,
    /// Address and port to listen on [default: 127.0.0.1:8080]
    #[arg(long, env = "SWITCHBOARD_LISTEN")]
    pub listen: Option<SocketAddr>,
    /// What is logged.
    #[command(flatten)]
    pub log: LogArgs,
    /// How much of the machine plugins get.
    #[command(flatten)]
    pub threads: ThreadArgs,
    /// Milliseconds for which work is still taken after the first signal to stop, while `/readyz` says no:
    /// for a load balancer to notice [default: 0]
    #[arg(long, env = "SWITCHBOARD_DRAIN_GRACE_MS")]
    pub drain_grace_ms: Option<u64>,
    /// Milliseconds that requests under way may take after that; then their connections are closed
    /// [default: 75000]
    #[arg(long, env = "SWITCHBOARD_DRAIN_TIMEOUT_MS")]
    pub drain_timeout_ms: Option<u64>,
    /// Connections that one address may have at once, or the /64 network of an IPv6 address [default: 256]
    #[arg(long, env = "SWITCHBOARD_CONNECTIONS_PER_PEER")]
    pub connections_per_peer: Option<usize>,
    /// Addresses or networks of proxies in front of the host, such as `10.0.0.5` or `10.1.0.0/16`: they speak for
    /// many, and may have as many connections as there are [default: this machine's own addresses]
    #[arg(long = "trusted-proxy", env = "SWITCHBOARD_TRUSTED_PROXIES", value_delimiter = ',')]
    pub trusted_proxies: Option<Vec<String>>,
    /// Who may read `/metrics`, which names inboxes, activations and plugins [default: public]
    #[arg(long, value_enum, env = "SWITCHBOARD_METRICS")]
    pub metrics: Option<Metrics>,
}

/// A complete configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where it listens.
    pub listen: SocketAddr,
    /// The repository's folder.
    pub data: PathBuf,
    /// What it logs.
    pub log: String,
    /// Threads that run plugins.
    pub threads: usize,
    /// How long work is still taken after the first signal to stop.
    pub drain_grace: Duration,
    /// How long requests under way may take from then on; absent for as long as is usual.
    pub drain_timeout: Option<Duration>,
    /// How many connections one caller may have at once; absent for as many as is usual.
    pub connections_per_peer: Option<usize>,
    /// Who may have more, because it speaks for many.
    pub trusted_proxies: Vec<IpNet>,
    /// Where the key that seals secrets comes from; absent for a file in the repository's folder.
    pub secrets_key: Option<KeySource>,
    /// Who may read what is measured.
    pub metrics: Metrics,
}

impl Config {
    /// The repository's file.
    pub fn repository(&self) -> PathBuf {
        self.data.join("switchboard.db")
    }
}

impl HostArgs {
    /// Puts flags, environment, file and defaults together.
    pub fn resolve(self) -> anyhow::Result<Config> {
        self.open.resolve(Settings {
            listen: self.listen,
            log: self.log.log,
            threads: self.threads.threads,
            drain_grace_ms: self.drain_grace_ms,
            drain_timeout_ms: self.drain_timeout_ms,
            connections_per_peer: self.connections_per_peer,
            trusted_proxies: self.trusted_proxies,
            metrics: self.metrics,
            ..Settings::default()
        })
    }
}

impl OpenArgs {
    /// The same, with what else a command takes.
    pub fn resolve(self, flags: Settings) -> anyhow::Result<Config> {
        self.place.resolve(Settings { secrets_key_file: self.secrets_key_file, ..flags })
    }
}

impl PlaceArgs {
    /// The same, with what else a command takes.
    pub fn resolve(self, flags: Settings) -> anyhow::Result<Config> {
        let file = match &self.config {
            Some(path) => read(path)?,
            None => Settings::default(),
        };
        let flags = Settings { data: self.data, ..flags };
        let listen = match flags.listen.or(file.listen) {
            Some(listen) => listen,
            None => LISTEN.parse().context("the default address")?,
        };
        Ok(Config {
            listen,
            data: flags.data.or(file.data).unwrap_or_else(|| PathBuf::from(DATA)),
            log: flags.log.or(file.log).unwrap_or_else(|| "info".to_owned()),
            threads: flags.threads.or(file.threads).unwrap_or_else(cores).max(1),
            drain_grace: Duration::from_millis(flags.drain_grace_ms.or(file.drain_grace_ms).unwrap_or(0)),
            drain_timeout: flags.drain_timeout_ms.or(file.drain_timeout_ms).map(Duration::from_millis),
            connections_per_peer: connections_per_peer(
                flags.connections_per_peer.or(file.connections_per_peer),
            )?,
            trusted_proxies: networks(flags.trusted_proxies.or(file.trusted_proxies).unwrap_or_default())?,
            secrets_key: given_key()
                .or(flags.secrets_key_file.or(file.secrets_key_file).map(KeySource::File)),
            metrics: flags.metrics.or(file.metrics).unwrap_or_default(),
        })
    }
}

fn connections_per_peer(given: Option<usize>) -> anyhow::Result<Option<usize>> {
    anyhow::ensure!(given != Some(0), "connections_per_peer is 0, with which nobody gets in; give 1 or more");
    Ok(given)
}

fn networks(given: Vec<String>) -> anyhow::Result<Vec<IpNet>> {
    given.iter().map(|it| network(it)).collect()
}

fn network(text: &str) -> anyhow::Result<IpNet> {
    let address = || text.parse::<IpAddr>().map(IpNet::from);
    text.parse().or_else(|_| address()).map_err(|_| {
        anyhow::anyhow!("the trusted proxy `{text}` is neither an address nor a network such as 10.1.0.0/16")
    })
}

/// A key as such is read from the environment alone: everybody can see a program's flags.
#[expect(clippy::disallowed_methods, reason = "the environment is read here")]
fn given_key() -> Option<KeySource> {
    let text = std::env::var_os("SWITCHBOARD_SECRETS_KEY")?;
    // What is no text is no key, and is refused as one.
    Some(KeySource::Given(text.into_string().unwrap_or_default().into()))
}

fn read(path: &Path) -> anyhow::Result<Settings> {
    let text = fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    toml::from_str(&text).with_context(|| format!("{} is not a configuration", path.display()))
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn resolved(config: Option<PathBuf>, flags: Settings) -> anyhow::Result<Config> {
        PlaceArgs { config, data: None }.resolve(flags)
    }

    /// A file of this text, for as long as its folder is there.
    fn file_of(text: &str) -> (tempfile::TempDir, Option<PathBuf>) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("switchboard.toml");
        fs::write(&file, text).unwrap();
        (folder, Some(file))
    }

    #[test]
    fn flags_come_before_the_file_and_the_file_before_defaults() {
        let (_folder, file) = file_of("listen = \"127.0.0.1:9000\"\nthreads = 3\nmetrics = \"token\"\n");
        let config = resolved(file, Settings { threads: Some(1), ..Settings::default() }).unwrap();
        assert_eq!(config.listen, "127.0.0.1:9000".parse().unwrap());
        assert_eq!((config.threads, config.metrics), (1, Metrics::Token));
        assert_eq!(config.data, PathBuf::from(DATA));
        assert_eq!(resolved(None, Settings::default()).unwrap().metrics, Metrics::Public);
    }

    #[test]
    fn a_trusted_proxy_is_an_address_or_a_network_and_nothing_else() {
        let resolve = |proxies: &[&str]| {
            let trusted_proxies = Some(proxies.iter().map(|it| (*it).to_owned()).collect());
            resolved(None, Settings { trusted_proxies, ..Settings::default() })
        };
        let config = resolve(&["192.0.2.7", "2001:db8::/32"]).unwrap();
        let expected = ["192.0.2.7/32", "2001:db8::/32"].map(|it| it.parse().unwrap());
        assert_eq!(config.trusted_proxies, expected);
        assert_eq!(config.connections_per_peer, None);
        let error = resolve(&["192.0.2.7", "proxy"]).unwrap_err().to_string();
        assert!(error.contains("`proxy`") && error.contains("10.1.0.0/16"), "{error}");
    }

    #[test]
    fn nobody_is_kept_out_by_a_limit_of_none() {
        let flags = Settings { connections_per_peer: Some(0), ..Settings::default() };
        let error = resolved(None, flags).unwrap_err().to_string();
        assert!(error.contains("connections_per_peer"), "{error}");
    }

    #[test]
    fn an_unknown_key_in_the_file_is_named() {
        let (_folder, file) = file_of("lisen = \"127.0.0.1:9000\"\n");
        let error = format!("{:#}", resolved(file, Settings::default()).unwrap_err());
        assert!(error.contains("lisen"), "{error}");
    }

    /// The words between backticks.
    fn quoted(text: &str) -> BTreeSet<&str> {
        text.split('`').skip(1).step_by(2).collect()
    }

    #[test]
    fn the_keys_of_the_file_are_named_as_it_takes_them() {
        let command = PlaceArgs::augment_args(clap::Command::new("serve"));
        let config = command.get_arguments().find(|it| it.get_id() == "config").unwrap();
        let help = config.get_help().unwrap().to_string();
        // Who gives a key that there is none of is told all that there are.
        let refused = toml::from_str::<Settings>("none-such = 1").unwrap_err();
        let mut taken = quoted(refused.message());
        assert!(taken.remove("none-such") && taken.len() > 5, "{refused}");
        assert_eq!(quoted(&help), taken);
    }
}
