//! Values found in what others write, however they write them.
//!
//! Whoever repeats a value may escape it on the way: for a URL, for JSON, for markup, as base64 or in
//! hexadecimal. What is looked for is the value in each of these ways of writing, in one walk through the
//! text.

use std::ops::Range;

use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

/// The fewest bytes of a value that count as its beginning where a text was cut off.
const BEGINNING_BYTES_MIN: usize = 4;

/// How many backslashes may stand before a character: JSON inside of JSON doubles them.
const BACKSLASHES_MAX: usize = 8;

/// The longest way in which one character is written, but for backslashes: `&quot;` or `\u0022`.
const ESCAPE_BYTES_MAX: usize = 6;

/// How many characters are compared at most, for each byte of the text and each form, and at least: texts that are
/// not made for it take less than one and a half.
const STEPS_PER_BYTE: usize = 4;
const STEPS_MIN: usize = 64 * 1024;

/// One way in which a value is written.
pub(super) type Form = Zeroizing<Vec<u8>>;

/// The value itself, and what encodings make of it. Escapes are not here: see [`find`].
pub(super) fn forms(value: &[u8]) -> Vec<Form> {
    let mut forms = vec![Zeroizing::new(value.to_vec())];
    // What stands before the value shifts it by one or two bytes.
    for shift in 0..3 {
        for form in [base64(&STANDARD_NO_PAD, value, shift), base64(&URL_SAFE_NO_PAD, value, shift)] {
            if !forms.contains(&form) {
                forms.push(form);
            }
        }
    }
    let hex: Form =
        Zeroizing::new(value.iter().flat_map(|byte| format!("{byte:02x}").into_bytes()).collect());
    forms.push(Zeroizing::new(hex.to_ascii_uppercase()));
    forms.push(hex);
    forms
}

/// The digits of its base64 that are the value's alone, where it begins so many bytes into a triple.
fn base64(engine: &impl base64::Engine, value: &[u8], shift: usize) -> Form {
    let shifted = Zeroizing::new([&[0; 2][..shift], value].concat());
    let digits = Zeroizing::new(engine.encode(shifted.as_slice()).into_bytes());
    let (from, to) = ((shift * 8).div_ceil(6), shifted.len() * 8 / 6);
    Zeroizing::new(digits[from..to].to_vec())
}

/// Where any of the forms stands, and which; what overlaps is one place.
///
/// With `is_cut`, a beginning of one at the end of the text counts too.
///
/// A text and a value that are made to agree at length everywhere (`aaaa…`) take a time that grows with both; such
/// a text is one place as a whole: hiding too much of it harms no one else.
pub(super) fn find(text: &[u8], forms: &[&[u8]], is_cut: bool) -> Vec<(Range<usize>, usize)> {
    let steps_left = STEPS_PER_BYTE * forms.len() * text.len() + STEPS_MIN;
    let mut search = Search { text, forms, is_cut, may_begin: beginnings(forms), steps_left };
    let mut found = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let Some((length, which)) = search.longest(at) else {
            at += 1;
            continue;
        };
        let (start, mut end) = (at, at + length);
        at += 1;
        while at < end {
            end = search.longest(at).map_or(end, |(length, _)| end.max(at + length));
            at += 1;
        }
        found.push((start..end, which));
    }
    match search.steps_left {
        0 => vec![(0..text.len(), 0)],
        _ => found,
    }
}

/// A walk through a text.
struct Search<'a> {
    text: &'a [u8],
    forms: &'a [&'a [u8]],
    is_cut: bool,
    may_begin: [bool; 256],
    /// How many characters may still be compared. At zero nothing is looked for any more.
    steps_left: usize,
}

impl Search<'_> {
    /// The longest form that stands here, and which.
    fn longest(&mut self, at: usize) -> Option<(usize, usize)> {
        let rest = self.text.get(at..)?;
        if self.steps_left == 0 || !self.may_begin[usize::from(*rest.first()?)] {
            return None;
        }
        let mut best: Option<(usize, usize)> = None;
        for (which, form) in self.forms.iter().enumerate() {
            // Of two of the same length the first.
            if let Some(length) = length(rest, form, self.is_cut, &mut self.steps_left)
                && best.is_none_or(|it| length > it.0)
            {
                best = Some((length, which));
            }
        }
        best
    }
}

