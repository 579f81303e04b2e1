//! States of the pipeline.

use crate::domain::generation::Generation;
use crate::store::sqlite::{SqliteStore, paging};
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
            .fetch_optional(&store.readers)
            .await?;
    Ok(content.map(|it| serde_json::from_str(&it)).transpose()?)
}

pub(super) async fn by_number(store: &SqliteStore, number: i64) -> StoreResult<Option<Generation>> {
    let content: Option<String> = sqlx::query_scalar("SELECT content FROM generations WHERE number = ?")
        .bind(number)
        .fetch_optional(&store.readers)
        .await?;
    Ok(content.map(|it| serde_json::from_str(&it)).transpose()?)
}

pub(super) async fn page(store: &SqliteStore, page: PageRequest) -> StoreResult<Page<Generation>> {
    let contents: Vec<String> =
        sqlx::query_scalar("SELECT content FROM generations WHERE number < ? ORDER BY number DESC LIMIT ?")
            .bind(page.after.unwrap_or(i64::MAX))
            .bind(page.limit)
            .fetch_all(&store.readers)
            .await?;
    let entries = contents.iter().map(|it| Ok(serde_json::from_str(it)?)).collect::<StoreResult<Vec<_>>>()?;
    Ok(paging::by_id(entries, page, |it: &Generation| it.number))
}
