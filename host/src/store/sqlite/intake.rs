//! Taking in: one transaction for a batch of deliveries.
//!
//! What a batch needs to know is asked in a few set-based queries ([`known`], [`people`],
//! [`threads`]), worked out in memory in the order things happened ([`work`]), and written with one
//! statement a table ([`write`](mod@write)). Between the two, where somebody judges at the [`door`], new
//! conversations are judged while no transaction is open, and their decisions written with them.

mod changes;
mod door;
mod early;
mod entry;
mod evidence;
mod known;
mod people;
mod place;
mod threads;
mod transitions;
mod work;
mod write;

use std::ops::Range;

use async_trait::async_trait;
use sqlx::{Connection as _, Sqlite, Transaction};

pub(super) use self::early::settle_sent;
pub(super) use self::entry::storable;
pub(super) use self::evidence::SENT;
use self::work::{Done, Work};
use super::{Books, SqliteStore, Writer, audit, deliveries, heads};
use crate::crash::{self, Point};
use crate::domain::delivery::{Delivery, DeliveryHead, DeliveryOutcome, ImportKey, RawDelivery};
use crate::domain::ids::{DeliveryId, DepartmentId, InboxId};
use crate::domain::threading::REFERENCES_OF_DELIVERY_MAX;
use crate::store::{
    DoorJudge, IngestStore, IntakeCommitted, IntakeEntry, Page, PageRequest, StoreError, StoreResult,
};

