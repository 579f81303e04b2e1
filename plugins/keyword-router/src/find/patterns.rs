//! All patterns in as few passes as their size allows.
//!
//! Patterns are built into tables that a search only reads: a lazily built automaton would write its
//! cache anew in every fresh instance. Two kinds of pattern are searched one by one instead. Those
//! whose table is too large always are; those with a Unicode word boundary are when the text is not
//! plain ASCII, which their table cannot judge.

use std::fmt;

use regex_automata::dfa::dense;
use regex_automata::dfa::{Automaton, OverlappingState, StartKind};
use regex_automata::meta::Regex;
use regex_automata::nfa::thompson;
use regex_automata::util::syntax;
use regex_automata::{Input, MatchKind};

/// The largest table of one group. Within a small multiple of the processor's second-level cache.
const TABLE_BYTES_MAX: usize = 2 << 20;
/// The largest program of one group, from which its table is made.
const PROGRAM_BYTES_MAX: usize = 4 << 20;
/// All tables together: a quarter of the memory that a policy has.
const TABLES_BYTES_MAX: usize = 16 << 20;

/// Searched through once, so that no search builds what it needs while a customer waits.
const SAMPLE: &str = "Sample text for order 4711 of 2 May: Ärger über Größe, naïve café; 返金。";

type Table = dense::DFA<Vec<u32>>;

/// Why a pattern cannot be searched for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatternError {
    message: String,
}

impl PatternError {
    pub(super) fn too_large(error: &dyn fmt::Display) -> Self {
        Self { message: format!("too large to search for: {error}") }
    }
}

impl fmt::Display for PatternError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for PatternError {}

/// Checks one pattern.
///
/// # Errors
/// What is wrong with its syntax, or that it is too large.
pub fn check(pattern: &str) -> Result<(), PatternError> {
    if let Err(error) = syntax::parse_with(pattern, &syntax()) {
        // The message draws an arrow under the place; its last line says what is wrong in words.
        let drawing = error.to_string();
        let line = drawing.lines().last().unwrap_or_default();
        let message = line.trim_start_matches("error: ").to_owned();
        return Err(PatternError { message });
    }
    single(pattern).map(|_| ())
}

fn syntax() -> syntax::Config {
    syntax::Config::new().case_insensitive(true)
}

/// A searcher for one pattern, whatever it holds.
fn single(pattern: &str) -> Result<Regex, PatternError> {
    Regex::builder()
        .syntax(syntax())
        .configure(Regex::config().nfa_size_limit(Some(PROGRAM_BYTES_MAX)))
        .build(pattern)
        .map_err(|error| PatternError::too_large(&error))
}

/// Many patterns at once.
#[derive(Debug)]
pub struct Patterns {
    groups: Vec<Group>,
    /// Those without a table, by number.
    singles: Vec<(usize, Regex)>,
}

/// Patterns that share a table.
#[derive(Debug)]
struct Group {
    table: Table,
    /// The numbers of the table's patterns.
    members: Vec<usize>,
    /// What decides when the table gives up: all members, or none when it never does.
    substitutes: Vec<(usize, Regex)>,
}

impl Patterns {
    pub fn new(patterns: Vec<String>) -> Result<Self, PatternError> {
        let mut built = Self { groups: Vec::new(), singles: Vec::new() };
        let numbered = patterns.iter().map(String::as_str).enumerate();
        let (bounded, plain): (Vec<_>, Vec<_>) =
            numbered.partition(|(_, pattern)| has_word_boundary(pattern));
        built.group(&plain, Substitutes::NotNeeded)?;
        built.group(&bounded, Substitutes::Needed)?;
        built.find(SAMPLE, |_| {});
        Ok(built)
    }

    /// Builds one table of all patterns, or two of half of them each, and so on.
    fn group(&mut self, patterns: &[(usize, &str)], substitutes: Substitutes) -> Result<(), PatternError> {
        if patterns.is_empty() {
            return Ok(());
        }
        if let Some(table) = self.table(patterns) {
            let substitutes = match substitutes {
                Substitutes::Needed => singles(patterns)?,
                Substitutes::NotNeeded => Vec::new(),
            };
            self.groups.push(Group {
                table,
                members: patterns.iter().map(|(number, _)| *number).collect(),
                substitutes,
            });
            return Ok(());
        }
        if patterns.len() == 1 {
            self.singles.extend(singles(patterns)?);
            return Ok(());
        }
        let (left, right) = patterns.split_at(patterns.len() / 2);
        self.group(left, substitutes)?;
        self.group(right, substitutes)
    }

    /// A table for these patterns, unless it is too large.
    fn table(&self, patterns: &[(usize, &str)]) -> Option<Table> {
        let used: usize = self.groups.iter().map(|group| group.table.memory_usage()).sum();
        let room = TABLES_BYTES_MAX.saturating_sub(used).min(TABLE_BYTES_MAX);
        let config = dense::Config::new()
            .match_kind(MatchKind::All)
            .start_kind(StartKind::Unanchored)
            .unicode_word_boundary(true)
            .dfa_size_limit(Some(room))
            .determinize_size_limit(Some(room));
        let program = thompson::Config::new().nfa_size_limit(Some(PROGRAM_BYTES_MAX));
        let patterns: Vec<&str> = patterns.iter().map(|(_, pattern)| *pattern).collect();
        dense::Builder::new().configure(config).syntax(syntax()).thompson(program).build_many(&patterns).ok()
    }

    /// Hands the number of each pattern to `found`, perhaps more than once.
    pub fn find(&self, text: &str, mut found: impl FnMut(usize)) {
        for group in &self.groups {
            if !group.substitutes.is_empty() && !text.is_ascii() {
                search_one_by_one(&group.substitutes, text, &mut found);
            } else {
                group.search(text, &mut found);
            }
        }
        search_one_by_one(&self.singles, text, &mut found);
    }
}

/// Whether a table may give up.
#[derive(Debug, Clone, Copy)]
enum Substitutes {
    Needed,
    NotNeeded,
}

fn has_word_boundary(pattern: &str) -> bool {
    syntax::parse_with(pattern, &syntax())
        .is_ok_and(|parsed| parsed.properties().look_set().contains_word_unicode())
}

fn singles(patterns: &[(usize, &str)]) -> Result<Vec<(usize, Regex)>, PatternError> {
    let patterns = patterns.iter();
    patterns.map(|(number, pattern)| Ok((*number, single(pattern)?))).collect()
}

impl Group {
    fn search(&self, text: &str, found: &mut impl FnMut(usize)) {
        let input = Input::new(text);
        let mut state = OverlappingState::start();
        // The table gives up on nothing here: without word boundaries nothing makes it, and with
        // them the text is plain ASCII.
        while self.table.try_search_overlapping_fwd(&input, &mut state).is_ok() {
            let Some(hit) = state.get_match() else {
                return;
            };
            found(self.members[hit.pattern().as_usize()]);
        }
    }
}

fn search_one_by_one(patterns: &[(usize, Regex)], text: &str, found: &mut impl FnMut(usize)) {
    for (number, pattern) in patterns {
        if pattern.is_match(text) {
            found(*number);
        }
    }
}
