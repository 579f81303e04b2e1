//! People: a contact keeps its id and when it was met, a presence the channel it was on.

use sqlx::{Row as _, SqliteConnection};

use crate::domain::erasure::{Erased, Erasure};
use crate::domain::ids::ContactId;
use crate::domain::time::Timestamp;
use crate::store::StoreResult;

/// Since when a contact is erased, if it is; `None` when there is none.
pub(super) async fn erased_at(
    id: ContactId,
    connection: &mut SqliteConnection,
) -> StoreResult<Option<Option<i64>>> {
    let found = sqlx::query_scalar("SELECT erased_at FROM contacts WHERE id = ?").bind(id.0);
    Ok(found.fetch_optional(connection).await?)
}

/// Overwrites the people of the scope; how many.
pub(super) async fn erase(at: Timestamp, connection: &mut SqliteConnection) -> StoreResult<u64> {
    sqlx::query(
        "UPDATE identities
         SET external_id = 'erased:' || id, handle = NULL, name = NULL, followers = NULL, verified = 0
         WHERE contact IN (SELECT id FROM gone_contacts)",
    )
    .execute(&mut *connection)
    .await?;
    let done = sqlx::query(
        "UPDATE contacts
         SET name = NULL, vip = 0, erased_at = ?
         WHERE erased_at IS NULL AND id IN (SELECT id FROM gone_contacts)",
    )
    .bind(at.as_ms())
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}

/// The contact wrote in none of the scope's conversations any more.
pub(super) async fn forget_participation(
    id: ContactId,
    connection: &mut SqliteConnection,
) -> StoreResult<()> {
    sqlx::query(
        "DELETE FROM participants
         WHERE contact = ? AND conversation IN (SELECT id FROM met_conversations)",
    )
    .bind(id.0)
    .execute(connection)
    .await?;
    Ok(())
}

/// Keeps how much went with the people of the scope.
pub(super) async fn keep_erased(
    erased: &Erased,
    at: Timestamp,
    connection: &mut SqliteConnection,
) -> StoreResult<()> {
    sqlx::query("INSERT OR IGNORE INTO erasures (contact, at, erased) SELECT id, ?, ? FROM gone_contacts")
        .bind(at.as_ms())
        .bind(serde_json::to_string(erased)?)
        .execute(connection)
        .await?;
    Ok(())
}

/// What went with a contact.
pub(in crate::store::sqlite) async fn erasure(
    id: ContactId,
    connection: &mut SqliteConnection,
) -> StoreResult<Option<Erasure>> {
    let row = sqlx::query("SELECT at, wiped_at, erased FROM erasures WHERE contact = ?")
        .bind(id.0)
        .fetch_optional(connection)
        .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Erasure {
        contact: id,
        erased_at: Some(Timestamp::from_ms(row.try_get(0)?)),
        wiped_at: row.try_get::<Option<i64>, _>(1)?.map(Timestamp::from_ms),
        erased: serde_json::from_str(row.try_get(2)?)?,
    }))
}
