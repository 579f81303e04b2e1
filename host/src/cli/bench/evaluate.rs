//! `POST /v1/evaluate` with one policy, over HTTP, one request at a time; and the bare call beside it.

use std::time::Instant;

use anyhow::Context;
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

use super::load::read_status;
use super::median::{median, quantile};
use super::report::Report;
use super::scene;
use crate::domain::activation::Phase;
use crate::flow::organise;
use crate::http;
use crate::plugin::Lane;

const WARM_UP: usize = 200;
const REQUESTS: usize = 5_000;

pub async fn measure(report: &Report) -> anyhow::Result<()> {
    report.section("POST /v1/evaluate with one policy");
    let folder = tempfile::tempdir()?;
    let app = scene::open(folder.path()).await?;
    scene::set(&app, &[("keyword-router", Phase::Route, scene::regex_rules())]).await?;
    let token = organise::ensure_admin_token(&app.flow).await?.context("the token of a first start")?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let mut stream = TcpStream::connect(listener.local_addr()?).await?;
    stream.set_nodelay(true)?;
    let serving =
        tokio::spawn(http::serve(listener, app.flow.clone(), app.stopping(), http::ServeOptions::default()));

    let (event, case) = scene::case();
    let body = json!({ "event": event, "case": case }).to_string();
    let request = format!(
        "POST /v1/evaluate HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut times = Vec::with_capacity(REQUESTS);
    let mut buffer = vec![0; 64 * 1024];
    for number in 0..WARM_UP + REQUESTS {
        let began = Instant::now();
        stream.write_all(request.as_bytes()).await?;
        let status = read_status(&mut stream, &mut buffer).await?;
        anyhow::ensure!(status == 200, "evaluate answered {status}");
        if number >= WARM_UP {
            times.push(began.elapsed().as_nanos() as f64 / 1_000.0);
        }
    }
    let policy = app.flow.pipeline.load().policies[0].policy.clone();
    let bare = app.flow.plugins.executor().run(Lane::Trying(None), move || {
        (0..REQUESTS).map(|_| policy.evaluate(&event, &case).micros as f64).collect::<Vec<_>>()
    });
    let bare = median(bare.await?);
    times.sort_by(f64::total_cmp);
    let middle = quantile(&times, 0.5);
    report.figure("evaluate", "p50", middle, "us");
    report.figure("evaluate", "p99", quantile(&times, 0.99), "us");
    report.figure("evaluate", "bare call, median", bare, "us");
    report.figure("evaluate", "share of the bare call", bare / middle, "ratio");
    drop(stream);
    app.stopping().cancel();
    serving.await?;
    app.stop().await;
    Ok(())
}
