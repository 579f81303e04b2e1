//! The form in which texts are compared.
//!
//! Two spellings that a reader takes for the same word must be the same bytes: composed characters
//! (Unicode normalisation form C), no difference of case, one space wherever there is white space.

use std::borrow::Cow;

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

/// Below this, every character is in normalisation form C and composes with nothing that is below
/// it too.
const FIRST_COMBINING: char = '\u{300}';

/// The text in normalisation form C; borrowed when it is already, as nearly all text is.
pub fn composed(text: &str) -> Cow<'_, str> {
    let surely = text.is_ascii() || text.chars().all(|character| character < FIRST_COMBINING);
    if surely || is_nfc_quick(text.chars()) == IsNormalized::Yes {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(text.nfc().collect())
    }
}

/// A composed text without differences of case and white space.
pub fn folded(composed: &str) -> String {
    // Hardly any character grows by folding, and the rest fits into the reserve.
    let mut folded = String::with_capacity(composed.len() + 16);
    let mut after_space = false;
    for character in composed.chars() {
        let space = character.is_whitespace();
        if !space {
            fold(character, &mut folded);
        } else if !after_space {
            folded.push(' ');
        }
        after_space = space;
    }
    folded
}

/// Appends the case-folded character.
///
/// Lower, upper, lower joins what full case folding joins: `ẞ`, `ß` and `ss`, the two small sigmas,
/// the Kelvin sign and `k`. The Turkish letters go to a plain `i` besides, since a writer's `I` may
/// stand for either of them.
fn fold(character: char, folded: &mut String) {
    if character.is_ascii() {
        folded.push(character.to_ascii_lowercase());
    } else if matches!(character, 'İ' | 'ı') {
        folded.push('i');
    } else if is_unspaced(character) {
        folded.push(character);
    } else {
        let upper = character.to_lowercase().flat_map(char::to_uppercase);
        folded.extend(upper.flat_map(char::to_lowercase));
    }
}

/// Whether characters of this one's script stand together without spaces, or are followed by
/// particles without one: a word is then found anywhere.
pub fn is_unspaced(character: char) -> bool {
    matches!(character,
        '\u{0E00}'..='\u{0EFF}'     // Thai, Lao
        | '\u{1000}'..='\u{109F}'   // Myanmar
        | '\u{1100}'..='\u{11FF}'   // Hangul Jamo
        | '\u{1780}'..='\u{17FF}'   // Khmer
        | '\u{2E80}'..='\u{9FFF}'   // CJK radicals to unified ideographs, kana between
        | '\u{AC00}'..='\u{D7FF}'   // Hangul
        | '\u{F900}'..='\u{FAFF}'   // CJK compatibility ideographs
        | '\u{20000}'..='\u{3FFFF}' // the supplementary and tertiary ideographic planes
    )
}

/// Whether two neighbours belong to one word, in scripts that set words apart.
pub fn is_joined(left: Option<char>, right: Option<char>) -> bool {
    let (Some(left), Some(right)) = (left, right) else {
        return false;
    };
    is_of_word(left) && is_of_word(right)
}

fn is_of_word(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_alphanumeric() || character == '_';
    }
    let letter = character.is_alphanumeric() || unicode_normalization::char::is_combining_mark(character);
    letter && !is_unspaced(character)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(left: &str, right: &str) -> bool {
        folded(&composed(left)) == folded(&composed(right))
    }

    #[test]
    fn spellings_of_one_word_are_the_same() {
        assert!(same("RÉCLAMATION", "re\u{301}clamation"));
        assert!(same("STRASSE", "Straße"));
        assert!(same("STRAẞE", "straße"));
        assert!(same("ΟΔΟΣ", "οδος"));
        assert!(same("İPTAL", "iptal"));
        assert!(same("ЖАЛОБА", "жалоба"));
        assert!(same("money\u{a0}\r\n\tback", "money back"));
        assert!(!same("resume", "résumé"));
    }

    #[test]
    fn composed_text_is_not_copied() {
        for text in ["", "plain", "grün", "жалоба", "返金してください"] {
            assert!(matches!(composed(text), Cow::Borrowed(_)), "{text}");
        }
        assert!(matches!(composed("e\u{301}"), Cow::Owned(_)));
    }

    #[test]
    fn words_end_where_their_script_says() {
        assert!(is_joined(Some('a'), Some('b')));
        assert!(is_joined(Some('a'), Some('_')));
        assert!(is_joined(Some('न'), Some('\u{93f}')));
        assert!(!is_joined(Some('a'), Some('-')));
        assert!(!is_joined(Some('金'), Some('r')));
        assert!(!is_joined(Some('불'), Some('을')));
        assert!(!is_joined(None, Some('a')));
    }
}
