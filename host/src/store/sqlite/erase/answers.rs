//! Answers kept for requests that are sent again: one that names something erased is answered otherwise
//! from then on.

use std::collections::HashSet;

use serde_json::Value;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use crate::domain::ids::{ContactId, ConversationId, ItemId};
use crate::store::StoreResult;
use crate::store::sqlite::rows::Rows;

/// What is answered instead, as the interface says no (RFC 9457).
const INSTEAD: &str = r#"{"type":"urn:switchboard:problem:gone","title":"Gone","status":410,"detail":"it was done, and what was answered is erased"}"#;

/// How many answers are read at once.
const AT_ONCE: i64 = 256;

/// Takes out what names the scope; how many answers that were.
pub(super) async fn erase(connection: &mut SqliteConnection) -> StoreResult<u64> {
    let named = named(connection).await?;
    let (mut erased, mut last) = (0, (i64::MIN, String::new()));
    loop {
        let kept = sqlx::query(
            "SELECT token, key, body
             FROM keyed_requests
             WHERE (token, key) > (?, ?) AND body IS NOT NULL
             ORDER BY token, key
             LIMIT ?",
        )
        .bind(last.0)
        .bind(&last.1)
        .bind(AT_ONCE)
        .fetch_all(&mut *connection)
        .await?;
        let Some(end) = kept.last() else { return Ok(erased) };
        last = (end.try_get(0)?, end.try_get(1)?);
        erased += replace(&kept, &named, connection).await?;
    }
}

async fn replace(
    kept: &[SqliteRow],
    named: &HashSet<String>,
    connection: &mut SqliteConnection,
) -> StoreResult<u64> {
    let mut rows = Rows::default();
    for row in kept {
        let body: &[u8] = row.try_get(2)?;
        if serde_json::from_slice(body).is_ok_and(|body: Value| names_any(&body, named)) {
            let _ = rows.row().int(row.try_get(0)?).text(row.try_get(1)?).heap(INSTEAD.as_bytes());
        }
    }
    let sql = "UPDATE keyed_requests
        SET
            status = 410,
            content_type = 'application/problem+json',
            etag = NULL,
            body = substr(?2, r.value ->> 2, r.value ->> 3)
        FROM jsonb_each(?1) AS r
        WHERE keyed_requests.token = r.value ->> 0 AND keyed_requests.key = r.value ->> 1";
    rows.run(sql, connection).await
}

/// The ids of the scope as they are written outside.
async fn named(connection: &mut SqliteConnection) -> StoreResult<HashSet<String>> {
    let mut named = HashSet::new();
    let ids = |sql: &'static str| sqlx::query_scalar::<_, i64>(sql);
    let found = ids("SELECT id FROM gone_contacts").fetch_all(&mut *connection).await?;
    named.extend(found.into_iter().map(|it| ContactId(it).to_string()));
    let found = ids("SELECT id FROM met_conversations").fetch_all(&mut *connection).await?;
    named.extend(found.into_iter().map(|it| ConversationId(it).to_string()));
    let found = ids("SELECT id FROM gone_items").fetch_all(connection).await?;
    named.extend(found.into_iter().map(|it| ItemId(it).to_string()));
    Ok(named)
}

fn names_any(value: &Value, named: &HashSet<String>) -> bool {
    match value {
        Value::String(text) => named.contains(text),
        Value::Array(entries) => entries.iter().any(|it| names_any(it, named)),
        Value::Object(fields) => fields.values().any(|it| names_any(it, named)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}
