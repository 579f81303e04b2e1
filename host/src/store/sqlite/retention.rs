//! Keeping no longer than agreed.
//!
//! Deliveries are appended in the order in which they were taken in, and an id says when that was. So each
//! inbox has a mark up to which its deliveries are purged, and each is looked at once; those that nobody
//! could read yet are set aside, and looked at again. How long they may wait for that is [`unread`](super::unread)'s
//! business.

use sqlx::{Row as _, SqliteConnection};

use super::open::ID_MS_SHIFT;
use super::rows::Rows;
use super::script::Script;
use super::{SqliteStore, audit, erase};
use crate::domain::erasure::Erased;
use crate::domain::ids::InboxId;
use crate::domain::time::Timestamp;
use crate::store::{AuditEntry, EndedPage, PurgedPage, StoreResult};

/// How many bytes are overwritten in one transaction: each goes through the write-ahead log.
pub(super) const BYTES_AT_ONCE: u64 = 32 * 1024 * 1024;

/// Deliveries that are purged in one transaction.
pub(super) struct Portion {
    rows: Rows,
    bytes: u64,
    bytes_max: u64,
}

impl Portion {
    /// One that has no more than this and one delivery.
    pub(super) fn of(bytes_max: u64) -> Self {
        Self { rows: Rows::default(), bytes: 0, bytes_max }
    }

    /// Adds a delivery of so many bytes; whether there was room for it.
    pub(super) fn add(&mut self, delivery: i64, bytes: i64) -> bool {
        if self.bytes >= self.bytes_max {
            return false;
        }
        self.bytes += bytes.max(0) as u64;
        let _ = self.rows.row().int(delivery);
        true
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }
}

/// Deliveries to be purged, as they were found.
struct Due {
    purged: Portion,
    kept_unread: Rows,
    /// Up to which the inbox's were looked at.
    mark: i64,
    has_more: bool,
}

pub(super) async fn purge(
    store: &SqliteStore,
    inbox: InboxId,
    before: Timestamp,
    max: u32,
    entry: &AuditEntry,
) -> StoreResult<PurgedPage> {
    // Looked for by a reader: the first time it may walk through many of other inboxes.
    let due = due(inbox, before, max, &mut *store.reader().await?).await?;
    let mut writer = store.writer.lock().await;
    let mut tx = writer.begin().await?;
    due.kept_unread
        .run(
            "INSERT OR IGNORE INTO kept_unread (delivery)
             SELECT u.delivery FROM jsonb_each(?1) AS k CROSS JOIN unread AS u ON u.delivery = k.value ->> 0",
            &mut tx,
        )
        .await?;
    let purged = purge_some(due.purged, entry, &mut tx).await?;
    sqlx::query(
        "INSERT INTO retention_marks (inbox, delivery) VALUES (?, ?)
         ON CONFLICT (inbox) DO UPDATE SET delivery = max(delivery, excluded.delivery)",
    )
    .bind(inbox.0)
    .bind(due.mark)
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(PurgedPage { purged, has_more: due.has_more })
}

/// Purges deliveries, and records it; how many had anything left.
pub(super) async fn purge_some(
    portion: Portion,
    entry: &AuditEntry,
    connection: &mut SqliteConnection,
) -> StoreResult<u64> {
    let purged = empty(portion.rows, entry.at, connection).await?;
    if purged > 0 {
        audit::record(entry, connection).await?;
        erase::disk::mark_purged(connection).await?;
    }
    Ok(purged)
}

async fn due(
    inbox: InboxId,
    before: Timestamp,
    max: u32,
    connection: &mut SqliteConnection,
) -> StoreResult<Due> {
    let end = before.as_ms().max(0) << ID_MS_SHIFT;
    let mark: Option<i64> = sqlx::query_scalar("SELECT delivery FROM retention_marks WHERE inbox = ?")
        .bind(inbox.0)
        .fetch_optional(&mut *connection)
        .await?;
    let mark = mark.unwrap_or(i64::MIN);
    let next = sqlx::query(
        "SELECT id, outcome = 'accepted', body_bytes
         FROM deliveries
         WHERE id > ? AND id < ? AND inbox = ?
         ORDER BY id
         LIMIT ?",
    )
    .bind(mark)
    .bind(end)
    .bind(inbox.0)
    .bind(max)
    .fetch_all(&mut *connection)
    .await?;
    let read_since: Vec<(i64, i64)> = sqlx::query_as(
        "SELECT d.id, d.body_bytes
         FROM kept_unread AS k
         CROSS JOIN deliveries AS d ON d.id = k.delivery
         WHERE d.inbox = ? AND d.outcome = 'accepted' AND d.id < ?
         LIMIT ?",
    )
    .bind(inbox.0)
    .bind(end)
    .bind(max)
    .fetch_all(connection)
    .await?;
    let mut due = Due {
        purged: Portion::of(BYTES_AT_ONCE),
        kept_unread: Rows::default(),
        mark,
        has_more: next.len() == max as usize || read_since.len() == max as usize,
    };
    for (id, bytes) in read_since {
        due.has_more |= !due.purged.add(id, bytes);
    }
    let mut looked_at = 0;
    for row in &next {
        let (id, is_read, bytes): (i64, bool, i64) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        match is_read {
            true if !due.purged.add(id, bytes) => break,
            true => {}
            false => drop(due.kept_unread.row().int(id)),
        }
        due.mark = id;
        looked_at += 1;
    }
    if looked_at < next.len() {
        due.has_more = true;
    } else if next.len() < max as usize {
        // The next look begins where this one ended, not at the inbox's last delivery.
        due.mark = due.mark.max(end - 1);
    }
    Ok(due)
}

