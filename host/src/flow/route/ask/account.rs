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
use crate::plugin::Budget;

/// An owner's policies use four calls' fuel for a case (quota `case-ms`: 200 ms for a case of ordinary size, at a
/// million units a millisecond). An ordinary call uses a thousandth of one.
const CALLS_MAX: u64 = 4;

/// Of processor time they use as much as two calls may take by the wall clock: for work that burns little fuel.
const WALLS_MAX: u128 = 2;

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
    /// Why a policy of this owner is not called any more, where a call of it may use this much.
    ///
    /// Policies in shadow have half of it, wherever they stand in the pipeline, so that they leave the rest to
    /// the active ones. The last call may exceed it, so that what a call may use depends on the case alone.
    pub(super) fn exceeded(
        &mut self,
        owner: Option<DepartmentId>,
        mode: Mode,
        call: &Budget,
    ) -> Option<String> {
        let Account { fuel, cpu_micros, .. } = *self.of(owner);
        let halves = if mode == Mode::Active { 2 } else { 1 };
        let fuel_max = call.fuel.saturating_mul(CALLS_MAX) / 2 * halves;
        let micros_max = call.wall.as_micros().saturating_mul(WALLS_MAX) / 2 * u128::from(halves);
        let exceeded = fuel >= fuel_max || u128::from(cpu_micros) >= micros_max;
        exceeded.then(|| {
            format!(
                "case-ms: the policies of its owner used {fuel} units of fuel and {} ms for this case; let fewer of them cover it",
                cpu_micros / 1_000
            )
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

    #[test]
    fn owner_that_used_its_budget_leaves_the_others_theirs() {
        let mut accounts = Accounts::default();
        accounts.charge(ONE, 4 * Budget::POLICY.fuel, 0);
        assert!(accounts.exceeded(ONE, Mode::Active, &Budget::POLICY).unwrap().starts_with("case-ms"));
        assert_eq!(accounts.exceeded(None, Mode::Active, &Budget::POLICY), None);
    }

    #[test]
    fn shadows_leave_half_of_the_budget_to_active_policies() {
        let mut accounts = Accounts::default();
        accounts.charge(ONE, 1_000, 120_000);
        assert!(accounts.exceeded(ONE, Mode::Shadow, &Budget::POLICY).is_some());
        assert_eq!(accounts.exceeded(ONE, Mode::Active, &Budget::POLICY), None);
        accounts.charge(ONE, 1_000, 80_000);
        assert!(accounts.exceeded(ONE, Mode::Active, &Budget::POLICY).is_some());
    }
}
