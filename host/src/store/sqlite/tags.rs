//! Labels of conversations, once more, for finding conversations by them.

use super::rows::Rows;
use super::script::Script;
use crate::domain::conversation::Conversation;

/// Labels to be added. A decision never takes one away.
#[derive(Default)]
pub(super) struct TagRows(Rows);

impl TagRows {
    pub(super) fn add(&mut self, conversation: &Conversation) {
        for tag in &conversation.tags {
            let _ = self.0.row().text(tag).int(conversation.id.0);
        }
    }

    /// How many bytes they have.
    pub(super) fn bytes(&self) -> usize {
        self.0.bytes()
    }

    pub(super) fn write(self, script: &mut Script) {
        let sql = "INSERT INTO conversation_tags (tag, conversation)
            SELECT value ->> 0, value ->> 1 FROM jsonb_each(?1) WHERE true
            ON CONFLICT (tag, conversation) DO NOTHING";
        script.any("tags added", sql, self.0);
    }
}

/// Makes the labels those of the conversation as it is now; a person may take some away.
pub(super) fn replace(before: &Conversation, now: &Conversation, script: &mut Script) {
    let mut gone = Rows::default();
    for tag in before.tags.difference(&now.tags) {
        let _ = gone.row().text(tag).int(now.id.0);
    }
    // All of them are of one conversation. Compared as a pair, SQLite looks through every conversation that
    // has the label.
    let sql = "DELETE FROM conversation_tags
        WHERE tag IN (SELECT value ->> 0 FROM jsonb_each(?1))
            AND conversation IN (SELECT value ->> 1 FROM jsonb_each(?1))";
    script.any("tags taken away", sql, gone);
    let mut added = TagRows::default();
    added.add(now);
    added.write(script);
}
