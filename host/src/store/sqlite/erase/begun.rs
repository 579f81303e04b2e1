//! Erasures that have begun and are not at their ends: how far they are is in the file, so that a host goes
//! on with what the one before it had begun.

use serde::{Deserialize, Serialize};
use sqlx::{Row as _, SqliteConnection};

use super::{audit, disk, people};
use crate::domain::erasure::{Erased, Erasure};
use crate::domain::ids::{ContactId, ItemId};
use crate::store::sqlite::SqliteStore;
use crate::store::sqlite::error::{expect_rows, surprise};
use crate::store::{AuditEntry, StoreError, StoreResult};

/// How far an erasure is. Each number only grows, so that it comes to its end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Progress {
    /// Up to which conversation those are done in which the contact wrote, and which were with others.
    pub(super) others_after: i64,
    /// Up to which conversation those are done that were with the contact.
    pub(super) own_after: i64,
    /// The last long conversation that was shortened.
    pub(super) shortened: Option<Shortened>,
}

/// How far a long conversation is shortened before what is left of it goes at once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Shortened {
    pub(super) conversation: i64,
    /// Up to which item, decision and remark they are gone.
    pub(super) items_after: i64,
    pub(super) decisions_after: i64,
    pub(super) notes_after: i64,
    /// Whether that was all there was when the erasure began.
    pub(super) is_done: bool,
}

/// An erasure that has begun.
pub(super) struct Begun {
    pub(super) contact: ContactId,
    pub(super) up_to: i64,
    pub(super) progress: Progress,
    pub(super) erased: Erased,
}

/// Begins to erase a contact, unless that was begun before; what was erased, if it was done before.
pub(in crate::store::sqlite) async fn begin(
    store: &SqliteStore,
    id: ContactId,
    entry: &AuditEntry,
) -> StoreResult<Option<Erasure>> {
    let mut writer = store.writer.lock().await;
    let mut tx = writer.begin().await?;
    match people::erased_at(id, &mut tx).await? {
        None => return Err(StoreError::Missing(format!("contact {id}"))),
        Some(Some(_)) => {
            let kept = people::erasure(id, &mut tx).await?;
            return kept.ok_or_else(|| surprise(format!("what was erased with {id} is not there"))).map(Some);
        }
        Some(None) => {}
    }
    // No item has a later id yet.
    let up_to: ItemId = store.ids.next(entry.at);
    let begun = sqlx::query(
        "INSERT INTO begun_erasures (contact, at, up_to, progress, erased)
         VALUES (?, ?, ?, ?, ?)
         ON CONFLICT (contact) DO NOTHING",
    )
    .bind(id.0)
    .bind(entry.at.as_ms())
    .bind(up_to.0)
    .bind(serde_json::to_string(&Progress::default())?)
    .bind(serde_json::to_string(&Erased::default())?)
    .execute(&mut *tx)
    .await?;
    if begun.rows_affected() > 0 {
        audit::record(entry, &mut tx).await?;
        disk::mark(&mut tx).await?;
        tx.commit().await?;
    }
    Ok(None)
}

/// Whose erasures have begun, the earliest first.
pub(in crate::store::sqlite) async fn all(store: &SqliteStore) -> StoreResult<Vec<ContactId>> {
    let sql = "SELECT contact FROM begun_erasures ORDER BY at, contact";
    let found: Vec<i64> = sqlx::query_scalar(sql).fetch_all(&mut *store.reader().await?).await?;
    Ok(found.into_iter().map(ContactId).collect())
}

/// The erasure of a contact, if it has begun.
pub(super) async fn load(id: ContactId, connection: &mut SqliteConnection) -> StoreResult<Option<Begun>> {
    let row = sqlx::query("SELECT up_to, progress, erased FROM begun_erasures WHERE contact = ?")
        .bind(id.0)
        .fetch_optional(connection)
        .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Begun {
        contact: id,
        up_to: row.try_get(0)?,
        progress: serde_json::from_str(row.try_get(1)?)?,
        erased: serde_json::from_str(row.try_get(2)?)?,
    }))
}

/// Keeps how far it is.
pub(super) async fn keep(begun: &Begun, connection: &mut SqliteConnection) -> StoreResult<()> {
    let done = sqlx::query("UPDATE begun_erasures SET progress = ?, erased = ? WHERE contact = ?")
        .bind(serde_json::to_string(&begun.progress)?)
        .bind(serde_json::to_string(&begun.erased)?)
        .bind(begun.contact.0)
        .execute(connection)
        .await?;
    expect_rows("erasures under way", 1, done.rows_affected())
}

/// It is at its end.
pub(super) async fn end(begun: &Begun, connection: &mut SqliteConnection) -> StoreResult<()> {
    let done = sqlx::query("DELETE FROM begun_erasures WHERE contact = ?")
        .bind(begun.contact.0)
        .execute(connection)
        .await?;
    expect_rows("erasures that were begun", 1, done.rows_affected())
}
