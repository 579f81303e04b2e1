//! All patterns in as few passes as their size allows.
//!
//! Patterns share tables, each as many as fit into one. What fits into none is searched for by
//! itself, with an automaton that grows as it goes.

use regex_automata::meta::Regex;
use regex_automata::util::syntax;
use regex_syntax::hir::Hir;

use super::FindError;
use super::table::Table;

/// The largest table. Patterns that double each other's states are better in two small ones.
const TABLE_BYTES_MAX: usize = 256 << 10;
/// How many patterns are first tried in one table.
const TABLE_PATTERNS_MAX: usize = 32;
/// What all tables may take, those that were given up included. It bounds what configuring costs,
/// whatever the patterns: sixty of the worst kind took 8 of the 20 billion units of fuel it may burn.
const EFFORT_BYTES_MAX: usize = 2 << 20;
/// The largest program of a pattern that is searched for by itself.
const PROGRAM_BYTES_MAX: usize = 2 << 20;

/// Searched through once, so that no search builds what it needs while a customer waits.
const SAMPLE: &str = "Sample text for order 4711 of 2 May: Ärger über Größe, naïve café; 返金。";

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
}

type Numbered = (usize, Hir);

/// Reads one pattern.
///
/// # Errors
/// What is wrong with its syntax.
pub fn parse(pattern: &str) -> Result<Hir, FindError> {
    let syntax = syntax::Config::new().case_insensitive(true);
    syntax::parse_with(pattern, &syntax).map_err(|error| {
        // The message draws an arrow under the place; its last line says what is wrong in words.
        let drawing = error.to_string();
        let line = drawing.lines().last().unwrap_or_default();
        let message = line.trim_start_matches("error: ").to_owned();
        FindError::Syntax { message }
    })
}

impl Patterns {
    /// Builds what is needed to search for these patterns.
    ///
    /// # Errors
    /// When a pattern is too large even by itself.
    pub fn new(patterns: Vec<Hir>) -> Result<Self, FindError> {
        let mut built = Self { groups: Vec::new(), singles: Vec::new() };
        let mut effort_bytes = EFFORT_BYTES_MAX;
        let numbered: Vec<Numbered> = patterns.into_iter().enumerate().collect();
        for group in numbered.chunks(TABLE_PATTERNS_MAX) {
            built.add(group, &mut effort_bytes)?;
        }
        built.find(SAMPLE, |_| {});
        Ok(built)
    }

    /// Adds one table of all these patterns, or two of half of them each, and so on.
    fn add(&mut self, patterns: &[Numbered], effort_bytes: &mut usize) -> Result<(), FindError> {
        let room = TABLE_BYTES_MAX.min(*effort_bytes);
        let parsed: Vec<&Hir> = patterns.iter().map(|(_, pattern)| pattern).collect();
        if let Some(table) = Table::new(&parsed, room) {
            *effort_bytes -= table.bytes().min(room);
            let members = patterns.iter().map(|(number, _)| *number).collect();
            self.groups.push(Group { table, members });
            return Ok(());
        }
        *effort_bytes -= room;
        if let [(number, pattern)] = patterns {
            self.singles.push((*number, single(*number, pattern)?));
            return Ok(());
        }
        let (left, right) = patterns.split_at(patterns.len() / 2);
        self.add(left, effort_bytes)?;
        self.add(right, effort_bytes)
    }

    /// Hands the number of each pattern to `found`, perhaps more than once.
    pub fn find(&self, text: &str, mut found: impl FnMut(usize)) {
        for group in &self.groups {
            group.table.find(text, |place| found(group.members[place]));
        }
        for (number, pattern) in &self.singles {
            if pattern.is_match(text) {
                found(*number);
            }
        }
    }
}

fn single(number: usize, pattern: &Hir) -> Result<Regex, FindError> {
    Regex::builder()
        .configure(Regex::config().nfa_size_limit(Some(PROGRAM_BYTES_MAX)))
        .build_from_hir(pattern)
        .map_err(|error| FindError::PatternSize { number, source: Box::new(error) })
}

#[cfg(test)]
mod tests;
