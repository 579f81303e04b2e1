//! Where a signature begins.

use super::is_blank;

/// A bare `--` is a signature's start only near the end: it is also how people draw lines.
const BARE_SIGNATURE_LINES_MAX: usize = 12;

/// How far from the end the line of a telephone or mail program may stand.
const PROGRAM_LINES_MAX: usize = 4;

/// Longer lines are sentences of a person.
const PROGRAM_BYTES_MAX: usize = 160;

/// What telephones and mail programs write below.
const PROGRAMS: [&str; 26] = [
    "sent from my ",
    "sent from mail for",
    "sent from outlook",
    "sent from yahoo",
    "sent from proton",
    "sent via ",
    "sent using ",
    "sent with ",
    "get outlook for",
    "gesendet mit ",
    "gesendet von ",
    "von meinem ",
    "holen sie sich outlook",
    "diese nachricht wurde von meinem",
    "envoyé de mon",
    "envoyé depuis mon",
    "envoyé à partir de",
    "enviado desde mi",
    "enviado do meu",
    "enviado de mi",
    "inviato da",
    "verzonden vanaf",
    "skickat från min",
    "sendt fra min",
    "wysłane z",
    "отправлено с",
];

/// The first line of the signature among the lines that are kept.
pub fn start(lines: &[&str], kept: &[bool]) -> Option<usize> {
    let written: Vec<usize> = (0..lines.len()).filter(|at| kept[*at] && !is_blank(lines[*at])).collect();
    delimiter(lines, &written).or_else(|| program(lines, &written))
}

/// Whether lines are nothing but a signature.
pub fn is_all_of(lines: &[&str]) -> bool {
    let first = lines.iter().find(|line| !is_blank(line));
    first.is_some_and(|line| is_delimiter(line) || is_program(line))
}

fn delimiter(lines: &[&str], written: &[usize]) -> Option<usize> {
    let below = |position: usize| written.len() - position - 1;
    let (_, at) = written.iter().enumerate().skip(1).find(|(position, at)| {
        let line = lines[**at];
        line == "-- " || (is_delimiter(line) && below(*position) <= BARE_SIGNATURE_LINES_MAX)
    })?;
    Some(*at)
}

fn program(lines: &[&str], written: &[usize]) -> Option<usize> {
    let near_end = written.len().saturating_sub(PROGRAM_LINES_MAX).max(1);
    let last = written.get(near_end..)?;
    last.iter().copied().find(|at| is_program(lines[*at]))
}

/// `-- ` (RFC 3676, section 4.3), also without the space that many programs lose.
fn is_delimiter(line: &str) -> bool {
    line.trim_end() == "--"
}

fn is_program(line: &str) -> bool {
    let line = line.trim().trim_start_matches(['*', '_']);
    if line.len() > PROGRAM_BYTES_MAX {
        return false;
    }
    let lower = line.to_lowercase();
    PROGRAMS.iter().any(|program| lower.starts_with(program))
}
