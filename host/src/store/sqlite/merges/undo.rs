//! A merge is taken back: rows go where they belong, and both conversations are as they would be without it.
//!
//! What goes back is found out before the writer is asked ([`plan`]): that reads much. The writer then moves no more
//! than [`BACK_MAX`] rows, each found by its key, on the condition that neither conversation changed meanwhile.

mod plan;

use sqlx::SqliteConnection;

use self::plan::Plan;
use super::by_hand::{ask_again, is_being_erased, load, write};
use super::{CHOOSE_NEXT, CHOOSE_NONE, Kept, KeptTimer, MOVED_MAX};
use crate::domain::conversation::Conversation;
use crate::domain::ids::ConversationId;
use crate::domain::merging;
use crate::domain::time::Timestamp;
use crate::store::sqlite::counts::{self, Change};
use crate::store::sqlite::rows::Rows;
use crate::store::sqlite::script::Script;
use crate::store::sqlite::{SqliteStore, audit, tags};
use crate::store::{MergeRefusal, MergeUndo, MergeUndone, StoreResult};

/// How many rows an undo moves back at most: what a merge moves, and three times as much that came since. It takes
/// the writer less than a tenth of a second.
const BACK_MAX: u32 = 4 * MOVED_MAX;

/// How many items that came since the merge are looked at: for each it is found out to whom it belongs.
const LATER_MAX: u32 = 20_000;

