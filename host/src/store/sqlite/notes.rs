//! Remarks on conversations.

use sqlx::Row as _;

use super::SqliteStore;
use super::rows::Rows;
use super::script::Script;
use crate::domain::ids::{ConversationId, NoteId};
use crate::domain::time::Timestamp;
use crate::store::{Note, StoreResult};

/// Who remarks what the host itself has to say.
pub(super) const SWITCHBOARD: &str = "switchboard";

/// Notes to be added.
#[derive(Default)]
pub(super) struct NoteRows(Rows);

impl NoteRows {
    pub(super) fn add(
        &mut self,
        id: NoteId,
        conversation: ConversationId,
        by: &str,
        text: &str,
        at: Timestamp,
    ) {
        let row = self.0.row().int(id.0).int(conversation.0).text(by).int(at.as_ms());
        let _ = row.heap(text.as_bytes());
    }

    pub(super) fn write(self, script: &mut Script) {
        let sql = "INSERT INTO notes (id, conversation, by, at, text)
            SELECT
                value ->> 0, value ->> 1, value ->> 2, value ->> 3,
                CAST(substr(?2, value ->> 4, value ->> 5) AS TEXT)
            FROM jsonb_each(?1)";
        script.each("notes added", sql, self.0);
    }
}

pub(super) async fn of(store: &SqliteStore, conversation: ConversationId) -> StoreResult<Vec<Note>> {
    let rows = sqlx::query("SELECT id, by, text, at FROM notes WHERE conversation = ? ORDER BY id")
        .bind(conversation.0)
        .fetch_all(&store.readers)
        .await?;
    let read = |row: &sqlx::sqlite::SqliteRow| -> StoreResult<Note> {
        Ok(Note {
            id: NoteId(row.try_get(0)?),
            conversation,
            by: row.try_get(1)?,
            text: row.try_get(2)?,
            at: Timestamp::from_ms(row.try_get(3)?),
        })
    };
    rows.iter().map(read).collect()
}
