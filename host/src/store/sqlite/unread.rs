//! Deliveries that no adapter could read, in a table of their own while their bytes are here.

use async_trait::async_trait;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::SqliteStore;
use super::open::ID_MS_SHIFT;
use super::retention::{self, Portion};
use super::rows::Rows;
use super::script::Script;
use crate::domain::ids::InboxId;
use crate::domain::retention::UnreadBefore;
use crate::store::{AuditEntry, PurgedPage, StoreResult, UnreadRoom, UnreadStore};

/// How many deliveries are looked at to make room.
const ROOM_AT_ONCE: i64 = 256;

/// The part of the whole that is made free beyond what is wanted, so that a flood causes a transaction and
/// a record of it now and then, and not with each delivery.
const ROOM_SHARE: u64 = 64;

/// Notes which of a batch's deliveries are unread, once they are written: `read_again` are those that were
/// here before, `unparsed` those that could not be read this time.
pub(super) fn write(read_again: Rows, unparsed: Rows, script: &mut Script) {
    let sql = "DELETE FROM unread WHERE delivery IN (SELECT value ->> 0 FROM jsonb_each(?1))";
    script.any("deliveries no longer unread", sql, read_again);
    let sql = "INSERT INTO unread (delivery, inbox, is_unauthentic, bytes)
        SELECT
            d.id, d.inbox, ifnull(substr(d.reason, 1, 12) = 'unauthentic:', 0),
            256 + d.body_bytes + octet_length(d.path) + ifnull(octet_length(d.query), 0)
                + octet_length(d.headers) + ifnull(octet_length(d.reason), 0)
        FROM jsonb_each(?1) AS k
        CROSS JOIN deliveries AS d ON d.id = k.value ->> 0
        WHERE NOT EXISTS (SELECT 1 FROM purged_deliveries AS p WHERE p.delivery = d.id)";
    script.any("deliveries unread", sql, unparsed);
}

#[async_trait]
impl UnreadStore for SqliteStore {
    async fn purge_unread(
        &self,
        inbox: InboxId,
        before: &UnreadBefore,
        max: u32,
        entry: &AuditEntry,
    ) -> StoreResult<PurgedPage> {
        let end = |before: crate::domain::time::Timestamp| before.as_ms().max(0) << ID_MS_SHIFT;
        forget_early(self, inbox, end(before.unread)).await?;
        let rows = sqlx::query(
            "SELECT delivery, bytes FROM unread WHERE inbox = ?1 AND is_unauthentic = 1 AND delivery < ?2
             UNION ALL
             SELECT delivery, bytes FROM unread WHERE inbox = ?1 AND is_unauthentic = 0 AND delivery < ?3
             LIMIT ?4",
        )
        .bind(inbox.0)
        .bind(end(before.unauthentic))
        .bind(end(before.unread))
        .bind(max)
        .fetch_all(&mut *self.reader().await?)
        .await?;
        let portion = portion(&rows, retention::BYTES_AT_ONCE)?;
        let has_more = rows.len() == max as usize || portion.len() < rows.len();
        let purged = purge(self, portion, entry).await?;
        Ok(PurgedPage { purged, has_more })
    }

    async fn make_unread_room(
        &self,
        inbox: InboxId,
        wanted: u64,
        bytes_max: u64,
        entry: &AuditEntry,
    ) -> StoreResult<UnreadRoom> {
        let held = held(self, inbox).await?;
        if held.saturating_add(wanted) <= bytes_max {
            return Ok(UnreadRoom { bytes: bytes_max - held, purged: 0 });
        }
        let rows = sqlx::query(
            "SELECT delivery, bytes FROM unread WHERE inbox = ? AND is_unauthentic = 1
             ORDER BY delivery LIMIT ?",
        )
        .bind(inbox.0)
        .bind(ROOM_AT_ONCE)
        .fetch_all(&mut *self.reader().await?)
        .await?;
        let excess = held.saturating_add(wanted) - bytes_max + bytes_max / ROOM_SHARE;
        let portion = portion(&rows, excess.min(retention::BYTES_AT_ONCE))?;
        let purged = purge(self, portion, entry).await?;
        let held = self::held(self, inbox).await?;
        Ok(UnreadRoom { bytes: bytes_max.saturating_sub(held), purged })
    }
}

/// Forgets changes whose items did not come for as long as unread deliveries are kept.
async fn forget_early(store: &SqliteStore, inbox: InboxId, end: i64) -> StoreResult<()> {
    let is_any: bool =
        sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM early_changes WHERE inbox = ? AND id < ?)")
            .bind(inbox.0)
            .bind(end)
            .fetch_one(&mut *store.reader().await?)
            .await?;
    if !is_any {
        return Ok(());
    }
    let mut writer = store.writer.lock().await;
    let mut tx = writer.begin().await?;
    sqlx::query("DELETE FROM early_changes WHERE inbox = ? AND id < ?")
        .bind(inbox.0)
        .bind(end)
        .execute(&mut *tx)
        .await?;
    Ok(tx.commit().await?)
}

async fn held(store: &SqliteStore, inbox: InboxId) -> StoreResult<u64> {
    let held: Option<i64> = sqlx::query_scalar("SELECT bytes FROM unread_totals WHERE inbox = ?")
        .bind(inbox.0)
        .fetch_optional(&mut *store.reader().await?)
        .await?;
    Ok(held.unwrap_or_default().max(0) as u64)
}

/// The first of them, until they have so many bytes.
fn portion(rows: &[SqliteRow], bytes: u64) -> StoreResult<Portion> {
    let mut portion = Portion::of(bytes);
    for row in rows {
        if !portion.add(row.try_get(0)?, row.try_get(1)?) {
            break;
        }
    }
    Ok(portion)
}

async fn purge(store: &SqliteStore, portion: Portion, entry: &AuditEntry) -> StoreResult<u64> {
    if portion.len() == 0 {
        return Ok(0);
    }
    let mut writer = store.writer.lock().await;
    let mut tx = writer.begin().await?;
    let purged = retention::purge_some(portion, entry, &mut tx).await?;
    tx.commit().await?;
    Ok(purged)
}
