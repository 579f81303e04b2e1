//! News of items that came earlier: edits, deletions, and how far answers came.

use std::collections::{HashMap, HashSet};

use sqlx::SqliteConnection;

use super::entry::arrivals;
use super::known::{Known, KnownItem, key_of};
use super::work::Work;
use super::write::NewEvent;
use crate::domain::arrival::{Arrival, DeliveryState, DeliveryStatus, Edit};
use crate::domain::case::{Event, Occasion};
use crate::domain::ids::ItemId;
use crate::domain::item::{Direction, Item};
use crate::domain::time::Timestamp;
use crate::store::sqlite::item_row;
use crate::store::sqlite::rows::Rows;
use crate::store::sqlite::script::Script;
use crate::store::sqlite::words::word;
use crate::store::{IntakeEntry, StoreResult};

/// The state of items that the batch changes.
#[derive(Default)]
pub(super) struct Changes {
    /// Items that are edited: the latest revision and what it says.
    current: HashMap<ItemId, (i64, Item)>,
    /// For each edited item its latest revision and that one's row.
    edited: HashMap<ItemId, (i64, i64)>,
    deleted: HashMap<ItemId, Timestamp>,
    statuses: HashMap<ItemId, DeliveryStatus>,
}

impl Changes {
    /// Loads the items that the batch edits.
    pub(super) async fn load(
        entries: &[IntakeEntry],
        known: &Known,
        connection: &mut SqliteConnection,
    ) -> StoreResult<Self> {
        let mut wanted = HashSet::new();
        for entry in entries {
            for arrival in arrivals(entry) {
                if let Arrival::Edit(edit) = arrival {
                    let found = known.items.get(&key_of(entry.inbox.id, &edit.external_id));
                    wanted.extend(found.map(|it| it.id));
                }
            }
        }
        let items = item_row::load(wanted, connection).await?;
        let current = items.into_iter().map(|it| (it.id, (it.revision, it.item))).collect();
        Ok(Self { current, ..Self::default() })
    }

    /// Whether nothing that came earlier changes.
    pub(super) fn is_empty(&self) -> bool {
        self.edited.is_empty() && self.deleted.is_empty() && self.statuses.is_empty()
    }

    /// Writes what changed of the items and their ways out.
    pub(super) fn write(self, script: &mut Script) -> StoreResult<()> {
        let mut edited = Rows::default();
        for (item, (revision, content)) in &self.edited {
            let _ = edited.row().int(item.0).int(*revision).int(*content);
        }
        let sql = "UPDATE items SET revision = r.value ->> 1, content = r.value ->> 2
            FROM jsonb_each(?1) AS r
            WHERE items.id = r.value ->> 0";
        script.each("items edited", sql, edited);
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

fn write_statuses(statuses: &HashMap<ItemId, DeliveryStatus>, script: &mut Script) -> StoreResult<()> {
    let (mut states, mut failures) = (Rows::default(), Rows::default());
    for (item, status) in statuses {
        let _ = states.row().int(item.0).text(&word(&status.state)?);
        if status.state == DeliveryState::Failed {
            let _ = failures.row().int(item.0).text(&explanation(status));
        }
    }
    let sql = "UPDATE items SET delivery_state = r.value ->> 1
        FROM jsonb_each(?1) AS r
        WHERE items.id = r.value ->> 0";
    script.each("answers reported on", sql, states);
    // An answer written on the channel itself has no way out from here.
    let sql = "UPDATE outbox SET state = 'failed', last_error = r.value ->> 1
        FROM jsonb_each(?1) AS r
        WHERE outbox.item = r.value ->> 0";
    script.any("answers failed", sql, failures);
    Ok(())
}

fn explanation(status: &DeliveryStatus) -> String {
    status.detail.clone().unwrap_or_else(|| "the channel gave no reason".to_owned())
}

impl Work<'_> {
    /// Takes a change of an item that came earlier, and counts it.
    pub(super) fn take_change(&mut self, entry: usize, arrival: &Arrival) -> StoreResult<()> {
        let external_id = match arrival {
            // A repetition, counted already.
            Arrival::Item(_) | Arrival::Echo(_) => return Ok(()),
            Arrival::Edit(edit) => &edit.external_id,
            Arrival::Deletion(deletion) => &deletion.external_id,
            Arrival::Status(status) => &status.external_id,
        };
        let target = self.find(&key_of(self.entries[entry].inbox.id, external_id));
        let took_effect = match (target, arrival) {
            (Some(target), Arrival::Edit(edit)) => self.take_edit(entry, target, edit)?,
            (Some(target), Arrival::Deletion(deletion)) => {
                self.changes.deleted.insert(target.id, deletion.deleted_at);
                true
            }
            (Some(target), Arrival::Status(status)) => self.take_status(entry, target, status),
            _ => false,
        };
        let committed = &mut self.committed[entry];
        *(if took_effect { &mut committed.changes } else { &mut committed.unknown }) += 1;
        Ok(())
    }

    fn take_edit(&mut self, entry: usize, target: KnownItem, edit: &Edit) -> StoreResult<bool> {
        let at = self.entries[entry].raw.received_at;
        let Some((revision, mut item)) = self.current(target.id) else {
            return Ok(false);
        };
        if let Some(text) = &edit.text {
            item.text.clone_from(text);
        }
        item.subject = edit.subject.clone().or(item.subject);
        item.html = edit.html.clone().or(item.html);
        let revision = revision + 1;
        let content = self.writes.revision(target.id, revision, &item)?;
        self.changes.edited.insert(target.id, (revision, content));
        self.changes.current.insert(target.id, (revision, item));
        if target.direction == Direction::Inbound {
            let event = Event { id: self.ids.next(at), occasion: Occasion::ItemEdited, at, depth: 0 };
            let (conversation, item) = (target.conversation, target.id);
            self.writes.events.push(NewEvent { event, conversation, item, brought: None });
        }
        Ok(true)
    }

    fn current(&self, id: ItemId) -> Option<(i64, Item)> {
        let loaded = self.changes.current.get(&id).cloned();
        loaded.or_else(|| self.arrived_item(id).map(|item| (1, item.clone())))
    }

    /// Only answers have a way to come.
    fn take_status(&mut self, entry: usize, target: KnownItem, status: &DeliveryStatus) -> bool {
        if target.direction == Direction::Inbound {
            return false;
        }
        if status.state == DeliveryState::Failed {
            let at = self.entries[entry].raw.received_at;
            let text = format!("An answer was not delivered: {}", explanation(status));
            self.writes.note(self.ids.next(at), target.id, target.conversation, &text, at);
        }
        self.changes.statuses.insert(target.id, status.clone());
        true
    }
}
