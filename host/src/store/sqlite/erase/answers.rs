//! Answers kept for requests that are sent again: one that names something erased is answered otherwise
//! from then on. Which ones do is known from the moment they are kept.

use sqlx::{Row as _, SqliteConnection};

use crate::domain::ids::{ContactId, ConversationId, ItemId};
use crate::store::StoreResult;
use crate::store::sqlite::rows::Rows;

/// What is answered instead, as the interface says no (RFC 9457).
const INSTEAD: &str = r#"{"type":"urn:switchboard:problem:gone","title":"Gone","status":410,"detail":"it was done, and what was answered is erased","remedy":"nothing brings it back: go on without it"}"#;

/// How many names are looked up at once.
const AT_ONCE: usize = 4_096;

/// Takes out what names the scope; how many answers that were.
pub(super) async fn erase(connection: &mut SqliteConnection) -> StoreResult<u64> {
    let is_any = "SELECT EXISTS (SELECT 1 FROM answer_names)";
    if !sqlx::query_scalar(is_any).fetch_one(&mut *connection).await? {
        return Ok(0);
    }
    let mut erased = 0;
    for (sql, name) in [
        ("SELECT id FROM gone_contacts", name_of_contact as fn(i64) -> String),
        ("SELECT id FROM met_conversations", name_of_conversation),
        ("SELECT id FROM gone_items", name_of_item),
    ] {
        let ids: Vec<i64> = sqlx::query_scalar(sql).fetch_all(&mut *connection).await?;
        for ids in ids.chunks(AT_ONCE) {
            erased += replace(ids.iter().map(|it| name(*it)), connection).await?;
        }
    }
    Ok(erased)
}

fn name_of_contact(id: i64) -> String {
    ContactId(id).to_string()
}

fn name_of_conversation(id: i64) -> String {
    ConversationId(id).to_string()
}

fn name_of_item(id: i64) -> String {
    ItemId(id).to_string()
}

async fn replace(names: impl Iterator<Item = String>, connection: &mut SqliteConnection) -> StoreResult<u64> {
    let mut rows = Rows::default();
    for name in names {
        let _ = rows.row().text(&name);
    }
    let found = "SELECT DISTINCT n.token, n.key
        FROM jsonb_each(?1) AS k
        CROSS JOIN answer_names AS n ON n.name = k.value ->> 0";
    let mut answers = Rows::default();
    for row in rows.fetch(found, &mut *connection).await? {
        let _ = answers.row().int(row.try_get(0)?).text(row.try_get(1)?).heap(INSTEAD.as_bytes());
    }
    let sql = "UPDATE keyed_requests
        SET
            status = 410,
            content_type = 'application/problem+json',
            etag = NULL,
            body = substr(?2, r.value ->> 2, r.value ->> 3)
        FROM jsonb_each(?1) AS r
        WHERE keyed_requests.token = r.value ->> 0 AND keyed_requests.key = r.value ->> 1";
    let erased = answers.clone().run(sql, &mut *connection).await?;
    // They name nothing any more.
    let sql = "DELETE FROM answer_names
        WHERE token IN (SELECT value ->> 0 FROM jsonb_each(?1))
            AND key IN (SELECT value ->> 1 FROM jsonb_each(?1))
            AND (+token, +key) IN (SELECT value ->> 0, value ->> 1 FROM jsonb_each(?1))";
    answers.run(sql, connection).await?;
    Ok(erased)
}
