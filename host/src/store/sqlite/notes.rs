//! Remarks on conversations.

use sqlx::Row as _;

use super::SqliteStore;
use super::paging::{self, Fitting};
use super::rows::Rows;
use super::script::Script;
use crate::domain::ids::{ConversationId, DecisionId, ItemId, NoteId};
use crate::domain::time::Timestamp;
use crate::store::{Note, Page, PageRequest, StoreResult};

/// Who remarks what the host itself has to say.
pub(super) const SWITCHBOARD: &str = "switchboard";

/// What a remark comes from: it goes with it.
#[derive(Clone, Copy)]
pub(super) enum Source {
    /// An item that it tells of.
    Item(ItemId),
    /// A decision that it is part of.
    Decision(DecisionId),
}

/// Notes to be added.
#[derive(Default)]
pub(super) struct NoteRows(Rows);

impl NoteRows {
    /// A remark that says nothing about where it comes from.
    pub(super) fn add(
        &mut self,
        id: NoteId,
        conversation: ConversationId,
        by: &str,
        text: &str,
        at: Timestamp,
    ) {
        self.push((id, conversation), by, text, at, None);
    }

    /// A remark that comes from an item or a decision.
    pub(super) fn add_from(
        &mut self,
        source: Source,
        id: NoteId,
        conversation: ConversationId,
        by: &str,
        text: &str,
        at: Timestamp,
    ) {
        self.push((id, conversation), by, text, at, Some(source));
    }

    fn push(
        &mut self,
        (id, conversation): (NoteId, ConversationId),
        by: &str,
        text: &str,
        at: Timestamp,
        source: Option<Source>,
    ) {
        let (item, decision) = match source {
            Some(Source::Item(item)) => (Some(item.0), None),
            Some(Source::Decision(decision)) => (None, Some(decision.0)),
            None => (None, None),
        };
        let row = self.0.row().int(id.0).int(conversation.0).text(by).int(at.as_ms());
        let _ = row.opt_int(item).opt_int(decision).heap(text.as_bytes());
    }

    /// How many bytes they have.
    pub(super) fn bytes(&self) -> usize {
        self.0.bytes()
    }

    pub(super) fn write(self, script: &mut Script) {
        let sql = "INSERT INTO notes (id, conversation, by, at, item, decision, text)
            SELECT
                value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5,
                CAST(substr(?2, value ->> 6, value ->> 7) AS TEXT)
            FROM jsonb_each(?1)";
        script.each("notes added", sql, self.0);
    }
}

pub(super) async fn of(store: &SqliteStore, conversation: ConversationId) -> StoreResult<Vec<Note>> {
    let rows =
        sqlx::query("SELECT id, conversation, by, text, at FROM notes WHERE conversation = ? ORDER BY id")
            .bind(conversation.0)
            .fetch_all(&mut *store.reader().await?)
            .await?;
    rows.iter().map(read).collect()
}

/// A page of them, newest first.
pub(super) async fn page(
    store: &SqliteStore,
    conversation: ConversationId,
    page: PageRequest,
) -> StoreResult<Page<Note>> {
    let mut reader = store.reader().await?;
    let sizes: Vec<(i64, i64)> = sqlx::query_as(
        "SELECT id, octet_length(text) FROM notes WHERE conversation = ? AND id < ? ORDER BY id DESC LIMIT ?",
    )
    .bind(conversation.0)
    .bind(page.after.unwrap_or(i64::MAX))
    .bind(page.limit)
    .fetch_all(&mut *reader)
    .await?;
    let Fitting { ids, next } = paging::fitting(&sizes, page);
    let sql = "SELECT n.id, n.conversation, n.by, n.text, n.at
        FROM jsonb_each(?1) AS k
        CROSS JOIN notes AS n ON n.id = k.value ->> 0
        ORDER BY k.key";
    let rows = Rows::of_ids(&ids).fetch(sql, &mut reader).await?;
    Ok(Page { entries: rows.iter().map(read).collect::<StoreResult<_>>()?, next })
}

fn read(row: &sqlx::sqlite::SqliteRow) -> StoreResult<Note> {
    Ok(Note {
        id: NoteId(row.try_get(0)?),
        conversation: ConversationId(row.try_get(1)?),
        by: row.try_get(2)?,
        text: row.try_get(3)?,
        at: Timestamp::from_ms(row.try_get(4)?),
    })
}
