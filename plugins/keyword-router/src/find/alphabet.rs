//! Characters, sorted by what patterns can tell apart.
//!
//! A pattern that says `\d` cannot tell one digit from another. Some patterns together know a few
//! dozen such classes among a million characters, so each class gets a byte, its symbol, and an
//! automaton over symbols is much smaller than one over UTF-8: there is one step a character, and no
//! states in the middle of one.
//!
//! Characters of words get the symbols that are ASCII letters, digits and `_`. So a Unicode word
//! boundary in the text is an ASCII word boundary among its symbols, which a table can decide.

use std::collections::BTreeMap;

/// Sorted, disjoint, inclusive ranges of code points.
pub type Ranges = Vec<(u32, u32)>;

const ASCII: usize = 128;

/// Which symbol each character has.
#[derive(Debug)]
pub struct Alphabet {
    /// The symbols of ASCII, which most text is.
    ascii: [u8; ASCII],
    /// Where the ranges of equal symbols begin, ascending, the first at zero.
    starts: Vec<u32>,
    /// Their symbols.
    symbols: Vec<u8>,
}

impl Alphabet {
    /// The symbols for patterns that tell these sets of characters apart; nothing when they are more
    /// classes than there are symbols.
    ///
    /// `words` are the characters of words, where word boundaries matter.
    pub fn new(sets: &[Ranges], words: Option<&Ranges>) -> Option<Self> {
        // Anchors of lines go by the bytes of the line ends, which stay what they are.
        let line_ends = [vec![(0x0A, 0x0A)], vec![(0x0D, 0x0D)]];
        let all: Vec<&Ranges> = sets.iter().chain(words).chain(&line_ends).collect();
        let starts = starts(&all);
        let classes = classes(&starts, &all);
        let symbols = name(&starts, &classes, words)?;
        let mut alphabet = Self { ascii: [0; ASCII], starts, symbols };
        for code in 0..ASCII {
            alphabet.ascii[code] = alphabet.look_up(code as u32);
        }
        Some(alphabet)
    }

    /// The symbol of a character.
    #[inline]
    pub fn symbol(&self, character: char) -> u8 {
        match self.ascii.get(character as usize) {
            Some(symbol) => *symbol,
            None => self.look_up(character as u32),
        }
    }

    fn look_up(&self, code: u32) -> u8 {
        let after = self.starts.partition_point(|start| *start <= code);
        self.symbols[after - 1]
    }

    /// The symbols of a set that this alphabet was made for.
    pub fn symbols(&self, set: &[(u32, u32)]) -> Vec<u8> {
        let within = |start: &u32| contains(set, *start);
        let ranges = self.starts.iter().zip(&self.symbols);
        ranges.filter(|(start, _)| within(start)).map(|(_, symbol)| *symbol).collect()
    }
}

fn contains(set: &[(u32, u32)], code: u32) -> bool {
    let after = set.partition_point(|(first, _)| *first <= code);
    after > 0 && code <= set[after - 1].1
}

/// Where any set begins or has just ended.
fn starts(sets: &[&Ranges]) -> Vec<u32> {
    let ranges = sets.iter().flat_map(|set| set.iter());
    let mut starts: Vec<u32> = ranges.flat_map(|(first, last)| [*first, last + 1]).chain([0]).collect();
    starts.sort_unstable();
    starts.dedup();
    starts
}

/// Numbers the ranges so that two have one number when no set holds one without the other.
fn classes(starts: &[u32], sets: &[&Ranges]) -> Vec<usize> {
    let mut classes = vec![0; starts.len()];
    for set in sets {
        let mut split = BTreeMap::new();
        for (class, start) in classes.iter_mut().zip(starts) {
            let next = split.len();
            *class = *split.entry((*class, contains(set, *start))).or_insert(next);
        }
    }
    classes
}

/// Gives each class its symbol.
fn name(starts: &[u32], classes: &[usize], words: Option<&Ranges>) -> Option<Vec<u8>> {
    let of_words = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let mut for_words = (0..=u8::MAX).filter(of_words);
    let mut for_others = (0..=u8::MAX).filter(|byte| !of_words(byte) && !matches!(byte, b'\n' | b'\r'));
    let mut named = BTreeMap::new();
    for (class, start) in classes.iter().zip(starts) {
        if named.contains_key(class) {
            continue;
        }
        let symbol = match (start, words) {
            (0x0A, _) => Some(b'\n'),
            (0x0D, _) => Some(b'\r'),
            (start, Some(words)) if contains(words, *start) => for_words.next(),
            (_, Some(_)) => for_others.next(),
            (_, None) => for_others.next().or_else(|| for_words.next()),
        }?;
        named.insert(*class, symbol);
    }
    Some(classes.iter().map(|class| named[class]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGITS: (u32, u32) = (0x30, 0x39);
    const LOWER: (u32, u32) = (0x61, 0x7A);

    #[test]
    fn characters_that_no_set_tells_apart_share_a_symbol() {
        let alphabet = Alphabet::new(&[vec![DIGITS], vec![DIGITS, LOWER]], None).unwrap();
        assert_eq!(alphabet.symbol('1'), alphabet.symbol('9'));
        assert_eq!(alphabet.symbol('a'), alphabet.symbol('z'));
        assert_eq!(alphabet.symbol('A'), alphabet.symbol('金'));
        assert_ne!(alphabet.symbol('1'), alphabet.symbol('a'));
        assert_ne!(alphabet.symbol('a'), alphabet.symbol('A'));
        assert_eq!(alphabet.symbol('\n'), b'\n');
        assert_eq!(alphabet.symbols(&[DIGITS]), [alphabet.symbol('5')]);
    }

    #[test]
    fn characters_of_words_have_symbols_of_words() {
        let words = vec![LOWER, (0xE4, 0xE4)];
        let alphabet = Alphabet::new(&[vec![(0x61, 0x61)]], Some(&words)).unwrap();
        for (character, of_word) in [('a', true), ('ä', true), ('-', false), ('金', false)] {
            let symbol = alphabet.symbol(character);
            assert_eq!(symbol.is_ascii_alphanumeric() || symbol == b'_', of_word, "{character}");
        }
    }

    #[test]
    fn too_many_classes_have_no_alphabet() {
        let singles = |count: u32| (0x4E00..0x4E00 + count).map(|code| vec![(code, code)]);
        let few: Vec<Ranges> = singles(200).collect();
        let many: Vec<Ranges> = singles(300).collect();
        assert!(Alphabet::new(&few, None).is_some());
        assert!(Alphabet::new(&many, None).is_none());
        assert!(Alphabet::new(&few, Some(&vec![(0x4E00, 0x9FFF)])).is_none());
    }
}
