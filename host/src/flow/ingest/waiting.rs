//! Where read deliveries wait for their common transaction.
//!
//! Departments take turns by what their deliveries cost to store, and within each its inboxes do: one that is
//! flooded keeps the others' deliveries out of neither the next batch nor the room. A batch is bounded by what it
//! costs, so that one transaction does not hold the writer for long because of what somebody else delivered.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::commit::ReadDelivery;
use crate::domain::arrival::{Arrival, Response};
use crate::domain::fair_share::{FairShare, may_take_more};
use crate::domain::ids::{DepartmentId, InboxId};
use crate::store::IntakeContent;

/// How many deliveries may wait for their transaction. One department has half of the room at most; whose share
/// is full is told to come back.
pub(super) const WAITING_MAX: usize = 2_048;

/// How many bytes of arrivals and of responses may wait with them; the bodies have their room elsewhere. One
/// department has half of them at most, and one delivery more: an adapter makes 16 MiB of a short one.
pub(super) const WAITING_BYTES_MAX: usize = 128 * 1024 * 1024;

/// How many deliveries one transaction stores at most: beyond this a larger one gains nothing and
/// only keeps the first ones waiting.
const BATCH_MAX: usize = 256;

/// How much one transaction stores at most, in rows: twice as many as a full batch of deliveries with one item
/// each, or one delivery with as many items as may be; some thirty milliseconds of the writer.
const BATCH_COST_MAX: u64 = 1_024;

/// So many bytes of a delivery cost as much to store as a row. So a transaction of several deliveries has 16 MiB of
/// bodies and arrivals at most.
const BYTES_A_ROW: usize = 16 * 1024;

/// What the room is bounded in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bound {
    /// Deliveries.
    Count,
    /// Bytes of what adapters made of them.
    Bytes,
}

/// Why a delivery cannot wait here.
pub(super) enum Refused {
    /// Its department's share of the room is full.
    Full(Box<ReadDelivery>, Bound),
    /// Nothing is stored any more.
    Closed(Box<ReadDelivery>),
}

/// The deliveries that wait.
#[derive(Default)]
pub(super) struct CommitQueue {
    state: Mutex<State>,
    signal: Notify,
}

#[derive(Default)]
struct State {
    waiting: Waiting<ReadDelivery>,
    is_closed: bool,
}

impl CommitQueue {
    /// Adds a delivery, if its department has room.
    pub(super) fn push(&self, read: ReadDelivery) -> Result<(), Refused> {
        let (department, inbox) = (read.entry.inbox.department, read.entry.inbox.id);
        let size = Size::of(read.entry.raw.body.len(), &read.entry.content, read.response.as_ref());
        let mut state = self.state();
        if state.is_closed {
            return Err(Refused::Closed(Box::new(read)));
        }
        state
            .waiting
            .push(department, inbox, size, read)
            .map_err(|(read, bound)| Refused::Full(Box::new(read), bound))?;
        drop(state);
        self.signal.notify_one();
        Ok(())
    }

    /// The next batch, as soon as there is one; nothing once the queue is closed and empty.
    pub(super) async fn next_batch(&self) -> Option<Vec<ReadDelivery>> {
        loop {
            {
                let mut state = self.state();
                let batch = state.waiting.take_batch();
                if !batch.is_empty() {
                    return Some(batch);
                }
                if state.is_closed {
                    return None;
                }
            }
            self.signal.notified().await;
        }
    }

    /// Takes nothing more; what waits is still stored.
    pub(super) fn close(&self) {
        self.state().is_closed = true;
        self.signal.notify_one();
    }

