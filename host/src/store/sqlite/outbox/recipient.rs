//! Who gets an answer: decided once, when it is written.
//!
//! A conversation can be merged into one with somebody else, or handed on by an erasure, while the answer
//! waits; whoever was answered stays the one who gets it.

use sqlx::{Row as _, SqliteConnection};

use crate::domain::contact::Identity;
use crate::domain::ids::{IdentityId, OutboxId};
use crate::store::sqlite::contacts;
use crate::store::sqlite::error::surprise;
use crate::store::{NewReply, StoreError, StoreResult};

/// Who gets a new answer, in the transaction that writes it. Nobody who is erased is written to, and nothing
/// erased is answered.
pub(in crate::store::sqlite) async fn recipient_of(
    reply: &NewReply,
    connection: &mut SqliteConnection,
) -> StoreResult<IdentityId> {
    let conversation = reply.outbox.conversation;
    let (what, sql, id) = match reply.answers {
        Some(item) => (
            format!("item {item}"),
            "SELECT i.identity, i.erased_at IS NOT NULL OR p.erased_at IS NOT NULL
             FROM items AS i
             CROSS JOIN identities AS d ON d.id = i.identity
             CROSS JOIN contacts AS p ON p.id = d.contact
             WHERE i.id = ? AND i.conversation = ?",
            item.0,
        ),
        None => (
            format!("conversation {conversation}"),
            "SELECT c.identity, c.erased_at IS NOT NULL OR p.erased_at IS NOT NULL
             FROM conversations AS c
             CROSS JOIN identities AS d ON d.id = c.identity
             CROSS JOIN contacts AS p ON p.id = d.contact
             WHERE c.id = ? AND c.id = ?",
            conversation.0,
        ),
    };
    let found = sqlx::query(sql).bind(id).bind(conversation.0).fetch_optional(connection).await?;
    let Some(row) = found else {
        return Err(StoreError::Missing(format!("{what} by somebody outside in {conversation}")));
    };
    if row.try_get(1)? {
        return Err(StoreError::Gone(what));
    }
    Ok(IdentityId(row.try_get(0)?))
}

/// Who gets an answer that is due; absent when the person is erased since it was written.
pub(super) async fn load(id: OutboxId, connection: &mut SqliteConnection) -> StoreResult<Option<Identity>> {
    let row = sqlx::query(
        "SELECT o.recipient, p.erased_at IS NOT NULL
         FROM outbox AS o
         CROSS JOIN identities AS d ON d.id = o.recipient
         CROSS JOIN contacts AS p ON p.id = d.contact
         WHERE o.id = ?",
    )
    .bind(id.0)
    .fetch_optional(&mut *connection)
    .await?;
    let row = row.ok_or_else(|| surprise(format!("the recipient of answer {id} is not there")))?;
    if row.try_get(1)? {
        return Ok(None);
    }
    contacts::identity(IdentityId(row.try_get(0)?), connection).await
}
