//! The page as it is written, line by line.

use mail_parser::decoders::html::add_html_token;
use memchr::memchr2;

use crate::token::Name;

/// Deeper quotes and lists are drawn like this one.
const DEPTH_MAX: usize = 20;

/// No entity has a longer name.
const ENTITY_BYTES_MAX: usize = 33;

/// Text under construction.
#[derive(Debug, Default)]
pub struct Page {
    written: String,
    /// Line ends that come before the next word: 1 begins a line, 2 leave a blank one.
    breaks: usize,
    space: Space,
    quote_depth: usize,
    preformatted_depth: usize,
    /// The number of the last item of each open list; nothing for bullets.
    lists: Vec<Option<usize>>,
    /// What stands before the next word of a list.
    marker: Option<String>,
}

/// What stands between the last word and the next one.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Space {
    #[default]
    None,
    Pending,
}

impl Page {
    /// Writes text, entities decoded and white space joined.
    pub fn text(&mut self, text: &str) {
        if self.preformatted_depth > 0 {
            return self.preformatted(text);
        }
        let mut rest = text;
        loop {
            let spaces = rest.bytes().take_while(u8::is_ascii_whitespace).count();
            if spaces > 0 {
                self.space = Space::Pending;
                rest = &rest[spaces..];
            }
            if rest.is_empty() {
                return;
            }
            let words = Words::first_of(rest);
            self.words(&words);
            rest = &rest[words.text.len()..];
        }
    }

    /// Begins an element.
    pub fn open(&mut self, name: Name) {
        match name {
            BR => self.breaks = (self.breaks + 1).min(2),
            BLOCKQUOTE => {
                self.break_line(2);
                self.quote_depth = (self.quote_depth + 1).min(DEPTH_MAX);
            }
            PRE => {
                self.break_line(2);
                self.preformatted_depth += 1;
            }
            UL => self.open_list(None),
            OL => self.open_list(Some(0)),
            LI => self.open_item(),
            _ => self.break_line(breaks_around(name)),
        }
    }

    /// Ends an element, whether it was begun or not.
    pub fn close(&mut self, name: Name) {
        match name {
            BLOCKQUOTE => {
                self.break_line(2);
                self.quote_depth = self.quote_depth.saturating_sub(1);
            }
            PRE => {
                self.break_line(2);
                self.preformatted_depth = self.preformatted_depth.saturating_sub(1);
            }
            UL | OL => {
                self.lists.pop();
                self.break_around_list();
            }
            LI => self.break_line(1),
            _ => self.break_line(breaks_around(name)),
        }
    }

    /// The text.
    pub fn finish(self) -> String {
        self.written
    }

    fn break_line(&mut self, breaks: usize) {
        self.breaks = self.breaks.max(breaks);
    }

    /// Lists within lists stand close.
    fn break_around_list(&mut self) {
        self.break_line(if self.lists.is_empty() { 2 } else { 1 });
    }

    fn open_list(&mut self, last_number: Option<usize>) {
        self.break_around_list();
        if self.lists.len() < DEPTH_MAX {
            self.lists.push(last_number);
        }
    }

    fn open_item(&mut self) {
        self.break_line(1);
        self.marker = Some(match self.lists.last_mut() {
            Some(Some(number)) => {
                *number += 1;
                format!("{number}. ")
            }
            _ => "* ".to_owned(),
        });
    }

    fn words(&mut self, words: &Words<'_>) {
        if words.are_plain {
            self.place();
            self.written.push_str(words.text);
            return;
        }
        // A word of nothing but unbreakable spaces is how editors write an empty line.
        if words.text == "&nbsp;" || words.text == "\u{a0}" {
            self.space = Space::Pending;
            return;
        }
        self.place();
        push_decoded(&mut self.written, words.text);
    }

    fn preformatted(&mut self, text: &str) {
        for (number, line) in text.split('\n').enumerate() {
            if number > 0 {
                self.breaks += 1;
            }
            let line = line.trim_end();
            if !line.is_empty() {
                self.place();
                push_decoded(&mut self.written, line);
            }
        }
    }

    /// Goes to where the next word stands.
    fn place(&mut self) {
        let is_first = self.written.is_empty();
        if self.breaks > 0 || is_first {
            if !is_first {
                // Blank lines of preformatted text beyond one say nothing.
                self.written.extend(std::iter::repeat_n('\n', self.breaks.min(2)));
            }
            for _ in 0..self.quote_depth {
                self.written.push_str("> ");
            }
        } else if self.space == Space::Pending {
            self.written.push(' ');
        }
        if let Some(marker) = self.marker.take() {
            self.written.push_str(&marker);
        }
        self.breaks = 0;
        self.space = Space::None;
    }
}

const BLOCKQUOTE: Name = Name::of("blockquote");
const BR: Name = Name::of("br");
const LI: Name = Name::of("li");
const OL: Name = Name::of("ol");
const PRE: Name = Name::of("pre");
const UL: Name = Name::of("ul");

