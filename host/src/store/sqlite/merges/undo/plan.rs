//! What an undo moves, found out by a reader.

use std::collections::HashSet;

use serde::Deserialize;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use super::{BACK_MAX, Kept, LATER_MAX, is_being_erased, load};
use crate::domain::conversation::Conversation;
use crate::domain::ids::{ContactId, ConversationId, ItemId};
use crate::domain::item::Direction;
use crate::domain::merging::{self, BeforeMerge, LaterItem, OwnItems};
use crate::domain::time::Timestamp;
use crate::store::sqlite::conversation_row;
use crate::store::{MergeRefusal, MergeUndo, StoreResult};

/// A merge that can be taken back, and what goes.
pub(super) struct Plan {
    pub(super) before: BeforeMerge,
    pub(super) kept: Kept,
    merged_at: Timestamp,
    pub(super) survivor: Conversation,
    pub(super) ended: Conversation,
    pub(super) items: Vec<i64>,
    pub(super) notes: Vec<i64>,
    pub(super) events: Vec<i64>,
    /// Inbox, reference, and who named it.
    pub(super) references: Vec<(i64, String, i64)>,
    /// The last event and the last note of the survivor that were there.
    pub(super) last_event: i64,
    pub(super) last_note: i64,
    /// What the items of the survivor and of the other say once each has its own.
    pub(super) own: [OwnItems; 2],
    /// Conversations that stay merged into the survivor: their rows keep their labels and facts.
    pub(super) others: Vec<Conversation>,
}

/// Makes the plan, or says why there is none.
pub(super) async fn make(
    wanted: &MergeUndo,
    connection: &mut SqliteConnection,
) -> StoreResult<Result<Plan, MergeRefusal>> {
    let mut plan = match Plan::begin(wanted, connection).await? {
        Ok(plan) => plan,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let Some(items) = plan.find_items(connection).await? else {
        return Ok(Err(MergeRefusal::TooLate(LATER_MAX)));
    };
    plan.items = items;
    plan.find_rows(connection).await?;
    if plan.rows() > BACK_MAX as usize {
        return Ok(Err(MergeRefusal::TooMuch(BACK_MAX)));
    }
    plan.find_own(connection).await?;
    plan.others = plan.still_merged(connection).await?;
    Ok(Ok(plan))
}

/// An item as it is looked up: id, direction, its writer, the items it replies to.
#[derive(Deserialize)]
struct Later(i64, Direction, Option<i64>, Vec<i64>);

/// Items that other merges brought to a conversation.
const BROUGHT: &str = "SELECT u.value
    FROM conversation_merges AS m
    CROSS JOIN json_each(m.undo, '$.items') AS u
    WHERE m.older = ? AND m.younger <> ?";

/// The items that came into a conversation since a time, but for those given, with what decides where each goes.
const LATER: &str = "SELECT json_group_array(
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
        SELECT id, inbox, direction, identity, content
        FROM items
        WHERE
            conversation = ?1
            AND received_at >= ?2
            AND id NOT IN (SELECT value FROM jsonb_each(?3))
        ORDER BY id
        LIMIT ?4
    ) AS i
    CROSS JOIN item_revisions AS r ON r.id = i.content
    LEFT JOIN identities AS d ON d.id = i.identity";

/// Those of the items given that are in this conversation.
const PRESENT: &str = "SELECT i.id
    FROM jsonb_each(?1) AS k
    CROSS JOIN items AS i ON i.id = k.value
    WHERE i.conversation = ?2";

/// Remarks on the items given, and those given by themselves.
const NOTES: &str = "SELECT id
    FROM notes
    WHERE
        conversation = ?2
        AND (item IN (SELECT value FROM jsonb_each(?1)) OR id IN (SELECT value FROM jsonb_each(?3)))";

const EVENTS: &str = "SELECT id
    FROM events
    WHERE conversation = ?2 AND +item IN (SELECT value FROM jsonb_each(?1))";

