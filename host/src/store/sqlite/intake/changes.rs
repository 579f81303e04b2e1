//! News of items: edits, deletions, and how far replies came.
//!
//! What happened later stands, in whichever order it comes; of what happened at one time, what comes later.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};
use sqlx::{Row as _, SqliteConnection};

use super::entry::arrivals;
use super::known::{Known, KnownItem, key_of};
use super::work::Work;
use super::write::NewEvent;
use crate::domain::arrival::{Arrival, Deletion, DeliveryState, DeliveryStatus, Edit, EditTimes};
use crate::domain::case::{Event, Occasion};
use crate::domain::ids::ItemId;
use crate::domain::item::{Direction, Item};
use crate::domain::time::Timestamp;
use crate::store::sqlite::item_row;
use crate::store::sqlite::rows::Rows;
use crate::store::sqlite::script::Script;
use crate::store::sqlite::words::{case, word};
use crate::store::{IntakeEntry, StoreError, StoreResult};

/// What was edited of an item, as its column keeps it.
#[derive(Clone, Default, Serialize, Deserialize)]
struct Edited {
    #[serde(flatten)]
    times: EditTimes,
    /// The number of its last revision, which need not be the one that stands.
    last: i64,
}

/// What stands of an item that the batch changes.
#[derive(Clone)]
struct Standing {
    item: Item,
    revision: i64,
    edited: Edited,
}

/// The state of items that the batch changes.
#[derive(Default)]
pub(super) struct Changes {
    /// Items that are edited.
    current: HashMap<ItemId, Standing>,
    /// For each edited item the row of its current revision, if that is new.
    edited: HashMap<ItemId, Option<i64>>,
    deleted: HashMap<ItemId, Timestamp>,
    /// How many edits there were, and how many bytes they wrote.
    edits: usize,
    rewritten: usize,
    /// How far replies came, and when.
    reached: HashMap<ItemId, (Option<Timestamp>, DeliveryState)>,
    statuses: HashMap<ItemId, DeliveryStatus>,
}

impl Changes {
    /// Loads the items that the batch changes.
    pub(super) async fn load(
        entries: &[IntakeEntry],
        known: &Known,
        connection: &mut SqliteConnection,
    ) -> StoreResult<Self> {
        let (mut edited, mut changed) = (HashSet::new(), HashSet::new());
        for entry in entries.iter().filter(|it| it.is_authentic) {
            for arrival in arrivals(entry) {
                if matches!(arrival, Arrival::Item(_) | Arrival::Echo(_)) {
                    continue;
                }
                let Some(found) = known.items.get(&key_of(entry.inbox.id, arrival.external_id())) else {
                    continue;
                };
                changed.insert(found.id);
                if matches!(arrival, Arrival::Edit(_)) {
                    edited.insert(found.id);
                }
            }
        }
        check_read(&edited, connection).await?;
        let mut changes = Self::default();
        for stored in item_row::load(edited, connection).await? {
            let edited = Edited { last: stored.revision, ..Edited::default() };
            let standing = Standing { item: stored.item, revision: stored.revision, edited };
            changes.current.insert(stored.id, standing);
        }
        changes.load_times(changed, connection).await?;
        Ok(changes)
    }

    async fn load_times(
        &mut self,
        changed: HashSet<ItemId>,
        connection: &mut SqliteConnection,
    ) -> StoreResult<()> {
        let mut rows = Rows::default();
        for item in changed {
            let _ = rows.row().int(item.0);
        }
        let sql = "SELECT i.id, i.edited, i.deleted_at, i.delivery_state, i.delivery_state_at
            FROM jsonb_each(?1) AS k
            CROSS JOIN items AS i ON i.id = k.value ->> 0";
        let moment = |it: Option<i64>| it.map(Timestamp::from_ms);
        for row in rows.fetch(sql, connection).await? {
            let id = ItemId(row.try_get(0)?);
            if let (Some(standing), Some(edited)) =
                (self.current.get_mut(&id), row.try_get::<Option<&str>, _>(1)?)
            {
                standing.edited = serde_json::from_str(edited)?;
            }
            if let Some(at) = moment(row.try_get(2)?) {
                self.deleted.insert(id, at);
            }
            if let Some(state) = row.try_get::<Option<&str>, _>(3)? {
                self.reached.insert(id, (moment(row.try_get(4)?), case(state)?));
            }
        }
        Ok(())
    }

    /// Whether nothing that came earlier changes.
    pub(super) fn is_empty(&self) -> bool {
        self.edited.is_empty() && self.deleted.is_empty() && self.statuses.is_empty()
    }

