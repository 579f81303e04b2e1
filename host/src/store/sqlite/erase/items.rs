//! Items: every revision says nothing any more, the search index knows none of them, and the external id
//! is a digest.

use std::collections::HashSet;

use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use crate::domain::ids::{InboxId, ItemId};
use crate::domain::item::{Author, Item};
use crate::domain::time::Timestamp;
use crate::store::StoreResult;
use crate::store::sqlite::erased_keys::{ErasedKeys, KeyKind};
use crate::store::sqlite::rows::Rows;
use crate::store::sqlite::search;

/// How many items are overwritten at once.
const AT_ONCE: i64 = 128;

/// How many bytes of their revisions: what they say is in memory meanwhile, several times over.
const BYTES_AT_ONCE: i64 = 16 * 1024 * 1024;

/// What was erased.
#[derive(Default)]
pub(super) struct Items {
    pub(super) items: u64,
    /// Rows of `item_revisions`.
    pub(super) contents: HashSet<i64>,
}

/// Which rows of `item_revisions` the search index has, and of which of them the beginning.
#[derive(Clone, Copy, sqlx::FromRow)]
struct Index {
    indexed: i64,
    beginnings_from: i64,
}

/// What is written for some items.
#[derive(Default)]
struct Overwritten {
    /// Emptied revisions.
    revisions: Rows,
    /// What the index has of them.
    indexed: Rows,
    digests: Rows,
    /// External ids that the items are.
    own: Rows,
    /// Those that they answer.
    answered: Rows,
}

/// Overwrites the items of the scope.
pub(super) async fn erase(
    at: Timestamp,
    erased_keys: &ErasedKeys,
    connection: &mut SqliteConnection,
) -> StoreResult<Items> {
    let index: Index = sqlx::query_as("SELECT indexed, beginnings_from FROM search_progress")
        .fetch_one(&mut *connection)
        .await?;
    let mut done = Items::default();
    let mut last = i64::MIN;
    loop {
        let found: Vec<(i64, i64, i64)> = sqlx::query_as(
            "SELECT g.id, r.id, octet_length(r.content)
             FROM (SELECT id FROM gone_items WHERE id > ? ORDER BY id LIMIT ?) AS g
             CROSS JOIN item_revisions AS r ON r.item = g.id
             ORDER BY g.id, r.id",
        )
        .bind(last)
        .bind(AT_ONCE)
        .fetch_all(&mut *connection)
        .await?;
        let Some(end) = found.last() else { break };
        let before = std::mem::replace(&mut last, end.0);
        for revisions in portions(&found) {
            let mut overwritten = Overwritten::default();
            for row in revisions.fetch(REVISIONS, &mut *connection).await? {
                done.contents.insert(overwritten.take(&row, index, erased_keys)?);
            }
            overwritten.write(connection).await?;
        }
        done.items += mark(at, before, last, connection).await?;
    }
    Ok(done)
}

/// Some revisions, and whose they are.
const REVISIONS: &str = "SELECT r.id, r.content, i.id, i.inbox, i.external_id
    FROM jsonb_each(?1) AS k
    CROSS JOIN item_revisions AS r ON r.id = k.value ->> 0
    CROSS JOIN items AS i ON i.id = r.item";

/// Revisions, given with their bytes, in portions of at least one and not many bytes more than enough.
fn portions(found: &[(i64, i64, i64)]) -> Vec<Rows> {
    let (mut portions, mut portion, mut bytes) = (Vec::new(), Rows::default(), 0);
    for (_, revision, more) in found {
        let _ = portion.row().int(*revision);
        bytes += more;
        if bytes >= BYTES_AT_ONCE {
            portions.push(std::mem::take(&mut portion));
            bytes = 0;
        }
    }
    portions.push(portion);
    portions
}

/// What others who stay in the conversations of the scope answer.
macro_rules! answered_by_others {
    () => {
        "SELECT i.inbox, j.value
         FROM met_conversations AS m
         CROSS JOIN items AS i ON i.conversation = m.id
         CROSS JOIN item_revisions AS r ON r.id = i.content
         CROSS JOIN json_each(r.content, '$.in_reply_to') AS j
         WHERE i.erased_at IS NULL"
    };
}

/// Names of what goes lead to conversations of the scope no more, wherever they lead.
///
/// Both columns are compared one by one first, and a plus keeps others out of the choice of an index: compared
/// as a pair, SQLite looks through all names of the inbox, or of each of the conversations, for each portion.
pub(super) const FORGET_OWN: &str = "DELETE FROM thread_references
    WHERE inbox IN (SELECT value ->> 0 FROM jsonb_each(?1))
        AND reference IN (SELECT value ->> 1 FROM jsonb_each(?1))
        AND (+inbox, +reference) IN (SELECT value ->> 0, value ->> 1 FROM jsonb_each(?1))
        AND +conversation IN (SELECT id FROM met_conversations)";

