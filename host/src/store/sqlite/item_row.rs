//! An item as rows: what never changes, where it belongs, and its revisions.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use super::error::surprise;
use super::paging::{self, Fitting};
use super::rows::Rows;
use super::script::Script;
use super::search::Texts;
use super::words::{case, direction_word};
use crate::domain::ids::{ConversationId, DeliveryId, IdentityId, InboxId, ItemId};
use crate::domain::item::{Direction, Item, ItemCut, StoredItem};
use crate::domain::time::Timestamp;
use crate::store::{Page, PageRequest, StoreResult};

/// The columns that [`read`] needs, in its order; the tables are called `i` and `r`.
macro_rules! item_columns {
    () => {
        "i.id, i.conversation, i.inbox, i.identity, i.delivery, i.direction, i.revision, i.received_at,
         i.deleted_at, i.external_id, r.content, i.erased_at"
    };
}
pub(super) use item_columns;

/// The columns that [`read_listed`] needs, in its order; the table of beginnings is called `b`.
macro_rules! listed_columns {
    () => {
        "i.id, i.conversation, i.inbox, i.identity, i.delivery, i.direction, i.revision, i.received_at,
         i.deleted_at, i.external_id, CASE WHEN b.id IS NULL THEN r.content ELSE b.content END, i.erased_at,
         b.id IS NOT NULL"
    };
}
pub(super) use listed_columns;

/// How many bytes a row of [`listed_columns`] has. Asked of each column by itself: SQLite then looks at its
/// length and reads nothing of it.
macro_rules! listed_bytes {
    () => {
        "octet_length(i.external_id)
         + CASE WHEN b.id IS NULL THEN octet_length(r.content) ELSE octet_length(b.content) END"
    };
}

/// An item as it is kept for lists.
#[derive(Serialize, Deserialize)]
struct Beginning {
    item: Item,
    cut: ItemCut,
}

/// Reads a row of [`item_columns`].
pub(super) fn read(row: &SqliteRow) -> StoreResult<StoredItem> {
    read_with(row, serde_json::from_str(row.try_get(10)?)?, None)
}

/// Reads a row of [`listed_columns`].
pub(super) fn read_listed(row: &SqliteRow) -> StoreResult<StoredItem> {
    let content: &str = row.try_get(10)?;
    if row.try_get(12)? {
        let Beginning { item, cut } = serde_json::from_str(content)?;
        return read_with(row, item, Some(cut));
    }
    // One that was written before beginnings were kept, or changed since, is cut now.
    Ok(read_with(row, serde_json::from_str(content)?, None)?.shown_in_lists())
}

fn read_with(row: &SqliteRow, mut item: Item, cut: Option<ItemCut>) -> StoreResult<StoredItem> {
    // The channel may have given an answer its id after the revision was written.
    item.external_id = row.try_get(9)?;
    Ok(StoredItem {
        id: ItemId(row.try_get(0)?),
        conversation: row.try_get::<i64, _>(1)?.into(),
        inbox: row.try_get::<i64, _>(2)?.into(),
        identity: row.try_get::<Option<i64>, _>(3)?.map(Into::into),
        delivery: row.try_get::<Option<i64>, _>(4)?.map(Into::into),
        direction: case(row.try_get(5)?)?,
        revision: row.try_get(6)?,
        received_at: Timestamp::from_ms(row.try_get(7)?),
        deleted_at: row.try_get::<Option<i64>, _>(8)?.map(Timestamp::from_ms),
        erased_at: row.try_get::<Option<i64>, _>(11)?.map(Timestamp::from_ms),
        cut,
        item,
    })
}

/// A page of a conversation's items, oldest first, as lists show them.
pub(super) async fn page(
    conversation: ConversationId,
    page: PageRequest,
    connection: &mut SqliteConnection,
) -> StoreResult<Page<StoredItem>> {
    let sizes: Vec<(i64, i64)> = sqlx::query_as(concat!(
        "SELECT i.id, ",
        listed_bytes!(),
        " FROM items AS i
          CROSS JOIN item_revisions AS r ON r.id = i.content
          LEFT JOIN item_beginnings AS b ON b.id = r.id
          WHERE i.conversation = ? AND i.id > ?
          ORDER BY i.id
          LIMIT ?"
    ))
    .bind(conversation.0)
    .bind(page.after.unwrap_or(i64::MIN))
    .bind(page.limit)
    .fetch_all(&mut *connection)
    .await?;
    let Fitting { ids, next } = paging::fitting(&sizes, page);
    Ok(Page { entries: load_listed(&ids, connection).await?, next })
}

/// Items by id, in this order, as lists show them.
pub(super) async fn load_listed(
    ids: &[i64],
    connection: &mut SqliteConnection,
) -> StoreResult<Vec<StoredItem>> {
    let sql = concat!(
        "SELECT ",
        listed_columns!(),
        " FROM jsonb_each(?1) AS k
          CROSS JOIN items AS i ON i.id = k.value ->> 0
          CROSS JOIN item_revisions AS r ON r.id = i.content
          LEFT JOIN item_beginnings AS b ON b.id = r.id
          ORDER BY k.key"
    );
    Rows::of_ids(ids).fetch(sql, connection).await?.iter().map(read_listed).collect()
}

