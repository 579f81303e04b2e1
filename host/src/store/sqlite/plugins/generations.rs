//! States of the pipeline.

use crate::domain::generation::Generation;
use crate::store::sqlite::SqliteStore;
use crate::store::sqlite::open::ID_MS_SHIFT;
use crate::store::sqlite::paging::{self, Fitting};
use crate::store::sqlite::rows::Rows;
use crate::store::{GENERATIONS_KEPT, Page, PageRequest, StoreError, StoreResult};

pub(super) async fn add(store: &SqliteStore, generation: &Generation) -> StoreResult<()> {
    let mut writer = store.writer.lock().await;
    // One statement is one transaction: the number is compared and set at once.
    let done = sqlx::query(
        "INSERT INTO generations (number, id, content)
         SELECT ?1, ?2, ?3
         WHERE ?1 = 1 + ifnull((SELECT max(number) FROM generations), 0)",
    )
    .bind(generation.number)
    .bind(generation.id.0)
    .bind(serde_json::to_string(generation)?)
    .execute(&mut writer.connection)
    .await?;
    if done.rows_affected() == 1 {
        return Ok(());
    }
    Err(StoreError::Stale("the pipeline".to_owned()))
}

/// How long after a generation was replaced a decision under it may still be made: work in flight keeps the one that
/// it began with.
const IN_FLIGHT_MS: i64 = 3_600_000;

/// Deletes old generations that no decision names: what such a decision leaves out stands in its generation. Ids grow
/// with the time, so it lies between its generation and the one after.
pub(super) async fn sweep(store: &SqliteStore) -> StoreResult<u64> {
    let mut writer = store.writer.lock().await;
    let done = sqlx::query(
        "DELETE FROM generations
         WHERE
             number <= (SELECT max(number) FROM generations) - ?1
             AND NOT EXISTS (
                 SELECT 1
                 FROM decisions AS d
                 WHERE
                     d.id > generations.id
                     AND d.id <= ?2 + (
                         SELECT n.id FROM generations AS n WHERE n.number > generations.number ORDER BY n.number LIMIT 1
                     )
             )",
    )
    .bind(GENERATIONS_KEPT)
    .bind(IN_FLIGHT_MS << ID_MS_SHIFT)
    .execute(&mut writer.connection)
    .await?;
    Ok(done.rows_affected())
}

pub(super) async fn latest(store: &SqliteStore) -> StoreResult<Option<Generation>> {
    let content: Option<String> =
        sqlx::query_scalar("SELECT content FROM generations ORDER BY number DESC LIMIT 1")
            .fetch_optional(&mut *store.reader().await?)
            .await?;
    Ok(content.map(|it| serde_json::from_str(&it)).transpose()?)
}

pub(super) async fn by_number(store: &SqliteStore, number: i64) -> StoreResult<Option<Generation>> {
    let content: Option<String> = sqlx::query_scalar("SELECT content FROM generations WHERE number = ?")
        .bind(number)
        .fetch_optional(&mut *store.reader().await?)
        .await?;
    Ok(content.map(|it| serde_json::from_str(&it)).transpose()?)
}

pub(super) async fn page(store: &SqliteStore, page: PageRequest) -> StoreResult<Page<Generation>> {
    let mut reader = store.reader().await?;
    let sizes: Vec<(i64, i64)> = sqlx::query_as(
        "SELECT number, octet_length(content)
         FROM generations
         WHERE number < ?
         ORDER BY number DESC
         LIMIT ?",
    )
    .bind(page.after.unwrap_or(i64::MAX))
    .bind(page.limit)
    .fetch_all(&mut *reader)
    .await?;
    let Fitting { ids, next } = paging::fitting(&sizes, page);
    let sql = "SELECT json_group_array(json(g.content) ORDER BY k.key)
        FROM jsonb_each(?1) AS k
        CROSS JOIN generations AS g ON g.number = k.value ->> 0";
    Ok(Page { entries: Rows::of_ids(&ids).fetch_all_at_once(sql, &mut reader).await?, next })
}
