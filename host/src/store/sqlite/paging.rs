//! Pages of lists.

use crate::store::{Page, PageRequest};

/// A page that was asked for by the last id seen. A full page may be followed by an empty one.
pub(super) fn by_id<T>(entries: Vec<T>, request: PageRequest, id: impl Fn(&T) -> i64) -> Page<T> {
    let full = entries.len() >= request.limit as usize;
    let next = entries.last().filter(|_| full).map(id);
    Page { entries, next }
}

/// A page that was asked for by how many entries were seen.
pub(super) fn by_offset<T>(entries: Vec<T>, request: PageRequest) -> Page<T> {
    let full = !entries.is_empty() && entries.len() >= request.limit as usize;
    let next = full.then(|| request.after.unwrap_or(0) + entries.len() as i64);
    Page { entries, next }
}
