//! Decisions to be written, with what they add besides changing their conversations.

use super::kept::{Generations, kept};
use crate::domain::clock::IdGenerator;
use crate::domain::conversation::Conversation;
use crate::store::sqlite::notes::{NoteRows, SWITCHBOARD, Source};
use crate::store::sqlite::rows::Rows;
use crate::store::sqlite::script::Script;
use crate::store::sqlite::tags::TagRows;
use crate::store::sqlite::timers::TimerRows;
use crate::store::{Routed, StoreResult};

/// What a batch of decisions adds.
#[derive(Default)]
pub(in crate::store::sqlite) struct DecisionRows {
    decisions: Rows,
    tags: TagRows,
    notes: NoteRows,
    timers: TimerRows,
}

impl DecisionRows {
    /// A decision; `after` is its conversation as it will be.
    pub(in crate::store::sqlite) fn add(
        &mut self,
        routed: &Routed,
        after: &Conversation,
        generations: &Generations,
        ids: &IdGenerator,
    ) -> StoreResult<()> {
        let decision = &routed.decision;
        self.tags.add(after);
        self.timers.add(&routed.timers)?;
        let row = self.decisions.row().int(decision.id.0).int(after.id.0);
        let _ = row.json(&kept(decision, generations))?;
        let source = Source::Decision(decision.id);
        for note in &decision.outcome.notes {
            let id = ids.next(decision.at);
            self.notes.add_from(source, id, after.id, &note.by, &note.text, decision.at);
        }
        if let Some(it) = &decision.outcome.escalation {
            let text = format!("Escalated to level {} by {}: {}", it.level, it.by, it.reason);
            let id = ids.next(decision.at);
            self.notes.add_from(source, id, after.id, SWITCHBOARD, &text, decision.at);
        }
        Ok(())
    }

    /// How many bytes they have, but for timers, which say little.
    pub(in crate::store::sqlite) fn bytes(&self) -> usize {
        self.decisions.bytes() + self.tags.bytes() + self.notes.bytes()
    }

    /// How many decisions there are.
    pub(in crate::store::sqlite) fn len(&self) -> usize {
        self.decisions.len()
    }

    /// Writes them, after their conversations.
    pub(in crate::store::sqlite) fn write(self, script: &mut Script) {
        let sql = "INSERT INTO decisions (id, conversation, content)
            SELECT value ->> 0, value ->> 1, CAST(substr(?2, value ->> 2, value ->> 3) AS TEXT)
            FROM jsonb_each(?1)";
        script.each("decisions added", sql, self.decisions);
        self.tags.write(script);
        self.notes.write(script);
        self.timers.write(script);
    }
}
