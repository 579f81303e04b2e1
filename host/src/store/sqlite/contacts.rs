//! People outside, and their presences.

use std::collections::HashSet;

use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use super::concern::has_to_do_with;
use super::rows::Rows;
use super::{SqliteStore, audit};
use crate::domain::contact::{Contact, Identity};
use crate::domain::ids::{ContactId, DepartmentId, IdentityId};
use crate::domain::item::Author;
use crate::domain::time::Timestamp;
use crate::store::{AuditEntry, StoreError, StoreResult};

fn read_contact(row: &SqliteRow) -> StoreResult<Contact> {
    Ok(Contact {
        id: ContactId(row.try_get(0)?),
        name: row.try_get(1)?,
        vip: row.try_get(2)?,
        created_at: Timestamp::from_ms(row.try_get(3)?),
        erased_at: row.try_get::<Option<i64>, _>(4)?.map(Timestamp::from_ms),
    })
}

fn read_identity(row: &SqliteRow) -> StoreResult<Identity> {
    Ok(Identity {
        id: IdentityId(row.try_get(0)?),
        contact: ContactId(row.try_get(1)?),
        channel: row.try_get(2)?,
        author: Author {
            external_id: row.try_get(3)?,
            handle: row.try_get(4)?,
            name: row.try_get(5)?,
            followers: row.try_get::<Option<i64>, _>(6)?.map(i64::unsigned_abs),
            verified: row.try_get(7)?,
        },
    })
}

/// Loads contacts by id, each once.
pub(super) async fn load(
    ids: impl IntoIterator<Item = ContactId>,
    connection: &mut SqliteConnection,
) -> StoreResult<Vec<Contact>> {
    let mut rows = Rows::default();
    for id in ids.into_iter().collect::<HashSet<_>>() {
        let _ = rows.row().int(id.0);
    }
    let sql = "SELECT c.id, c.name, c.vip, c.created_at, c.erased_at
        FROM jsonb_each(?1) AS k
        CROSS JOIN contacts AS c ON c.id = k.value ->> 0";
    rows.fetch(sql, connection).await?.iter().map(read_contact).collect()
}

pub(super) async fn with_identities(
    store: &SqliteStore,
    id: ContactId,
) -> StoreResult<Option<(Contact, Vec<Identity>)>> {
    let mut reader = store.reader().await?;
    let Some(contact) = load([id], &mut reader).await?.pop() else {
        return Ok(None);
    };
    let rows = sqlx::query(
        "SELECT id, contact, channel, external_id, handle, name, followers, verified
         FROM identities
         WHERE contact = ?
         ORDER BY id",
    )
    .bind(id.0)
    .fetch_all(&mut *reader)
    .await?;
    let identities = rows.iter().map(read_identity).collect::<StoreResult<_>>()?;
    Ok(Some((contact, identities)))
}

/// Whether one of the contact's conversations is in one of the department's queues, or came in through
/// one of its inboxes.
pub(super) async fn is_known_to(
    store: &SqliteStore,
    department: DepartmentId,
    contact: ContactId,
) -> StoreResult<bool> {
    let known = sqlx::query_scalar(concat!(
        "SELECT EXISTS (
             SELECT 1 FROM conversations WHERE contact = ?1 AND merged_into IS NULL AND ",
        has_to_do_with!("", "?2"),
        ")"
    ));
    Ok(known.bind(contact.0).bind(department.0).fetch_one(&mut *store.reader().await?).await?)
}

pub(super) async fn identity(
    id: IdentityId,
    connection: &mut SqliteConnection,
) -> StoreResult<Option<Identity>> {
    let row = sqlx::query(
        "SELECT id, contact, channel, external_id, handle, name, followers, verified
         FROM identities
         WHERE id = ?",
    )
    .bind(id.0)
    .fetch_optional(connection)
    .await?;
    row.as_ref().map(read_identity).transpose()
}

pub(super) async fn set_vip(
    store: &SqliteStore,
    id: ContactId,
    vip: bool,
    audit: &AuditEntry,
) -> StoreResult<()> {
    let mut writer = store.writer.lock().await;
    let mut tx = writer.begin().await?;
    let done = sqlx::query("UPDATE contacts SET vip = ? WHERE id = ?")
        .bind(vip)
        .bind(id.0)
        .execute(&mut *tx)
        .await?;
    if done.rows_affected() == 0 {
        return Err(StoreError::Missing(format!("contact {id}")));
    }
    audit::record(audit, &mut tx).await?;
    tx.commit().await?;
    store.recent().clear();
    Ok(())
}
