//! What surrounds an item in its case: what was said before, and what else the person has open.

use std::collections::HashMap;

use sqlx::{Row as _, SqliteConnection};

use super::item_row;
use super::rows::Rows;
use crate::domain::case::{HISTORY_MAX, PastItem};
use crate::domain::ids::{ContactId, ConversationId, ItemId};
use crate::domain::item::{Direction, Item};
use crate::store::{HistoryEntry, StoreResult};

// The limit in the history's query; SQLite takes no column there.
const _: () = assert!(HISTORY_MAX == 10);

/// More than these are not counted: a presence that stands for many people (an anonymous form) must
/// not make each of its items dearer than the one before.
pub(super) const OTHERS_MAX: u32 = 10;

// The limit in the query that counts them.
const _: () = assert!(OTHERS_MAX == 10);

/// What came before each of these items in its conversation, oldest first.
pub(super) async fn history(
    items: impl IntoIterator<Item = (ItemId, ConversationId)>,
    connection: &mut SqliteConnection,
) -> StoreResult<HashMap<ItemId, Vec<HistoryEntry>>> {
    let mut rows = Rows::default();
    for (item, conversation) in items {
        let _ = rows.row().int(item.0).int(conversation.0);
    }
    let sql = concat!(
        "SELECT ",
        item_row::item_columns!(),
        ", k.value ->> 0
         FROM jsonb_each(?1) AS k
         CROSS JOIN items AS i ON i.id IN (
             SELECT p.id
             FROM items AS p
             WHERE p.conversation = k.value ->> 1 AND p.id < k.value ->> 0
             ORDER BY p.id DESC
             LIMIT 10
         )
         CROSS JOIN item_revisions AS r ON r.id = i.content
         ORDER BY i.id"
    );
    let mut history: HashMap<_, Vec<_>> = HashMap::new();
    for row in rows.fetch(sql, connection).await? {
        let past = item_row::read(&row)?;
        history.entry(ItemId(row.try_get(12)?)).or_default().push(HistoryEntry {
            item: past.id,
            revision: past.revision,
            view: past_item(past.direction, &past.item),
        });
    }
    Ok(history)
}

/// How many other conversations with the same person are open; those without any are left out.
pub(super) async fn other_open(
    conversations: impl IntoIterator<Item = (ConversationId, ContactId)>,
    connection: &mut SqliteConnection,
) -> StoreResult<HashMap<ConversationId, u32>> {
    let mut rows = Rows::default();
    for (conversation, contact) in conversations {
        let _ = rows.row().int(conversation.0).int(contact.0);
    }
    let sql = "SELECT json_group_array(json_array(conversation, others))
        FROM (
            SELECT
                k.value ->> 0 AS conversation,
                (
                    SELECT count(*)
                    FROM (
                        SELECT 1
                        FROM conversations AS c
                        WHERE
                            c.contact = k.value ->> 1 AND c.status = 'open'
                            AND c.id <> k.value ->> 0
                        LIMIT 10
                    )
                ) AS others
            FROM jsonb_each(?1) AS k
        )
        WHERE others > 0";
    let found = rows.fetch_all_at_once::<(i64, u32)>(sql, connection).await?;
    Ok(found.into_iter().map(|(conversation, others)| (ConversationId(conversation), others)).collect())
}

/// An item as a case's history shows it.
pub(super) fn past_item(direction: Direction, item: &Item) -> PastItem {
    PastItem {
        direction,
        kind: item.kind,
        author_name: item.author.name.clone(),
        text: item.text.clone(),
        occurred_at: item.occurred_at,
    }
}