/// Which bytes a form, or an escape, begins with.
fn beginnings(forms: &[&[u8]]) -> [bool; 256] {
    let mut may_begin = [false; 256];
    for byte in forms.iter().filter_map(|form| form.first()).chain(b"\\%&+") {
        may_begin[usize::from(*byte)] = true;
    }
    may_begin
}

/// How much of the text the form takes at its start, if it stands there.
fn length(text: &[u8], form: &[u8], is_cut: bool, steps_left: &mut usize) -> Option<usize> {
    if form.is_empty() {
        return None;
    }
    if text.starts_with(form) {
        // Bytes are compared many at a time here.
        *steps_left = steps_left.saturating_sub(form.len() / 32);
        return Some(form.len());
    }
    let mut at = 0;
    for (read, &byte) in form.iter().enumerate() {
        *steps_left = steps_left.checked_sub(1)?;
        match step(&text[at..], byte) {
            Step::Takes(length) => at += length,
            Step::Ends if is_cut && read >= BEGINNING_BYTES_MIN => return Some(text.len()),
            Step::Ends | Step::Differs => return None,
        }
    }
    Some(at)
}

enum Step {
    /// The character stands there, in so many bytes.
    Takes(usize),
    /// The text ends before that can be said.
    Ends,
    /// Another character stands there.
    Differs,
}

fn step(text: &[u8], wanted: u8) -> Step {
    let backslashes = match wanted {
        b'\\' => 0,
        _ => text.iter().take(BACKSLASHES_MAX).take_while(|it| **it == b'\\').count(),
    };
    // The last of them may be the escape's own.
    for skipped in backslashes.saturating_sub(1)..=backslashes {
        let rest = &text[skipped..];
        match (escaped(rest), rest.first()) {
            (Some((byte, length)), _) if byte == wanted => return Step::Takes(skipped + length),
            (_, Some(&byte)) if byte == wanted || (byte == b'+' && wanted == b' ') => {
                return Step::Takes(skipped + 1);
            }
            _ => {}
        }
    }
    let rest = &text[backslashes.saturating_sub(1)..];
    let is_begun = rest.len() < ESCAPE_BYTES_MAX && rest.first().is_none_or(|it| b"\\%&".contains(it));
    if is_begun { Step::Ends } else { Step::Differs }
}

/// The character that an escape at the start of the text stands for, and how long the escape is.
fn escaped(text: &[u8]) -> Option<(u8, usize)> {
    match text {
        [b'%', high, low, ..] => Some((number(&[*high, *low], 16)?, 3)),
        [b'\\', b'u', digits @ ..] => Some((number(digits.get(..4)?, 16)?, 6)),
        [b'\\', b'\\', ..] => Some((b'\\', 2)),
        [b'&', rest @ ..] => {
            let length = rest.iter().take(ESCAPE_BYTES_MAX).position(|it| *it == b';')?;
            let byte = match &rest[..length] {
                b"amp" => b'&',
                b"lt" => b'<',
                b"gt" => b'>',
                b"quot" => b'"',
                b"apos" => b'\'',
                [b'#', b'x' | b'X', digits @ ..] => number(digits, 16)?,
                [b'#', digits @ ..] => number(digits, 10)?,
                _ => return None,
            };
            Some((byte, length + 2))
        }
        _ => None,
    }
}

