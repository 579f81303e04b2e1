//! A conversation as a row.
//!
//! What statements select or sort by has columns; the rest is one JSON document, because it is
//! always read and written as a whole.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use super::rows::Rows;
use super::script::Script;
use super::words::{case, priority_number, priority_of, status_word};
use crate::domain::conversation::{Conversation, Disposition, PersonSet};
use crate::domain::ids::ConversationId;
use crate::domain::organisation::Place;
use crate::domain::proposal::Listening;
use crate::domain::time::Timestamp;
use crate::store::StoreResult;

/// The columns that [`read`] needs, in its order; the table is called `c`.
macro_rules! conversation_columns {
    () => {
        "c.id, c.inbox, c.thread_key, c.contact, c.identity, c.status, c.department, c.queue, c.assignee,
         c.priority, c.deadline, c.waiting_since, c.opened_at, c.updated_at, c.item_count, c.merged_into,
         c.revision, c.facts, c.erased_at"
    };
}
pub(super) use conversation_columns;

/// What no statement selects by. Moments are milliseconds.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Facts<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "is_default")]
    tags: Cow<'a, BTreeSet<String>>,
    #[serde(skip_serializing_if = "is_default")]
    attributes: Cow<'a, BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    intent: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    listening: Option<Listening>,
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    promise_started_for: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_answered_at: Option<i64>,
    #[serde(skip_serializing_if = "is_default")]
    reopened_count: u32,
    #[serde(skip_serializing_if = "is_default")]
    handed_over_count: u32,
    #[serde(skip_serializing_if = "is_default")]
    escalation_level: u8,
    #[serde(skip_serializing_if = "is_default")]
    person_set: PersonSet,
    #[serde(skip_serializing_if = "Option::is_none")]
    disposition: Option<Cow<'a, Disposition>>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl<'a> Facts<'a> {
    fn of(conversation: &'a Conversation) -> Self {
        Self {
            subject: conversation.subject.as_deref().map(Cow::Borrowed),
            tags: Cow::Borrowed(&conversation.tags),
            attributes: Cow::Borrowed(&conversation.attributes),
            intent: conversation.intent.as_deref().map(Cow::Borrowed),
            listening: conversation.listening,
            language: conversation.language.as_deref().map(Cow::Borrowed),
            promise_started_for: conversation.promise_started_for.map(Timestamp::as_ms),
            first_answered_at: conversation.first_answered_at.map(Timestamp::as_ms),
            reopened_count: conversation.reopened_count,
            handed_over_count: conversation.handed_over_count,
            escalation_level: conversation.escalation_level,
            person_set: conversation.person_set,
            disposition: conversation.disposition.as_ref().map(Cow::Borrowed),
        }
    }
}

/// Reads a row of [`conversation_columns`].
pub(super) fn read(row: &SqliteRow) -> StoreResult<Conversation> {
    let facts: Facts<'_> = serde_json::from_str(row.try_get(17)?)?;
    let moment = |column: usize| -> StoreResult<Option<Timestamp>> {
        Ok(row.try_get::<Option<i64>, _>(column)?.map(Timestamp::from_ms))
    };
    Ok(Conversation {
        id: ConversationId(row.try_get(0)?),
        inbox: row.try_get::<i64, _>(1)?.into(),
        thread_key: row.try_get(2)?,
        contact: row.try_get::<i64, _>(3)?.into(),
        identity: row.try_get::<i64, _>(4)?.into(),
        subject: facts.subject.map(Cow::into_owned),
        status: case(row.try_get(5)?)?,
        place: read_place(row)?,
        priority: priority_of(row.try_get(9)?)?,
        tags: facts.tags.into_owned(),
        attributes: facts.attributes.into_owned(),
        intent: facts.intent.map(Cow::into_owned),
        listening: facts.listening,
        language: facts.language.map(Cow::into_owned),
        deadline: moment(10)?,
        waiting_since: moment(11)?,
        promise_started_for: facts.promise_started_for.map(Timestamp::from_ms),
        first_answered_at: facts.first_answered_at.map(Timestamp::from_ms),
        opened_at: Timestamp::from_ms(row.try_get(12)?),
        updated_at: Timestamp::from_ms(row.try_get(13)?),
        item_count: row.try_get(14)?,
        reopened_count: facts.reopened_count,
        handed_over_count: facts.handed_over_count,
        escalation_level: facts.escalation_level,
        person_set: facts.person_set,
        disposition: facts.disposition.map(Cow::into_owned),
        merged_into: row.try_get::<Option<i64>, _>(15)?.map(ConversationId),
        erased_at: moment(18)?,
        revision: row.try_get(16)?,
    })
}

