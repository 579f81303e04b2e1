//! Text that people read on a list, a page or a terminal: it says what it seems to say.
//!
//! Some characters show nothing, turn the order of those around them, or command the terminal. A summary or a
//! title has none of them; where a text may have them, [`escape`] shows them as `\u{202e}`.
//!
//! Sources: Unicode Standard Annex 9 (bidirectional controls), Unicode's `Default_Ignorable_Code_Point`.

use std::borrow::Cow;

use unicode_normalization::char::is_combining_mark;

/// The longest that a message quotes of what it was given, in characters.
const QUOTED_CHARS_MAX: usize = 80;

/// Why a text does not say what it seems to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidText {
    /// Nothing of it can be seen.
    #[error("it has no visible character")]
    Invisible,
    /// It has a character that hides, reorders or commands.
    #[error("it has the character U+{:04X}, which is not shown as it is; leave it out", *.0 as u32)]
    Deceptive(char),
    /// It is too long.
    #[error("it has {chars} characters, the most is {chars_max}")]
    TooLong {
        /// How many it has.
        chars: usize,
        /// How many it may have.
        chars_max: usize,
    },
}

/// Checks one line of text, such as a title or a reason.
pub fn check_line(text: &str, chars_max: usize) -> Result<(), InvalidText> {
    check_paragraphs(text, chars_max)?;
    match text.chars().find(|character| is_deceptive(*character)) {
        Some(character) => Err(InvalidText::Deceptive(character)),
        None => Ok(()),
    }
}

/// Checks text in which a person writes as they please, in any script and over several lines: something of
/// it can be seen.
pub fn check_paragraphs(text: &str, chars_max: usize) -> Result<(), InvalidText> {
    let chars = text.chars().count();
    if chars > chars_max {
        return Err(InvalidText::TooLong { chars, chars_max });
    }
    match text.chars().any(is_visible) {
        true => Ok(()),
        false => Err(InvalidText::Invisible),
    }
}

/// Whether something is to be seen of a character by itself.
fn is_visible(character: char) -> bool {
    !character.is_whitespace()
        && !is_deceptive(character)
        && !joins(character)
        && !is_combining_mark(character)
        && !is_private(character)
}

/// Whether each system shows something else for it, and most show nothing.
fn is_private(character: char) -> bool {
    matches!(character, '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{10ffff}')
}

/// Shows nothing alone and is still needed: scripts and emoji are joined by it.
fn joins(character: char) -> bool {
    matches!(character, '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}')
}

/// Whether a character commands a terminal, ends a line, turns the order of others around, or shows nothing
/// and joins nothing.
pub fn is_deceptive(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            // Bidirectional controls.
            '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
            // Ends of lines and paragraphs.
            | '\u{2028}' | '\u{2029}'
            // What shows nothing: soft hyphen, fillers, zero-width spaces, blank letters, tags.
            | '\u{00ad}' | '\u{034f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}' | '\u{2060}'..='\u{2065}' | '\u{206a}'..='\u{206f}'
            | '\u{2800}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
        )
}

/// The text with each deceptive character written out.
pub fn escape(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_deceptive) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match is_deceptive(character) {
            true => shown.extend(character.escape_default()),
            false => shown.push(character),
        }
    }
    Cow::Owned(shown)
}

/// What a message quotes of something that it was given: its beginning, escaped.
pub fn quote(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(QUOTED_CHARS_MAX) {
        Some((end, _)) => Cow::Owned(format!("{}…", escape(&text[..end]))),
        None => escape(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_visible_text_and_nothing_that_reorders_it() {
        for good in ["Sends praise on.", "Größe & Preis", "پیام\u{200c}ها", "👩\u{200d}💻 support", "שלום"]
        {
            assert_eq!(check_line(good, 100), Ok(()), "{good}");
        }
        for empty in ["", "  ", "\u{200d}", "\u{200c} \u{fe0f}", "\u{301}", "\u{e000}"] {
            assert_eq!(check_line(empty, 100), Err(InvalidText::Invisible), "{empty:?}");
        }
        for reordered in
            ["a\u{202e}b", "a\u{2066}b", "a\u{200f}", "\u{061c}a", "a\nb", "a\u{1b}[2J", "a\u{2028}b"]
        {
            let refused = check_line(reordered, 100);
            assert!(matches!(refused, Err(InvalidText::Deceptive(_))), "{reordered:?}: {refused:?}");
        }
        assert_eq!(check_line("abc", 2), Err(InvalidText::TooLong { chars: 3, chars_max: 2 }));
    }

    #[test]
    fn paragraphs_may_hold_marks_of_direction_and_lines_but_not_those_alone() {
        assert_eq!(check_paragraphs("one\n\u{200f}two", 100), Ok(()));
        for empty in ["\u{200b}\u{200b}", "\u{202e}\n", "\u{feff}", "\u{3164}\u{2800}"] {
            assert_eq!(check_paragraphs(empty, 100), Err(InvalidText::Invisible), "{empty:?}");
        }
    }

    #[test]
    fn every_bidirectional_control_is_escaped() {
        let controls = "\u{061c}\u{200e}\u{200f}\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2066}\u{2067}\u{2068}\u{2069}";
        for control in controls.chars() {
            let shown = format!("a{}b", control.escape_default());
            assert_eq!(escape(&format!("a{control}b")), shown);
        }
        assert_eq!(escape("\u{1b}]0;x\u{7}\u{9b}2J\n"), "\\u{1b}]0;x\\u{7}\\u{9b}2J\\n");
        assert_eq!(escape("plain"), "plain");
    }

    #[test]
    fn a_quote_is_short() {
        assert_eq!(quote("ab"), "ab");
        assert_eq!(quote(&"x".repeat(1_000_000)).chars().count(), QUOTED_CHARS_MAX + 1);
    }
}
