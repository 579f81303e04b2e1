//! The items of a batch, with keys that can be stored.

use std::borrow::Cow;

use crate::domain::arrival::Arrival;
use crate::domain::ids::{ContactId, IdentityId, ItemId};
use crate::domain::item::{Direction, Item};
use crate::domain::threading::{Reference, ThreadItem, Writer, nearest_of};
use crate::store::{IntakeContent, IntakeEntry};

/// An item of the batch that is not in the repository yet.
pub(super) struct Fresh<'a> {
    /// Which entry brought it.
    pub(super) entry: usize,
    /// Which of the entry's arrivals it is.
    pub(super) arrival: usize,
    /// Whose words.
    pub(super) direction: Direction,
    /// Its id-to-be.
    pub(super) id: ItemId,
    /// What it says.
    pub(super) item: Cow<'a, Item>,
    /// Who wrote it, once that was looked up; absent for the company's own words.
    pub(super) author: Option<(IdentityId, ContactId)>,
}

impl Fresh<'_> {
    /// Whether somebody outside wrote it.
    pub(super) fn is_inbound(&self) -> bool {
        self.direction == Direction::Inbound
    }

    /// Its key.
    pub(super) fn key(&self, entries: &[IntakeEntry]) -> Reference {
        (entries[self.entry].inbox.id, self.item.external_id.clone())
    }

    /// What threading needs of it.
    pub(super) fn thread_item(&self, entries: &[IntakeEntry]) -> ThreadItem<'_> {
        let entry = &entries[self.entry];
        let writer = match self.author {
            None => Writer::Company,
            Some(_) if self.item.author.is_anonymous() => Writer::Anonymous,
            Some((_, contact)) => Writer::Contact(contact),
        };
        ThreadItem {
            inbox: entry.inbox.id,
            external_id: &self.item.external_id,
            in_reply_to: &self.item.in_reply_to,
            nearest: nearest_of(arrivals(entry).len()),
            writer,
            is_vouched: entry.is_authentic && !self.item.kind.names_its_parents_itself(),
        }
    }
}

/// How many external ids an entry has looked up, its items' references among them.
pub(super) fn named_by(entry: &IntakeEntry) -> usize {
    let nearest = nearest_of(arrivals(entry).len());
    let named = |arrival: &Arrival| match arrival {
        Arrival::Item(item) | Arrival::Echo(item) => 1 + item.in_reply_to.len().min(nearest),
        Arrival::Edit(_) | Arrival::Deletion(_) | Arrival::Status(_) => 1,
    };
    arrivals(entry).iter().map(named).sum()
}

/// The arrivals of an entry.
pub(super) fn arrivals(entry: &IntakeEntry) -> &[Arrival] {
    match &entry.content {
        IntakeContent::Arrivals(arrivals) => arrivals,
        IntakeContent::Unparsed { .. } => &[],
    }
}

/// What stands in place of what was erased begins so. Nothing from outside does: it would lead there.
const RESERVED: &str = "erased:";

/// A key as it is stored: see [`crate::store::sqlite::rows`] on NUL.
pub(in crate::store::sqlite) fn storable(key: &str) -> Cow<'_, str> {
    let is_reserved = key.starts_with(RESERVED);
    if !is_reserved && !key.contains('\0') {
        return Cow::Borrowed(key);
    }
    let begin = if is_reserved { "\u{fffd}" } else { "" };
    Cow::Owned(begin.to_owned() + &key.replace('\0', "\u{fffd}"))
}

/// The item with keys that can be stored. One without an external id is known by the id it gets
/// here: nothing can repeat it.
pub(super) fn with_storable_keys(item: &Item, id: ItemId) -> Cow<'_, Item> {
    let strange = |key: &String| matches!(storable(key), Cow::Owned(_));
    if !item.external_id.is_empty()
        && !strange(&item.external_id)
        && !strange(&item.author.external_id)
        && !item.in_reply_to.iter().any(strange)
    {
        return Cow::Borrowed(item);
    }
    let mut item = item.clone();
    item.external_id = match item.external_id.as_str() {
        "" => id.to_string(),
        given => storable(given).into_owned(),
    };
    item.author.external_id = storable(&item.author.external_id).into_owned();
    for reference in &mut item.in_reply_to {
        *reference = storable(reference).into_owned();
    }
    Cow::Owned(item)
}
