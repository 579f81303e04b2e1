//! What the policies of each owner have used of a case: time, and room among what later policies are shown.
//!
//! Without it one department's ten slow policies would take the time of everybody's items, and its proposals the
//! fuel of the company's policies.

use crate::domain::activation::Mode;
use crate::domain::case::shown::{EARLIER_BYTES_MAX, EARLIER_MAX, earlier_bytes};
use crate::domain::case::{Case, EarlierProposal};
use crate::domain::ids::DepartmentId;
use crate::domain::merge::limits::PROPOSALS_MAX;
use crate::domain::proposal::Proposal;
use crate::domain::quota::Quota;
use crate::plugin::Budget;

/// What the quota `case-fuel` counts in.
const QUOTA_UNIT: u64 = 1_000_000;

/// Processor time that the quota's unit is worth: a millisecond, several times what burning it takes. For
/// work that burns little fuel.
const MICROS_PER_QUOTA_UNIT: u64 = 1_000;

/// What one owner hands on to later policies, a quarter of what all may: as many proposals as one policy may make.
const HANDED_ON_MAX: usize = PROPOSALS_MAX;
const HANDED_ON_BYTES_MAX: usize = EARLIER_BYTES_MAX / 4;

/// Every owner's share of one case.
#[derive(Default)]
pub(super) struct Accounts {
    accounts: Vec<(Option<DepartmentId>, Account)>,
}

#[derive(Default)]
struct Account {
    fuel: u64,
    cpu_micros: u64,
    handed_on: usize,
    handed_on_bytes: usize,
}

impl Accounts {
    /// Why a policy of this owner is not called any more, where a call of it may use this much and the owner's
    /// quota is so many million units. The quota is that of a case of ordinary size: it grows as a call's
    /// budget does.
    ///
    /// Policies in shadow have half of it, wherever they stand in the pipeline, so that they leave the rest to
    /// the active ones. The last call may exceed it, so that what a call may use depends on the case alone.
    pub(super) fn exceeded(
        &mut self,
        owner: Option<DepartmentId>,
        mode: Mode,
        call: &Budget,
        quota: u64,
    ) -> Option<String> {
        let Account { fuel, cpu_micros, .. } = *self.of(owner);
        let per_mille = call.fuel.saturating_mul(1_000) / Budget::POLICY.fuel;
        let share = if mode == Mode::Active { 1 } else { 2 };
        let most = |per_unit: u64| (quota.saturating_mul(per_unit) / share / 1_000).saturating_mul(per_mille);
        let exceeded = fuel >= most(QUOTA_UNIT) || cpu_micros >= most(MICROS_PER_QUOTA_UNIT);
        exceeded.then(|| {
            let (name, ms) = (Quota::CaseFuel.name(), cpu_micros / 1_000);
            format!("the quota `{name}`: the policies of its owner used {fuel} units of fuel and {ms} ms for this case")
        })
    }

    pub(super) fn charge(&mut self, owner: Option<DepartmentId>, fuel: u64, cpu_micros: u64) {
        let account = self.of(owner);
        account.fuel += fuel;
        account.cpu_micros += cpu_micros;
    }

    /// Shows later policies what one proposed, as far as there is room.
    pub(super) fn hand_on<'a>(
        &mut self,
        owner: Option<DepartmentId>,
        by: &str,
        proposals: impl Iterator<Item = &'a Proposal>,
        case: &mut Case,
    ) {
        let mut left = EARLIER_BYTES_MAX.saturating_sub(case.earlier.iter().map(earlier_bytes).sum());
        let account = self.of(owner);
        for proposal in proposals {
            let earlier = EarlierProposal { by: by.to_owned(), proposal: proposal.clone() };
            let bytes = earlier_bytes(&earlier);
            let has_room = account.handed_on < HANDED_ON_MAX
                && account.handed_on_bytes + bytes <= HANDED_ON_BYTES_MAX
                && case.earlier.len() < EARLIER_MAX
                && bytes <= left;
            if has_room {
                account.handed_on += 1;
                account.handed_on_bytes += bytes;
                left -= bytes;
                case.earlier.push(earlier);
            }
        }
    }

    fn of(&mut self, owner: Option<DepartmentId>) -> &mut Account {
        let index = self.accounts.iter().position(|(it, _)| *it == owner).unwrap_or_else(|| {
            self.accounts.push((owner, Account::default()));
            self.accounts.len() - 1
        });
        &mut self.accounts[index].1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Option<DepartmentId> = Some(DepartmentId(1));

    /// By a quota of 200 million units, on a case of ordinary size.
    fn is_over(accounts: &mut Accounts, owner: Option<DepartmentId>, mode: Mode) -> bool {
        accounts.exceeded(owner, mode, &Budget::POLICY, 200).is_some()
    }

    #[test]
    fn owner_that_used_its_budget_leaves_the_others_theirs() {
        let mut accounts = Accounts::default();
        accounts.charge(ONE, 4 * Budget::POLICY.fuel, 0);
        assert!(is_over(&mut accounts, ONE, Mode::Active));
        assert!(!is_over(&mut accounts, None, Mode::Active));
    }

    #[test]
    fn shadows_leave_half_of_the_budget_to_active_policies() {
        let mut accounts = Accounts::default();
        accounts.charge(ONE, 1_000, 120_000);
        assert!(is_over(&mut accounts, ONE, Mode::Shadow) && !is_over(&mut accounts, ONE, Mode::Active));
        accounts.charge(ONE, 1_000, 80_000);
        assert!(is_over(&mut accounts, ONE, Mode::Active));
    }

    #[test]
    fn budget_grows_with_the_case_as_a_calls_does() {
        let mut accounts = Accounts::default();
        let large = Budget { fuel: 3 * Budget::POLICY.fuel, ..Budget::POLICY };
        accounts.charge(ONE, 500_000_000, 0);
        assert_eq!(accounts.exceeded(ONE, Mode::Active, &large, 200), None);
        accounts.charge(ONE, 100_000_000, 0);
        assert!(accounts.exceeded(ONE, Mode::Active, &large, 200).unwrap().contains("`case-fuel`"));
    }
}
