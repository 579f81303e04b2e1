//! Pages of lists.

use crate::store::{Page, PageRequest};

/// A page that was asked for by the last id seen. A full page may be followed by an empty one.
pub(super) fn by_id<T>(entries: Vec<T>, request: PageRequest, id: impl Fn(&T) -> i64) -> Page<T> {
    let full = entries.len() >= request.limit as usize;
    let next = entries.last().filter(|_| full).map(id);
    Page { entries, next }
}

/// Bytes on a page: what a screen shows many times over, and little enough that a page of any list can be made
/// for every reader at once.
const PAGE_BYTES_MAX: i64 = 1024 * 1024;

/// What a page holds.
pub(super) struct Fitting {
    /// The ids of its entries.
    pub(super) ids: Vec<i64>,
    /// The last of them, where there may be more.
    pub(super) next: Option<i64>,
}

/// The first of these entries (their ids and bytes) that are no more than a page in bytes either; at least one.
pub(super) fn fitting(sizes: &[(i64, i64)], request: PageRequest) -> Fitting {
    let mut bytes = 0;
    let fits = |(_, size): &&(i64, i64)| {
        let is_first = bytes == 0;
        bytes += size.max(&1);
        is_first || bytes <= PAGE_BYTES_MAX
    };
    let ids: Vec<i64> = sizes.iter().take_while(fits).map(|(id, _)| *id).collect();
    let has_more = ids.len() < sizes.len() || ids.len() >= request.limit as usize;
    let next = ids.last().copied().filter(|_| has_more);
    Fitting { ids, next }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(sizes: &[i64], limit: u32) -> (Vec<i64>, Option<i64>) {
        let sizes: Vec<(i64, i64)> = (1..).zip(sizes.iter().copied()).collect();
        let Fitting { ids, next } = fitting(&sizes, PageRequest { after: None, limit });
        (ids, next)
    }

    #[test]
    fn a_page_ends_at_its_bytes_and_goes_on_behind_them() {
        let half = PAGE_BYTES_MAX / 2;
        assert_eq!(page(&[half, half, 1], 50), (vec![1, 2], Some(2)));
        assert_eq!(page(&[half, half + 1], 50), (vec![1], Some(1)));
        assert_eq!(page(&[40 * PAGE_BYTES_MAX, 1], 50), (vec![1], Some(1)), "one at least");
    }

    #[test]
    fn a_page_ends_at_its_entries_or_at_the_end() {
        assert_eq!(page(&[1, 1], 2), (vec![1, 2], Some(2)));
        assert_eq!(page(&[1, 1], 3), (vec![1, 2], None));
        assert_eq!(page(&[], 3), (vec![], None));
    }
}
