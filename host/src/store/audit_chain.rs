//! The audit log's chain: each entry's link is a digest of the entry and of the link before it, so that
//! none can be changed, taken out or put in between without breaking every link behind it.
//!
//! The last link is kept a second time, beside the log, so that entries cut off at the end are missed.
//! Whoever may write the whole file can make a new chain; a copy of the last link kept elsewhere (it is
//! what `switchboard audit verify` prints) shows that too.

use sha2::{Digest, Sha256};

use crate::domain::ids::AuditId;

/// An entry's place in the chain.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Link {
    /// 1 for the first entry.
    pub number: i64,
    /// SHA-256, hexadecimal; empty before the first entry.
    pub sha256: String,
}

/// An entry as it stands in the file, letter by letter: what is written in another way is another entry.
#[derive(Clone, Copy, Debug)]
pub struct Written<'a> {
    /// Its id.
    pub id: AuditId,
    /// When, in milliseconds.
    pub at_ms: i64,
    /// Who, as JSON.
    pub principal: &'a str,
    /// What was done.
    pub action: &'a str,
    /// To what.
    pub subject: &'a str,
    /// More ids, as JSON.
    pub detail: &'a str,
}

impl Link {
    /// The link of the entry that follows this one.
    pub fn next(&self, entry: Written<'_>) -> Self {
        let number = self.number + 1;
        let Written { id, at_ms, principal, action, subject, detail } = entry;
        // A JSON array says where one field ends and the next begins.
        let content =
            serde_json::json!([self.sha256, number, id.0, at_ms, principal, action, subject, detail]);
        let digest = Sha256::digest(content.to_string().as_bytes());
        Self { number, sha256: digest.iter().map(|byte| format!("{byte:02x}")).collect() }
    }
}

/// Whether the log is what was written.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct AuditVerification {
    /// Entries that are in the chain and fit.
    pub verified: u64,
    /// Entries from before there was a chain: nothing is known of them.
    pub before_chain: u64,
    /// The last link that fits, SHA-256 in hexadecimal; empty when there is none.
    pub last_link: String,
    /// The first entry that does not fit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub broken: Option<BrokenLink>,
}

/// The first place where the chain does not hold.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct BrokenLink {
    /// Its number in the chain.
    pub number: i64,
    /// The entry there; absent where one is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry: Option<AuditId>,
    /// What is wrong.
    pub why: String,
}

/// Walks the chain, entry by entry.
#[derive(Debug, Default)]
pub struct Walk {
    last: Link,
}

impl Walk {
    /// Goes on to an entry that was found with this link, by number.
    pub fn step(&mut self, found: &Link, entry: Written<'_>) -> Result<(), BrokenLink> {
        let expected = self.last.next(entry);
        if found.number != expected.number {
            let why =
                format!("the entry with this number is missing; the next one there is {}", found.number);
            return Err(BrokenLink { number: expected.number, entry: None, why });
        }
        if *found != expected {
            let why = "the entry is not what was written, or not in its place".to_owned();
            return Err(BrokenLink { number: found.number, entry: Some(entry.id), why });
        }
        self.last = expected;
        Ok(())
    }

    /// Compares the end with the last link as it was kept beside the log.
    pub fn end(&self, kept: &Link) -> Result<(), BrokenLink> {
        if self.last == *kept {
            return Ok(());
        }
        let why = match self.last.number < kept.number {
            true => format!("the log ends here; it went on to number {}", kept.number),
            false => format!("the log goes on here, but was known to end at number {}", kept.number),
        };
        Err(BrokenLink { number: self.last.number.min(kept.number) + 1, entry: None, why })
    }

    /// How far it fits.
    pub fn verification(self, before_chain: u64, broken: Option<BrokenLink>) -> AuditVerification {
        let verified = self.last.number.unsigned_abs();
        AuditVerification { verified, before_chain, last_link: self.last.sha256, broken }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACTIONS: [&str; 4] = ["one", "two", "three", "four"];

    fn entry(index: usize) -> Written<'static> {
        let (id, action) = (AuditId(index as i64 + 10), ACTIONS[index]);
        Written { id, at_ms: 7, principal: "{}", action, subject: "x", detail: "null" }
    }

    type Chain = Vec<(Link, Written<'static>)>;

    /// The chain of the actions.
    fn chain() -> Chain {
        let mut last = Link::default();
        let link = |index| {
            last = last.next(entry(index));
            (last.clone(), entry(index))
        };
        (0..ACTIONS.len()).map(link).collect()
    }

    fn walk(chain: &[(Link, Written<'_>)], kept: &Link) -> Result<(), BrokenLink> {
        let mut walk = Walk::default();
        for (link, entry) in chain {
            walk.step(link, *entry)?;
        }
        walk.end(kept)
    }

    #[test]
    fn what_was_written_fits() {
        let chain = chain();
        assert_eq!(walk(&chain, &chain[3].0), Ok(()));
    }

    #[test]
    fn the_first_entry_that_does_not_fit_is_named() {
        let whole = chain();
        let kept = whole[3].0.clone();
        let broken_at = |change: &dyn Fn(&mut Chain)| {
            let mut changed = chain();
            change(&mut changed);
            let broken = walk(&changed, &kept).unwrap_err();
            (broken.number, broken.entry.map(|it| it.0))
        };
        assert_eq!(broken_at(&|it| it[1].1.subject = "y"), (2, Some(11)), "changed");
        assert_eq!(broken_at(&|it| it[1].1.detail = "{}"), (2, Some(11)), "changed");
        assert_eq!(broken_at(&|it| drop(it.remove(1))), (2, None), "taken out");
        assert_eq!(broken_at(&|it| (it[1].1, it[2].1) = (it[2].1, it[1].1)), (2, Some(12)), "swapped");
        assert_eq!(broken_at(&|it| drop(it.pop())), (4, None), "cut off");
        let put_in =
            |it: &mut Vec<(Link, Written<'static>)>| it.insert(1, (it[0].0.next(entry(3)), entry(3)));
        // What is put in fits where it stands; the entry whose place it took does not.
        assert_eq!(broken_at(&put_in), (3, None), "put in between");
    }

    #[test]
    fn an_entry_more_than_is_known_of_is_no_entry_of_ours() {
        let chain = chain();
        assert_eq!(walk(&chain, &chain[2].0).unwrap_err().number, 4);
    }
}
