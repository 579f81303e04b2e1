//! Decisions, as they were made.

use super::{SqliteStore, paging};
use crate::domain::decision::Decision;
use crate::domain::ids::{ConversationId, DecisionId};
use crate::store::{Page, PageRequest, StoreResult};

pub(super) async fn by_id(store: &SqliteStore, id: DecisionId) -> StoreResult<Option<Decision>> {
    let content: Option<String> = sqlx::query_scalar("SELECT content FROM decisions WHERE id = ?")
        .bind(id.0)
        .fetch_optional(&store.readers)
        .await?;
    Ok(content.map(|it| serde_json::from_str(&it)).transpose()?)
}

pub(super) async fn page(
    store: &SqliteStore,
    conversation: Option<ConversationId>,
    page: PageRequest,
) -> StoreResult<Page<Decision>> {
    let after = page.after.unwrap_or(i64::MAX);
    let query = match conversation {
        Some(conversation) => sqlx::query_scalar(
            "SELECT content FROM decisions WHERE conversation = ? AND id < ? ORDER BY id DESC LIMIT ?",
        )
        .bind(conversation.0),
        None => sqlx::query_scalar("SELECT content FROM decisions WHERE id < ? ORDER BY id DESC LIMIT ?"),
    };
    let contents: Vec<String> = query.bind(after).bind(page.limit).fetch_all(&store.readers).await?;
    let entries =
        contents.iter().map(|it| Ok(serde_json::from_str(it)?)).collect::<StoreResult<Vec<Decision>>>()?;
    Ok(paging::by_id(entries, page, |it| it.id.0))
}