#[async_trait]
impl IngestStore for SqliteStore {
    async fn commit_intakes(
        &self,
        entries: &[IntakeEntry],
        judge: Option<&dyn DoorJudge>,
    ) -> StoreResult<Vec<StoreResult<IntakeCommitted>>> {
        let parts = parts(entries);
        if let [_] = parts[..] {
            return commit_part(self, entries, judge).await;
        }
        let mut answers = Vec::with_capacity(entries.len());
        for part in parts {
            match commit_part(self, &entries[part.clone()], None).await {
                Ok(committed) => answers.extend(committed),
                // What was committed before is acknowledged.
                Err(StoreError::Unavailable(why)) if part.start > 0 => {
                    answers.extend(part.map(|_| Err(StoreError::Unavailable(why.clone()))));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(answers)
    }

    async fn raw_delivery(&self, delivery: DeliveryId) -> StoreResult<Option<(Delivery, RawDelivery)>> {
        deliveries::raw(self, delivery, deliveries::Body::Whole).await
    }

    async fn delivery_head(&self, delivery: DeliveryId) -> StoreResult<Option<(Delivery, RawDelivery)>> {
        deliveries::raw(self, delivery, deliveries::Body::LeftOut).await
    }

    async fn unread_heads(
        &self,
        inbox: InboxId,
        page: PageRequest,
    ) -> StoreResult<Page<(DeliveryId, DeliveryHead)>> {
        heads::unread(self, inbox, page).await
    }

    async fn rewrite_head(&self, delivery: DeliveryId, head: &DeliveryHead) -> StoreResult<()> {
        heads::rewrite(self, delivery, head).await
    }

    async fn imported(&self, inbox: InboxId, key: &ImportKey) -> StoreResult<Option<Delivery>> {
        deliveries::imported(self, inbox, key).await
    }

    async fn deliveries(
        &self,
        inbox: Option<InboxId>,
        outcome: Option<DeliveryOutcome>,
        department: Option<DepartmentId>,
        page: PageRequest,
    ) -> StoreResult<Page<Delivery>> {
        deliveries::page(self, inbox, outcome, department, page).await
    }
}

/// How many arrivals one transaction stores, unless one delivery brings them: it must not hold the writer long.
const ARRIVALS_AT_ONCE: usize = 1_000;

/// How many external ids one transaction looks up, unless one delivery names them.
const NAMED_AT_ONCE: usize = REFERENCES_OF_DELIVERY_MAX + ARRIVALS_AT_ONCE;

/// The parts of a batch that are stored in one transaction each, in order.
fn parts(entries: &[IntakeEntry]) -> Vec<Range<usize>> {
    let mut parts: Vec<Range<usize>> = Vec::new();
    let (mut held, mut named) = (0, 0);
    for (index, entry) in entries.iter().enumerate() {
        held += entry::arrivals(entry).len();
        named += entry::named_by(entry);
        match parts.last_mut() {
            Some(part) if held <= ARRIVALS_AT_ONCE && named <= NAMED_AT_ONCE => part.end = index + 1,
            _ => {
                parts.push(index..index + 1);
                (held, named) = (entry::arrivals(entry).len(), entry::named_by(entry));
            }
        }
    }
    parts
}

/// Stores what one transaction stores.
async fn commit_part(
    store: &SqliteStore,
    entries: &[IntakeEntry],
    judge: Option<&dyn DoorJudge>,
) -> StoreResult<Vec<StoreResult<IntakeCommitted>>> {
    if let Some(judge) = judge
        && let Some(committed) = door::commit(store, entries, judge).await?
    {
        return Ok(committed.into_iter().map(Ok).collect());
    }
    let mut writer = store.writer.lock().await;
    match commit(store, &mut writer, entries).await {
        Ok(committed) => Ok(committed.into_iter().map(Ok).collect()),
        Err(error @ (StoreError::Unavailable(_) | StoreError::Damaged(_))) => Err(error),
        Err(error) if entries.len() < 2 => Ok(vec![Err(error)]),
        Err(_) => Ok(commit_in_halves(store, &mut writer, entries).await),
    }
}

/// Stores a batch whole or not at all.
async fn commit(
    store: &SqliteStore,
    writer: &mut Writer,
    entries: &[IntakeEntry],
) -> StoreResult<Vec<IntakeCommitted>> {
    writer.heal().await?;
    let mut tx = writer.connection.begin_with("BEGIN IMMEDIATE").await?;
    let mut work = Work::prepare(entries, &store.ids, &writer.books, &mut tx).await?;
    work.work_out()?;
    let done = work.carry_out(&mut tx).await?;
    end(store, tx, &mut writer.books, done).await
}

/// Ends the transaction in which a batch was written; only now is it known.
async fn end(
    store: &SqliteStore,
    mut tx: Transaction<'_, Sqlite>,
    books: &mut Books,
    done: Done,
) -> StoreResult<Vec<IntakeCommitted>> {
    for entry in &done.audits {
        audit::record(entry, &mut tx).await?;
    }
    crash::point(Point::IntakeWritten);
    tx.commit().await?;
    books.next_content = done.next_content;
    books.arrivals += 1;
    books.unindexed.append(done.texts);
    books.any_early |= done.any_early;
    if done.any_unknown {
        books.erased_keys.there_are_unknown();
    }
    store.recent().keep(done.arrived);
    Ok(done.committed)
}

/// Stores a batch that failed whole in ever smaller parts, in order, until the entries that cannot be
/// stored stand alone.
async fn commit_in_halves(
    store: &SqliteStore,
    writer: &mut Writer,
    entries: &[IntakeEntry],
) -> Vec<StoreResult<IntakeCommitted>> {
    let mut answers = Vec::with_capacity(entries.len());
    let mut parts: Vec<Range<usize>> = halves(0..entries.len());
    while let Some(part) = parts.pop() {
        match commit(store, writer, &entries[part.clone()]).await {
            Ok(committed) => answers.extend(committed.into_iter().map(Ok)),
            Err(error) if part.len() < 2 => answers.push(Err(error)),
            Err(_) => parts.extend(halves(part)),
        }
    }
    answers
}

/// The later half first: the parts are a stack.
fn halves(part: Range<usize>) -> Vec<Range<usize>> {
    let middle = part.start + part.len() / 2;
    vec![middle..part.end, part.start..middle]
}