/// Takes out of deliveries what came from outside; how many had it.
///
/// Their place, their time and what became of them stay. Why one could not be read stays too as long as
/// it is so.
pub(super) async fn empty(
    deliveries: Rows,
    at: Timestamp,
    connection: &mut SqliteConnection,
) -> StoreResult<u64> {
    for sql in [
        "DELETE FROM kept_unread WHERE delivery IN (SELECT value ->> 0 FROM jsonb_each(?1))",
        "DELETE FROM unread WHERE delivery IN (SELECT value ->> 0 FROM jsonb_each(?1))",
        "DELETE FROM early_changes WHERE delivery IN (SELECT value ->> 0 FROM jsonb_each(?1))",
    ] {
        deliveries.clone().run(sql, &mut *connection).await?;
    }
    let mut found = Rows::default();
    let sql = "SELECT k.value ->> 0
        FROM jsonb_each(?1) AS k
        WHERE NOT EXISTS (SELECT 1 FROM purged_deliveries AS p WHERE p.delivery = k.value ->> 0)";
    for row in deliveries.fetch(sql, &mut *connection).await? {
        let _ = found.row().int(row.try_get(0)?).int(at.as_ms());
    }
    let emptied = found.len() as u64;
    let mut script = Script::default();
    take_out(found, &mut script);
    script.run(connection).await?;
    Ok(emptied)
}

/// Takes what came from outside out of deliveries, each with the time that stays with it: when that was done
/// first.
pub(super) fn take_out(deliveries: Rows, script: &mut Script) {
    let sql = "UPDATE deliveries
        SET path = '', query = NULL, headers = '[]', body = x''
        WHERE id IN (SELECT value ->> 0 FROM jsonb_each(?1))";
    script.each("deliveries emptied", sql, deliveries.clone());
    let sql = "INSERT INTO purged_deliveries (delivery, at)
        SELECT value ->> 0, value ->> 1 FROM jsonb_each(?1) WHERE true
        ON CONFLICT (delivery) DO NOTHING";
    script.any("deliveries marked", sql, deliveries);
}

pub(super) async fn erase_ended(
    store: &SqliteStore,
    inbox: InboxId,
    before: Timestamp,
    max: u32,
    entry: &AuditEntry,
) -> StoreResult<EndedPage> {
    let ended: Vec<(i64, i64)> = sqlx::query_as(
        "SELECT id, item_count
         FROM conversations
         WHERE
             inbox = ? AND updated_at < ?
             AND status = 'closed' AND merged_into IS NULL AND erased_at IS NULL
         ORDER BY updated_at
         LIMIT ?",
    )
    .bind(inbox.0)
    .bind(before.as_ms())
    .bind(max)
    .fetch_all(&mut *store.reader().await?)
    .await?;
    if ended.is_empty() {
        return Ok(EndedPage { erased: Erased::default(), has_more: false });
    }
    let few = few(&ended, store.erased_at_once.items);
    let has_more = ended.len() == max as usize || few.len() < ended.len();
    let page = erase::conversations(store, &few, before, entry).await?;
    Ok(EndedPage { has_more: page.has_more && has_more, ..page })
}

/// The first of these conversations, given with how many items they have, and as many more as have not too
/// many in all.
fn few(ended: &[(i64, i64)], items_max: i64) -> Vec<i64> {
    let mut items = 0;
    let fits = |(id, more): &(i64, i64)| {
        items += more;
        (items == *more || items <= items_max).then_some(*id)
    };
    ended.iter().map_while(fits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn not_many_items_are_erased_at_once_and_one_conversation_always_is() {
        let ended = [(1, 300), (2, 0), (3, 1)];
        assert_eq!(few(&ended, 256), [1]);
        assert_eq!(few(&ended[1..], 256), [2, 3]);
        assert_eq!(few(&[(4, 200), (5, 56), (6, 1)], 256), [4, 5]);
        assert_eq!(few(&[], 256), [0; 0]);
    }
}
