//! Timers: set, ended, due.

use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use super::SqliteStore;
use super::events::EventRows;
use super::rows::Rows;
use super::script::Script;
use crate::crash::{self, Point};
use crate::domain::apply::TimerChanges;
use crate::domain::case::{Event, Occasion};
use crate::domain::ids::{ConversationId, DepartmentId};
use crate::domain::time::Timestamp;
use crate::domain::timer::{Timer, TimerPurpose};
use crate::store::StoreResult;

/// Timers to be forgotten and timers to be set: of several changes of one timer the last stands.
#[derive(Default)]
pub(super) struct TimerRows {
    changes: Vec<Change>,
}

struct Change {
    conversation: ConversationId,
    /// As JSON, as it is kept.
    purpose: String,
    /// What its event is about, as that is kept.
    occasion: String,
    /// What it is set to; absent to forget it.
    set: Option<Setting>,
}

struct Setting {
    due_at: Timestamp,
    until_answered: bool,
    depth: u8,
}

impl TimerRows {
    pub(super) fn add(&mut self, changes: &TimerChanges) -> StoreResult<()> {
        for (conversation, purpose) in &changes.cancel {
            self.push(*conversation, purpose, None)?;
        }
        for timer in &changes.set {
            let Timer { due_at, until_answered, depth, .. } = *timer;
            self.push(timer.conversation, &timer.purpose, Some(Setting { due_at, until_answered, depth }))?;
        }
        Ok(())
    }

    fn push(
        &mut self,
        conversation: ConversationId,
        purpose: &TimerPurpose,
        set: Option<Setting>,
    ) -> StoreResult<()> {
        let occasion = serde_json::to_string(&occasion_of(purpose.clone()))?;
        let purpose = serde_json::to_string(purpose)?;
        self.changes.push(Change { conversation, purpose, occasion, set });
        Ok(())
    }

    pub(super) fn write(mut self, script: &mut Script) {
        let (mut cancelled, mut set) = (Rows::default(), Rows::default());
        // Changes of one timer keep their order.
        self.changes.sort_by(|a, b| a.timer().cmp(&b.timer()));
        for same in self.changes.chunk_by(|a, b| a.timer() == b.timer()) {
            let Some(change) = same.last() else { continue };
            let rows = if change.set.is_some() { &mut set } else { &mut cancelled };
            let row = rows.row().int(change.conversation.0).text(&change.purpose);
            if let Some(Setting { due_at, until_answered, depth }) = change.set {
                let row = row.int(due_at.as_ms()).int(i64::from(until_answered)).int(i64::from(depth));
                let _ = row.text(&change.occasion);
            }
        }
        delete(cancelled, script);
        // Whoever was judged just before a timer fired may set it to that moment again: its event waits.
        let sql = "INSERT INTO timers (conversation, purpose, due_at, until_answered, depth, department)
            SELECT
                r.value ->> 0, r.value ->> 1, r.value ->> 2, r.value ->> 3, r.value ->> 4, i.department
            FROM jsonb_each(?1) AS r
            CROSS JOIN conversations AS c ON c.id = r.value ->> 0
            CROSS JOIN inboxes AS i ON i.id = c.inbox
            WHERE NOT EXISTS (
                SELECT 1
                FROM events AS e
                WHERE
                    e.conversation = r.value ->> 0 AND e.at = r.value ->> 2
                    AND e.occasion = r.value ->> 5
            )
            ON CONFLICT (conversation, purpose) DO UPDATE
            SET due_at = excluded.due_at, until_answered = excluded.until_answered, depth = excluded.depth";
        script.any("timers set", sql, set);
    }
}

impl Change {
    /// Which timer it changes.
    fn timer(&self) -> (ConversationId, &str) {
        (self.conversation, &self.purpose)
    }
}

/// Deletes timers, given by conversation and purpose. One that is gone already is no surprise.
fn delete(rows: Rows, script: &mut Script) {
    let sql = "DELETE FROM timers
        WHERE (conversation, purpose) IN (SELECT value ->> 0, value ->> 1 FROM jsonb_each(?1))";
    script.any("timers forgotten", sql, rows);
}

/// Ends the timers that run until an answer, in these conversations.
pub(super) fn end_waiting(rows: Rows, script: &mut Script) {
    let sql = "DELETE FROM timers
        WHERE conversation IN (SELECT value ->> 0 FROM jsonb_each(?1)) AND until_answered = 1";
    script.any("timers ended", sql, rows);
}

pub(super) async fn next(store: &SqliteStore) -> StoreResult<Option<Timestamp>> {
    let due: Option<i64> =
        sqlx::query_scalar("SELECT min(due_at) FROM timers").fetch_one(&store.readers).await?;
    Ok(due.map(Timestamp::from_ms))
}

pub(super) async fn waiting(store: &SqliteStore) -> StoreResult<Vec<(DepartmentId, u64)>> {
    let counts: Vec<(i64, i64)> =
        sqlx::query_as("SELECT department, policies FROM timer_counts").fetch_all(&store.readers).await?;
    Ok(counts.into_iter().map(|(id, count)| (DepartmentId(id), count.max(0).unsigned_abs())).collect())
}

