//! The load generator: a process of its own, so that its processor time is not the host's.
//!
//! Speaks just enough HTTP/1.1 (RFC 9112) over plain sockets to keep its own cost small: one request
//! at a time on each of many connections, each answer read to its end. It is told what to send line by
//! line, and keeps its connections from one stretch to the next.

use std::fmt::Write as _;
use std::io::{BufRead as _, Write as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, bail};
use clap::Args;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::machine;

/// Flags of the load generator.
#[derive(Args)]
pub struct Load {
    /// Where the host listens
    #[arg(long)]
    address: SocketAddr,
    /// The path to post to
    #[arg(long)]
    path: String,
    /// On how many connections
    #[arg(long)]
    connections: usize,
}

/// What to send in one stretch; one line of JSON on the generator's standard input.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// The first item's number.
    pub first: u64,
    /// How many items to send.
    pub items: u64,
}

/// What was sent for one order; one line of JSON on the generator's standard output.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Sent {
    /// Answers that said the item is stored.
    pub accepted: u64,
    /// Other answers.
    pub refused: u64,
    /// Processor time that the generator itself used for it.
    pub cpu_seconds: f64,
}

impl Load {
    /// Sends what each line of the standard input orders, and answers each with what was done.
    pub fn run(self) -> anyhow::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("start the runtime")?;
        let mut connections = runtime.block_on(self.connect())?;
        for line in std::io::stdin().lock().lines() {
            let order: Order = serde_json::from_str(&line?).context("read what to send")?;
            let sent = runtime.block_on(send(order, &mut connections))?;
            let mut out = std::io::stdout().lock();
            writeln!(out, "{}", serde_json::to_string(&sent)?)?;
            out.flush()?;
        }
        Ok(())
    }

    async fn connect(&self) -> anyhow::Result<Vec<Connection>> {
        let mut connections = Vec::new();
        for _ in 0..self.connections {
            connections.push(Connection::open(self.address, &self.path).await?);
        }
        Ok(connections)
    }
}

/// Sends on all connections at once, and takes each of them back when its last answer is read.
async fn send(order: Order, connections: &mut Vec<Connection>) -> anyhow::Result<Sent> {
    let cpu = machine::cpu_seconds()?;
    let (next, end) = (Arc::new(AtomicU64::new(order.first)), order.first + order.items);
    let mut working = tokio::task::JoinSet::new();
    for connection in connections.drain(..) {
        working.spawn(connection.work(Arc::clone(&next), end));
    }
    let mut sent = Sent { accepted: 0, refused: 0, cpu_seconds: 0.0 };
    while let Some(done) = working.join_next().await {
        let (connection, accepted, refused) = done.context("a connection's task")??;
        connections.push(connection);
        sent.accepted += accepted;
        sent.refused += refused;
    }
    sent.cpu_seconds = machine::cpu_seconds()? - cpu;
    Ok(sent)
}

struct Connection {
    stream: TcpStream,
    head: String,
    out: String,
    body: String,
    buffer: Vec<u8>,
}

impl Connection {
    async fn open(address: SocketAddr, path: &str) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await.context("connect")?;
        stream.set_nodelay(true)?;
        let head = format!("POST {path} HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n");
        Ok(Self { stream, head, out: String::new(), body: String::new(), buffer: vec![0; 4096] })
    }

    async fn work(mut self, next: Arc<AtomicU64>, end: u64) -> anyhow::Result<(Self, u64, u64)> {
        let (mut accepted, mut refused) = (0, 0);
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= end {
                return Ok((self, accepted, refused));
            }
            self.body.clear();
            write_item(&mut self.body, number)?;
            match self.post().await? {
                200..300 => accepted += 1,
                _ => refused += 1,
            }
        }
    }

    /// Posts the body; the answer's status.
    async fn post(&mut self) -> anyhow::Result<u16> {
        self.out.clear();
        write!(self.out, "{}content-length: {}\r\n\r\n{}", self.head, self.body.len(), self.body)?;
        self.stream.write_all(self.out.as_bytes()).await?;
        read_status(&mut self.stream, &mut self.buffer).await
    }
}

/// Reads one answer to its end; its status.
pub async fn read_status(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> anyhow::Result<u16> {
    let mut filled = 0;
    loop {
        if filled == buffer.len() {
            buffer.resize(filled * 2, 0);
        }
        let read = stream.read(&mut buffer[filled..]).await?;
        if read == 0 {
            bail!("the host closed the connection");
        }
        filled += read;
        if let Some((status, length)) = parse(&buffer[..filled])
            && filled >= length
        {
            return Ok(status);
        }
    }
}

/// Status and total length of an answer whose head is complete.
fn parse(answer: &[u8]) -> Option<(u16, usize)> {
    let head_end = answer.windows(4).position(|it| it == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&answer[..head_end]).ok()?;
    let status = head.get(9..12)?.parse().ok()?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    Some((status, head_end + length.unwrap_or(0)))
}

/// Texts of usual length; some match a rule of the router, most do not.
const TEXTS: [&str; 8] = [
    "Third time I write about order #%% and still nothing: the parcel was to be here on Monday, nobody answers.",
    "Thank you for the quick help yesterday, the new router works and number %% is happy again. Keep it up!",
    "Why was I charged twice for booking %%? I only pressed the button once and my bank shows both.",
    "Is the shop in the old town open on the holiday? The site says one thing, the door another. (%%)",
    "My flight LX %% was moved by six hours and nobody told me; I would like to know what you will do about it.",
    "The app closes by itself since the update when I open the second page of my bookings, build %%.",
    "A refund was promised to me in April for case %%; it is summer now. Should I still wait for it?",
    "Lovely place, friendly people, but the line was long and the number on my ticket was %% for an hour.",
];

/// One item as plain JSON. Every fifth answers an earlier one, and authors come back.
pub fn write_item(body: &mut String, number: u64) -> std::fmt::Result {
    let text = TEXTS[(number % TEXTS.len() as u64) as usize].replace("%%", &(100_000 + number).to_string());
    // Odd multipliers spread the numbers; the same number always gives the same item.
    let author = number.wrapping_mul(2_654_435_761) % (1 + number / 2);
    let followers = number.wrapping_mul(40_503) % 20_000;
    write!(body, r#"{{"id":"load-{number}","kind":"mention","visibility":"public","#)?;
    if number % 5 == 4 {
        write!(body, r#""in_reply_to":["load-{}"],"#, number - 3)?;
    }
    write!(
        body,
        r#""author":{{"id":"author-{author}","handle":"a{author}","followers":{followers}}},"language":"en","text":"{text}"}}"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_is_json() {
        for number in 0..100 {
            let mut body = String::new();
            write_item(&mut body, number).unwrap();
            let item: serde_json::Value = serde_json::from_str(&body).unwrap();
            assert_eq!(item["id"], format!("load-{number}"));
        }
    }

    #[test]
    fn an_answer_ends_where_its_length_says() {
        let answer = b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n{}";
        assert_eq!(parse(answer), Some((202, answer.len())));
        assert_eq!(parse(b"HTTP/1.1 202 Acc"), None);
    }
}
