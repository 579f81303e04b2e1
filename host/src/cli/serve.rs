//! `switchboard serve`: the host itself.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use clap::Args;
use tokio::net::TcpListener;

use super::signals::{LATE, NOT_IN_TIME, end_at_once, stop_on_signal};
use crate::app::clock::SystemClock;
use crate::app::{ADMIN_TOKEN, App, Parts, Stopped, prepare_folder};
use crate::cli::{limits, remedy, wait};
use crate::config::{Config, HostArgs, Metrics};
use crate::egress::http::HttpEgress;
use crate::flow::organise;
use crate::http::MetricsFor;
use crate::http::peers::{PER_PEER, PeerLimit};
use crate::plugin::PluginConfig;
use crate::store::sqlite::StorePath;
use crate::telemetry::outlet;
use crate::{http, telemetry};

/// From the deadlines of stopping to that of the process, which counts where nothing else does: where the
/// runtime itself stands still.
const LAST_DEADLINE: Duration = Duration::from_secs(10);

/// Flags of `serve`.
#[derive(Args)]
pub struct Serve {
    #[command(flatten)]
    host: HostArgs,
    #[cfg(feature = "crash-points")]
    #[command(flatten)]
    crash: crate::crash::CrashArgs,
}

impl Serve {
    /// Serves until it is asked to stop.
    pub fn run(self) -> anyhow::Result<()> {
        let config = self.host.resolve()?;
        telemetry::log::start(&config.log);
        #[cfg(feature = "crash-points")]
        self.crash.arm();
        limits::check_threads(config.threads)?;
        let connections_max = limits::connections_max()?;
        wait(serve(config, connections_max))
    }
}

async fn serve(config: Config, connections_max: usize) -> anyhow::Result<()> {
    prepare_folder(&config.data).with_context(|| format!("make the folder {}", config.data.display()))?;
    let app = App::open(Parts {
        repository: StorePath::File(config.repository()),
        artefact_shelf: None,
        plugins: PluginConfig { threads: config.threads, ..PluginConfig::default() },
        secrets_key: config.secrets_key.clone(),
        clock: Arc::new(SystemClock),
        egress: Arc::new(HttpEgress::new()?),
    })
    .await?;
    let options = options(&config, connections_max);
    let deadline = options.grace + options.drain + App::STOP_TIMEOUT + LAST_DEADLINE;
    // From now on a signal has it end in order, and not later than that.
    stop_on_signal(app.stopping(), Some(deadline))?;
    let served = serve_with(&app, &config, options).await;
    let whole = app.check_whole();
    match app.stop().await {
        Stopped::Cleanly => whole.and(served),
        // The runtime waits for what does not end.
        Stopped::Late => end_at_once(LATE, NOT_IN_TIME),
    }
}

/// Serves what is opened until it is asked to stop.
async fn serve_with(app: &App, config: &Config, options: http::ServeOptions) -> anyhow::Result<()> {
    let listener = remedy::listen(config.listen).await?;
    greet(app, config, &listener).await?;
    app.work();
    let stop = app.stopping();
    let served = tokio::spawn(http::serve(listener, app.flow.clone(), stop.clone(), options));
    // Bundled plugins are published while the first requests are answered already; those that are not by then
    // are at the next start.
    let published = stop.run_until_cancelled(publish_bundled(app)).await.unwrap_or(Ok(()));
    if let Err(error) = &published {
        tracing::error!("the marketplace misses plugins that come with Switchboard: {error:#}");
    }
    let served = served.await.map_err(|error| {
        stop.cancel();
        anyhow!("the interface ended by a panic ({error}): start the host again")
    });
    served.and(published)
}

async fn publish_bundled(app: &App) -> anyhow::Result<()> {
    let new = app.publish_bundled().await?;
    if new > 0 {
        outlet::stdout()
            .line(format_args!("The marketplace is filled: {new} plugins come with Switchboard."));
    }
    Ok(())
}

fn options(config: &Config, connections_max: usize) -> http::ServeOptions {
    // Where there are fewer connections in all, one address has the same share of them.
    let most = config.connections_per_peer.unwrap_or_else(|| PER_PEER.min(connections_max / 16).max(1));
    let per_peer = PeerLimit { most, ..PeerLimit::default() }.with_exempt(&config.trusted_proxies);
    let metrics = match config.metrics {
        Metrics::Public => MetricsFor::Anybody,
        Metrics::Token => MetricsFor::WholeCompany,
    };
    let drain = config.drain_timeout.unwrap_or(http::DRAIN_TIMEOUT);
    http::ServeOptions { grace: config.drain_grace, drain, connections_max, per_peer, metrics }
}

/// Says where it listens and how to get in.
async fn greet(app: &App, config: &Config, listener: &TcpListener) -> anyhow::Result<()> {
    let address = listener.local_addr()?;
    let say = |text: std::fmt::Arguments<'_>| outlet::stdout().line(text);
    let folder = config.data.display();
    say(format_args!("Switchboard listens on http://{address}, its repository is {folder}"));
    if let Some(token) = organise::ensure_admin_token(&app.flow).await? {
        let file = config.data.join(ADMIN_TOKEN);
        write_secret(&file, &token).with_context(|| format!("write {}", file.display()))?;
        say(format_args!("First start: the admin token is {token}"));
        say(format_args!("It is kept in {} (readable by you alone) and shown only now.", file.display()));
    }
    say(format_args!(
        "Try: curl -H \"Authorization: Bearer $(cat {folder}/admin-token)\" http://{address}/v1/plugins"
    ));
    Ok(())
}

fn write_secret(file: &std::path::Path, token: &str) -> std::io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut open = fs::OpenOptions::new();
    open.write(true).create(true).truncate(true).mode(0o600);
    let mut file = open.open(file)?;
    file.write_all(token.as_bytes())?;
    // It is shown once: the disk has it before anybody goes by that.
    file.sync_all()
}
