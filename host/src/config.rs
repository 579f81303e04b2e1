//! How an installation is configured: flags over environment over one TOML file over defaults.
//!
//! **Invariant:** the environment is read here and nowhere else.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use ipnet::IpNet;
use serde::Deserialize;

use crate::vault::KeySource;

/// Where it listens when nobody says otherwise: reachable from this machine only.
const LISTEN: &str = "127.0.0.1:8080";
/// Where it keeps its repository when nobody says otherwise.
const DATA: &str = "switchboard-data";

/// What can be given as a flag, in the environment, or in the file.
#[derive(Args, Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Address and port to listen on [default: 127.0.0.1:8080]
    #[arg(long, env = "SWITCHBOARD_LISTEN")]
    pub listen: Option<SocketAddr>,
    /// Folder of the repository, made if it is missing [default: ./switchboard-data]
    #[arg(long, env = "SWITCHBOARD_DATA")]
    pub data: Option<PathBuf>,
    /// What to log, such as `info` or `switchboard=debug` [default: info]
    #[arg(long, env = "SWITCHBOARD_LOG")]
    pub log: Option<String>,
    /// Threads that run plugins; as many again run those that are slow [default: one for each core]
    #[arg(long, env = "SWITCHBOARD_THREADS")]
    pub threads: Option<usize>,
    /// Milliseconds for which work is still taken after the first signal to stop, while `/readyz` says no:
    /// for a load balancer to notice [default: 0]
    #[arg(long, env = "SWITCHBOARD_DRAIN_GRACE_MS")]
    pub drain_grace_ms: Option<u64>,
    /// Connections that one address may have at once, or the /64 network of an IPv6 address [default: 256]
    #[arg(long, env = "SWITCHBOARD_CONNECTIONS_PER_PEER")]
    pub connections_per_peer: Option<usize>,
    /// Addresses or networks of proxies in front of the host, such as `10.0.0.5` or `10.1.0.0/16`: they speak for
    /// many, and may have as many connections as there are [default: this machine's own addresses]
    #[arg(long = "trusted-proxy", env = "SWITCHBOARD_TRUSTED_PROXIES", value_delimiter = ',')]
    pub trusted_proxies: Option<Vec<String>>,
    /// File of the key that seals secrets, made if it is missing; the key itself can stand in the environment
    /// instead, as SWITCHBOARD_SECRETS_KEY [default: `secrets-key` in the repository's folder]
    #[arg(long, env = "SWITCHBOARD_SECRETS_KEY_FILE")]
    pub secrets_key_file: Option<PathBuf>,
}

/// Flags that concern the configuration itself.
#[derive(Args, Clone, Debug, Default)]
pub struct ConfigArgs {
    /// A TOML file with the same keys as the flags
    #[arg(long, env = "SWITCHBOARD_CONFIG")]
    pub config: Option<PathBuf>,
    /// The flags.
    #[command(flatten)]
    pub settings: Settings,
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
    /// How many connections one caller may have at once; absent for as many as is usual.
    pub connections_per_peer: Option<usize>,
    /// Who may have more, because it speaks for many.
    pub trusted_proxies: Vec<IpNet>,
    /// Where the key that seals secrets comes from; absent for a file in the repository's folder.
    pub secrets_key: Option<KeySource>,
}

impl ConfigArgs {
    /// Puts flags, environment, file and defaults together.
    pub fn resolve(&self) -> anyhow::Result<Config> {
        let file = match &self.config {
            Some(path) => read(path)?,
            None => Settings::default(),
        };
        let flags = self.settings.clone();
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
            connections_per_peer: connections_per_peer(
                flags.connections_per_peer.or(file.connections_per_peer),
            )?,
            trusted_proxies: networks(flags.trusted_proxies.or(file.trusted_proxies).unwrap_or_default())?,
            secrets_key: given_key()
                .or(flags.secrets_key_file.or(file.secrets_key_file).map(KeySource::File)),
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
    use super::*;

    #[test]
    fn flags_come_before_the_file_and_the_file_before_defaults() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("switchboard.toml");
        fs::write(&file, "listen = \"127.0.0.1:9000\"\nthreads = 3\n").unwrap();
        let settings = Settings { threads: Some(1), ..Settings::default() };
        let config = ConfigArgs { config: Some(file), settings }.resolve().unwrap();
        assert_eq!(config.listen, "127.0.0.1:9000".parse().unwrap());
        assert_eq!(config.threads, 1);
        assert_eq!(config.data, PathBuf::from(DATA));
    }

    #[test]
    fn a_trusted_proxy_is_an_address_or_a_network_and_nothing_else() {
        let resolve = |proxies: &[&str]| {
            let trusted_proxies = Some(proxies.iter().map(|it| (*it).to_owned()).collect());
            ConfigArgs { config: None, settings: Settings { trusted_proxies, ..Settings::default() } }
                .resolve()
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
        let settings = Settings { connections_per_peer: Some(0), ..Settings::default() };
        let error = ConfigArgs { config: None, settings }.resolve().unwrap_err().to_string();
        assert!(error.contains("connections_per_peer"), "{error}");
    }

    #[test]
    fn an_unknown_key_in_the_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("switchboard.toml");
        fs::write(&file, "lisen = \"127.0.0.1:9000\"\n").unwrap();
        let args = ConfigArgs { config: Some(file), settings: Settings::default() };
        let error = format!("{:#}", args.resolve().unwrap_err());
        assert!(error.contains("lisen"), "{error}");
    }
}
