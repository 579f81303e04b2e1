//! What surrounds an item in its case: what was said before, what else the person has
//! open, and what the policies are to be asked again about.

use std::collections::HashMap;

use sqlx::{Row as _, SqliteConnection};

use super::item_row;
use super::rows::Rows;
use crate::domain::case::{HISTORY_MAX, PastItem};
use crate::domain::ids::{ActivationId, ContactId, ConversationId, EventId, ItemId};
use crate::domain::item::{Direction, Item};
use crate::domain::timer::OpenTimer;
use crate::store::{HistoryEntry, StoreResult};

// The limit in the history's query; SQLite takes no column there.
const _: () = assert!(HISTORY_MAX == 10);

/// More than these are not counted: a presence that stands for many people (an anonymous form) must
/// not make each of its items dearer than the one before.
pub(super) const OTHERS_MAX: u32 = 10;

// The limit in the query that counts them.
const _: () = assert!(OTHERS_MAX == 10);

/// What came before each of these items in its conversation, oldest first. Of long items the beginnings are
/// read: a batch has thousands of earlier items, of megabytes each where a sender wants it.
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
        item_row::listed_columns!(),
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
         LEFT JOIN item_beginnings AS b ON b.id = r.id
         ORDER BY i.id"
    );
    let mut history: HashMap<_, Vec<_>> = HashMap::new();
    for row in rows.fetch(sql, connection).await? {
        let past = item_row::read_listed(&row)?;
        history.entry(ItemId(row.try_get(13)?)).or_default().push(HistoryEntry {
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

/// The policies' timers in these conversations whose events are not judged yet, but for this one each.
pub(super) async fn open_timers(
    events: impl IntoIterator<Item = (ConversationId, EventId)>,
    connection: &mut SqliteConnection,
) -> StoreResult<HashMap<ConversationId, Vec<OpenTimer>>> {
    let mut rows = Rows::default();
    for (conversation, event) in events {
        let _ = rows.row().int(conversation.0).int(event.0);
    }
    let mut timers: HashMap<_, Vec<_>> = HashMap::new();
    if rows.is_empty() {
        return Ok(timers);
    }
    // Only policies' timers have an activation.
    let sql = "SELECT json_group_array(json_array(conversation, activation, key, is_due))
        FROM (
            SELECT
                t.conversation,
                t.purpose ->> '$.activation' AS activation,
                t.purpose ->> '$.key' AS key,
                0 AS is_due
            FROM jsonb_each(?1) AS k
            CROSS JOIN timers AS t ON t.conversation = k.value ->> 0
            UNION ALL
            SELECT e.conversation, e.occasion ->> '$.activation', e.occasion ->> '$.key', 1
            FROM jsonb_each(?1) AS k
            CROSS JOIN events AS e ON e.conversation = k.value ->> 0
            WHERE e.id <> k.value ->> 1
        )
        WHERE activation IS NOT NULL";
    let found = rows.fetch_all_at_once::<(i64, ActivationId, String, u8)>(sql, connection).await?;
    for (conversation, activation, key, is_due) in found {
        let timer = OpenTimer { activation, key, is_due: is_due == 1 };
        timers.entry(ConversationId(conversation)).or_default().push(timer);
    }
    Ok(timers)
}

/// An item as a case's history shows it.
pub(super) fn past_item(direction: Direction, item: &Item) -> PastItem {
    let mut past = PastItem {
        direction,
        kind: item.kind,
        author_name: item.author.name.clone(),
        text: item.text.clone(),
        occurred_at: item.occurred_at,
    };
    // A batch holds thousands of them at once, and none is shown as a whole.
    past.cut();
    past
}
