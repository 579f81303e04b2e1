//! Raw deliveries: one that told of an erased item goes as a whole, whoever else it told of. Those others'
//! items stay, without the files that lay in it.

use std::collections::BTreeSet;

use sqlx::{Row as _, SqliteConnection};

use crate::domain::ids::InboxId;
use crate::domain::time::Timestamp;
use crate::store::StoreResult;
use crate::store::sqlite::erased_keys::{ErasedKeys, KeyKind};
use crate::store::sqlite::retention;
use crate::store::sqlite::rows::Rows;

/// Empties the deliveries that told of the scope's items; how many.
pub(super) async fn erase(
    at: Timestamp,
    erased_keys: &ErasedKeys,
    connection: &mut SqliteConnection,
) -> StoreResult<u64> {
    let told: Vec<i64> = sqlx::query_scalar(
        "SELECT i.delivery
         FROM gone_items AS g
         CROSS JOIN items AS i ON i.id = g.id
         WHERE i.delivery IS NOT NULL
         UNION
         SELECT d.delivery FROM gone_items AS g CROSS JOIN delivery_items AS d ON d.item = g.id",
    )
    .fetch_all(&mut *connection)
    .await?;
    let mut told: BTreeSet<i64> = told.into_iter().collect();
    told.extend(told_before(erased_keys, connection).await?);
    let mut rows = Rows::default();
    for delivery in told {
        let _ = rows.row().int(delivery);
    }
    forget_imports(rows.clone(), erased_keys, connection).await?;
    retention::empty(rows, at, connection).await
}

/// Deliveries that told of the scope's items when these were not known by their ids yet; that they did is
/// forgotten.
async fn told_before(erased_keys: &ErasedKeys, connection: &mut SqliteConnection) -> StoreResult<Vec<i64>> {
    if !erased_keys.any_unknown() {
        return Ok(Vec::new());
    }
    let items = sqlx::query(
        "SELECT i.inbox, i.external_id FROM gone_items AS g CROSS JOIN items AS i ON i.id = g.id",
    )
    .fetch_all(&mut *connection)
    .await?;
    let mut digests = Rows::default();
    for row in &items {
        let digest = erased_keys.digest(KeyKind::Item, InboxId(row.try_get(0)?), row.try_get(1)?);
        let _ = digests.row().text(&digest);
    }
    let sql = "DELETE FROM unknown_changes
        WHERE digest IN (SELECT value ->> 0 FROM jsonb_each(?1))
        RETURNING delivery";
    let found = digests.fetch(sql, connection).await?;
    found.iter().map(|it| Ok(it.try_get(0)?)).collect()
}

/// A record's key is a digest of its bytes: it gives way to a keyed one.
async fn forget_imports(
    deliveries: Rows,
    erased_keys: &ErasedKeys,
    connection: &mut SqliteConnection,
) -> StoreResult<()> {
    let sql = "SELECT i.inbox, i.key
        FROM jsonb_each(?1) AS k
        CROSS JOIN imports AS i ON i.delivery = k.value ->> 0
        WHERE i.key NOT LIKE 'erased:%'";
    let mut renamed = Rows::default();
    for row in deliveries.fetch(sql, connection).await? {
        let (inbox, key): (i64, &str) = (row.try_get(0)?, row.try_get(1)?);
        let digest = erased_keys.in_place_of(KeyKind::Import, InboxId(inbox), key);
        let _ = renamed.row().int(inbox).text(key).text(&digest);
    }
    let sql = "UPDATE imports SET key = r.value ->> 2
        FROM jsonb_each(?1) AS r
        WHERE imports.inbox = r.value ->> 0 AND imports.key = r.value ->> 1";
    renamed.run_each("keys of imports erased", sql, connection).await
}
