//! Which inboxes send replies now.
//!
//! Replies wait for the far side for tens of seconds where a channel does not answer, so there are places for
//! many inboxes at once, and no department takes the last of them.

use std::collections::HashMap;

use crate::domain::fair_share::may_take_more;
use crate::domain::ids::{DepartmentId, InboxId};

/// From so many inboxes replies are sent at once. A place costs a connection and the texts of a few replies; one
/// department alone has half of them, so 64 of its channels may be silent at once before one of its others waits.
const PLACES: usize = 128;

/// Above so many inboxes, those that send nothing now lose their place in the order.
const REMEMBERED_MAX: usize = 4_096;

/// Who is charged with a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Owner {
    Department(DepartmentId),
    /// The inbox itself, where this host does not know it yet.
    Inbox(InboxId),
}

/// The places, and who has them.
#[derive(Default)]
pub(super) struct SendTurns {
    /// The owner of each inbox that sends now.
    sending: HashMap<InboxId, Owner>,
    taken: HashMap<Owner, usize>,
    /// When each inbox began last, in beginnings.
    began: HashMap<InboxId, u64>,
    beginnings: u64,
}

impl SendTurns {
    /// Gives places to the inboxes that wait, those first that began longest ago.
    pub(super) fn begin(
        &mut self,
        waiting: impl IntoIterator<Item = (InboxId, Option<DepartmentId>)>,
    ) -> Vec<InboxId> {
        let mut waiting: Vec<_> =
            waiting.into_iter().filter(|(inbox, _)| !self.sending.contains_key(inbox)).collect();
        waiting.sort_by_key(|(inbox, _)| (self.began.get(inbox).copied(), *inbox));
        let mut begun = Vec::new();
        for (inbox, department) in waiting {
            let owner = department.map_or(Owner::Inbox(inbox), Owner::Department);
            let taken = self.taken.get(&owner).copied().unwrap_or_default();
            if may_take_more(taken, self.sending.len(), PLACES) {
                self.take(inbox, owner);
                begun.push(inbox);
            }
        }
        begun
    }

    fn take(&mut self, inbox: InboxId, owner: Owner) {
        self.sending.insert(inbox, owner);
        *self.taken.entry(owner).or_default() += 1;
        self.beginnings += 1;
        self.began.insert(inbox, self.beginnings);
        if self.began.len() > REMEMBERED_MAX {
            let sending = &self.sending;
            self.began.retain(|inbox, _| sending.contains_key(inbox));
        }
    }

    /// An inbox gives its place back.
    pub(super) fn end(&mut self, inbox: InboxId) {
        let Some(owner) = self.sending.remove(&inbox) else { return };
        if let Some(taken) = self.taken.get_mut(&owner) {
            *taken -= 1;
            if *taken == 0 {
                self.taken.remove(&owner);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SILENT: DepartmentId = DepartmentId(1);
    const OTHER: DepartmentId = DepartmentId(2);

    fn inboxes(ids: std::ops::Range<i64>, department: DepartmentId) -> Vec<(InboxId, Option<DepartmentId>)> {
        ids.map(|id| (InboxId(id), Some(department))).collect()
    }

    #[test]
    fn a_department_whose_channels_are_all_silent_leaves_places_to_others() {
        let mut turns = SendTurns::default();
        let silent = inboxes(0..1_000, SILENT);
        let begun = turns.begin(silent.clone());
        assert_eq!(begun.len(), PLACES / 2);
        assert_eq!(turns.begin(silent), [], "it has its share");
        assert_eq!(turns.begin(inboxes(2_000..2_001, OTHER)), [InboxId(2_000)]);
    }

    #[test]
    fn an_inbox_that_gave_its_place_back_waits_behind_those_that_had_none() {
        let mut turns = SendTurns::default();
        let all = inboxes(0..PLACES as i64, SILENT);
        let begun = turns.begin(all.clone());
        turns.end(begun[0]);
        let next = turns.begin(all);
        assert_eq!(next.len(), 1);
        assert!(!begun.contains(&next[0]), "{next:?}");
    }

    #[test]
    fn an_inbox_has_one_place() {
        let mut turns = SendTurns::default();
        assert_eq!(turns.begin(inboxes(1..2, SILENT)), [InboxId(1)]);
        assert_eq!(turns.begin(inboxes(1..2, SILENT)), []);
        turns.end(InboxId(1));
        assert_eq!(turns.begin(inboxes(1..2, SILENT)), [InboxId(1)]);
        turns.end(InboxId(1));
        assert!(turns.sending.is_empty() && turns.taken.is_empty());
    }
}
