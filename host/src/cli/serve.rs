//! `switchboard serve`: the host itself.

use std::fs;
use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::app::clock::SystemClock;
use crate::app::{App, Parts};
use crate::cli::{remedy, wait};
use crate::config::{Config, HostArgs, Metrics};
use crate::egress::http::HttpEgress;
use crate::flow::organise;
use crate::http::MetricsFor;
use crate::http::peers::{PER_PEER, PeerLimit};
use crate::plugin::PluginConfig;
use crate::store::sqlite::StorePath;
use crate::{http, telemetry};

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
        wait(serve(config))
    }
}

async fn serve(config: Config) -> anyhow::Result<()> {
    fs::create_dir_all(&config.data).with_context(|| format!("make the folder {}", config.data.display()))?;
    let app = App::open(Parts {
        repository: StorePath::File(config.repository()),
        artefact_shelf: None,
        plugins: PluginConfig { threads: config.threads, ..PluginConfig::default() },
        secrets_key: config.secrets_key.clone(),
        clock: Arc::new(SystemClock),
        egress: Arc::new(HttpEgress::new()?),
    })
    .await?;
    let served = serve_with(&app, &config).await;
    let whole = app.check_whole();
    // In order, however far it came.
    app.stop().await;
    whole.and(served)
}

/// Serves what is opened until it is asked to stop.
async fn serve_with(app: &App, config: &Config) -> anyhow::Result<()> {
    let listener = remedy::listen(config.listen).await?;
    greet(app, config, &listener).await?;
    app.work();
    let stop = app.stopping();
    tokio::spawn(stop_on_signal(stop.clone()));
    let bundled = async {
        let new = app.publish_bundled().await?;
        if new > 0 {
            println!("The marketplace is filled: {new} plugins come with Switchboard.");
        }
        anyhow::Ok(())
    };
    let most = config.connections_per_peer.unwrap_or(PER_PEER);
    let per_peer = PeerLimit { most, ..PeerLimit::default() }.with_exempt(&config.trusted_proxies);
    let metrics = match config.metrics {
        Metrics::Public => MetricsFor::Anybody,
        Metrics::Token => MetricsFor::WholeCompany,
    };
    let options = http::ServeOptions { grace: config.drain_grace, per_peer, metrics };
    let served = http::serve(listener, app.flow.clone(), stop, options);
    // Bundled plugins are published while the first requests are answered already.
    let (published, ()) = tokio::join!(bundled, served);
    published
}

/// Says where it listens and how to get in.
async fn greet(app: &App, config: &Config, listener: &TcpListener) -> anyhow::Result<()> {
    let address = listener.local_addr()?;
    println!("Switchboard listens on http://{address}, its repository is {}", config.data.display());
    if let Some(token) = organise::ensure_admin_token(&app.flow).await? {
        let file = config.data.join("admin-token");
        write_secret(&file, &token).with_context(|| format!("write {}", file.display()))?;
        println!("First start: the admin token is {token}");
        println!("It is kept in {} (readable by you alone) and shown only now.", file.display());
    }
    println!(
        "Try: curl -H \"Authorization: Bearer $(cat {}/admin-token)\" http://{address}/v1/plugins",
        config.data.display()
    );
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

/// Ctrl-C or SIGTERM: say that no more work is wanted, stop accepting, finish what is under way. A second one
/// ends at once, with the status 130.
pub async fn stop_on_signal(stop: CancellationToken) {
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        tracing::error!("signals cannot be listened for");
        return;
    };
    for first in [true, false] {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        if first {
            eprintln!("Switchboard finishes what is under way; once more to stop at once.");
            stop.cancel();
        }
    }
    std::process::exit(130);
}
