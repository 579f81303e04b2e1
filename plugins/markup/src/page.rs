//! The page as it is written, line by line.

use mail_parser::decoders::html::add_html_token;

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
        let is_space = |char: char| char.is_ascii_whitespace();
        let mut rest = text;
        while !rest.is_empty() {
            let word = rest.trim_start_matches(is_space);
            if word.len() < rest.len() {
                self.space = Space::Pending;
            }
            let end = word.find(is_space).unwrap_or(word.len());
            if end > 0 {
                self.word(&word[..end]);
            }
            rest = &word[end..];
        }
    }

    /// Begins an element.
    pub fn open(&mut self, name: &str) {
        match name {
            "br" => self.breaks = (self.breaks + 1).min(2),
            "blockquote" => {
                self.break_line(2);
                self.quote_depth = (self.quote_depth + 1).min(DEPTH_MAX);
            }
            "pre" => {
                self.break_line(2);
                self.preformatted_depth += 1;
            }
            "ul" => self.open_list(None),
            "ol" => self.open_list(Some(0)),
            "li" => self.open_item(),
            _ => self.break_line(breaks_around(name)),
        }
    }

    /// Ends an element, whether it was begun or not.
    pub fn close(&mut self, name: &str) {
        match name {
            "blockquote" => {
                self.break_line(2);
                self.quote_depth = self.quote_depth.saturating_sub(1);
            }
            "pre" => {
                self.break_line(2);
                self.preformatted_depth = self.preformatted_depth.saturating_sub(1);
            }
            "ul" | "ol" => {
                self.lists.pop();
                self.break_around_list();
            }
            "li" => self.break_line(1),
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

    fn word(&mut self, word: &str) {
        // A word of nothing but unbreakable spaces is how editors write an empty line.
        if word == "&nbsp;" || word == "\u{a0}" {
            self.space = Space::Pending;
            return;
        }
        self.place();
        push_decoded(&mut self.written, word);
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

/// How many line ends an element has around it.
fn breaks_around(name: &str) -> usize {
    match name {
        "p" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "dl" => 2,
        "div" | "tr" | "td" | "th" | "table" | "caption" | "hr" | "dt" | "dd" | "section" | "article"
        | "header" | "footer" | "main" | "nav" | "aside" | "address" | "form" | "fieldset" | "center"
        | "figure" | "figcaption" | "option" | "body" | "html" | "head" => 1,
        _ => 0,
    }
}

/// Appends text with its entities decoded, unbreakable spaces as spaces.
fn push_decoded(written: &mut String, text: &str) {
    let mut rest = text;
    while let Some(at) = rest.find(['&', '\u{a0}']) {
        written.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(behind) = rest.strip_prefix('\u{a0}') {
            written.push(' ');
            rest = behind;
            continue;
        }
        let length = entity_bytes(rest);
        let start = written.len();
        match length {
            Some(length) => add_html_token(written, &rest.as_bytes()[..length], false),
            None => written.push('&'),
        }
        if written[start..] == *"\u{a0}" {
            written.truncate(start);
            written.push(' ');
        }
        rest = &rest[length.unwrap_or(1)..];
    }
    written.push_str(rest);
}

/// The length of the entity that a text begins with, such as `&amp;`.
fn entity_bytes(text: &str) -> Option<usize> {
    let start = &text.as_bytes()[..text.len().min(ENTITY_BYTES_MAX)];
    let end = start.iter().position(|byte| *byte == b';')?;
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'#';
    (end > 1 && start[1..end].iter().all(is_name)).then_some(end + 1)
}
