//! Decisions, as they were made.

mod kept;
mod rows;

use sqlx::{QueryBuilder, Row as _, Sqlite, SqliteConnection};

pub(super) use self::kept::{Generations, Read};
pub(super) use self::rows::DecisionRows;
use super::SqliteStore;
use super::conversations::has_to_do_with;
use super::paging::{self, Fitting};
use super::rows::Rows;
use crate::domain::decision::Decision;
use crate::domain::ids::{ConversationId, DecisionId, DepartmentId, GenerationId};
use crate::store::{Page, PageRequest, Routed, StoreResult};

pub(super) async fn by_id(store: &SqliteStore, id: DecisionId) -> StoreResult<Option<Decision>> {
    let mut reader = store.reader().await?;
    let content: Option<String> = sqlx::query_scalar("SELECT content FROM decisions WHERE id = ?")
        .bind(id.0)
        .fetch_optional(&mut *reader)
        .await?;
    Ok(complete(content, &mut reader).await?.pop())
}

pub(super) async fn page(
    store: &SqliteStore,
    conversation: Option<ConversationId>,
    department: Option<DepartmentId>,
    page: PageRequest,
) -> StoreResult<Page<Decision>> {
    let mut query = QueryBuilder::<Sqlite>::new("SELECT d.id, octet_length(d.content) FROM decisions AS d");
    if department.is_some() {
        query.push(" CROSS JOIN conversations AS c ON c.id = d.conversation");
    }
    query.push(" WHERE d.id < ").push_bind(page.after.unwrap_or(i64::MAX));
    if let Some(conversation) = conversation {
        query.push(" AND d.conversation = ").push_bind(conversation.0);
    }
    if let Some(department) = department {
        has_to_do_with(department, &mut query);
    }
    query.push(" ORDER BY d.id DESC LIMIT ").push_bind(page.limit);
    let mut reader = store.reader().await?;
    let sizes: Vec<(i64, i64)> = query.build_query_as().fetch_all(&mut *reader).await?;
    let Fitting { ids, next } = paging::fitting(&sizes, page);
    let sql = "SELECT d.content
        FROM jsonb_each(?1) AS k
        CROSS JOIN decisions AS d ON d.id = k.value ->> 0
        ORDER BY k.key";
    let contents = Rows::of_ids(&ids).fetch(sql, &mut reader).await?;
    let contents = contents.iter().map(|row| Ok(row.try_get(0)?)).collect::<StoreResult<Vec<String>>>()?;
    Ok(Page { entries: complete(contents, &mut reader).await?, next })
}

/// Decisions with what their generations say.
async fn complete(
    contents: impl IntoIterator<Item = String>,
    connection: &mut SqliteConnection,
) -> StoreResult<Vec<Decision>> {
    let kept = contents.into_iter().map(|it| Read::from_json(&it)).collect::<StoreResult<Vec<_>>>()?;
    let generations = generations(kept.iter().map(Read::generation), connection).await?;
    kept.into_iter().map(|it| it.complete(&generations)).collect()
}

/// The generations that a batch was decided under. Nearly always it is the one of the batch before, and
/// a generation never changes.
pub(super) async fn generations_of(
    store: &SqliteStore,
    decided: &[Routed],
    connection: &mut SqliteConnection,
) -> StoreResult<Generations> {
    let known = store.last_generations();
    if decided.iter().all(|it| known.contains_key(&it.decision.generation)) {
        return Ok(known);
    }
    let found = generations(decided.iter().map(|it| it.decision.generation), connection).await?;
    store.keep_generations(&found);
    Ok(found)
}

/// The generations of these ids; those that are not there are left out.
async fn generations(
    ids: impl IntoIterator<Item = GenerationId>,
    connection: &mut SqliteConnection,
) -> StoreResult<Generations> {
    let ids: std::collections::HashSet<GenerationId> = ids.into_iter().collect();
    let mut rows = Rows::default();
    for id in ids {
        let _ = rows.row().int(id.0);
    }
    let sql = "SELECT json_group_array(json(g.content))
        FROM jsonb_each(?1) AS k
        CROSS JOIN generations AS g ON g.id = k.value ->> 0";
    let found: Vec<crate::domain::generation::Generation> = rows.fetch_all_at_once(sql, connection).await?;
    Ok(found.into_iter().map(|it| (it.id, it.into())).collect())
}