    /// Takes nothing more and drops what waits, because nothing is stored any more.
    pub(super) fn abandon(&self) {
        let mut state = self.state();
        state.is_closed = true;
        let dropped = std::mem::take(&mut state.waiting);
        drop(state);
        drop(dropped);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that holds it leaves it half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How large a delivery is.
#[derive(Clone, Copy, Debug, Default)]
struct Size {
    /// What it costs to store, in rows.
    cost: u64,
    /// What an adapter made of it, in bytes.
    bytes: usize,
}

impl Size {
    /// Of a delivery with a body of so many bytes.
    fn of(body_bytes: usize, content: &IntakeContent, response: Option<&Response>) -> Self {
        let arrivals: &[Arrival] = match content {
            IntakeContent::Arrivals(arrivals) => arrivals,
            IntakeContent::Unparsed { .. } => &[],
        };
        let said = arrivals.iter().map(Arrival::bytes).sum::<usize>();
        let cost = (1 + arrivals.len() + (body_bytes + said) / BYTES_A_ROW) as u64;
        Self { cost, bytes: said + response.map_or(0, |it| it.body.len()) }
    }
}

/// Things that wait, by the department and the inbox they came to.
struct Waiting<T> {
    departments: BTreeMap<DepartmentId, Inboxes<T>>,
    share: FairShare<DepartmentId>,
    count: usize,
    bytes: usize,
}

/// What waits in a department's inboxes. Departments are few, and stay; inboxes where nothing waits go.
struct Inboxes<T> {
    waiting: BTreeMap<InboxId, VecDeque<(Size, T)>>,
    share: FairShare<InboxId>,
    count: usize,
    bytes: usize,
}

impl<T> Default for Waiting<T> {
    fn default() -> Self {
        Self { departments: BTreeMap::new(), share: FairShare::default(), count: 0, bytes: 0 }
    }
}

impl<T> Default for Inboxes<T> {
    fn default() -> Self {
        Self { waiting: BTreeMap::new(), share: FairShare::default(), count: 0, bytes: 0 }
    }
}

impl<T> Waiting<T> {
    /// Adds a thing, unless its department has its share of the room.
    fn push(
        &mut self,
        department: DepartmentId,
        inbox: InboxId,
        size: Size,
        thing: T,
    ) -> Result<(), (T, Bound)> {
        let inboxes = self.departments.entry(department).or_default();
        if !may_take_more(inboxes.count, self.count, WAITING_MAX) {
            return Err((thing, Bound::Count));
        }
        if !may_take_more(inboxes.bytes, self.bytes, WAITING_BYTES_MAX) {
            return Err((thing, Bound::Bytes));
        }
        inboxes.waiting.entry(inbox).or_default().push_back((size, thing));
        inboxes.count += 1;
        inboxes.bytes += size.bytes;
        self.count += 1;
        self.bytes += size.bytes;
        Ok(())
    }

    /// Takes what is stored next, in common.
    fn take_batch(&mut self) -> Vec<T> {
        let (mut batch, mut cost) = (Vec::new(), 0);
        while batch.len() < BATCH_MAX {
            // What is large is stored by itself, rather than with others that would wait for it.
            let room = if batch.is_empty() { u64::MAX } else { BATCH_COST_MAX.saturating_sub(cost) };
            let Some((size, thing)) = self.take(room) else { break };
            cost += size.cost;
            batch.push(thing);
        }
        batch
    }

    /// The thing whose turn it is, unless it costs more than that.
    fn take(&mut self, cost_max: u64) -> Option<(Size, T)> {
        let waiting = self.departments.iter().filter(|(_, it)| it.count > 0);
        let department = self.share.next(waiting.map(|(department, _)| *department))?;
        let (size, thing) = self.departments.get_mut(&department)?.take(cost_max)?;
        self.share.charge(department, size.cost);
        self.count -= 1;
        self.bytes -= size.bytes;
        Some((size, thing))
    }
}

impl<T> Inboxes<T> {
    fn take(&mut self, cost_max: u64) -> Option<(Size, T)> {
        let inbox = self.share.next(self.waiting.keys().copied())?;
        let waiting = self.waiting.get_mut(&inbox)?;
        if waiting.front()?.0.cost > cost_max {
            return None;
        }
        let (size, thing) = waiting.pop_front()?;
        if waiting.is_empty() {
            self.waiting.remove(&inbox);
        }
        self.share.charge(inbox, size.cost);
        self.count -= 1;
        self.bytes -= size.bytes;
        Some((size, thing))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::arrival::Edit;
    use crate::domain::time::Timestamp;

    const FLOODED: DepartmentId = DepartmentId(1);
    const OTHER: DepartmentId = DepartmentId(2);

    fn costs(cost: u64) -> Size {
        Size { cost, bytes: 0 }
    }

    /// A queue in which so many things wait for one inbox.
    fn flooded(count: usize, cost: u64) -> Waiting<&'static str> {
        let mut waiting = Waiting::default();
        for _ in 0..count {
            let _ = waiting.push(FLOODED, InboxId(1), costs(cost), "flood");
        }
        waiting
    }

    #[test]
    fn a_flood_keeps_no_other_departments_delivery_out_of_the_next_batch() {
        let mut waiting = flooded(10_000, 2);
        waiting.push(OTHER, InboxId(2), costs(2), "other").unwrap();
        let batch = waiting.take_batch();
        assert_eq!(batch.len(), BATCH_MAX);
        assert!(batch[..2].contains(&"other"), "it is among the first");
    }

    #[test]
    fn a_flood_keeps_no_other_inboxs_delivery_of_its_department_out_of_the_next_batch() {
        let mut waiting = flooded(1_000, 2);
        waiting.take_batch();
        waiting.push(FLOODED, InboxId(2), costs(2), "other").unwrap();
        assert!(waiting.take_batch()[..2].contains(&"other"));
    }

    #[test]
    fn departments_share_a_batch_by_what_their_deliveries_cost() {
        let mut waiting = flooded(500, 3);
        for inbox in 2..12 {
            for _ in 0..50 {
                waiting.push(OTHER, InboxId(inbox), costs(1), "other").unwrap();
            }
        }
        let batch = waiting.take_batch();
        let others = batch.iter().filter(|it| **it == "other").count();
        assert!((190..=194).contains(&others), "three quarters, however many inboxes: {others}");
    }

    #[test]
    fn a_flood_leaves_room_to_others() {
        let mut waiting = flooded(10_000, 1);
        assert_eq!(waiting.count, WAITING_MAX / 2);
        assert!(waiting.push(OTHER, InboxId(2), costs(1), "other").is_ok());
        assert!(waiting.push(FLOODED, InboxId(3), costs(1), "flood").is_err(), "by another inbox either");
    }

    #[test]
    fn a_batch_holds_one_delivery_of_many_items_at_most() {
        let mut waiting = flooded(3, 1_001);
        for _ in 0..10 {
            waiting.push(OTHER, InboxId(2), costs(2), "other").unwrap();
        }
        let mut sizes = Vec::new();
        loop {
            let batch = waiting.take_batch();
            if batch.is_empty() {
                break;
            }
            sizes.push(batch.len());
        }
        assert_eq!(sizes.iter().sum::<usize>(), 13);
        assert!(sizes.len() >= 3, "each of the large ones in a batch of its own: {sizes:?}");
    }

    #[test]
    fn large_items_of_short_deliveries_are_stored_a_few_at_a_time() {
        let edit = Edit {
            external_id: "a".to_owned(),
            text: Some("x".repeat(9 << 20)),
            subject: None,
            html: None,
            edited_at: Timestamp::from_ms(0),
        };
        let size = Size::of(1, &IntakeContent::Arrivals(vec![Arrival::Edit(edit)]), None);
        assert!(size.bytes > 9 << 20);
        let mut waiting = Waiting::default();
        for _ in 0..2 {
            waiting.push(FLOODED, InboxId(1), size, "large").unwrap();
            waiting.push(FLOODED, InboxId(1), costs(2), "small").unwrap();
        }
        assert_eq!(waiting.take_batch(), ["large", "small"]);
        assert_eq!(waiting.take_batch(), ["large", "small"]);
    }

    #[test]
    fn what_adapters_made_of_deliveries_is_bounded_in_bytes() {
        let large = Size { cost: 2, bytes: 16 << 20 };
        let mut waiting = Waiting::default();
        let taken = (0..100).filter(|_| waiting.push(FLOODED, InboxId(1), large, "flood").is_ok()).count();
        assert!(taken * large.bytes <= WAITING_BYTES_MAX / 2, "{taken}");
        let refused = waiting.push(FLOODED, InboxId(3), costs(1), "flood");
        assert_eq!(refused, Err(("flood", Bound::Bytes)), "its share is full");
        assert!(waiting.push(OTHER, InboxId(2), large, "other").is_ok());
        while !waiting.take_batch().is_empty() {}
        assert_eq!(waiting.bytes, 0);
        assert!(waiting.push(FLOODED, InboxId(1), large, "flood").is_ok(), "all room is given back");
    }
}
