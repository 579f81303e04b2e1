//! Paragraphs that were broken for transport (RFC 3676, section 4).

/// What the space at the end of a flowed line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrailingSpace {
    /// Part of the text.
    Text,
    /// Added for transport (`DelSp=yes`).
    Artefact,
}

/// A paragraph or a fixed line, and how deeply it is quoted.
struct Paragraph {
    depth: usize,
    text: String,
}

/// Joins the lines that belong together: those that end in a space go on in the next line of the
/// same quote depth.
pub fn unflow(text: &str, space: TrailingSpace) -> String {
    let mut paragraphs: Vec<Paragraph> = Vec::new();
    let mut is_open = false;
    for line in text.lines() {
        let (depth, content) = unquoted(line);
        // The one line whose space means something else (section 4.3).
        let is_signature = content == "-- ";
        let flows = content.ends_with(' ') && !is_signature;
        let kept = match (flows, space) {
            (true, TrailingSpace::Artefact) => content.strip_suffix(' ').unwrap_or(content),
            _ => content,
        };
        match paragraphs.last_mut() {
            Some(last) if is_open && last.depth == depth && !is_signature => last.text += kept,
            _ => paragraphs.push(Paragraph { depth, text: kept.to_owned() }),
        }
        is_open = flows;
    }
    written(&paragraphs)
}

fn written(paragraphs: &[Paragraph]) -> String {
    let mut text = String::new();
    for paragraph in paragraphs {
        text.extend(std::iter::repeat_n('>', paragraph.depth));
        if paragraph.depth > 0 {
            text.push(' ');
        }
        text.push_str(&paragraph.text);
        text.push('\n');
    }
    text
}

/// The quote depth, and what is quoted, without the stuffed space (section 4.4).
fn unquoted(line: &str) -> (usize, &str) {
    let content = line.trim_start_matches('>');
    let depth = line.len() - content.len();
    (depth, content.strip_prefix(' ').unwrap_or(content))
}
