//! A merge is taken back: rows go where they belong, and both conversations are as they would be without it.

use std::collections::HashSet;

use serde::Deserialize;
use sqlx::{Row as _, SqliteConnection};

use super::by_hand::{ask_again, is_being_erased, load, write};
use super::{CHOOSE_NEXT, Kept, KeptTimer, MOVED_MAX};
use crate::domain::conversation::Conversation;
use crate::domain::ids::{ContactId, ConversationId, ItemId};
use crate::domain::item::Direction;
use crate::domain::merging::{self, BeforeMerge, LaterItem, OwnItems};
use crate::domain::time::Timestamp;
use crate::store::sqlite::counts::{self, Change};
use crate::store::sqlite::rows::Rows;
use crate::store::sqlite::script::Script;
use crate::store::sqlite::{SqliteStore, audit, conversation_row, tags};
use crate::store::{MergeRefusal, MergeUndo, MergeUndone, StoreResult};

/// A merge that can be taken back.
struct Undo {
    before: BeforeMerge,
    kept: Kept,
    merged_at: Timestamp,
    survivor: Conversation,
    ended: Conversation,
}

pub(super) async fn carry_out(
    store: &SqliteStore,
    wanted: &MergeUndo,
) -> StoreResult<Result<MergeUndone, MergeRefusal>> {
    let mut writer = store.writer.lock().await;
    let mut tx = writer.begin().await?;
    let undo = match Undo::load(wanted, &mut tx).await? {
        Ok(undo) => undo,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let moved: HashSet<ItemId> = undo.kept.items.iter().map(|it| ItemId(*it)).collect();
    let Some(later) = undo.later(&moved, &mut tx).await? else {
        return Ok(Err(MergeRefusal::TooLate(MOVED_MAX)));
    };
    let later = merging::later_of_younger(&undo.before, &moved, &later);
    let items: Vec<i64> = undo.kept.items.iter().copied().chain(later.iter().map(|it| it.0)).collect();
    undo.move_rows(&items, &mut tx).await?;
    let at = wanted.audit.at;
    let undone = undo.restore(at, &mut tx).await?;
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

/// An item as it is looked up: id, direction, its writer, the items it replies to.
#[derive(Deserialize)]
struct Later(i64, Direction, Option<i64>, Vec<i64>);

impl Undo {
    async fn load(
        wanted: &MergeUndo,
        connection: &mut SqliteConnection,
    ) -> StoreResult<Result<Self, MergeRefusal>> {
        let ended = load(wanted.ended, connection).await?;
        let survivor = load(wanted.survivor, connection).await?;
        let row = sqlx::query("SELECT at, undo FROM conversation_merges WHERE younger = ? AND older = ?")
            .bind(ended.id.0)
            .bind(survivor.id.0)
            .fetch_optional(&mut *connection)
            .await?;
        let Some(row) = row else { return Ok(Err(MergeRefusal::NotMerged(ended.id))) };
        if let Some(into) = survivor.merged_into {
            return Ok(Err(MergeRefusal::MergedFurther(survivor.id, into)));
        }
        let mut kept: Kept = serde_json::from_str(row.try_get(1)?)?;
        let Some(before) = kept.before.take() else { return Ok(Err(MergeRefusal::Erased)) };
        if survivor.erased_at.or(ended.erased_at).is_some() {
            return Ok(Err(MergeRefusal::Erased));
        }
        if is_being_erased(&survivor, &ended, connection).await? {
            return Ok(Err(MergeRefusal::BeingErased));
        }
        let merged_at = Timestamp::from_ms(row.try_get(0)?);
        Ok(Ok(Self { before, kept, merged_at, survivor, ended }))
    }

    /// The items that came into the survivor since, but for those that other merges brought; absent if they
    /// are too many.
    async fn later(
        &self,
        moved: &HashSet<ItemId>,
        connection: &mut SqliteConnection,
    ) -> StoreResult<Option<Vec<LaterItem>>> {
        let mut rows = Rows::default();
        let limit = i64::from(MOVED_MAX) + moved.len() as i64 + 1;
        let _ =
            rows.row().int(self.survivor.id.0).int(self.merged_at.as_ms()).int(self.ended.id.0).int(limit);
        let sql = "SELECT json_group_array(
                json_array(
                    i.id, i.direction, d.contact,
                    json((
                        SELECT json_group_array(a.id)
                        FROM (
                            SELECT p.id
                            FROM json_each(r.content, '$.in_reply_to') AS j
                            CROSS JOIN items AS p ON p.inbox = i.inbox AND p.external_id = j.value
                            WHERE j.key < 8
                            ORDER BY j.key
                        ) AS a
                    ))
                )
            )
            FROM (
                SELECT i.id, i.inbox, i.direction, i.identity, i.content
                FROM jsonb_each(?1) AS k
                CROSS JOIN items AS i ON i.conversation = k.value ->> 0
                WHERE
                    i.received_at >= k.value ->> 1
                    AND i.id NOT IN (
                        SELECT u.value
                        FROM conversation_merges AS m
                        CROSS JOIN jsonb_each(m.undo, '$.items') AS u
                        WHERE m.older = k.value ->> 0 AND m.younger <> k.value ->> 2
                    )
                ORDER BY i.id
                LIMIT (SELECT value ->> 3 FROM jsonb_each(?1))
            ) AS i
            CROSS JOIN item_revisions AS r ON r.id = i.content
            LEFT JOIN identities AS d ON d.id = i.identity";
        let mut later: Vec<LaterItem> = Vec::new();
        for Later(id, direction, contact, replies_to) in rows.fetch_all_at_once(sql, connection).await? {
            if !moved.contains(&ItemId(id)) {
                let replies_to = replies_to.into_iter().map(ItemId).collect();
                later.push(LaterItem {
                    id: ItemId(id),
                    direction,
                    contact: contact.map(ContactId),
                    replies_to,
                });
            }
        }
        later.sort_unstable_by_key(|it| it.id);
        Ok((later.len() <= MOVED_MAX as usize).then_some(later))
    }

    /// Moves the younger's rows back to it.
    async fn move_rows(&self, items: &[i64], connection: &mut SqliteConnection) -> StoreResult<()> {
        let (survivor, ended) = (self.survivor.id.0, self.ended.id.0);
        let rows = |ids: &[i64]| {
            let mut rows = Rows::default();
            for id in ids {
                let _ = rows.row().int(*id).int(survivor).int(ended);
            }
            rows
        };
        let mut script = Script::default();
        for (what, sql) in OF_ITEMS {
            script.any(what, sql, rows(items));
        }
        script.any("notes taken back", NOTES, rows(&self.kept.notes));
        script.any("answers taken back", OUTBOX, rows(&self.kept.outbox));
        let mut pair = Rows::default();
        let _ = pair.row().int(survivor).int(ended);
        let _ = pair.row().int(ended).int(survivor);
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
        let of_survivor = own_items(&self.survivor, &self.before.older, self.merged_at, connection).await?;
        let of_ended = own_items(&self.ended, &self.before.younger, self.merged_at, connection).await?;
        let others = still_merged(self.survivor.id, connection).await?;
        merging::restore_older(&mut self.survivor, &self.before, &others, of_survivor, at);
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

/// For items that go back, given as item, survivor and the one that ended.
const OF_ITEMS: [(&str, &str); 4] = [
    (
        "items taken back",
        "UPDATE items SET conversation = r.value ->> 2
         FROM jsonb_each(?1) AS r
         WHERE items.id = r.value ->> 0 AND items.conversation = r.value ->> 1",
    ),
    (
        "notes of items taken back",
        "UPDATE notes SET conversation = (SELECT value ->> 2 FROM jsonb_each(?1) LIMIT 1)
         WHERE
             notes.conversation = (SELECT value ->> 1 FROM jsonb_each(?1) LIMIT 1)
             AND notes.item IN (SELECT value ->> 0 FROM jsonb_each(?1))",
    ),
    (
        "answers of items taken back",
        "UPDATE outbox SET conversation = r.value ->> 2
         FROM jsonb_each(?1) AS r
         WHERE outbox.item = r.value ->> 0 AND outbox.conversation = r.value ->> 1",
    ),
    (
        "events of items taken back",
        "UPDATE events SET conversation = (SELECT value ->> 2 FROM jsonb_each(?1) LIMIT 1), is_next = 0
         WHERE
             events.conversation = (SELECT value ->> 1 FROM jsonb_each(?1) LIMIT 1)
             AND events.item IN (SELECT value ->> 0 FROM jsonb_each(?1))",
    ),
];

const NOTES: &str = "UPDATE notes SET conversation = r.value ->> 2
    FROM jsonb_each(?1) AS r
    WHERE notes.id = r.value ->> 0 AND notes.conversation = r.value ->> 1";

const OUTBOX: &str = "UPDATE outbox SET conversation = r.value ->> 2
    FROM jsonb_each(?1) AS r
    WHERE outbox.id = r.value ->> 0 AND outbox.conversation = r.value ->> 1";

/// For the two, given as survivor, the one that ended, and with whom that is.
const OF_PAIR: [(&str, &str); 5] = [
    // What its items name leads to it again.
    (
        "references taken back",
        "UPDATE thread_references SET conversation = (SELECT value ->> 1 FROM jsonb_each(?1))
         WHERE
             conversation = (SELECT value ->> 0 FROM jsonb_each(?1))
             AND (inbox, reference) IN (
                 SELECT i.inbox, j.value
                 FROM items AS i
                 CROSS JOIN item_revisions AS r ON r.id = i.content
                 CROSS JOIN json_each(r.content, '$.in_reply_to') AS j
                 WHERE i.conversation = (SELECT value ->> 1 FROM jsonb_each(?1))
                 UNION ALL
                 SELECT o.inbox, r.content ->> '$.external_id'
                 FROM outbox AS o
                 CROSS JOIN items AS i ON i.id = o.item
                 CROSS JOIN item_revisions AS r ON r.id = i.content
                 WHERE o.conversation = (SELECT value ->> 1 FROM jsonb_each(?1))
             )",
    ),
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

/// What a conversation's own items say.
async fn own_items(
    conversation: &Conversation,
    before: &Conversation,
    merged_at: Timestamp,
    connection: &mut SqliteConnection,
) -> StoreResult<OwnItems> {
    let row = sqlx::query(
        "SELECT
             (SELECT count(*) FROM items WHERE conversation = ?1),
             (
                 SELECT min(i.received_at)
                 FROM items AS i
                 CROSS JOIN item_revisions AS r ON r.id = i.content
                 WHERE
                     i.conversation = ?1 AND i.direction = 'inbound' AND i.received_at >= ?2
                     AND i.erased_at IS NULL AND r.content ->> '$.automatic' IS NULL
                     AND i.id > (
                         SELECT ifnull(max(o.id), 0)
                         FROM items AS o
                         WHERE o.conversation = ?1 AND o.direction = 'outbound'
                     )
             ),
             (
                 SELECT min(received_at)
                 FROM items
                 WHERE conversation = ?1 AND direction = 'outbound' AND received_at >= ?3
             )",
    )
    .bind(conversation.id.0)
    .bind(merging::since(before, merged_at).as_ms())
    .bind(merged_at.as_ms())
    .fetch_one(connection)
    .await?;
    let moment = |it: Option<i64>| it.map(Timestamp::from_ms);
    Ok(OwnItems {
        count: row.try_get(0)?,
        unanswered: moment(row.try_get(1)?),
        answered: moment(row.try_get(2)?),
    })
}

/// What stays merged into a conversation: their rows keep their labels and facts.
async fn still_merged(
    id: ConversationId,
    connection: &mut SqliteConnection,
) -> StoreResult<Vec<Conversation>> {
    let found: Vec<i64> =
        sqlx::query_scalar("SELECT younger FROM conversation_merges WHERE older = ? LIMIT 256")
            .bind(id.0)
            .fetch_all(&mut *connection)
            .await?;
    conversation_row::load(found.into_iter().map(ConversationId), connection).await
}

async fn timers_of(id: ConversationId, connection: &mut SqliteConnection) -> StoreResult<Vec<KeptTimer>> {
    let sql = "SELECT purpose, due_at, until_answered, depth FROM timers WHERE conversation = ?";
    let found: Vec<(String, i64, i64, i64)> = sqlx::query_as(sql).bind(id.0).fetch_all(connection).await?;
    Ok(found.into_iter().map(|(purpose, due, until, depth)| KeptTimer(purpose, due, until, depth)).collect())
}
