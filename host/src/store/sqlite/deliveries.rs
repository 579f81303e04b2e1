//! Raw deliveries.

use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use super::concern::came_in_through;
use super::counts::Change;
use super::erased_keys::{ErasedKeys, KeyKind};
use super::rows::Rows;
use super::script::Script;
use super::words::{case, word};
use super::{SqliteStore, paging, retention, unread};
use crate::domain::delivery::{Delivery, DeliveryOutcome, Header, ImportKey, RawDelivery};
use crate::domain::ids::{DeliveryId, DepartmentId, InboxId, ItemId};
use crate::domain::time::Timestamp;
use crate::store::{IntakeContent, IntakeEntry, IntakeOrigin, Page, PageRequest, StoreError, StoreResult};

/// The columns that [`read`] needs, in its order.
macro_rules! delivery_columns {
    () => {
        "id, inbox, received_at, outcome, substr(reason, 1, 4096), attempts, body_bytes, arrivals, adapter,
         (SELECT p.at FROM purged_deliveries AS p WHERE p.delivery = deliveries.id)"
    };
}

/// How much of a delivery is read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Body {
    /// All of it.
    Whole,
    /// All but its body, which may have 16 MiB.
    LeftOut,
}

fn read(row: &SqliteRow) -> StoreResult<Delivery> {
    Ok(Delivery {
        id: DeliveryId(row.try_get(0)?),
        inbox: InboxId(row.try_get(1)?),
        received_at: Timestamp::from_ms(row.try_get(2)?),
        outcome: case(row.try_get(3)?)?,
        reason: row.try_get(4)?,
        attempts: row.try_get(5)?,
        body_bytes: row.try_get(6)?,
        arrivals: row.try_get(7)?,
        adapter: row.try_get(8)?,
        purged_at: row.try_get::<Option<i64>, _>(9)?.map(Timestamp::from_ms),
    })
}

/// A delivery as it was sent, with its body or without.
pub(super) async fn raw(
    store: &SqliteStore,
    delivery: DeliveryId,
    body: Body,
) -> StoreResult<Option<(Delivery, RawDelivery)>> {
    let sql = match body {
        Body::Whole => concat!(
            "SELECT ",
            delivery_columns!(),
            ", method, path, query, headers, body FROM deliveries WHERE id = ?"
        ),
        Body::LeftOut => concat!(
            "SELECT ",
            delivery_columns!(),
            ", method, path, query, headers, x'' FROM deliveries WHERE id = ?"
        ),
    };
    let Some(row) = sqlx::query(sql).bind(delivery.0).fetch_optional(&mut *store.reader().await?).await?
    else {
        return Ok(None);
    };
    let delivery = read(&row)?;
    let raw = RawDelivery {
        method: row.try_get(10)?,
        path: row.try_get(11)?,
        query: row.try_get(12)?,
        headers: serde_json::from_str(row.try_get(13)?)?,
        body: row.try_get(14)?,
        received_at: delivery.received_at,
    };
    Ok(Some((delivery, raw)))
}

/// The delivery that a record of an import was stored as.
pub(super) async fn imported(
    store: &SqliteStore,
    inbox: InboxId,
    key: &ImportKey,
) -> StoreResult<Option<Delivery>> {
    let sql = concat!(
        "SELECT ",
        delivery_columns!(),
        " FROM deliveries WHERE id = (SELECT delivery FROM imports WHERE inbox = ? AND key IN (?, ?))"
    );
    let mut reader = store.reader().await?;
    let erased = ErasedKeys::load(&mut reader).await?.in_place_of(KeyKind::Import, inbox, &key.0);
    let query = sqlx::query(sql).bind(inbox.0).bind(&key.0).bind(erased);
    let row = query.fetch_optional(&mut *reader).await?;
    row.as_ref().map(read).transpose()
}

