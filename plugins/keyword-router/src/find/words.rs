//! All words in one pass.

use aho_corasick::{AhoCorasick, MatchKind};

use super::FindError;
use crate::fold;

/// An automaton of folded words.
#[derive(Debug)]
pub struct Words {
    automaton: AhoCorasick,
}

impl Words {
    pub fn new(folded: &[String]) -> Result<Self, FindError> {
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .build(folded)
            .map_err(FindError::WordsSize)?;
        Ok(Self { automaton })
    }

    /// Hands the number of each word to `found`, perhaps more than once.
    pub fn find(&self, folded: &str, mut found: impl FnMut(usize)) {
        for hit in self.automaton.find_overlapping_iter(folded) {
            let (before, word) = folded.split_at(hit.start());
            let (word, after) = word.split_at(hit.len());
            let begins = !fold::is_joined(before.chars().next_back(), word.chars().next());
            let ends = !fold::is_joined(word.chars().next_back(), after.chars().next());
            if begins && ends {
                found(hit.pattern().as_usize());
            }
        }
    }
}
