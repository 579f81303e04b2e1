//! The load generator's process, seen from the one that measures.

use std::net::SocketAddr;
use std::process::Stdio;

use anyhow::Context;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::load::{Order, Sent};

/// A running load generator; it is killed when this is dropped.
pub struct Generator {
    process: Child,
    orders: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Generator {
    /// Starts one that posts to this inbox.
    pub fn start(address: SocketAddr, inbox: &str, connections: usize) -> anyhow::Result<Self> {
        let mut process = Command::new(std::env::current_exe()?)
            .arg("bench-load")
            .args(["--address", &address.to_string()])
            .args(["--path", &format!("/in/{inbox}")])
            .args(["--connections", &connections.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("run the load generator")?;
        let orders = process.stdin.take().context("the load generator's input")?;
        let answers = process.stdout.take().context("the load generator's output")?;
        Ok(Self { process, orders, answers: BufReader::new(answers).lines() })
    }

    /// Has it send, and waits for the last answer.
    pub async fn send(&mut self, order: Order) -> anyhow::Result<Sent> {
        let line = format!("{}\n", serde_json::to_string(&order)?);
        self.orders.write_all(line.as_bytes()).await.context("order items from the load generator")?;
        let answer = self.answers.next_line().await?.context("the load generator ended early")?;
        serde_json::from_str(&answer).context("read what the load generator says")
    }

    /// Ends it: its input ends, so it closes its connections.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        drop(self.orders);
        let status = self.process.wait().await?;
        anyhow::ensure!(status.success(), "the load generator failed");
        Ok(())
    }
}