/// Those to the department's inboxes, if one is given. Unparsed ones have an index; others are found by
/// walking back from the newest.
pub(super) async fn page(
    store: &SqliteStore,
    inbox: Option<InboxId>,
    outcome: Option<DeliveryOutcome>,
    department: Option<DepartmentId>,
    page: PageRequest,
) -> StoreResult<Page<Delivery>> {
    let sql = match outcome {
        Some(DeliveryOutcome::Unparsed) => concat!(
            "SELECT ",
            delivery_columns!(),
            " FROM deliveries
              WHERE id < ?1 AND (?2 IS NULL OR inbox = ?2) AND (?4 IS NULL OR ",
            came_in_through!("", "?4"),
            ") AND outcome = 'unparsed'
              ORDER BY id DESC LIMIT ?3"
        ),
        Some(DeliveryOutcome::Accepted) => concat!(
            "SELECT ",
            delivery_columns!(),
            " FROM deliveries
              WHERE id < ?1 AND (?2 IS NULL OR inbox = ?2) AND (?4 IS NULL OR ",
            came_in_through!("", "?4"),
            ") AND outcome = 'accepted'
              ORDER BY id DESC LIMIT ?3"
        ),
        None => concat!(
            "SELECT ",
            delivery_columns!(),
            " FROM deliveries
              WHERE id < ?1 AND (?2 IS NULL OR inbox = ?2) AND (?4 IS NULL OR ",
            came_in_through!("", "?4"),
            ")
              ORDER BY id DESC LIMIT ?3"
        ),
    };
    let rows = sqlx::query(sql)
        .bind(page.after.unwrap_or(i64::MAX))
        .bind(inbox.map(|it| it.0))
        .bind(page.limit)
        .bind(department.map(|it| it.0))
        .fetch_all(&mut *store.reader().await?)
        .await?;
    let entries = rows.iter().map(read).collect::<StoreResult<Vec<_>>>()?;
    Ok(paging::by_id(entries, page, |it| it.id.0))
}

const NO_HEADERS: [Header; 0] = [];

/// Deliveries to be kept, or read once more.
#[derive(Default)]
pub(super) struct DeliveryRows {
    fresh: Rows,
    fresh_unparsed: i64,
    retried: Rows,
    retried_unparsed: i64,
    imports: Rows,
    emptied: Rows,
    told_of: ToldOf,
    read_again: Rows,
    unread: Rows,
}

/// Which items deliveries told of besides those they brought.
#[derive(Default)]
pub(super) struct ToldOf {
    known: Rows,
    /// By digests, because they are not here.
    unknown: Rows,
    /// New items that were told of before they came, perhaps.
    arrived: Rows,
}

/// What is kept of a delivery's bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    /// All of them.
    Everything,
    /// None: it tells of something that was erased.
    Nothing,
}

impl DeliveryRows {
    /// A delivery tells of an item that another one brought.
    pub(super) fn told_of(&mut self, delivery: DeliveryId, item: ItemId) {
        let _ = self.told_of.known.row().int(delivery.0).int(item.0);
    }

    /// A delivery tells of an item of this digest that is not here.
    pub(super) fn told_of_unknown(&mut self, delivery: DeliveryId, digest: &str) {
        let _ = self.told_of.unknown.row().text(digest).int(delivery.0);
    }

    /// An item of this digest has arrived.
    pub(super) fn arrived(&mut self, item: ItemId, digest: &str) {
        let _ = self.told_of.arrived.row().text(digest).int(item.0);
    }

    /// Whether one of the deliveries tells of an item that is not here.
    pub(super) fn any_unknown(&self) -> bool {
        !self.told_of.unknown.is_empty()
    }

    pub(super) fn add(&mut self, entry: &IntakeEntry, keep: Keep) -> StoreResult<()> {
        if keep == Keep::Nothing {
            let _ = self.emptied.row().int(entry.delivery.0).int(entry.raw.received_at.as_ms());
        }
        let (outcome, reason, arrivals) = match &entry.content {
            IntakeContent::Arrivals(arrivals) => (DeliveryOutcome::Accepted, None, arrivals.len()),
            IntakeContent::Unparsed { reason } => (DeliveryOutcome::Unparsed, Some(reason.as_str()), 0),
        };
        let unparsed = i64::from(outcome == DeliveryOutcome::Unparsed);
        if outcome == DeliveryOutcome::Unparsed {
            let _ = self.unread.row().int(entry.delivery.0);
        }
        if entry.origin == IntakeOrigin::Retry {
            let _ = self.read_again.row().int(entry.delivery.0);
        }
        if let IntakeOrigin::Import(key) = &entry.origin {
            let _ = self.imports.row().int(entry.inbox.id.0).text(&key.0).int(entry.delivery.0);
        }
        let rows = match entry.origin {
            IntakeOrigin::Fresh | IntakeOrigin::Import(_) => {
                self.fresh_unparsed += unparsed;
                &mut self.fresh
            }
            IntakeOrigin::Retry => {
                self.retried_unparsed += unparsed;
                &mut self.retried
            }
        };
        let row = rows
            .row()
            .int(entry.delivery.0)
            .text(&word(&outcome)?)
            .opt_text(reason)
            .int(arrivals as i64)
            .opt_text(entry.adapter.as_deref());
        if entry.origin != IntakeOrigin::Retry {
            let raw = &entry.raw;
            let row = row.int(entry.inbox.id.0).int(raw.received_at.as_ms()).text(&raw.method);
            let _ = match keep {
                Keep::Everything => row
                    .text(&raw.path)
                    .opt_text(raw.query.as_deref())
                    .int(raw.body.len() as i64)
                    .json(&raw.headers)?
                    .heap(&raw.body),
                Keep::Nothing => {
                    row.text("").opt_text(None).int(raw.body.len() as i64).json(&NO_HEADERS)?.heap(&[])
                }
            };
        }
        Ok(())
    }

    /// Takes out what refers to items, to be written after them.
    pub(super) fn take_told_of(&mut self) -> ToldOf {
        std::mem::take(&mut self.told_of)
    }

    /// Writes them; by how much totals change.
    pub(super) async fn write(
        self,
        script: &mut Script,
        connection: &mut SqliteConnection,
    ) -> StoreResult<Change> {
        let deliveries = self.fresh.len() as i64;
        let sql = "INSERT INTO deliveries (
                id, inbox, received_at, outcome, reason, attempts, arrivals, adapter, method, path, query,
                body_bytes, headers, body
            )
            SELECT
                value ->> 0, value ->> 5, value ->> 6, value ->> 1, value ->> 2, 1, value ->> 3,
                value ->> 4, value ->> 7, value ->> 8, value ->> 9, value ->> 10,
                CAST(substr(?2, value ->> 11, value ->> 12) AS TEXT), substr(?2, value ->> 13, value ->> 14)
            FROM jsonb_each(?1)";
        script.each("deliveries added", sql, self.fresh);
        let sql = "INSERT INTO imports (inbox, key, delivery)
            SELECT value ->> 0, value ->> 1, value ->> 2 FROM jsonb_each(?1)";
        script.each("records imported", sql, self.imports);
        let were_unparsed = retry(self.retried, script, connection).await?;
        // One that is read once more is kept with its bytes until now.
        retention::take_out(self.emptied, script);
        unread::write(self.read_again, self.unread, script);
        let unparsed = self.fresh_unparsed + self.retried_unparsed - were_unparsed;
        Ok(Change { deliveries, unparsed, ..Change::default() })
    }
}

impl ToldOf {
    /// Writes it, after the items.
    pub(super) fn write(self, script: &mut Script) {
        let sql = "INSERT INTO delivery_items (delivery, item)
            SELECT value ->> 0, value ->> 1 FROM jsonb_each(?1) WHERE true
            ON CONFLICT (item, delivery) DO UPDATE SET times = times + 1";
        script.any("items told of", sql, self.known);
        let sql = "INSERT INTO unknown_changes (digest, delivery)
            SELECT value ->> 0, value ->> 1 FROM jsonb_each(?1) WHERE true
            ON CONFLICT (digest, delivery) DO NOTHING";
        script.any("unknown items told of", sql, self.unknown);
        let sql = "INSERT INTO delivery_items (delivery, item)
            SELECT u.delivery, k.value ->> 1
            FROM jsonb_each(?1) AS k
            CROSS JOIN unknown_changes AS u ON u.digest = k.value ->> 0
            WHERE true
            ON CONFLICT (item, delivery) DO NOTHING";
        script.any("items told of before", sql, self.arrived.clone());
        let sql = "DELETE FROM unknown_changes
            WHERE digest IN (SELECT value ->> 0 FROM jsonb_each(?1))";
        script.any("items unknown no more", sql, self.arrived);
    }
}

/// How many of the retried deliveries were unparsed until now.
async fn retry(rows: Rows, script: &mut Script, connection: &mut SqliteConnection) -> StoreResult<i64> {
    if rows.is_empty() {
        return Ok(0);
    }
    let expected = rows.len();
    let before = "SELECT d.outcome
        FROM jsonb_each(?1) AS k
        CROSS JOIN deliveries AS d ON d.id = k.value ->> 0";
    let outcomes = rows.clone().fetch(before, connection).await?;
    if outcomes.len() < expected {
        return Err(StoreError::Missing("delivery to be read once more".to_owned()));
    }
    let sql = "UPDATE deliveries
        SET
            outcome = r.value ->> 1,
            reason = r.value ->> 2,
            arrivals = r.value ->> 3,
            adapter = r.value ->> 4,
            attempts = attempts + 1
        FROM jsonb_each(?1) AS r
        WHERE deliveries.id = r.value ->> 0";
    script.each("deliveries read once more", sql, rows);
    let mut unparsed = 0;
    for row in &outcomes {
        unparsed += i64::from(row.try_get::<&str, _>(0)? == "unparsed");
    }
    Ok(unparsed)
}
