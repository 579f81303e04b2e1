//! Who named an id, as `thread_references` keeps it: a contact, or one of two who are none.

use crate::domain::ids::ContactId;
use crate::domain::threading::Evidence;

/// The company sent an item under this id, which is known by another now.
pub(in crate::store::sqlite) const SENT: i64 = 0;

/// An item of a writer who proves nothing.
const NAMED: i64 = -1;

/// Evidence as its column.
pub(super) fn column(evidence: Evidence) -> i64 {
    match evidence {
        Evidence::Contact(contact) => contact.0,
        Evidence::Sent => SENT,
        Evidence::Named => NAMED,
    }
}

/// A column as evidence.
pub(super) fn of_column(column: i64) -> Evidence {
    match column {
        SENT => Evidence::Sent,
        NAMED => Evidence::Named,
        contact => Evidence::Contact(ContactId(contact)),
    }
}