/// What the items answered leads to their conversations no more, unless others who stay there named it too.
pub(super) const FORGET_ANSWERED: &str = concat!(
    "DELETE FROM thread_references
     WHERE inbox IN (SELECT inbox FROM gone_references)
         AND reference IN (SELECT reference FROM gone_references)
         AND (+inbox, +reference) IN (SELECT inbox, reference FROM gone_references)
         AND +conversation IN (SELECT id FROM met_conversations)
         AND (+inbox, +reference) NOT IN (",
    answered_by_others!(),
    ")"
);

/// What those items answered that went while a conversation was shortened is not known any more: what nobody
/// named who stays does not lead there.
const FORGET_UNNAMED: &str = concat!(
    "DELETE FROM thread_references
     WHERE conversation IN (SELECT id FROM shortened_conversations)
         AND (inbox, reference) NOT IN (",
    answered_by_others!(),
    ")"
);

/// Forgets what the items that are gone now answered.
pub(super) async fn forget_answered(connection: &mut SqliteConnection) -> StoreResult<()> {
    for sql in [FORGET_ANSWERED, FORGET_UNNAMED] {
        sqlx::query(sql).execute(&mut *connection).await?;
    }
    Ok(())
}

impl Overwritten {
    /// Takes a row of [`REVISIONS`]; which revision it is.
    fn take(&mut self, row: &SqliteRow, index: Index, erased_keys: &ErasedKeys) -> StoreResult<i64> {
        let content: i64 = row.try_get(0)?;
        let item: Item = serde_json::from_str(row.try_get(1)?)?;
        let (id, inbox) = (ItemId(row.try_get(2)?), InboxId(row.try_get(3)?));
        let external_id: &str = row.try_get(4)?;
        self.add(content, index, &item, id)?;
        let digest = erased_keys.digest(KeyKind::Item, inbox, external_id);
        let _ = self.digests.row().text(&digest);
        let _ = self.own.row().int(inbox.0).text(external_id);
        for reference in &item.in_reply_to {
            let _ = self.answered.row().int(inbox.0).text(reference);
        }
        Ok(content)
    }

    fn add(&mut self, content: i64, index: Index, item: &Item, id: ItemId) -> StoreResult<()> {
        if content <= index.indexed {
            let text = search::indexed(item, content, index.beginnings_from);
            let _ = self.indexed.row().int(content).heap(text.as_bytes());
        }
        let _ = self.revisions.row().int(content).json(&emptied(item, id))?;
        Ok(())
    }

    async fn write(self, connection: &mut SqliteConnection) -> StoreResult<()> {
        // The index holds no texts: it has to be told which one it forgets.
        let sql = "INSERT INTO item_search (item_search, rowid, text)
            SELECT 'delete', value ->> 0, CAST(substr(?2, value ->> 1, value ->> 2) AS TEXT)
            FROM jsonb_each(?1)";
        self.indexed.run(sql, connection).await?;
        let sql = "UPDATE item_revisions
            SET content = CAST(substr(?2, r.value ->> 1, r.value ->> 2) AS TEXT)
            FROM jsonb_each(?1) AS r
            WHERE item_revisions.id = r.value ->> 0";
        self.revisions.run_each("revisions erased", sql, connection).await?;
        let sql = "INSERT OR IGNORE INTO erased_keys (digest) SELECT value ->> 0 FROM jsonb_each(?1)";
        self.digests.run(sql, connection).await?;
        self.own.run(FORGET_OWN, connection).await?;
        let sql = "INSERT OR IGNORE INTO gone_references (inbox, reference)
            SELECT value ->> 0, value ->> 1 FROM jsonb_each(?1)";
        self.answered.run(sql, connection).await?;
        Ok(())
    }
}

/// What stays: what sort it was, who could read it, when.
fn emptied(item: &Item, id: ItemId) -> Item {
    Item {
        external_id: name_of(id.0),
        in_reply_to: Vec::new(),
        kind: item.kind,
        visibility: item.visibility,
        author: Author::default(),
        subject: None,
        text: String::new(),
        quoted: None,
        html: None,
        language: None,
        permalink: None,
        attachments: Vec::new(),
        occurred_at: item.occurred_at,
        automatic: item.automatic,
        attributes: Vec::new(),
    }
}

/// What stands in place of a unique external id.
fn name_of(id: i64) -> String {
    format!("erased:{id}")
}

/// Marks those after one id up to another.
async fn mark(at: Timestamp, after: i64, to: i64, connection: &mut SqliteConnection) -> StoreResult<u64> {
    let done = sqlx::query(
        "UPDATE items SET external_id = 'erased:' || id, erased_at = ?
         WHERE id IN (SELECT id FROM gone_items WHERE id > ? AND id <= ?)",
    )
    .bind(at.as_ms())
    .bind(after)
    .bind(to)
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_at_once_is_bounded_by_its_bytes() {
        let sizes = [1, BYTES_AT_ONCE - 2, 1, BYTES_AT_ONCE * 3, 5, 5];
        let found: Vec<_> = sizes.iter().enumerate().map(|(it, bytes)| (0, it as i64, *bytes)).collect();
        let lengths: Vec<_> = portions(&found).iter().map(Rows::len).collect();
        assert_eq!(lengths, [3, 1, 2]);
    }
}