pub(super) async fn are_due(store: &SqliteStore, now: Timestamp) -> StoreResult<bool> {
    let due = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM timers WHERE due_at <= ?)").bind(now.as_ms());
    Ok(due.fetch_one(&store.readers).await?)
}

/// Turns due timers into events, as many of each department that has some. Pointless ones count, so that one
/// transaction has an end.
pub(super) async fn fire(store: &SqliteStore, now: Timestamp, max: usize) -> StoreResult<usize> {
    let mut writer = store.writer.lock().await;
    let mut tx = writer.begin().await?;
    let departments = due_departments(now, max, &mut tx).await?;
    let share = max / departments.len().max(1);
    let (mut events, mut gone) = (EventRows::default(), Rows::default());
    for department in departments {
        for timer in load_due(department, now, share, &mut tx).await? {
            let _ = gone.row().int(timer.conversation.0).text(&timer.purpose);
            if !timer.is_pointless {
                let event = timer.event(store.ids.next(now))?;
                events.add(&event, timer.conversation, None)?;
            }
        }
    }
    let fired = events.len();
    let mut script = Script::default();
    delete(gone, &mut script);
    events.write(&mut script);
    script.run(&mut tx).await?;
    if fired > 0 {
        crash::point(Point::TimersWritten);
    }
    tx.commit().await?;
    if fired > 0 {
        crash::point(Point::TimersCommitted);
    }
    Ok(fired)
}

/// A timer whose moment has come.
struct Due {
    conversation: ConversationId,
    purpose: String,
    due_at: Timestamp,
    depth: u8,
    /// The conversation ended, or nobody waits any more.
    is_pointless: bool,
}

/// Up to `max` departments that have due timers, those that have waited longest first. The index is walked from
/// one department to the next, however many timers each has.
async fn due_departments(
    now: Timestamp,
    max: usize,
    connection: &mut SqliteConnection,
) -> StoreResult<Vec<i64>> {
    let found = sqlx::query_scalar(DUE_DEPARTMENTS).bind(now.as_ms()).bind(max as i64);
    Ok(found.fetch_all(connection).await?)
}

pub(super) const DUE_DEPARTMENTS: &str = "WITH RECURSIVE owners (department) AS (
         SELECT min(department) FROM timers
         UNION ALL
         SELECT (SELECT min(t.department) FROM timers AS t WHERE t.department > o.department)
         FROM owners AS o
         WHERE o.department IS NOT NULL
     )
     SELECT f.department
     FROM (
         SELECT
             o.department,
             (SELECT min(t.due_at) FROM timers AS t WHERE t.department = o.department) AS due_at
         FROM owners AS o
         WHERE o.department IS NOT NULL
     ) AS f
     WHERE f.due_at <= ?
     ORDER BY f.due_at
     LIMIT ?";

async fn load_due(
    department: i64,
    now: Timestamp,
    max: usize,
    connection: &mut SqliteConnection,
) -> StoreResult<Vec<Due>> {
    let rows = sqlx::query(
        "SELECT
             t.conversation, t.purpose, t.due_at, t.depth,
             c.status = 'closed'
                 OR c.merged_into IS NOT NULL
                 OR (t.until_answered = 1 AND c.waiting_since IS NULL)
         FROM timers AS t
         CROSS JOIN conversations AS c ON c.id = t.conversation
         WHERE t.department = ? AND t.due_at <= ?
         ORDER BY t.due_at
         LIMIT ?",
    )
    .bind(department)
    .bind(now.as_ms())
    .bind(max as i64)
    .fetch_all(connection)
    .await?;
    rows.iter().map(Due::read).collect()
}

impl Due {
    fn read(row: &SqliteRow) -> StoreResult<Self> {
        Ok(Self {
            conversation: ConversationId(row.try_get(0)?),
            purpose: row.try_get(1)?,
            due_at: Timestamp::from_ms(row.try_get(2)?),
            depth: row.try_get(3)?,
            is_pointless: row.try_get(4)?,
        })
    }

    fn event(&self, id: crate::domain::ids::EventId) -> StoreResult<Event> {
        let purpose: TimerPurpose = serde_json::from_str(&self.purpose)?;
        let depth = match purpose {
            TimerPurpose::PromiseWarning { .. } | TimerPurpose::PromiseBreach { .. } => 0,
            TimerPurpose::Policy { .. } => self.depth.saturating_add(1),
        };
        Ok(Event { id, occasion: occasion_of(purpose), at: self.due_at, depth })
    }
}

/// What a timer's event is about.
fn occasion_of(purpose: TimerPurpose) -> Occasion {
    match purpose {
        TimerPurpose::PromiseWarning { metric } => Occasion::PromiseWarning { metric },
        TimerPurpose::PromiseBreach { metric } => Occasion::PromiseBreached { metric },
        TimerPurpose::Policy { activation, key } => Occasion::TimerDue { activation: Some(activation), key },
    }
}
