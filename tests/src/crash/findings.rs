//! What was found wrong, and what it was found in.

use std::fmt;
use std::ops::AddAssign;

/// What must not be.
#[derive(Debug, Default)]
pub struct Findings {
    /// It was answered and is gone.
    pub lost: Vec<String>,
    /// It took effect twice.
    pub doubled: Vec<String>,
    /// It did not end as it should.
    pub unfinished: Vec<String>,
}

impl Findings {
    /// Whether everything is as it should be.
    pub fn is_empty(&self) -> bool {
        self.lost.is_empty() && self.doubled.is_empty() && self.unfinished.is_empty()
    }
}

impl AddAssign for Findings {
    fn add_assign(&mut self, more: Self) {
        self.lost.extend(more.lost);
        self.doubled.extend(more.doubled);
        self.unfinished.extend(more.unfinished);
    }
}

/// What was done.
#[derive(Debug, Default)]
pub struct Figures {
    /// How often a host was killed.
    pub kills: usize,
    /// How often its power was cut after that.
    pub cuts: usize,
    /// In how many of those something was written and not synchronised.
    pub with_loss: usize,
    /// In how many of those the database file itself was, and not only its log.
    pub while_carrying_over: usize,
    /// Items that were answered.
    pub items: usize,
    /// Replies that were answered.
    pub replies: usize,
    /// Of those, how many were left to an agent, because nobody knows whether they were sent.
    pub parked: usize,
    /// Decisions that were made.
    pub decisions: usize,
    /// What is wrong.
    pub findings: Findings,
}

impl AddAssign for Figures {
    fn add_assign(&mut self, more: Self) {
        self.kills += more.kills;
        self.cuts += more.cuts;
        self.with_loss += more.with_loss;
        self.while_carrying_over += more.while_carrying_over;
        self.items += more.items;
        self.replies += more.replies;
        self.parked += more.parked;
        self.decisions += more.decisions;
        self.findings += more.findings;
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kills, cuts, with_loss, while_carrying_over, .. } = self;
        let Self { items, replies, parked, decisions, .. } = self;
        let Findings { lost, doubled, unfinished } = &self.findings;
        match cuts {
            0 => writeln!(f, "{kills} kills")?,
            _ => writeln!(
                f,
                "{cuts} cuts of the power, {with_loss} of them with writes not synchronised, \
                 {while_carrying_over} while the log was carried over"
            )?,
        }
        writeln!(
            f,
            "{items} items and {replies} replies answered ({parked} left to an agent), {decisions} decisions"
        )?;
        write!(f, "{} lost, {} doubled, {} unfinished", lost.len(), doubled.len(), unfinished.len())?;
        for what in lost.iter().chain(doubled).chain(unfinished).take(20) {
            write!(f, "\n  {what}")?;
        }
        Ok(())
    }
}
