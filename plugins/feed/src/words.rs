//! Words as they are read.

use crate::feed::Words;
use crate::html;

/// Without markup.
pub fn read(words: Words) -> String {
    match words {
        Words::Plain(text) => text,
        Words::Html(markup) => html::to_text(&markup),
    }
}

/// On one line, for titles.
pub fn line(words: Words) -> Option<String> {
    let text = read(words);
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    (!line.is_empty()).then_some(line)
}
