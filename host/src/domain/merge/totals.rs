//! How much one decision may change, altogether and for each owner of policies.
//!
//! An owner has a share of its own, so that one department's notes leave room for the company's destination.

use std::collections::HashMap;

use crate::domain::ids::DepartmentId;
use crate::domain::quota::{Quota, Quotas};

/// Of the quota `decision-bytes`, so many 32nds are for what is applied, as JSON: less than half, because the
/// contributions repeat it. 96 KiB by default.
const APPLIED_32NDS: usize = 12;

/// And so many for what the policies of one owner have applied: by default 24 KiB, a note of the largest size in
/// any script, and much besides.
const OWNER_32NDS: usize = 3;

/// What was applied so far.
pub(super) struct Totals {
    quota_bytes: usize,
    bytes: usize,
    by_owner: HashMap<Option<DepartmentId>, usize>,
}

impl Totals {
    /// Of a conversation in this department's inbox.
    pub(super) fn of(quotas: &Quotas, department: DepartmentId) -> Self {
        let quota = quotas.value(Some(department), Quota::DecisionBytes);
        let quota_bytes = usize::try_from(quota).unwrap_or(usize::MAX);
        Self { quota_bytes, bytes: 0, by_owner: HashMap::new() }
    }

    /// Why a further proposal of this size is not applied.
    pub(super) fn check(&self, owner: Option<DepartmentId>, bytes: usize) -> Result<(), String> {
        let owned = self.by_owner.get(&owner).copied().unwrap_or_default();
        let share = |parts: usize| self.quota_bytes / 32 * parts;
        let name = Quota::DecisionBytes.name();
        if owned + bytes > share(OWNER_32NDS) {
            let most = share(OWNER_32NDS);
            return Err(format!(
                "the quota `{name}`: the policies of one owner change at most {most} bytes in one decision; propose less"
            ));
        }
        if self.bytes + bytes > share(APPLIED_32NDS) {
            let most = share(APPLIED_32NDS);
            return Err(format!(
                "the quota `{name}`: one decision changes at most {most} bytes; propose less"
            ));
        }
        Ok(())
    }

    pub(super) fn add(&mut self, owner: Option<DepartmentId>, bytes: usize) {
        self.bytes += bytes;
        *self.by_owner.entry(owner).or_default() += bytes;
    }
}