fn read_place(row: &SqliteRow) -> StoreResult<Option<Place>> {
    let (department, queue): (Option<i64>, Option<i64>) = (row.try_get(6)?, row.try_get(7)?);
    let (Some(department), Some(queue)) = (department, queue) else {
        return Ok(None);
    };
    Ok(Some(Place {
        department: department.into(),
        queue: queue.into(),
        assignee: row.try_get::<Option<i64>, _>(8)?.map(Into::into),
    }))
}

/// Writes a row for [`insert`] and [`update`].
pub(super) fn push(rows: &mut Rows, conversation: &Conversation) -> StoreResult<()> {
    let place = conversation.place;
    let _ = rows
        .row()
        .int(conversation.id.0)
        .int(conversation.inbox.0)
        .text(&conversation.thread_key)
        .int(conversation.contact.0)
        .int(conversation.identity.0)
        .text(status_word(conversation.status))
        .opt_int(place.map(|it| it.department.0))
        .opt_int(place.map(|it| it.queue.0))
        .opt_int(place.and_then(|it| it.assignee).map(|it| it.0))
        .int(priority_number(conversation.priority))
        .opt_int(conversation.deadline.map(Timestamp::as_ms))
        .opt_int(conversation.waiting_since.map(Timestamp::as_ms))
        .int(conversation.opened_at.as_ms())
        .int(conversation.updated_at.as_ms())
        .int(i64::from(conversation.item_count))
        .opt_int(conversation.merged_into.map(|it| it.0))
        .int(conversation.revision)
        .json(&Facts::of(conversation))?;
    Ok(())
}

/// Adds conversations.
pub(super) fn insert(rows: Rows, script: &mut Script) {
    let sql = "INSERT INTO conversations (
            id, inbox, thread_key, contact, identity, status, department, queue, assignee, priority,
            deadline, waiting_since, opened_at, updated_at, item_count, merged_into, revision, facts
        )
        SELECT
            value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6,
            value ->> 7, value ->> 8, value ->> 9, value ->> 10, value ->> 11, value ->> 12,
            value ->> 13, value ->> 14, value ->> 15, value ->> 16,
            CAST(substr(?2, value ->> 17, value ->> 18) AS TEXT)
        FROM jsonb_each(?1)";
    script.each("conversations added", sql, rows);
}

/// Replaces conversations. Their inbox, thread key and beginning never change.
pub(super) fn update(rows: Rows, script: &mut Script) {
    let sql = "UPDATE conversations
        SET
            contact = r.value ->> 3,
            identity = r.value ->> 4,
            status = r.value ->> 5,
            department = r.value ->> 6,
            queue = r.value ->> 7,
            assignee = r.value ->> 8,
            priority = r.value ->> 9,
            deadline = r.value ->> 10,
            waiting_since = r.value ->> 11,
            updated_at = r.value ->> 13,
            item_count = r.value ->> 14,
            merged_into = r.value ->> 15,
            revision = r.value ->> 16,
            facts = CAST(substr(?2, r.value ->> 17, r.value ->> 18) AS TEXT)
        FROM jsonb_each(?1) AS r
        WHERE conversations.id = r.value ->> 0";
    script.each("conversations changed", sql, rows);
}

/// Loads conversations by id, in no order; those that are not there are left out.
pub(super) async fn load(
    ids: impl IntoIterator<Item = ConversationId>,
    connection: &mut SqliteConnection,
) -> StoreResult<Vec<Conversation>> {
    let mut rows = Rows::default();
    for id in ids {
        let _ = rows.row().int(id.0);
    }
    let sql = concat!(
        "SELECT ",
        conversation_columns!(),
        " FROM jsonb_each(?1) AS k CROSS JOIN conversations AS c ON c.id = k.value ->> 0"
    );
    rows.fetch(sql, connection).await?.iter().map(read).collect()
}
