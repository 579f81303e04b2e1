//! Text from mail, freed of what no text should hold.

use std::borrow::Cow;

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
    if !text.contains(['\r', '\0']) {
        return Cow::Borrowed(text);
    }
    let text = text.replace("\r\n", "\n").replace('\0', "");
    Cow::Owned(text.replace('\r', "\n"))
}
