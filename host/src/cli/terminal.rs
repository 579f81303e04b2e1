//! What others wrote, on its way to a terminal: plugins, customers, a host's answers.
//!
//! A terminal obeys what it is sent, and people believe what they read. So what is not shown as it is goes out
//! as `\u{1b}`, in every command.

use std::borrow::Cow;

use serde::Serialize;

use crate::domain::visible_text::{escape, is_deceptive};

/// A text of others as one line.
pub(super) fn shown(text: &str) -> Cow<'_, str> {
    escape(text)
}

/// A text of our own of several lines that may quote others.
pub(super) fn lines_shown(text: &str) -> String {
    text.split('\n').map(escape).collect::<Vec<_>>().join("\n")
}

/// A value as one line of JSON, which says the same where its texts are escaped.
pub(super) fn json(value: &impl Serialize) -> serde_json::Result<String> {
    let json = serde_json::to_string(value)?;
    let mut shown = String::with_capacity(json.len());
    for character in json.chars() {
        match is_deceptive(character) {
            // Such characters stand within texts alone, where RFC 8259, section 7, has them written so.
            true => character
                .encode_utf16(&mut [0; 2])
                .iter()
                .for_each(|unit| shown.push_str(&format!("\\u{unit:04x}"))),
            false => shown.push(character),
        }
    }
    Ok(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_obeys_is_left() {
        let hostile = "\u{1b}]0;x\u{7}\u{1b}[2J\nremedy: \u{202e}txt";
        assert_eq!(shown(hostile), "\\u{1b}]0;x\\u{7}\\u{1b}[2J\\nremedy: \\u{202e}txt");
        assert_eq!(lines_shown("one\n\u{202e}two"), "one\n\\u{202e}two");
    }

    #[test]
    fn json_says_the_same() {
        let hostile = "\u{202e}\u{9b}\u{7f}\u{e0041}\n\u{1b} \\u";
        let shown = json(&hostile).unwrap();
        assert!(shown.is_ascii(), "{shown}");
        assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), hostile);
    }
}
