//! Records go through the inbox's adapter into the repository, many at a time, in order.

use anyhow::Context;
use futures::{StreamExt, stream};
use indicatif::ProgressBar;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::source::Sourced;
use super::tally::Tally;
use crate::cli::terminal::shown;
use crate::domain::delivery::{Header, RawDelivery};
use crate::domain::principal::Principal;
use crate::flow::import::{self, Imported};
use crate::flow::ingest::ReceivedOutcome;
use crate::flow::{Flow, FlowError};

/// How many records are under way at once: enough to share a transaction, little to keep in memory.
const UNDER_WAY_MAX: usize = 64;

/// How many records wait between the file and the adapter.
const READ_AHEAD: usize = 16;

/// How many records that went wrong are shown one by one.
const SHOWN_MAX: u64 = 20;

/// What an import came to, and where it ended.
pub struct Done {
    /// The counts.
    pub tally: Tally,
    /// The record to go on with, when it was interrupted.
    pub next: Option<u64>,
}

/// Where to deliver what.
pub struct TakeIn<'a> {
    /// The flow.
    pub flow: &'a Flow,
    /// The inbox.
    pub inbox: &'a str,
    /// The first record to take in, from 1.
    pub from: u64,
    /// Cancelled when the import shall end early.
    pub stop: &'a CancellationToken,
    /// Shows how far it is.
    pub bar: &'a ProgressBar,
}

impl TakeIn<'_> {
    /// Takes every record in. What is under way when it is stopped is finished.
    pub async fn run(&self, records: impl Iterator<Item = Sourced> + Send + 'static) -> anyhow::Result<Done> {
        let from = self.from;
        let read = read_ahead(records.filter(move |record| record.position >= from));
        let read = read.take_until(self.stop.cancelled());
        let mut taken = read.map(|record| self.take(record)).buffered(UNDER_WAY_MAX).boxed();
        let mut tally = Tally::default();
        let mut next = from;
        while let Some((place, received)) = taken.next().await {
            let received = received.with_context(|| format!("{place} (go on with --from {next})"))?;
            next += 1;
            self.count(&mut tally, &place, received);
        }
        Ok(Done { tally, next: self.stop.is_cancelled().then_some(next) })
    }

    async fn take(&self, record: Sourced) -> (String, Result<Outcome, FlowError>) {
        let place = format!("{}, record {}", record.file.display(), record.number);
        let bytes = match record.bytes {
            Ok(bytes) => bytes,
            Err(error) => return (place, Ok(Outcome::Unread(error.to_string()))),
        };
        let raw = RawDelivery {
            method: "POST".to_owned(),
            path: String::new(),
            query: None,
            headers: vec![Header { name: "content-type".to_owned(), value: record.media_type.to_owned() }],
            body: bytes,
            received_at: self.flow.now(),
        };
        // Whoever has the repository's files at hand runs the installation.
        let imported = import::import(self.flow, &Principal::admin(), self.inbox, raw).await;
        (place, imported.map(Outcome::Imported))
    }

    fn count(&self, tally: &mut Tally, place: &str, outcome: Outcome) {
        let wrong = match outcome {
            Outcome::Imported(imported) => {
                tally.count(&imported);
                reason_unparsed(imported)
            }
            Outcome::Unread(reason) => {
                tally.refused += 1;
                Some(reason)
            }
        };
        self.bar.set_message(format!("{} new, {} duplicates", tally.new, tally.duplicates));
        let Some(reason) = wrong else { return };
        match tally.unparsed + tally.refused {
            count if count <= SHOWN_MAX => {
                self.bar.suspend(|| eprintln!("{}: {}", shown(place), shown(&reason)))
            }
            count if count == SHOWN_MAX + 1 => self.bar.suspend(|| eprintln!("and more that are not shown")),
            _ => {}
        }
    }
}

fn reason_unparsed(imported: Imported) -> Option<String> {
    match imported {
        Imported::Received(received) => match received.outcome {
            ReceivedOutcome::Unparsed { reason } => Some(reason),
            ReceivedOutcome::Accepted(_) => None,
        },
        Imported::Before(_) => None,
    }
}

enum Outcome {
    Imported(Imported),
    Unread(String),
}

/// Reads files on a thread of its own, a few records ahead.
fn read_ahead(
    records: impl Iterator<Item = Sourced> + Send + 'static,
) -> impl futures::Stream<Item = Sourced> + Send {
    let (queue, waiting) = mpsc::channel(READ_AHEAD);
    tokio::task::spawn_blocking(move || {
        for record in records {
            // Nobody waits any longer once the import was stopped.
            if queue.blocking_send(record).is_err() {
                break;
            }
        }
    });
    stream::unfold(waiting, |mut waiting| async move {
        let record = waiting.recv().await?;
        Some((record, waiting))
    })
}