fn number(digits: &[u8], radix: u32) -> Option<u8> {
    let digits =
        std::str::from_utf8(digits).ok().filter(|it| it.bytes().all(|it| it.is_ascii_alphanumeric()))?;
    u8::from_str_radix(digits, radix).ok()
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;

    use super::*;

    const VALUE: &[u8] = b"tok/en+<with>&\"signs\"=";

    fn hidden(text: &str, is_cut: bool) -> String {
        let forms = forms(VALUE);
        let forms: Vec<_> = forms.iter().map(|it| it.as_slice()).collect();
        let mut text = text.as_bytes().to_vec();
        for (place, _) in find(&text.clone(), &forms, is_cut).into_iter().rev() {
            text.splice(place, *b"*");
        }
        String::from_utf8(text).unwrap()
    }

    /// Otherwise 4,096 characters are compared at each of the text's, which takes seconds.
    #[test]
    fn a_text_that_begins_as_a_value_everywhere_is_hidden_as_a_whole() {
        let value = [vec![b'a'; 4_095], vec![b'b']].concat();
        let forms = forms(&value);
        let forms: Vec<_> = forms.iter().map(|it| it.as_slice()).collect();
        let text = vec![b'a'; 60_000];
        assert_eq!(find(&text, &forms, false), [(0..60_000, 0)]);
        // What is not made for it is found at its place, in texts as long.
        let text = ["tok tok/ ".repeat(8_000).as_bytes(), VALUE].concat();
        let forms = super::forms(VALUE);
        let forms: Vec<_> = forms.iter().map(|it| it.as_slice()).collect();
        assert_eq!(find(&text, &forms, false), [(72_000..text.len(), 0)]);
    }

    #[test]
    fn a_value_is_found_however_it_is_written() {
        let raw = std::str::from_utf8(VALUE).unwrap();
        for written in [
            raw,
            "tok%2Fen%2B%3Cwith%3E%26%22signs%22%3D",
            "tok%2fen+%3cwith%3e%26\"signs\"=",
            r#"tok\/en+<with>&\"signs\"="#,
            r#"tok\/en+\u003cwith\u003E\u0026\"signs\"\u003d"#,
            r#"tok\\\/en+\\u003cwith>&\\\"signs\\\"="#,
            "tok/en+&lt;with&gt;&amp;&quot;signs&#34;&#x3d;",
            "dG9rL2VuKzx3aXRoPiYic2lnbnMiP",
            "746f6b2f656e2b3c776974683e26227369676e73223d",
            "746F6B2F656E2B3C776974683E26227369676E73223D",
        ] {
            let text = format!("before {written} after");
            assert_eq!(hidden(&text, false), "before * after", "{written}");
        }
    }

    #[test]
    fn base64_is_found_whatever_stands_before_the_value() {
        for before in ["", "u", "us", "user:"] {
            let text = STANDARD_NO_PAD.encode([before.as_bytes(), VALUE, b" and more"].concat());
            let shown = hidden(&text, false);
            assert!(shown.contains('*') && shown.len() < 26, "{before}: {shown}");
        }
    }

    #[test]
    fn what_is_cut_off_is_found_by_its_beginning() {
        assert_eq!(hidden("you sent tok/en+<wi", true), "you sent *");
        assert_eq!(hidden(r"you sent tok\/en+\u00", true), "you sent *");
        assert_eq!(hidden("you sent tok/en+<wi", false), "you sent tok/en+<wi");
        assert_eq!(hidden("you sent tok", true), "you sent tok");
        assert_eq!(hidden("tok/en+<wi and more", true), "tok/en+<wi and more");
    }

    #[test]
    fn what_is_not_there_is_not_found() {
        for text in [
            "",
            "\\",
            "%",
            "&",
            "&;",
            "&#;",
            "%2",
            "\\u",
            "\\u00",
            "&#x110;",
            "%zz\\\\\\\\\\\\\\\\\\\\",
            "tok/en",
        ] {
            assert_eq!(hidden(text, false), text);
        }
    }

    #[test]
    fn of_two_the_longer_counts_and_what_overlaps_is_one_place() {
        let found = |text: &str, forms: &[&[u8]]| find(text.as_bytes(), forms, false);
        assert_eq!(found("-abcdefgh-", &[b"abcd", b"abcdefgh"]), [(1..9, 1)]);
        assert_eq!(found("12345678abcd", &[b"12345678", b"5678abcd"]), [(0..12, 0)]);
    }
}
