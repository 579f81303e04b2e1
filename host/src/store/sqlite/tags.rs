//! Labels of conversations, once more, for finding conversations by them.

use sqlx::SqliteConnection;

use super::rows::Rows;
use crate::domain::conversation::Conversation;
use crate::store::StoreResult;

/// Labels to be added. A decision never takes one away.
#[derive(Default)]
pub(super) struct TagRows(Rows);

impl TagRows {
    pub(super) fn add(&mut self, conversation: &Conversation) {
        for tag in &conversation.tags {
            let _ = self.0.row().text(tag).int(conversation.id.0);
        }
    }

    pub(super) async fn write(self, connection: &mut SqliteConnection) -> StoreResult<()> {
        let sql = "INSERT INTO conversation_tags (tag, conversation)
            SELECT value ->> 0, value ->> 1 FROM jsonb_each(?1) WHERE true
            ON CONFLICT (tag, conversation) DO NOTHING";
        self.0.run(sql, connection).await?;
        Ok(())
    }
}

/// Makes the labels those of the conversation as it is now; a person may take some away.
pub(super) async fn replace(
    before: &Conversation,
    now: &Conversation,
    connection: &mut SqliteConnection,
) -> StoreResult<()> {
    let mut gone = Rows::default();
    for tag in before.tags.difference(&now.tags) {
        let _ = gone.row().text(tag).int(now.id.0);
    }
    let sql = "DELETE FROM conversation_tags
        WHERE (tag, conversation) IN (SELECT value ->> 0, value ->> 1 FROM jsonb_each(?1))";
    gone.run(sql, connection).await?;
    let mut added = TagRows::default();
    added.add(now);
    added.write(connection).await
}
