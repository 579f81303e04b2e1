//! Markup to plain text.

use html2text::config;
use html2text::render::TextDecorator;

/// Wide enough that paragraphs stay on one line: wrapping is the reader's business.
const WIDTH: usize = 50_000;

/// Markup beyond this is not converted. It bounds the fuel of a call; real mail stays far below, and
/// the markup itself is kept whole.
const MARKUP_BYTES_MAX: usize = 256 * 1024;

/// The text a person would read, quoted blocks marked by `> ` as in plain mail.
pub fn to_text(html: &str) -> String {
    let html = &html[..html.floor_char_boundary(MARKUP_BYTES_MAX)];
    let rendered = config::with_decorator(Plain).raw_mode(true).string_from_read(html.as_bytes(), WIDTH);
    // The renderer fails for too narrow a page alone.
    tidy(&rendered.unwrap_or_default())
}

/// Joins runs of empty lines.
fn tidy(rendered: &str) -> String {
    let mut text = String::with_capacity(rendered.len());
    let mut blank_lines = 0;
    for line in rendered.lines().map(str::trim_end) {
        if line.is_empty() {
            blank_lines += 1;
            continue;
        }
        if !text.is_empty() {
            text.push_str(if blank_lines > 0 { "\n\n" } else { "\n" });
        }
        blank_lines = 0;
        text.push_str(line);
    }
    text
}

/// Words alone, and signs where plain mail has them too: quotes and lists.
#[derive(Clone)]
struct Plain;

impl TextDecorator for Plain {
    type Annotation = ();

    fn decorate_link_start(&mut self, _: &str) -> (String, ()) {
        (String::new(), ())
    }

    fn decorate_link_end(&mut self) -> String {
        String::new()
    }

    fn decorate_em_start(&self) -> (String, ()) {
        (String::new(), ())
    }

    fn decorate_em_end(&self) -> String {
        String::new()
    }

    fn decorate_strong_start(&self) -> (String, ()) {
        (String::new(), ())
    }

    fn decorate_strong_end(&self) -> String {
        String::new()
    }

    fn decorate_strikeout_start(&self) -> (String, ()) {
        (String::new(), ())
    }

    fn decorate_strikeout_end(&self) -> String {
        String::new()
    }

    fn decorate_code_start(&self) -> (String, ()) {
        (String::new(), ())
    }

    fn decorate_code_end(&self) -> String {
        String::new()
    }

    fn decorate_superscript_start(&self) -> (String, ()) {
        (String::new(), ())
    }

    fn decorate_superscript_end(&self) -> String {
        String::new()
    }

    fn decorate_preformat_first(&self) {}

    fn decorate_preformat_cont(&self) {}

    fn decorate_image(&mut self, _: &str, _: &str) -> (String, ()) {
        (String::new(), ())
    }

    fn header_prefix(&self, _: usize) -> String {
        String::new()
    }

    fn quote_prefix(&self) -> String {
        "> ".to_owned()
    }

    fn unordered_item_prefix(&self) -> String {
        "* ".to_owned()
    }

    fn ordered_item_prefix(&self, number: i64) -> String {
        format!("{number}. ")
    }

    fn make_subblock_decorator(&self) -> Self {
        self.clone()
    }
}
