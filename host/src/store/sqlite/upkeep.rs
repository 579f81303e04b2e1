//! How a host ended, and whether what it left is whole.
//!
//! A host at work is marked in the repository itself, so that the mark is as durable as everything else,
//! and a copy that was made of a running host's file is inspected where it is opened.

use std::sync::atomic::Ordering;

use async_trait::async_trait;
use sqlx::{AssertSqlSafe, SqliteConnection};

use super::SqliteStore;
use super::{audit, search};
use crate::domain::ids::ConversationId;
use crate::store::{Findings, Indexing, LastEnd, StoreError, StoreResult, UpkeepStore};

/// Under which name a host at work is marked.
const AT_WORK: &str = "host-at-work";

/// How many findings of a kind are named: the first ones tell what is wrong.
const NAMED_MAX: usize = 5;

#[async_trait]
impl UpkeepStore for SqliteStore {
    fn last_end(&self) -> LastEnd {
        self.last_end
    }

    async fn inspect(&self) -> StoreResult<Findings> {
        let mut reader = self.renewing_reader().await?;
        match look(&mut reader).await {
            Err(StoreError::Damaged(why)) => Ok(Findings { damage: vec![why], ..Findings::default() }),
            other => other,
        }
    }

    fn note_damage(&self) {
        self.is_damaged.store(true, Ordering::Relaxed);
    }

    async fn check_writable(&self) -> StoreResult<()> {
        let mut writer = self.writer.lock().await;
        let mut tx = writer.begin().await?;
        // The mark's value means nothing. A row that is written as it was would not be written at all.
        sqlx::query("UPDATE installation SET value = iif(value = '', ' ', '') WHERE name = ?")
            .bind(AT_WORK)
            .execute(&mut *tx)
            .await?;
        Ok(tx.commit().await?)
    }

    async fn index_some(&self) -> StoreResult<Indexing> {
        search::index_some(self).await
    }

    async fn give_back_cache(&self) -> StoreResult<()> {
        let mut writer = self.writer.lock().await;
        writer.heal().await?;
        sqlx::query("PRAGMA shrink_memory").execute(&mut writer.connection).await?;
        Ok(())
    }

    async fn note_orderly_end(&self) -> StoreResult<()> {
        if self.is_damaged.load(Ordering::Relaxed) {
            tracing::warn!("damage was met in the repository: the next start inspects it");
            return Ok(());
        }
        let mut writer = self.writer.lock().await;
        let mut tx = writer.begin().await?;
        sqlx::query("DELETE FROM installation WHERE name = ?").bind(AT_WORK).execute(&mut *tx).await?;
        Ok(tx.commit().await?)
    }
}

/// Marks that a host is at work from now on; how the one before ended.
pub(super) async fn begin(connection: &mut SqliteConnection) -> StoreResult<LastEnd> {
    let marked = sqlx::query("INSERT INTO installation (name, value) VALUES (?, '') ON CONFLICT DO NOTHING")
        .bind(AT_WORK)
        .execute(connection)
        .await?;
    Ok(if marked.rows_affected() == 1 { LastEnd::Orderly } else { LastEnd::Sudden })
}

/// Whether the file is sound (sqlite.org/pragma.html#pragma_quick_check), refers to nothing that is gone,
/// and leaves nobody waiting for nothing. Each statement looks at one moment, and no moment is held longer
/// than that: the write-ahead log could not begin anew meanwhile.
async fn look(connection: &mut SqliteConnection) -> StoreResult<Findings> {
    let sql = format!("PRAGMA quick_check({NAMED_MAX})");
    let mut damage: Vec<String> = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(&mut *connection).await?;
    damage.retain(|it| it != "ok");
    if damage.is_empty() {
        damage.extend(dangling(connection).await?);
        damage.extend(audit::misses_its_end(connection).await?);
    }
    let stuck = match damage.is_empty() {
        true => stuck(connection).await?,
        false => Vec::new(),
    };
    Ok(Findings { damage, stuck })
}

/// Rows that refer to what is not there.
async fn dangling(connection: &mut SqliteConnection) -> StoreResult<Vec<String>> {
    let found: Vec<(String, Option<i64>, String)> =
        sqlx::query_as(r#"SELECT "table", rowid, parent FROM pragma_foreign_key_check LIMIT ?"#)
            .bind(NAMED_MAX as i64)
            .fetch_all(connection)
            .await?;
    let say = |(table, row, parent): (String, Option<i64>, String)| {
        let row = row.map(|it| format!(" {it}")).unwrap_or_default();
        format!("row{row} of `{table}` refers to a row of `{parent}` that is gone")
    };
    Ok(found.into_iter().map(say).collect())
}

/// Conversations that nobody will judge: a customer wrote, nothing was decided and no event waits; or
/// events wait, and none of them is the next one.
///
/// What a merge took over may have been decided where it was, and what was erased is not judged any more.
async fn stuck(connection: &mut SqliteConnection) -> StoreResult<Vec<String>> {
    let found: Vec<i64> = sqlx::query_scalar(
        "SELECT c.id
         FROM conversations AS c
         WHERE
             c.merged_into IS NULL
             AND NOT EXISTS (SELECT 1 FROM decisions AS d WHERE d.conversation = c.id)
             AND NOT EXISTS (SELECT 1 FROM events AS e WHERE e.conversation = c.id)
             AND c.erased_at IS NULL
             AND EXISTS (
                 SELECT 1
                 FROM items AS i
                 WHERE i.conversation = c.id AND i.direction = 'inbound' AND i.erased_at IS NULL
             )
             AND NOT EXISTS (SELECT 1 FROM conversation_merges AS m WHERE m.older = c.id)
         UNION
         SELECT e.conversation
         FROM events AS e
         WHERE
             NOT EXISTS (
                 SELECT 1 FROM events AS n WHERE n.conversation = e.conversation AND n.is_next = 1
             )
             AND NOT EXISTS (
                 SELECT 1
                 FROM events AS n
                 JOIN event_waits AS w ON w.event = n.id
                 WHERE n.conversation = e.conversation AND w.due_at IS NOT NULL
             )
         LIMIT ?",
    )
    .bind(NAMED_MAX as i64)
    .fetch_all(connection)
    .await?;
    Ok(found.into_iter().map(|it| format!("conversation {} waits for nothing", ConversationId(it))).collect())
}
