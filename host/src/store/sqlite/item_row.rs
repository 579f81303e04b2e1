//! An item as rows: what never changes, where it belongs, and its revisions.

use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use super::rows::Rows;
use super::script::Script;
use super::search::Texts;
use super::words::{case, direction_word};
use crate::domain::ids::{ConversationId, DeliveryId, IdentityId, InboxId, ItemId};
use crate::domain::item::{Direction, Item, StoredItem};
use crate::domain::time::Timestamp;
use crate::store::StoreResult;

/// The columns that [`read`] needs, in its order; the tables are called `i` and `r`.
macro_rules! item_columns {
    () => {
        "i.id, i.conversation, i.inbox, i.identity, i.delivery, i.direction, i.revision, i.received_at,
         i.deleted_at, i.external_id, r.content, i.erased_at"
    };
}
pub(super) use item_columns;

/// Reads a row of [`item_columns`].
pub(super) fn read(row: &SqliteRow) -> StoreResult<StoredItem> {
    let mut item: Item = serde_json::from_str(row.try_get(10)?)?;
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
        item,
    })
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
        self.texts
    }
}
