//! Markup to plain text, in one pass.
//!
//! Plugins meet markup of any size and pay for every instruction, so no document is built: tags are
//! taken as they come, and what does not match is passed over. The cost grows with the length alone.
//!
//! **Invariant:** never fails and never panics; every word outside of tags, scripts and styles is kept.

#![deny(missing_docs)]

mod page;
mod token;

use page::Page;
use token::{Token, tokens};

/// The text a person would read: paragraphs apart, list items marked by `* ` or their number, quoted
/// blocks by `> ` as in plain mail.
pub fn to_text(html: &str) -> String {
    let mut page = Page::default();
    for token in tokens(html) {
        match token {
            Token::Text(text) => page.text(text),
            Token::Open(name) => page.open(name),
            Token::Close(name) => page.close(name),
        }
    }
    page.finish()
}

#[cfg(test)]
mod tests;
