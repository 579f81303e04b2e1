//! How much one decision may change, altogether and for each owner of policies.
//!
//! An owner has a share of its own, so that one department's notes leave room for the company's destination.

use std::collections::HashMap;

use crate::domain::ids::DepartmentId;

/// What is applied in one decision, as JSON: less than half of [`DECISION_BYTES_MAX`](crate::domain::decision::record::DECISION_BYTES_MAX),
/// because the contributions repeat it.
pub const OUTCOME_BYTES_MAX: usize = 96 * 1024;

/// What the policies of one department, or of the company, may have applied in one decision: a note of
/// the largest size in any script, and much besides.
pub const OWNER_BYTES_MAX: usize = 24 * 1024;

/// What was applied so far.
#[derive(Default)]
pub(super) struct Totals {
    bytes: usize,
    by_owner: HashMap<Option<DepartmentId>, usize>,
}

impl Totals {
    /// Why a further proposal of this size is not applied.
    pub(super) fn refused(&self, owner: Option<DepartmentId>, bytes: usize) -> Option<String> {
        let owned = self.by_owner.get(&owner).copied().unwrap_or_default();
        if owned + bytes > OWNER_BYTES_MAX {
            return Some(format!(
                "decision-bytes: the policies of one owner change at most {OWNER_BYTES_MAX} bytes in one decision; propose less"
            ));
        }
        (self.bytes + bytes > OUTCOME_BYTES_MAX).then(|| {
            format!("decision-bytes: one decision changes at most {OUTCOME_BYTES_MAX} bytes; propose less")
        })
    }

    pub(super) fn add(&mut self, owner: Option<DepartmentId>, bytes: usize) {
        self.bytes += bytes;
        *self.by_owner.entry(owner).or_default() += bytes;
    }
}