/// Elements with line ends around them and how many, in the order of their names' numbers: shorter
/// names first.
const BLOCKS: [(Name, usize); 34] = {
    const fn with(breaks: usize, name: &str) -> (Name, usize) {
        (Name::of(name), breaks)
    }
    [
        with(2, "p"),
        with(1, "dd"),
        with(2, "dl"),
        with(1, "dt"),
        with(2, "h1"),
        with(2, "h2"),
        with(2, "h3"),
        with(2, "h4"),
        with(2, "h5"),
        with(2, "h6"),
        with(1, "hr"),
        with(1, "td"),
        with(1, "th"),
        with(1, "tr"),
        with(1, "div"),
        with(1, "nav"),
        with(1, "body"),
        with(1, "form"),
        with(1, "head"),
        with(1, "html"),
        with(1, "main"),
        with(1, "aside"),
        with(1, "table"),
        with(1, "center"),
        with(1, "figure"),
        with(1, "footer"),
        with(1, "header"),
        with(1, "option"),
        with(1, "address"),
        with(1, "article"),
        with(1, "caption"),
        with(1, "section"),
        with(1, "fieldset"),
        with(1, "figcaption"),
    ]
};

/// Text that is written at once.
struct Words<'a> {
    text: &'a str,
    /// They stand apart by one space and are written as they are; else it is one word, of which parts
    /// may have to be decoded.
    are_plain: bool,
}

/// What a byte is in a text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Word,
    Space,
    /// It may begin something that is written otherwise: an entity, or the unbreakable space.
    Decoded,
}

const CLASSES: [Class; 256] = {
    let mut classes = [Class::Word; 256];
    let mut byte = 0;
    while byte < 256 {
        if (byte as u8).is_ascii_whitespace() {
            classes[byte] = Class::Space;
        }
        byte += 1;
    }
    classes[b'&' as usize] = Class::Decoded;
    classes[0xc2] = Class::Decoded;
    classes
};

impl<'a> Words<'a> {
    /// The first words of a text that begins with one.
    fn first_of(text: &'a str) -> Self {
        let bytes = text.as_bytes();
        let class = |at: usize| bytes.get(at).map_or(Class::Space, |byte| CLASSES[*byte as usize]);
        // Where the last word begins, and how far it is known.
        let (mut word, mut end) = (0, 0);
        loop {
            while class(end) == Class::Word {
                end += 1;
            }
            if class(end) == Class::Decoded {
                break;
            }
            if bytes.get(end) != Some(&b' ') || class(end + 1) == Class::Space {
                return Self { text: &text[..end], are_plain: true };
            }
            end += 1;
            word = end;
        }
        match word {
            0 => Self::one(text),
            word => Self { text: &text[..word - 1], are_plain: true },
        }
    }

    fn one(text: &'a str) -> Self {
        let end = text.bytes().position(|byte| byte.is_ascii_whitespace());
        Self { text: &text[..end.unwrap_or(text.len())], are_plain: false }
    }
}

/// How many line ends an element has around it.
fn breaks_around(name: Name) -> usize {
    match BLOCKS.binary_search_by_key(&name, |(block, _)| *block) {
        Ok(at) => BLOCKS[at].1,
        Err(_) => 0,
    }
}

/// Appends text with its entities decoded, unbreakable spaces as spaces.
fn push_decoded(written: &mut String, text: &str) {
    let mut rest = text;
    // 0xc2 begins the unbreakable space.
    while let Some(at) = memchr2(b'&', 0xc2, rest.as_bytes()) {
        written.push_str(&rest[..at]);
        rest = &rest[at..];
        let Some(behind) = rest.strip_prefix('&') else {
            let other = rest.chars().next().unwrap_or_default();
            written.push(if other == '\u{a0}' { ' ' } else { other });
            rest = &rest[other.len_utf8()..];
            continue;
        };
        let Some(length) = entity_bytes(rest) else {
            written.push('&');
            rest = behind;
            continue;
        };
        push_entity(written, &rest[..length]);
        rest = &rest[length..];
    }
    written.push_str(rest);
}

/// Appends what an entity stands for; the usual ones are not looked up among all.
fn push_entity(written: &mut String, entity: &str) {
    match entity {
        "&nbsp;" | "&#160;" => written.push(' '),
        "&amp;" => written.push('&'),
        "&lt;" => written.push('<'),
        "&gt;" => written.push('>'),
        "&quot;" | "&#34;" => written.push('"'),
        "&apos;" | "&#39;" => written.push('\''),
        _ => {
            let start = written.len();
            add_html_token(written, entity.as_bytes(), false);
            if written[start..] == *"\u{a0}" {
                written.truncate(start);
                written.push(' ');
            }
        }
    }
}

/// The length of the entity that a text begins with, such as `&amp;`.
fn entity_bytes(text: &str) -> Option<usize> {
    let start = &text.as_bytes()[..text.len().min(ENTITY_BYTES_MAX)];
    let end = start.iter().position(|byte| *byte == b';')?;
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'#';
    (end > 1 && start[1..end].iter().all(is_name)).then_some(end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_found_by_their_names() {
        assert!(BLOCKS.is_sorted_by_key(|(name, _)| *name));
        for (name, breaks) in [("p", 2), ("P", 2), ("H6", 2), ("figcaption", 1), ("tr", 1), ("b", 0), ("", 0)]
        {
            assert_eq!(breaks_around(Name::of(name)), breaks, "{name}");
        }
        assert_eq!(breaks_around(Name::of("figcaptions")), 0);
    }
}
