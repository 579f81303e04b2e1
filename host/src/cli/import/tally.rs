//! What an import came to.

use std::fmt;

use crate::flow::import::Imported;
use crate::flow::ingest::ReceivedOutcome;

/// How many of what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Records taken in.
    pub records: u64,
    /// Items that are new.
    pub new: u64,
    /// Items that were in the repository already.
    pub duplicates: u64,
    /// Edits, deletions and statuses that took effect.
    pub changes: u64,
    /// Edits, deletions and statuses of items that are not in the repository.
    pub unknown: u64,
    /// Records that no adapter could read; they are kept.
    pub unparsed: u64,
    /// Records that an earlier import took in.
    pub before: u64,
    /// Records that were not taken in at all.
    pub refused: u64,
}

impl Tally {
    /// Counts a record.
    pub fn count(&mut self, imported: &Imported) {
        self.records += 1;
        let Imported::Received(received) = imported else {
            self.before += 1;
            return;
        };
        match &received.outcome {
            ReceivedOutcome::Unparsed { .. } => self.unparsed += 1,
            ReceivedOutcome::Accepted(committed) => {
                self.new += committed.items.len() as u64;
                self.duplicates += u64::from(committed.duplicates);
                self.changes += u64::from(committed.changes);
                self.unknown += u64::from(committed.unknown);
            }
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} records: {} new items, {} duplicates", self.records, self.new, self.duplicates)?;
        let rarely = [
            (self.before, "imported before"),
            (self.changes, "changes"),
            (self.unknown, "changes of items that are not here"),
            (self.unparsed, "unparsed (kept; see GET /v1/deliveries?outcome=unparsed)"),
            (self.refused, "not taken in"),
        ];
        rarely
            .iter()
            .filter(|(count, _)| *count > 0)
            .try_for_each(|(count, what)| write!(f, ", {count} {what}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::DeliveryId;
    use crate::flow::ingest::Received;
    use crate::store::IntakeCommitted;

    #[test]
    fn what_did_not_happen_is_not_mentioned() {
        let delivery = DeliveryId(1);
        let received = |outcome| Imported::Received(Received { delivery, outcome, response: None });
        let mut tally = Tally::default();
        tally.count(&received(ReceivedOutcome::Accepted(IntakeCommitted {
            duplicates: 2,
            ..IntakeCommitted::default()
        })));
        assert_eq!(tally.to_string(), "1 records: 0 new items, 2 duplicates");
        tally.count(&received(ReceivedOutcome::Unparsed { reason: "malformed: x".to_owned() }));
        tally.count(&Imported::Before(delivery));
        assert!(tally.to_string().starts_with("3 records: "), "{tally}");
        assert!(tally.to_string().contains("1 imported before, 1 unparsed"), "{tally}");
    }
}
