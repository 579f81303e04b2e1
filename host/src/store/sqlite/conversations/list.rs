//! Lists of conversations.

use sqlx::{QueryBuilder, Sqlite};

use crate::domain::conversation::Conversation;
use crate::domain::ids::DepartmentId;
use crate::store::sqlite::concern::has_to_do_with;
use crate::store::sqlite::paging::{self, Fitting};
use crate::store::sqlite::rows::Rows;
use crate::store::sqlite::words::status_word;
use crate::store::sqlite::{SqliteStore, conversation_row};
use crate::store::{ConversationFilter, Page, PageRequest, StoreResult};

pub(super) async fn page(
    store: &SqliteStore,
    filter: &ConversationFilter,
    page: PageRequest,
) -> StoreResult<Page<Conversation>> {
    let mut reader = store.reader().await?;
    let mut query = select(filter);
    let in_queue = filter.queue.is_some();
    if in_queue {
        query.push(" ORDER BY c.priority DESC, ifnull(c.deadline, 9223372036854775807), c.id LIMIT ");
        query.push_bind(page.limit);
        query.push(" OFFSET ").push_bind(page.after.unwrap_or(0));
    } else {
        query.push(" AND c.id < ").push_bind(page.after.unwrap_or(i64::MAX));
        query.push(" ORDER BY c.id DESC LIMIT ").push_bind(page.limit);
    }
    let sizes: Vec<(i64, i64)> = query.build_query_as().fetch_all(&mut *reader).await?;
    let Fitting { ids, next } = paging::fitting(&sizes, page);
    let next = match in_queue {
        // Paging goes by how many entries were seen.
        true => next.map(|_| page.after.unwrap_or(0) + ids.len() as i64),
        false => next,
    };
    let sql = concat!(
        "SELECT ",
        conversation_row::conversation_columns!(),
        " FROM jsonb_each(?1) AS k
          CROSS JOIN conversations AS c ON c.id = k.value ->> 0
          ORDER BY k.key"
    );
    let rows = Rows::of_ids(&ids).fetch(sql, &mut reader).await?;
    Ok(Page { entries: rows.iter().map(conversation_row::read).collect::<StoreResult<_>>()?, next })
}

/// Queues, contacts, assignees and labels have indexes; department, inbox and status are found by walking back
/// from the newest.
fn select(filter: &ConversationFilter) -> QueryBuilder<Sqlite> {
    // The length of a text alone is read without the text.
    let mut query = QueryBuilder::new(
        "SELECT c.id, octet_length(c.facts) + octet_length(c.thread_key)
         FROM conversations AS c
         WHERE c.merged_into IS NULL",
    );
    if let Some(department) = filter.department {
        has_to_do_with(department, &mut query);
    }
    if let Some(queue) = filter.queue {
        query.push(" AND c.queue = ").push_bind(queue.0);
    }
    if let Some(inbox) = filter.inbox {
        query.push(" AND c.inbox = ").push_bind(inbox.0);
    }
    if let Some(status) = filter.status {
        query.push(" AND c.status = ").push_bind(status_word(status));
    }
    if let Some(assignee) = filter.assignee {
        query.push(" AND c.assignee = ").push_bind(assignee.0);
    }
    if let Some(contact) = filter.contact {
        query.push(" AND c.contact = ").push_bind(contact.0);
    }
    if let Some(tag) = &filter.tag {
        query.push(" AND c.id IN (SELECT conversation FROM conversation_tags WHERE tag = ");
        query.push_bind(tag.clone()).push(")");
    }
    query
}

/// Leaves conversations `c` that the department has to do with.
pub(in crate::store::sqlite) fn has_to_do_with(department: DepartmentId, query: &mut QueryBuilder<Sqlite>) {
    query.push(" AND ");
    let mut pieces = has_to_do_with!("c.", "?").split('?');
    query.push(pieces.next().unwrap_or_default());
    for piece in pieces {
        query.push_bind(department.0).push(piece);
    }
}
