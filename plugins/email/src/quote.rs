//! Parts what somebody wrote from what their mail program added: quoted history and signature.
//!
//! There is no standard for most of it. RFC 3676 gives `>` (section 4.5) and `-- ` (section 4.3);
//! the rest is what programs write, listed in [`marks`]. Where it is not clear what is history, it
//! stays in the text: a line too many is read over, a line too few is lost.

mod marks;
mod signature;

use marks::Mark;

/// A mail's text, parted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// What was written.
    pub text: String,
    /// History and signature, in the order they stand.
    pub quoted: Option<String>,
}

/// History begins within as many lines; in longer mail it stays in the text. It bounds the cost of a
/// call, where every line may begin something.
const SEARCHED_LINES_MAX: usize = 5_000;

/// Lines `from` up to, not including, `to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Range {
    from: usize,
    to: usize,
}

/// Longer text is a document, not an answer, and parting it would burn the fuel that a call has.
const BODY_BYTES_MAX: usize = 512 * 1024;

/// Parts a text.
pub fn split(body: &str) -> Split {
    if body.len() > BODY_BYTES_MAX {
        return Split { text: body.to_owned(), quoted: None };
    }
    let lines: Vec<&str> = body.lines().collect();
    let mut kept = vec![true; lines.len()];
    if let Some(history) = history(&lines) {
        kept[history.from..history.to].fill(false);
    }
    if let Some(from) = signature::start(&lines, &kept) {
        for keep in &mut kept[from..] {
            *keep = false;
        }
    }
    let (text, quoted) = parted(&lines, &kept);
    match (text.is_empty(), quoted.is_empty()) {
        // Nothing but history: then that is what they sent.
        (true, _) => Split { text: trimmed(body), quoted: None },
        (false, true) => Split { text, quoted: None },
        (false, false) => Split { text, quoted: Some(quoted) },
    }
}

/// The last lines that hold something, found once.
struct Last {
    written: usize,
    quoted: usize,
}

impl Last {
    fn of(lines: &[&str]) -> Self {
        let last = |found: fn(&str) -> bool| lines.iter().rposition(|line| found(line));
        Self {
            written: last(|line| !is_blank(line)).unwrap_or_default(),
            quoted: last(marks::is_quoted).unwrap_or_default(),
        }
    }
}

/// The lines that repeat earlier mail.
fn history(lines: &[&str]) -> Option<Range> {
    let last = Last::of(lines);
    let mut at = 0;
    while at < lines.len().min(SEARCHED_LINES_MAX) {
        match marks::at(lines, at) {
            // What follows is what they want to show, not what was said before.
            Some(Mark::Forward) => return None,
            Some(Mark::Separator) => return to_the_end(lines, at),
            Some(Mark::Attribution { end }) => return after_attribution(lines, at, end, &last),
            Some(Mark::Quote) => {
                let end = quote_end(lines, at);
                if let Some(range) = quoted_range(lines, at, end, &last) {
                    return Some(range);
                }
                at = end;
            }
            None => at += 1,
        }
    }
    None
}

/// `somebody wrote:` is followed by quoted lines, or, in text made from markup, by the bare mail.
fn after_attribution(lines: &[&str], from: usize, end: usize, last: &Last) -> Option<Range> {
    let next = (end..lines.len()).find(|at| !is_blank(lines[*at]))?;
    if marks::is_quoted(lines[next]) {
        quoted_range(lines, from, quote_end(lines, next), last)
    } else {
        to_the_end(lines, from)
    }
}

/// Decides about a block of quoted lines by what stands around it: history below what was written,
/// or above it, but not a quotation that is answered line by line.
fn quoted_range(lines: &[&str], from: usize, end: usize, last: &Last) -> Option<Range> {
    if last.written < end || signature::is_all_of(&lines[end..]) {
        return to_the_end(lines, from);
    }
    let written_before = lines[..from].iter().any(|line| !is_blank(line));
    let quoted_again = last.quoted >= end;
    (!written_before && !quoted_again).then_some(Range { from, to: end })
}

/// Quoted lines and the blank ones between them.
fn quote_end(lines: &[&str], from: usize) -> usize {
    let mut end = from;
    for (at, line) in lines.iter().enumerate().skip(from) {
        if marks::is_quoted(line) {
            end = at + 1;
        } else if !is_blank(line) {
            break;
        }
    }
    end
}

fn to_the_end(lines: &[&str], from: usize) -> Option<Range> {
    Some(Range { from, to: lines.len() })
}

fn is_blank(line: &str) -> bool {
    line.trim().is_empty()
}

fn parted(lines: &[&str], kept: &[bool]) -> (String, String) {
    let side = |wanted: bool| {
        let mut text = String::new();
        for (line, keep) in lines.iter().zip(kept) {
            if *keep == wanted {
                text.push_str(line.trim_end());
                text.push('\n');
            }
        }
        trimmed(&text)
    };
    (side(true), side(false))
}

/// Without blank lines around it; a first line's indentation stays.
fn trimmed(text: &str) -> String {
    let start = text.len() - text.trim_start().len();
    let line_start = text[..start].rfind('\n').map_or(0, |end| end + 1);
    text[line_start..].trim_end().to_owned()
}

#[cfg(test)]
mod tests;