/// References of a conversation that the items given name, or under which they were sent.
const REFERENCES: &str = "SELECT DISTINCT t.inbox, t.reference, t.contact
    FROM (
        SELECT i.inbox AS inbox, j.value AS reference
        FROM jsonb_each(?1) AS k
        CROSS JOIN items AS i ON i.id = k.value
        CROSS JOIN item_revisions AS r ON r.id = i.content
        CROSS JOIN json_each(r.content, '$.in_reply_to') AS j
        UNION
        SELECT o.inbox, r.content ->> '$.external_id'
        FROM jsonb_each(?1) AS k
        CROSS JOIN outbox AS o ON o.item = k.value
        CROSS JOIN items AS i ON i.id = o.item
        CROSS JOIN item_revisions AS r ON r.id = i.content
    ) AS n
    CROSS JOIN thread_references AS t ON t.inbox = n.inbox AND t.reference = n.reference
    WHERE t.conversation = ?2
    LIMIT ?3";

/// What a conversation's own items say; `$own` says which of the survivor's rows `i` they are, those of `?2` being
/// the ones that go.
macro_rules! own_items {
    ($own:literal) => {
        concat!(
            "SELECT
                 (SELECT count(*) FROM items AS i WHERE ",
            $own,
            "),
                 (
                     SELECT min(i.received_at)
                     FROM items AS i
                     CROSS JOIN item_revisions AS r ON r.id = i.content
                     WHERE ",
            $own,
            " AND i.direction = 'inbound' AND i.received_at >= ?3
                         AND i.erased_at IS NULL AND r.content ->> '$.automatic' IS NULL
                         AND i.id > ifnull(
                             (SELECT max(i.id) FROM items AS i WHERE ",
            $own,
            " AND i.direction = 'outbound'),
                             0
                         )
                 ),
                 (
                     SELECT min(i.received_at)
                     FROM items AS i
                     WHERE ",
            $own,
            " AND i.direction = 'outbound' AND i.received_at >= ?4
                 )"
        )
    };
}

const OF_SURVIVOR: &str =
    own_items!("i.conversation = ?1 AND i.id NOT IN (SELECT value FROM jsonb_each(?2))");
const OF_ENDED: &str = own_items!("i.conversation = ?1 AND i.id IN (SELECT value FROM jsonb_each(?2))");

#[cfg(test)]
pub(super) const STATEMENTS: [&str; 8] =
    [BROUGHT, LATER, PRESENT, NOTES, EVENTS, REFERENCES, OF_SURVIVOR, OF_ENDED];

impl Plan {
    async fn begin(
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
        Ok(Ok(Self {
            before,
            kept,
            merged_at: Timestamp::from_ms(row.try_get(0)?),
            survivor,
            ended,
            items: Vec::new(),
            notes: Vec::new(),
            events: Vec::new(),
            references: Vec::new(),
            last_event: 0,
            last_note: 0,
            own: [OwnItems::default(); 2],
            others: Vec::new(),
        }))
    }

    /// How many rows go back.
    fn rows(&self) -> usize {
        let (items, outbox) = (self.items.len(), self.kept.outbox.len());
        items + self.notes.len() + self.events.len() + outbox + self.references.len()
    }

    /// The items that go back: those that the merge moved, and of those that came since what belongs to them.
    /// Absent if more came than are looked at.
    async fn find_items(&self, connection: &mut SqliteConnection) -> StoreResult<Option<Vec<i64>>> {
        let moved: HashSet<ItemId> = self.kept.items.iter().map(|it| ItemId(*it)).collect();
        let Some(later) = self.later(connection).await? else { return Ok(None) };
        let later = merging::later_of_younger(&self.before, &moved, &later);
        let ids: Vec<i64> = self.kept.items.iter().copied().chain(later.iter().map(|it| it.0)).collect();
        let present = sqlx::query_scalar(PRESENT).bind(serde_json::to_string(&ids)?).bind(self.survivor.id.0);
        Ok(Some(present.fetch_all(connection).await?))
    }

    /// The items that came into the survivor since, but for those that other merges brought.
    async fn later(&self, connection: &mut SqliteConnection) -> StoreResult<Option<Vec<LaterItem>>> {
        let mut others: Vec<i64> = sqlx::query_scalar(BROUGHT)
            .bind(self.survivor.id.0)
            .bind(self.ended.id.0)
            .fetch_all(&mut *connection)
            .await?;
        others.extend(&self.kept.items);
        let found: String = sqlx::query_scalar(LATER)
            .bind(self.survivor.id.0)
            .bind(self.merged_at.as_ms())
            .bind(serde_json::to_string(&others)?)
            .bind(LATER_MAX + 1)
            .fetch_one(connection)
            .await?;
        let found: Vec<Later> = serde_json::from_str(&found)?;
        let mut later: Vec<LaterItem> = found.into_iter().map(Later::read).collect();
        later.sort_unstable_by_key(|it| it.id);
        Ok((later.len() <= LATER_MAX as usize).then_some(later))
    }

    /// What belongs to the items that go back.
    async fn find_rows(&mut self, connection: &mut SqliteConnection) -> StoreResult<()> {
        let (items, survivor) = (serde_json::to_string(&self.items)?, self.survivor.id.0);
        let last = sqlx::query(
            "SELECT
                 (SELECT ifnull(max(id), 0) FROM events WHERE conversation = ?1),
                 (SELECT ifnull(max(id), 0) FROM notes WHERE conversation = ?1)",
        );
        let last = last.bind(survivor).fetch_one(&mut *connection).await?;
        (self.last_event, self.last_note) = (last.try_get(0)?, last.try_get(1)?);
        self.notes = sqlx::query_scalar(NOTES)
            .bind(&items)
            .bind(survivor)
            .bind(serde_json::to_string(&self.kept.notes)?)
            .fetch_all(&mut *connection)
            .await?;
        let events = sqlx::query_scalar(EVENTS).bind(&items).bind(survivor);
        self.events = events.fetch_all(&mut *connection).await?;
        let references = sqlx::query_as(REFERENCES).bind(&items).bind(survivor).bind(BACK_MAX + 1);
        self.references = references.fetch_all(connection).await?;
        Ok(())
    }

    async fn find_own(&mut self, connection: &mut SqliteConnection) -> StoreResult<()> {
        let BeforeMerge { older, younger } = &self.before;
        let items = serde_json::to_string(&self.items)?;
        for (own, sql, before) in [(0, OF_SURVIVOR, older), (1, OF_ENDED, younger)] {
            let row = sqlx::query(sql)
                .bind(self.survivor.id.0)
                .bind(&items)
                .bind(merging::since(before, self.merged_at).as_ms())
                .bind(self.merged_at.as_ms())
                .fetch_one(&mut *connection)
                .await?;
            self.own[own] = read_own(&row)?;
        }
        Ok(())
    }

    async fn still_merged(&self, connection: &mut SqliteConnection) -> StoreResult<Vec<Conversation>> {
        let sql = "SELECT younger FROM conversation_merges WHERE older = ? AND younger <> ? LIMIT 256";
        let found: Vec<i64> = sqlx::query_scalar(sql)
            .bind(self.survivor.id.0)
            .bind(self.ended.id.0)
            .fetch_all(&mut *connection)
            .await?;
        conversation_row::load(found.into_iter().map(ConversationId), connection).await
    }
}

impl Later {
    fn read(self) -> LaterItem {
        let Self(id, direction, contact, replies_to) = self;
        LaterItem {
            id: ItemId(id),
            direction,
            contact: contact.map(ContactId),
            replies_to: replies_to.into_iter().map(ItemId).collect(),
        }
    }
}

fn read_own(row: &SqliteRow) -> StoreResult<OwnItems> {
    let moment = |it: Option<i64>| it.map(Timestamp::from_ms);
    Ok(OwnItems {
        count: row.try_get(0)?,
        unanswered: moment(row.try_get(1)?),
        answered: moment(row.try_get(2)?),
    })
}
