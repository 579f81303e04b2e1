//! Words as they are read.

use crate::feed::Words;

/// Markup beyond this is not turned into text, which bounds the cost of a call; it is kept whole.
const MARKUP_BYTES_MAX: usize = 256 * 1024;

/// Without markup.
pub fn read(words: Words) -> String {
    match words {
        Words::Plain(text) => text,
        Words::Html(markup) => {
            let start = &markup[..markup.floor_char_boundary(MARKUP_BYTES_MAX)];
            switchboard_plugin_markup::to_text(start)
        }
    }
}

/// On one line, for titles.
pub fn line(words: Words) -> Option<String> {
    let text = read(words);
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    (!line.is_empty()).then_some(line)
}
