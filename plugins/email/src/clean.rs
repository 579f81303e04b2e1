//! Text from mail, freed of what no text should hold.

use std::borrow::Cow;

use memchr::memchr2;

/// One line: no control characters, no white space around it; nothing where nothing is left.
pub fn line(text: &str) -> Option<String> {
    let mut line = String::with_capacity(text.len());
    for char in text.trim().chars() {
        match char {
            '\t' | '\r' | '\n' => line.push(' '),
            control if control.is_control() => {}
            other => line.push(other),
        }
    }
    (!line.is_empty()).then_some(line)
}

/// Several lines: ended by a line feed alone, and without NUL, which databases and terminals stumble
/// over.
pub fn lines(text: &str) -> Cow<'_, str> {
    let next = |text: &str| memchr2(b'\r', 0, text.as_bytes());
    let Some(first) = next(text) else {
        return Cow::Borrowed(text);
    };
    let mut clean = String::with_capacity(text.len());
    let (mut rest, mut at) = (text, Some(first));
    while let Some(end) = at {
        clean.push_str(&rest[..end]);
        let is_line_end = rest.as_bytes()[end] == b'\r';
        rest = &rest[end + 1..];
        // Of CR LF, the line feed stays.
        if is_line_end && !rest.starts_with('\n') {
            clean.push('\n');
        }
        at = next(rest);
    }
    clean.push_str(rest);
    Cow::Owned(clean)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_with_a_line_feed_and_nul_is_left_out() {
        for (text, expected) in [
            ("", ""),
            ("a\nb", "a\nb"),
            ("a\r\nb\r\n", "a\nb\n"),
            ("a\rb\r\rc", "a\nb\n\nc"),
            ("a\0b\0", "ab"),
            ("a\r\0\nb", "a\n\nb"),
            ("\r", "\n"),
            ("ü\r\nß\0é", "ü\nßé"),
        ] {
            assert_eq!(lines(text), expected, "{text:?}");
        }
    }
}
