//! States of the pipeline.

use crate::domain::generation::Generation;
use crate::store::sqlite::SqliteStore;
use crate::store::sqlite::paging::{self, Fitting};
use crate::store::sqlite::rows::Rows;
use crate::store::{Page, PageRequest, StoreError, StoreResult};

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
