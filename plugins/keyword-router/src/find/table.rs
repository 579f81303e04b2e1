//! A group of patterns as one table.
//!
//! The table is complete: a search reads it and writes nothing. A lazily built automaton would write
//! its cache anew in every fresh instance.

use regex_automata::dfa::dense;
use regex_automata::dfa::{Automaton, StartKind};
use regex_automata::nfa::thompson::{self, WhichCaptures};
use regex_automata::util::primitives::StateID;
use regex_automata::util::start;
use regex_automata::{Anchored, MatchKind};
use regex_syntax::hir::{Class, ClassBytes, ClassBytesRange, Hir, HirKind, Look, Repetition};

use super::alphabet::{Alphabet, Ranges};

/// An automaton of several patterns, with all its states.
#[derive(Debug)]
pub struct Table {
    alphabet: Alphabet,
    automaton: dense::DFA<Vec<u32>>,
    start: StateID,
}

impl Table {
    /// Builds the table; nothing when it would be larger than `bytes_max`, or when the patterns say
    /// something that symbols do not show.
    pub fn new(patterns: &[&Hir], bytes_max: usize) -> Option<Self> {
        let looks = patterns.iter().map(|pattern| pattern.properties().look_set());
        let looks = looks.reduce(|all, one| all.union(one))?;
        if looks.contains_word_ascii() {
            return None;
        }
        let mut sets = Vec::new();
        patterns.iter().for_each(|pattern| collect(pattern, &mut sets));
        sets.sort_unstable();
        sets.dedup();
        let words = looks.contains_word_unicode().then(characters_of_words).flatten();
        let alphabet = Alphabet::new(&sets, words.as_ref())?;
        let patterns: Vec<Hir> = patterns.iter().map(|pattern| translate(pattern, &alphabet)).collect();
        let automaton = build(&patterns, bytes_max)?;
        let start = automaton.start_state(&start::Config::new().anchored(Anchored::No)).ok()?;
        Some(Self { alphabet, automaton, start })
    }

    pub fn bytes(&self) -> usize {
        self.automaton.memory_usage()
    }

    /// Hands the place of each pattern in the group to `found`, perhaps more than once.
    pub fn find(&self, text: &str, mut found: impl FnMut(usize)) {
        let mut state = self.start;
        for character in text.chars() {
            state = self.automaton.next_state(state, self.alphabet.symbol(character));
            // Tells by one comparison that nothing has happened, as it mostly is.
            if self.automaton.is_special_state(state) {
                self.report(state, &mut found);
            }
        }
        self.report(self.automaton.next_eoi_state(state), &mut found);
    }

    fn report(&self, state: StateID, found: &mut impl FnMut(usize)) {
        if self.automaton.is_match_state(state) {
            for index in 0..self.automaton.match_len(state) {
                found(self.automaton.match_pattern(state, index).as_usize());
            }
        }
    }
}

fn build(patterns: &[Hir], bytes_max: usize) -> Option<dense::DFA<Vec<u32>>> {
    let program = thompson::Config::new()
        .utf8(false)
        .which_captures(WhichCaptures::None)
        .nfa_size_limit(Some(bytes_max));
    let program = thompson::Compiler::new().configure(program).build_many_from_hir(patterns).ok()?;
    let config = dense::Config::new()
        .match_kind(MatchKind::All)
        .start_kind(StartKind::Unanchored)
        .accelerate(false)
        .dfa_size_limit(Some(bytes_max))
        .determinize_size_limit(Some(bytes_max));
    dense::Builder::new().configure(config).build_from_nfa(&program).ok()
}

/// What `\w` stands for.
fn characters_of_words() -> Option<Ranges> {
    let parsed = regex_syntax::parse(r"\w").ok()?;
    match parsed.kind() {
        HirKind::Class(class) => Some(ranges(class)),
        _ => None,
    }
}

fn ranges(class: &Class) -> Ranges {
    match class {
        Class::Unicode(class) => {
            class.iter().map(|range| (range.start() as u32, range.end() as u32)).collect()
        }
        // The syntax allows such classes within ASCII only.
        Class::Bytes(class) => class.iter().map(|range| (range.start().into(), range.end().into())).collect(),
    }
}

fn only(character: char) -> Ranges {
    vec![(character as u32, character as u32)]
}

/// Every set of characters that a pattern names. The parser limits how deep this goes.
fn collect(pattern: &Hir, sets: &mut Vec<Ranges>) {
    match pattern.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => {
            sets.extend(String::from_utf8_lossy(&literal.0).chars().map(only));
        }
        HirKind::Class(class) => sets.push(ranges(class)),
        HirKind::Repetition(repetition) => collect(&repetition.sub, sets),
        HirKind::Capture(capture) => collect(&capture.sub, sets),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            parts.iter().for_each(|part| collect(part, sets));
        }
    }
}

/// The pattern over symbols.
fn translate(pattern: &Hir, alphabet: &Alphabet) -> Hir {
    let all = |parts: &[Hir]| parts.iter().map(|part| translate(part, alphabet)).collect();
    match pattern.kind() {
        HirKind::Empty => Hir::empty(),
        HirKind::Literal(literal) => {
            let text = String::from_utf8_lossy(&literal.0);
            let symbols: Vec<u8> = text.chars().map(|character| alphabet.symbol(character)).collect();
            Hir::literal(symbols)
        }
        HirKind::Class(class) => one_of(&alphabet.symbols(&ranges(class))),
        HirKind::Look(look) => Hir::look(among_symbols(*look)),
        HirKind::Repetition(repetition) => {
            let sub = Box::new(translate(&repetition.sub, alphabet));
            Hir::repetition(Repetition { sub, ..*repetition })
        }
        HirKind::Capture(capture) => translate(&capture.sub, alphabet),
        HirKind::Concat(parts) => Hir::concat(all(parts)),
        HirKind::Alternation(parts) => Hir::alternation(all(parts)),
    }
}

fn one_of(symbols: &[u8]) -> Hir {
    let ranges = symbols.iter().map(|symbol| ClassBytesRange::new(*symbol, *symbol));
    Hir::class(Class::Bytes(ClassBytes::new(ranges)))
}

/// Boundaries of words are the same places, named for what the symbols are.
fn among_symbols(look: Look) -> Look {
    match look {
        Look::WordUnicode => Look::WordAscii,
        Look::WordUnicodeNegate => Look::WordAsciiNegate,
        Look::WordStartUnicode => Look::WordStartAscii,
        Look::WordEndUnicode => Look::WordEndAscii,
        Look::WordStartHalfUnicode => Look::WordStartHalfAscii,
        Look::WordEndHalfUnicode => Look::WordEndHalfAscii,
        other => other,
    }
}