    /// Writes what changed of the items and their ways out.
    pub(super) fn write(self, script: &mut Script) -> StoreResult<()> {
        let (mut edited, mut times) = (Rows::default(), Rows::default());
        for (item, content) in &self.edited {
            let Some(standing) = self.current.get(item) else { continue };
            if let Some(content) = content {
                let _ = edited.row().int(item.0).int(standing.revision).int(*content);
            }
            let _ = times.row().int(item.0).text(&serde_json::to_string(&standing.edited)?);
        }
        let sql = "UPDATE items SET revision = r.value ->> 1, content = r.value ->> 2
            FROM jsonb_each(?1) AS r
            WHERE items.id = r.value ->> 0";
        script.each("items edited", sql, edited);
        let sql = "UPDATE items SET edited = r.value ->> 1
            FROM jsonb_each(?1) AS r
            WHERE items.id = r.value ->> 0";
        script.each("times of edits", sql, times);
        let mut deleted = Rows::default();
        for (item, at) in &self.deleted {
            let _ = deleted.row().int(item.0).int(at.as_ms());
        }
        let sql = "UPDATE items SET deleted_at = r.value ->> 1
            FROM jsonb_each(?1) AS r
            WHERE items.id = r.value ->> 0";
        script.each("items deleted", sql, deleted);
        write_statuses(&self.statuses, script)
    }
}

/// How many bytes of items the edits of a batch rewrite at most, unless it has only one: the writer is held
/// meanwhile, for less than 200 ms.
const REWRITTEN_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Refuses edits of items that are too much to be read at once.
async fn check_read(edited: &HashSet<ItemId>, connection: &mut SqliteConnection) -> StoreResult<()> {
    if edited.len() < 2 {
        return Ok(());
    }
    let ids: Vec<i64> = edited.iter().map(|it| it.0).collect();
    let read: i64 = item_row::bytes(&ids, connection).await?.values().sum();
    match read > REWRITTEN_BYTES_MAX as i64 {
        true => Err(too_much_rewritten()),
        false => Ok(()),
    }
}

fn too_much_rewritten() -> StoreError {
    StoreError::TooMuch(format!(
        "the edits of one delivery rewrite items of more than {REWRITTEN_BYTES_MAX} bytes; send them in several deliveries"
    ))
}

/// Writes how far replies came.
pub(super) fn write_statuses(
    statuses: &HashMap<ItemId, DeliveryStatus>,
    script: &mut Script,
) -> StoreResult<()> {
    let (mut states, mut failures, mut arrived) = (Rows::default(), Rows::default(), Rows::default());
    for (item, status) in statuses {
        let _ = states.row().int(item.0).text(&word(&status.state)?).int(status.at.as_ms());
        match status.state {
            DeliveryState::Failed => drop(failures.row().int(item.0).text(&explanation(status))),
            DeliveryState::Delivered | DeliveryState::Read => drop(arrived.row().int(item.0)),
        }
    }
    let sql = "UPDATE items SET delivery_state = r.value ->> 1, delivery_state_at = r.value ->> 2
        FROM jsonb_each(?1) AS r
        WHERE items.id = r.value ->> 0";
    script.each("answers reported on", sql, states);
    // An answer written on the channel itself has no way out from here.
    let sql = "UPDATE outbox SET state = 'failed', last_error = r.value ->> 1
        FROM jsonb_each(?1) AS r
        WHERE outbox.item = r.value ->> 0";
    script.any("answers failed", sql, failures);
    let sql = "UPDATE outbox SET state = 'sent', last_error = NULL
        FROM jsonb_each(?1) AS r
        WHERE outbox.item = r.value ->> 0 AND outbox.state = 'failed'";
    script.any("answers that came after all", sql, arrived);
    Ok(())
}

/// Why a reply failed.
pub(super) fn explanation(status: &DeliveryStatus) -> String {
    status.detail.clone().unwrap_or_else(|| "the channel gave no reason".to_owned())
}

/// Whether anything was evaluated between an item and its change.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Came {
    /// The item may have been.
    After,
    /// The change is older here than the item.
    Before,
}

