//! Which words and patterns a text holds.
//!
//! Words and patterns share one numbering. A [`Finder`] answers for a text with the set of numbers it
//! found, in one pass for all words and one for each group of patterns.

mod alphabet;
mod error;
mod patterns;
mod set;
mod table;
mod words;

use regex_syntax::hir::Hir;

pub use self::error::FindError;
pub use self::set::Found;

use self::patterns::Patterns;
use self::words::Words;
use crate::fold;

/// Everything to look for, before it is built.
#[derive(Debug, Default)]
pub struct Wanted {
    words: Vec<String>,
    patterns: Vec<String>,
    /// The patterns, read.
    parsed: Vec<Hir>,
}

/// Names something to look for; only its own [`Finder`] knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needle {
    /// A word.
    Word(usize),
    /// A pattern.
    Pattern(usize),
}

impl Wanted {
    /// Looks for a word; the same word asked for twice is one.
    pub fn word(&mut self, word: &str) -> Needle {
        let folded = fold::folded(&fold::composed(word.trim()));
        Needle::Word(place(&mut self.words, folded))
    }

    /// Looks for a pattern; the same pattern asked for twice is one.
    ///
    /// # Errors
    /// What is wrong with its syntax.
    pub fn pattern(&mut self, pattern: &str) -> Result<Needle, FindError> {
        let composed = fold::composed(pattern).into_owned();
        let parsed = patterns::parse(&composed)?;
        let number = place(&mut self.patterns, composed);
        if number == self.parsed.len() {
            self.parsed.push(parsed);
        }
        Ok(Needle::Pattern(number))
    }
}

fn place(list: &mut Vec<String>, new: String) -> usize {
    list.iter().position(|old| *old == new).unwrap_or_else(|| {
        list.push(new);
        list.len() - 1
    })
}

/// Looks for many words and patterns at once.
#[derive(Debug)]
pub struct Finder {
    words: Option<Words>,
    patterns: Patterns,
    needles: usize,
    first_pattern: usize,
}

impl Finder {
    /// Builds the automata.
    ///
    /// # Errors
    /// When the words, or a pattern, are too large.
    pub fn new(wanted: Wanted) -> Result<Self, FindError> {
        let first_pattern = wanted.words.len();
        let needles = first_pattern + wanted.patterns.len();
        let words = match wanted.words.as_slice() {
            [] => None,
            words => Some(Words::new(words)?),
        };
        let patterns = Patterns::new(wanted.parsed)?;
        Ok(Self { words, patterns, needles, first_pattern })
    }

    /// What a text holds.
    pub fn find(&self, text: &str) -> Found {
        let mut found = Found::none_of(self.needles);
        let composed = fold::composed(text);
        if let Some(words) = &self.words {
            words.find(&fold::folded(&composed), |word| found.insert(word));
        }
        self.patterns.find(&composed, |pattern| found.insert(self.first_pattern + pattern));
        found
    }

    /// Whether something was found.
    pub fn contains(&self, found: &Found, needle: Needle) -> bool {
        match needle {
            Needle::Word(word) => found.contains(word),
            Needle::Pattern(pattern) => found.contains(self.first_pattern + pattern),
        }
    }
}