pub(super) async fn carry_out(
    store: &SqliteStore,
    wanted: &MergeUndo,
) -> StoreResult<Result<MergeUndone, MergeRefusal>> {
    let plan = match plan::make(wanted, &mut *store.reader().await?).await? {
        Ok(plan) => plan,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let mut writer = store.writer.lock().await;
    let mut tx = writer.begin().await?;
    if let Some(refusal) = refused_meanwhile(wanted, &mut tx).await? {
        return Ok(Err(refusal));
    }
    plan.move_rows(&mut tx).await?;
    let at = wanted.audit.at;
    let undone = plan.restore(at, &mut tx).await?;
    let mut script = Script::default();
    counts::change(&Change { conversations: 1, ..Change::default() }, &mut script);
    let [survivor, ended] = wanted.events;
    ask_again(&[(survivor, undone.survivor.id), (ended, undone.ended.id)], at, &mut script)?;
    script.run(&mut tx).await?;
    audit::record(&wanted.audit, &mut tx).await?;
    tx.commit().await?;
    writer.books.arrivals += 1;
    store.recent().clear();
    Ok(Ok(undone))
}

/// Why a plan does not count any more, if an erasure came between; `Stale` when a conversation changed.
async fn refused_meanwhile(
    wanted: &MergeUndo,
    connection: &mut SqliteConnection,
) -> StoreResult<Option<MergeRefusal>> {
    let ended = load(wanted.ended, connection).await?;
    let survivor = load(wanted.survivor, connection).await?;
    if is_being_erased(&survivor, &ended, connection).await? {
        return Ok(Some(MergeRefusal::BeingErased));
    }
    let is_kept: Option<bool> = sqlx::query_scalar(
        "SELECT undo -> '$.older' IS NOT NULL FROM conversation_merges WHERE younger = ? AND older = ?",
    )
    .bind(ended.id.0)
    .bind(survivor.id.0)
    .fetch_optional(connection)
    .await?;
    Ok(match is_kept {
        None => Some(MergeRefusal::NotMerged(ended.id)),
        Some(false) => Some(MergeRefusal::Erased),
        Some(true) => None,
    })
}

impl Plan {
    /// Moves the younger's rows back to it.
    async fn move_rows(&self, connection: &mut SqliteConnection) -> StoreResult<()> {
        let (survivor, ended) = (self.survivor.id.0, self.ended.id.0);
        let rows = |ids: &[i64]| {
            let mut rows = Rows::default();
            for id in ids {
                let _ = rows.row().int(*id).int(survivor).int(ended);
            }
            rows
        };
        let mut pair = Rows::default();
        let _ = pair.row().int(survivor).int(ended);
        let _ = pair.row().int(ended).int(survivor);
        let mut items = Rows::default();
        for id in &self.items {
            let row = items.row().int(*id).int(survivor).int(ended);
            let _ = row.int(self.last_event).int(self.last_note);
        }
        let mut references = Rows::default();
        for (inbox, reference, contact) in &self.references {
            let _ = references.row().int(*inbox).text(reference).int(*contact).int(survivor).int(ended);
        }
        let mut script = Script::default();
        script.any("events that wait", CHOOSE_NONE, pair.clone());
        script.any("items taken back", ITEMS, items.clone());
        script.any("notes taken back", NOTES, rows(&self.notes));
        script.any("events taken back", EVENTS, rows(&self.events));
        script.any("replies taken back", OUTBOX, rows(&self.kept.outbox));
        script.any("references taken back", REFERENCES, references);
        for (what, sql) in OF_ITEMS {
            script.any(what, sql, items.clone());
        }
        script.any("events that are next", CHOOSE_NEXT, pair);
        let mut pair = Rows::default();
        let _ = pair.row().int(survivor).int(ended).int(self.before.younger.contact.0);
        for (what, sql) in OF_PAIR {
            script.any(what, sql, pair.clone());
        }
        script.run(connection).await
    }

    /// Makes both conversations what they are alone.
    async fn restore(mut self, at: Timestamp, connection: &mut SqliteConnection) -> StoreResult<MergeUndone> {
        let before = (self.survivor.clone(), self.ended.clone());
        let [of_survivor, of_ended] = self.own;
        merging::restore_older(&mut self.survivor, &self.before, &self.others, of_survivor, at);
        merging::restore_younger(&mut self.ended, &self.before, of_ended, at);
        self.move_timers(&before.0, at, connection).await?;
        write([&mut self.survivor, &mut self.ended], connection).await?;
        let mut script = Script::default();
        tags::replace(&before.0, &self.survivor, &mut script);
        tags::replace(&before.1, &self.ended, &mut script);
        script.run(connection).await?;
        Ok(MergeUndone { ended: self.ended, survivor: self.survivor })
    }

    /// Gives timers back that are not due yet. Clocks of another wait than before are stopped: the next decision
    /// starts them.
    async fn move_timers(
        &self,
        survivor_before: &Conversation,
        at: Timestamp,
        connection: &mut SqliteConnection,
    ) -> StoreResult<()> {
        let running = timers_of(self.survivor.id, connection).await?;
        let (mut gone, mut set) = (Rows::default(), Rows::default());
        let is_restarted = self.survivor.waiting_since != survivor_before.waiting_since;
        for timer in running.iter().filter(|it| is_restarted && it.ends_with_an_answer()) {
            let _ = gone.row().int(self.survivor.id.0).text(&timer.0);
        }
        for timer in self.kept.timers.iter().filter(|it| it.1 > at.as_ms()) {
            let of_older = self.kept.older_timers.iter().find(|it| it.0 == timer.0);
            let stands = running.iter().find(|it| it.0 == timer.0);
            let was_moved = stands.is_some_and(|it| it.1 == timer.1);
            if was_moved && of_older.is_none_or(|it| it.1 > timer.1) {
                let _ = gone.row().int(self.survivor.id.0).text(&timer.0);
                if let Some(of_older) = of_older.filter(|it| it.1 > at.as_ms() && !it.is_clock()) {
                    of_older.push(self.survivor.id, &mut set);
                }
            }
            // What was called off since is not set again, nor a clock: the next decision starts it.
            let waits = self.ended.waiting_since.is_some() || !timer.ends_with_an_answer();
            if (was_moved || of_older.is_some_and(|it| stands == Some(it))) && waits && !timer.is_clock() {
                timer.push(self.ended.id, &mut set);
            }
        }
        let mut script = Script::default();
        script.any("timers taken off", TIMERS_GONE, gone);
        script.any("timers given back", TIMERS_SET, set);
        script.run(connection).await
    }
}

impl KeptTimer {
    fn ends_with_an_answer(&self) -> bool {
        self.2 == 1
    }

    /// Whether the host itself set it: policies' timers have an activation.
    fn is_clock(&self) -> bool {
        !self.0.contains("\"activation\"")
    }

    fn push(&self, conversation: ConversationId, rows: &mut Rows) {
        let _ = rows.row().int(conversation.0).text(&self.0).int(self.1).int(self.2).int(self.3);
    }
}

const TIMERS_GONE: &str = "DELETE FROM timers
    WHERE (conversation, purpose) IN (SELECT value ->> 0, value ->> 1 FROM jsonb_each(?1))";

const TIMERS_SET: &str = "INSERT INTO timers (conversation, purpose, due_at, until_answered, depth)
    SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4 FROM jsonb_each(?1) WHERE true
    ON CONFLICT (conversation, purpose) DO UPDATE SET due_at = excluded.due_at";

/// For rows that go back, given as id, survivor and the one that ended.
const ITEMS: &str = "UPDATE items SET conversation = r.value ->> 2
    FROM jsonb_each(?1) AS r
    WHERE items.id = r.value ->> 0 AND items.conversation = r.value ->> 1";

const NOTES: &str = "UPDATE notes SET conversation = r.value ->> 2
    FROM jsonb_each(?1) AS r
    WHERE notes.id = r.value ->> 0 AND notes.conversation = r.value ->> 1";

const EVENTS: &str = "UPDATE events SET conversation = r.value ->> 2, is_next = 0
    FROM jsonb_each(?1) AS r
    WHERE events.id = r.value ->> 0 AND events.conversation = r.value ->> 1";

const OUTBOX: &str = "UPDATE outbox SET conversation = r.value ->> 2
    FROM jsonb_each(?1) AS r
    WHERE outbox.id = r.value ->> 0 AND outbox.conversation = r.value ->> 1";

/// What the younger's items name leads to it again. Given as inbox, reference, contact, survivor and the one that
/// ended.
const REFERENCES: &str = "UPDATE thread_references SET conversation = r.value ->> 4
    FROM jsonb_each(?1) AS r
    WHERE
        thread_references.inbox = r.value ->> 0
        AND thread_references.reference = r.value ->> 1
        AND thread_references.contact = r.value ->> 2
        AND thread_references.conversation = r.value ->> 3";

/// For items that go back, given as item, survivor, the one that ended, and the last event and note that the plan
/// knows: an edit, or a reply that failed, adds one and leaves the conversation's revision as it is.
const OF_ITEMS: [(&str, &str); 3] = [
    (
        "replies of items taken back",
        "UPDATE outbox SET conversation = r.value ->> 2
         FROM jsonb_each(?1) AS r
         WHERE outbox.item = r.value ->> 0 AND outbox.conversation = r.value ->> 1",
    ),
    (
        "later events of items taken back",
        "UPDATE events SET conversation = (SELECT value ->> 2 FROM jsonb_each(?1) LIMIT 1), is_next = 0
         WHERE
             events.conversation = (SELECT value ->> 1 FROM jsonb_each(?1) LIMIT 1)
             AND events.id > (SELECT value ->> 3 FROM jsonb_each(?1) LIMIT 1)
             AND +events.item IN (SELECT value ->> 0 FROM jsonb_each(?1))",
    ),
    (
        "later notes of items taken back",
        "UPDATE notes SET conversation = (SELECT value ->> 2 FROM jsonb_each(?1) LIMIT 1)
         WHERE
             notes.conversation = (SELECT value ->> 1 FROM jsonb_each(?1) LIMIT 1)
             AND notes.id > (SELECT value ->> 4 FROM jsonb_each(?1) LIMIT 1)
             AND +notes.item IN (SELECT value ->> 0 FROM jsonb_each(?1))",
    ),
];

/// For the two, given as survivor, the one that ended, and with whom that is.
const OF_PAIR: [(&str, &str); 4] = [
    // An erasure finds what was decided in the survivor about who wrote in the other.
    (
        "participants of the survivor",
        "INSERT INTO participants (contact, conversation)
         SELECT p.contact, p.conversation
         FROM (
             SELECT r.value ->> 2 AS contact, r.value ->> 0 AS conversation FROM jsonb_each(?1) AS r
             UNION
             SELECT d.contact, r.value ->> 0
             FROM jsonb_each(?1) AS r
             CROSS JOIN items AS i ON i.conversation = r.value ->> 1
             CROSS JOIN identities AS d ON d.id = i.identity
         ) AS p
         CROSS JOIN conversations AS c ON c.id = p.conversation
         WHERE p.contact <> c.contact
         ON CONFLICT (contact, conversation) DO NOTHING",
    ),
    (
        "participants of the other",
        "INSERT INTO participants (contact, conversation)
         SELECT DISTINCT d.contact, i.conversation
         FROM jsonb_each(?1) AS r
         CROSS JOIN items AS i ON i.conversation = r.value ->> 1
         CROSS JOIN identities AS d ON d.id = i.identity
         WHERE d.contact <> r.value ->> 2
         ON CONFLICT (contact, conversation) DO NOTHING",
    ),
    // They are two by an agent's word: items merge them no more.
    (
        "conversations kept apart",
        "INSERT INTO merge_suggestions (conversation, other, item, at, dismissed)
         SELECT
             r.value ->> 1,
             r.value ->> 0,
             (SELECT min(i.id) FROM items AS i WHERE i.conversation = r.value ->> 1),
             0,
             1
         FROM jsonb_each(?1) AS r
         WHERE EXISTS (SELECT 1 FROM items AS i WHERE i.conversation = r.value ->> 1)
         ON CONFLICT (conversation, other) DO UPDATE SET dismissed = 1",
    ),
    (
        "merges taken back",
        "DELETE FROM conversation_merges WHERE younger IN (SELECT value ->> 1 FROM jsonb_each(?1))",
    ),
];

/// Every statement that finds or moves what goes back.
#[cfg(test)]
pub(super) fn statements() -> impl Iterator<Item = &'static str> {
    let moves = [ITEMS, NOTES, EVENTS, OUTBOX, REFERENCES, TIMERS_GONE, TIMERS_SET];
    let of_items = OF_ITEMS.iter().chain(&OF_PAIR).map(|it| it.1);
    moves.into_iter().chain(of_items).chain(plan::STATEMENTS)
}

async fn timers_of(id: ConversationId, connection: &mut SqliteConnection) -> StoreResult<Vec<KeptTimer>> {
    let sql = "SELECT purpose, due_at, until_answered, depth FROM timers WHERE conversation = ?";
    let found: Vec<(String, i64, i64, i64)> = sqlx::query_as(sql).bind(id.0).fetch_all(connection).await?;
    Ok(found.into_iter().map(|(purpose, due, until, depth)| KeptTimer(purpose, due, until, depth)).collect())
}