impl Work<'_> {
    /// Takes a change of an item that came earlier, and counts it; one whose item is not here waits for it.
    /// A change that anybody may have delivered changes nothing: it is counted as unknown and stays in its
    /// delivery.
    pub(super) fn take_change(&mut self, entry: usize, arrival: &Arrival) -> StoreResult<()> {
        if matches!(arrival, Arrival::Item(_) | Arrival::Echo(_)) {
            // A repetition, counted already.
            return Ok(());
        }
        if !self.entries[entry].is_authentic {
            self.committed[entry].unknown += 1;
            return Ok(());
        }
        let arrival = &arrival.clone().happened_by(self.entries[entry].raw.received_at);
        let key = key_of(self.entries[entry].inbox.id, arrival.external_id());
        let applied = match self.find(&key) {
            Some(target) => self.apply_change(entry, target, arrival, Came::After)?,
            None => {
                if !self.known.erased.contains(&key) {
                    self.early.keep(key, self.entries[entry].delivery, arrival);
                }
                false
            }
        };
        let committed = &mut self.committed[entry];
        *(if applied { &mut committed.changes } else { &mut committed.unknown }) += 1;
        Ok(())
    }

    /// Applies the changes that came before the new item with this index.
    pub(super) fn take_early(&mut self, index: usize) -> StoreResult<()> {
        let (entry, key) = (self.fresh[index].entry, self.fresh[index].key(self.entries));
        for change in self.early.take(&key) {
            if let Some(target) = self.find(&key) {
                let _ = self.apply_change(entry, target, &change, Came::Before)?;
            }
        }
        Ok(())
    }

    /// Whether it is a change of such an item.
    fn apply_change(
        &mut self,
        entry: usize,
        target: KnownItem,
        change: &Arrival,
        came: Came,
    ) -> StoreResult<bool> {
        match change {
            Arrival::Item(_) | Arrival::Echo(_) => Ok(false),
            Arrival::Edit(edit) => self.take_edit(entry, target, edit, came),
            Arrival::Deletion(Deletion { deleted_at, .. }) => {
                let first = self.changes.deleted.entry(target.id).or_insert(*deleted_at);
                *first = (*deleted_at).min(*first);
                Ok(true)
            }
            Arrival::Status(status) => Ok(self.take_status(entry, target, status)),
        }
    }

    fn take_edit(&mut self, entry: usize, target: KnownItem, edit: &Edit, came: Came) -> StoreResult<bool> {
        let Some(mut standing) = self.standing(target.id) else {
            return Ok(false);
        };
        self.changes.edits += 1;
        standing.edited.last += 1;
        let (item, last) = (&mut standing.item, standing.edited.last);
        if !standing.edited.times.apply(edit, item) {
            // It is older than what stands, and kept as it was.
            let mut older = item.clone();
            let _ = EditTimes::default().apply(edit, &mut older);
            self.rewrite(target.id, last, &older)?;
            self.changes.edited.entry(target.id).or_default();
            self.changes.current.insert(target.id, standing);
            return Ok(true);
        }
        standing.revision = last;
        let content = self.rewrite(target.id, last, item)?;
        self.changes.edited.insert(target.id, Some(content));
        self.changes.current.insert(target.id, standing);
        if target.direction == Direction::Inbound && came == Came::After {
            let at = self.entries[entry].raw.received_at;
            let event = Event { id: self.ids.next(at), occasion: Occasion::ItemEdited, at, depth: 0 };
            let (conversation, item) = (target.conversation, target.id);
            self.writes.events.push(NewEvent { event, conversation, item, brought: None });
        }
        Ok(true)
    }

    /// Writes a revision, and counts it.
    fn rewrite(&mut self, id: ItemId, number: i64, item: &Item) -> StoreResult<i64> {
        self.changes.rewritten += item.bytes();
        if self.changes.edits > 1 && self.changes.rewritten > REWRITTEN_BYTES_MAX {
            return Err(too_much_rewritten());
        }
        self.writes.revision(id, number, item)
    }

    fn standing(&self, id: ItemId) -> Option<Standing> {
        let loaded = self.changes.current.get(&id).cloned();
        loaded.or_else(|| {
            let item = self.arrived_item(id)?.clone();
            Some(Standing { item, revision: 1, edited: Edited { last: 1, ..Edited::default() } })
        })
    }

    /// Only answers have a way to come.
    fn take_status(&mut self, entry: usize, target: KnownItem, status: &DeliveryStatus) -> bool {
        if target.direction == Direction::Inbound {
            return false;
        }
        let reached = status.reached();
        if self.changes.reached.get(&target.id).is_some_and(|it| *it > (Some(reached.0), reached.1)) {
            // Something later is known.
            return true;
        }
        if status.state == DeliveryState::Failed {
            let at = self.entries[entry].raw.received_at;
            let text = format!("An answer was not delivered: {}", explanation(status));
            self.writes.note(self.ids.next(at), target.id, target.conversation, &text, at);
        }
        self.changes.reached.insert(target.id, (Some(reached.0), reached.1));
        self.changes.statuses.insert(target.id, status.clone());
        true
    }
}