/// Loads items by id, in no order; those that are not there are left out.
pub(super) async fn load(
    ids: impl IntoIterator<Item = ItemId>,
    connection: &mut SqliteConnection,
) -> StoreResult<Vec<StoredItem>> {
    let mut rows = Rows::default();
    for id in ids {
        let _ = rows.row().int(id.0);
    }
    let sql = concat!(
        "SELECT ",
        item_columns!(),
        " FROM jsonb_each(?1) AS k
          CROSS JOIN items AS i ON i.id = k.value ->> 0
          CROSS JOIN item_revisions AS r ON r.id = i.content"
    );
    rows.fetch(sql, connection).await?.iter().map(read).collect()
}

/// How many bytes each of these items has, without reading it.
pub(super) async fn bytes(
    ids: &[i64],
    connection: &mut SqliteConnection,
) -> StoreResult<HashMap<ItemId, i64>> {
    let sql = "SELECT i.id, octet_length(r.content)
        FROM jsonb_each(?1) AS k
        CROSS JOIN items AS i ON i.id = k.value ->> 0
        CROSS JOIN item_revisions AS r ON r.id = i.content";
    let rows = Rows::of_ids(ids).fetch(sql, connection).await?;
    rows.iter().map(|row| Ok((ItemId(row.try_get(0)?), row.try_get(1)?))).collect()
}

/// Loads one item, of which megabytes may have to be read.
pub(super) async fn load_one(
    id: ItemId,
    connection: &mut SqliteConnection,
) -> StoreResult<Option<StoredItem>> {
    let sql = concat!(
        "SELECT ",
        item_columns!(),
        " FROM items AS i
          CROSS JOIN item_revisions AS r ON r.id = i.content
          WHERE i.id = ?"
    );
    let Some(row) = sqlx::query(sql).bind(id.0).fetch_optional(connection).await? else { return Ok(None) };
    // On a thread on which no other request waits.
    let item = tokio::task::spawn_blocking(move || read(&row)).await;
    item.map_err(|error| surprise(format!("reading an item ended: {error}")))?.map(Some)
}

/// An item to be added.
pub(super) struct NewItem<'a> {
    pub(super) id: ItemId,
    pub(super) conversation: ConversationId,
    pub(super) inbox: InboxId,
    pub(super) identity: Option<IdentityId>,
    pub(super) delivery: Option<DeliveryId>,
    pub(super) direction: Direction,
    pub(super) received_at: Timestamp,
    pub(super) item: &'a Item,
}

/// New items and revisions, to be written together.
#[derive(Default)]
pub(super) struct ItemRows {
    items: Rows,
    revisions: Rows,
    beginnings: Rows,
    texts: Texts,
}

impl ItemRows {
    /// How many new items there are.
    pub(super) fn items(&self) -> usize {
        self.items.len()
    }

    /// A new item with its first revision, which becomes row `content`; how many bytes it says.
    pub(super) fn add(&mut self, item: &NewItem<'_>, content: i64) -> StoreResult<usize> {
        let _ = self
            .items
            .row()
            .int(item.id.0)
            .int(item.conversation.0)
            .int(item.inbox.0)
            .text(&item.item.external_id)
            .opt_int(item.identity.map(|it| it.0))
            .opt_int(item.delivery.map(|it| it.0))
            .text(direction_word(item.direction))
            .int(item.received_at.as_ms())
            .int(1)
            .int(content);
        self.add_revision(item.id, 1, item.item, content)
    }

    /// A revision, which becomes row `content`; how many bytes it says.
    pub(super) fn add_revision(
        &mut self,
        id: ItemId,
        revision: i64,
        item: &Item,
        content: i64,
    ) -> StoreResult<usize> {
        let before = self.revisions.heap_bytes();
        let _ = self.revisions.row().int(content).int(id.0).int(revision).json(item)?;
        if let Some((item, cut)) = item.beginning() {
            let _ = self.beginnings.row().int(content).json(&Beginning { item, cut })?;
        }
        self.texts.add(content, item);
        Ok(self.revisions.heap_bytes() - before)
    }

    /// Writes them; what is to be indexed once they are committed.
    pub(super) fn write(self, script: &mut Script) -> Texts {
        let items = "INSERT INTO items (
                id, conversation, inbox, external_id, identity, delivery, direction, received_at, revision,
                content
            )
            SELECT
                value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6,
                value ->> 7, value ->> 8, value ->> 9
            FROM jsonb_each(?1)";
        script.each("items added", items, self.items);
        let revisions = "INSERT INTO item_revisions (id, item, revision, content)
            SELECT
                value ->> 0, value ->> 1, value ->> 2, CAST(substr(?2, value ->> 3, value ->> 4) AS TEXT)
            FROM jsonb_each(?1)";
        script.each("revisions added", revisions, self.revisions);
        let beginnings = "INSERT INTO item_beginnings (id, content)
            SELECT value ->> 0, CAST(substr(?2, value ->> 1, value ->> 2) AS TEXT)
            FROM jsonb_each(?1)";
        script.each("beginnings added", beginnings, self.beginnings);
        self.texts
    }
}
