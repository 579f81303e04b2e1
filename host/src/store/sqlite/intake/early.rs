//! Changes that came before their items: kept until these come, a bounded number of each inbox.

use std::collections::{HashMap, HashSet};

use sqlx::{Row as _, SqliteConnection};

use super::changes::explanation;
use super::entry::{Fresh, storable};
use crate::domain::arrival::{Arrival, DeliveryState, DeliveryStatus};
use crate::domain::clock::IdGenerator;
use crate::domain::ids::{DeliveryId, InboxId};
use crate::domain::outbox::OutboxEntry;
use crate::domain::threading::Reference;
use crate::domain::time::Timestamp;
use crate::store::sqlite::Books;
use crate::store::sqlite::notes::{NoteRows, SWITCHBOARD, Source};
use crate::store::sqlite::rows::Rows;
use crate::store::sqlite::script::Script;
use crate::store::{IntakeEntry, StoreResult};

/// How many changes an inbox keeps: the latest. More come early only where the items never come.
const KEPT_MAX: i64 = 1_000;

/// The largest change that is kept, in bytes: an inbox's take 64 MiB at most. A larger one is counted as unknown
/// and stays in its delivery alone.
const BYTES_MAX: usize = 64 * 1024;

/// A change whose item is not here.
struct Early {
    /// Its row, if it is kept already.
    row: Option<i64>,
    delivery: DeliveryId,
    change: Arrival,
}

/// Changes whose items are not here.
#[derive(Default)]
pub(super) struct EarlyChanges {
    waiting: HashMap<Reference, Vec<Early>>,
    done: Rows,
}

impl EarlyChanges {
    /// Looks up what came before the batch's new items.
    pub(super) async fn load(
        fresh: &[Fresh<'_>],
        entries: &[IntakeEntry],
        books: &Books,
        connection: &mut SqliteConnection,
    ) -> StoreResult<Self> {
        let mut early = Self::default();
        if !books.any_early {
            return Ok(early);
        }
        let mut rows = Rows::default();
        for (inbox, external_id) in fresh.iter().map(|it| it.key(entries)) {
            let _ = rows.row().int(inbox.0).text(&external_id);
        }
        let sql = "SELECT e.id, e.inbox, e.external_id, e.delivery, e.change
            FROM jsonb_each(?1) AS k
            CROSS JOIN early_changes AS e ON e.inbox = k.value ->> 0 AND e.external_id = k.value ->> 1
            ORDER BY e.id";
        for row in rows.fetch(sql, connection).await? {
            let key = (InboxId(row.try_get(1)?), row.try_get(2)?);
            let change = serde_json::from_str(row.try_get(4)?)?;
            let (row, delivery) = (Some(row.try_get(0)?), DeliveryId(row.try_get(3)?));
            early.waiting.entry(key).or_default().push(Early { row, delivery, change });
        }
        Ok(early)
    }

    /// Keeps a change until its item comes.
    pub(super) fn keep(&mut self, key: Reference, delivery: DeliveryId, change: &Arrival) {
        let early = Early { row: None, delivery, change: change.clone() };
        self.waiting.entry(key).or_default().push(early);
    }

    /// The changes of an item that comes now, in the order they came.
    pub(super) fn take(&mut self, key: &Reference) -> Vec<Arrival> {
        let waiting = self.waiting.remove(key).unwrap_or_default();
        for row in waiting.iter().filter_map(|it| it.row) {
            let _ = self.done.row().int(row);
        }
        waiting.into_iter().map(|it| it.change).collect()
    }

    /// Writes what is kept and takes out the applied ones; whether any is kept.
    pub(super) fn write(self, ids: &IdGenerator, at: Timestamp, script: &mut Script) -> StoreResult<bool> {
        let (mut kept, mut inboxes) = (Rows::default(), HashSet::new());
        for ((inbox, external_id), changes) in &self.waiting {
            for early in changes.iter().filter(|it| it.row.is_none()) {
                let change = serde_json::to_string(&early.change)?;
                if change.len() <= BYTES_MAX {
                    let id: i64 = ids.next(at);
                    let row = kept.row().int(id).int(inbox.0).text(external_id).int(early.delivery.0);
                    let _ = row.heap(change.as_bytes());
                    inboxes.insert(*inbox);
                }
            }
        }
        let sql = "DELETE FROM early_changes WHERE id IN (SELECT value ->> 0 FROM jsonb_each(?1))";
        script.any("early changes done", sql, self.done);
        let any = !kept.is_empty();
        let sql = "INSERT INTO early_changes (id, inbox, external_id, delivery, change)
            SELECT
                value ->> 0, value ->> 1, value ->> 2, value ->> 3,
                CAST(substr(?2, value ->> 4, value ->> 5) AS TEXT)
            FROM jsonb_each(?1)";
        script.each("early changes kept", sql, kept);
        let mut crowded = Rows::default();
        for inbox in inboxes {
            let _ = crowded.row().int(inbox.0).int(KEPT_MAX);
        }
        let sql = "DELETE FROM early_changes
            WHERE id IN (
                SELECT e.id
                FROM jsonb_each(?1) AS k
                CROSS JOIN early_changes AS e ON e.inbox = k.value ->> 0
                WHERE e.id <= (
                    SELECT n.id
                    FROM early_changes AS n
                    WHERE n.inbox = k.value ->> 0
                    ORDER BY n.id DESC
                    LIMIT 1 OFFSET 1000
                )
            )";
        script.any("early changes beyond the bound", sql, crowded);
        Ok(any)
    }
}

// The limit in the statement above; SQLite takes no column there.
const _: () = assert!(KEPT_MAX == 1_000);

/// Applies statuses that came before the channel's id of a reply was known: channels report faster than they
/// respond.
pub(in crate::store::sqlite) async fn settle_sent(
    entry: &OutboxEntry,
    external_id: &str,
    (ids, now): (&IdGenerator, Timestamp),
    connection: &mut SqliteConnection,
) -> StoreResult<()> {
    let kept: Vec<String> =
        sqlx::query_scalar("DELETE FROM early_changes WHERE inbox = ? AND external_id = ? RETURNING change")
            .bind(entry.inbox.0)
            .bind(storable(external_id))
            .fetch_all(&mut *connection)
            .await?;
    let mut latest: Option<DeliveryStatus> = None;
    for change in kept {
        if let Arrival::Status(status) = serde_json::from_str(&change)?
            && latest.as_ref().is_none_or(|it| it.reached() <= status.reached())
        {
            latest = Some(status);
        }
    }
    let Some(status) = latest else { return Ok(()) };
    let mut script = Script::default();
    if status.state == DeliveryState::Failed {
        let text = format!("An answer was not delivered: {}", explanation(&status));
        let (id, source) = (ids.next(now), Source::Item(entry.item));
        let mut notes = NoteRows::default();
        notes.add_from(source, id, entry.conversation, SWITCHBOARD, &text, now);
        notes.write(&mut script);
    }
    super::changes::write_statuses(&HashMap::from([(entry.item, status)]), &mut script)?;
    script.run(connection).await
}
