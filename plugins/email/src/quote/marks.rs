//! How mail programs announce history.

use super::is_blank;

/// What begins at a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// `>`.
    Quote,
    /// `On Monday somebody wrote:`, up to the line `end`.
    Attribution {
        /// The first line after it.
        end: usize,
    },
    /// `-----Original Message-----`, or a block of `From:`, `Sent:`, `To:`.
    Separator,
    /// `---------- Forwarded message ---------`.
    Forward,
}

/// Attributions are broken over few lines, and are short.
const ATTRIBUTION_LINES_MAX: usize = 4;
const ATTRIBUTION_BYTES_MAX: usize = 400;

/// Day, year and time have at least as many.
const DATE_DIGITS_MIN: usize = 6;

/// Where the other fields of a header block have to stand, counted from its first.
const BLOCK_LINES_MAX: usize = 10;

/// Original message, in the languages of the programs that write it.
const ORIGINAL: [&str; 20] = [
    "original message",
    "reply message",
    "original-nachricht",
    "ursprüngliche nachricht",
    "originalnachricht",
    "originele bericht",
    "oorspronkelijk bericht",
    "message d'origine",
    "message original",
    "mensaje original",
    "mensagem original",
    "messaggio originale",
    "oprindelig meddelelse",
    "originalmeddelande",
    "ursprungligt meddelande",
    "alkuperäinen viesti",
    "oryginalna wiadomość",
    "исходное сообщение",
    "原始邮件",
    "元のメッセージ",
];

/// Forwarded message.
const FORWARDED: [&str; 9] = [
    "forwarded message",
    "begin forwarded message",
    "weitergeleitete nachricht",
    "anfang der weitergeleiteten",
    "message transféré",
    "mensaje reenviado",
    "mensagem encaminhada",
    "messaggio inoltrato",
    "doorgestuurd bericht",
];

/// How attributions begin.
const OPENERS: [&str; 16] = [
    "on ",
    "am ",
    "le ",
    "el ",
    "il ",
    "em ",
    "op ",
    "den ",
    "på ",
    "dne ",
    "dnia ",
    "w dniu ",
    "il giorno ",
    "a ",
    "в ",
    "le mer",
];

/// The longest of them.
const OPENER_CHARS_MAX: usize = 10;

/// Somebody wrote.
const WROTE: [&str; 24] = [
    "wrote",
    "schrieb",
    "a écrit",
    "escribió",
    "ha scritto",
    "escreveu",
    "schreef",
    "skrev",
    "kirjoitti",
    "napisał",
    "napsal",
    "napísal",
    "a scris",
    "írta",
    "yazdı",
    "написал",
    "пишет",
    "пише",
    "έγραψε",
    "写道",
    "寫道",
    "书写",
    "のメッセージ",
    "작성",
];

/// The first field of a header block.
const FROM: [&str; 16] = [
    "from",
    "von",
    "de",
    "da",
    "van",
    "fra",
    "från",
    "lähettäjä",
    "od",
    "от",
    "kimden",
    "feladó",
    "差出人",
    "发件人",
    "寄件者",
    "보낸 사람",
];

/// Its other fields.
const OTHERS: [&str; 52] = [
    "sent",
    "date",
    "to",
    "cc",
    "subject",
    "reply-to",
    "gesendet",
    "datum",
    "an",
    "betreff",
    "envoyé",
    "à",
    "objet",
    "enviado",
    "enviado el",
    "enviada em",
    "fecha",
    "para",
    "asunto",
    "assunto",
    "data",
    "inviato",
    "a",
    "oggetto",
    "verzonden",
    "aan",
    "onderwerp",
    "sendt",
    "dato",
    "til",
    "emne",
    "skickat",
    "till",
    "ämne",
    "lähetetty",
    "vastaanottaja",
    "aihe",
    "wysłano",
    "do",
    "temat",
    "odesláno",
    "komu",
    "předmět",
    "отправлено",
    "дата",
    "кому",
    "тема",
    "送信日時",
    "宛先",
    "件名",
    "发送时间",
    "主题",
];

/// What begins at line `at`, if anything.
pub fn at(lines: &[&str], at: usize) -> Option<Mark> {
    let line = lines[at].trim();
    if line.is_empty() {
        return None;
    }
    if is_quoted(line) {
        return Some(Mark::Quote);
    }
    if is_rule_with(line, &FORWARDED) || (line.ends_with(':') && starts_with_any(line, &FORWARDED)) {
        return Some(Mark::Forward);
    }
    if is_rule_with(line, &ORIGINAL) || is_header_block(lines, at) {
        return Some(Mark::Separator);
    }
    attribution_end(lines, at).map(|end| Mark::Attribution { end })
}

/// Whether a line is quoted (RFC 3676, section 4.5).
pub fn is_quoted(line: &str) -> bool {
    line.trim_start().starts_with('>')
}

/// Words between dashes, as in `----- Original Message -----`.
fn is_rule_with(line: &str, words: &[&str]) -> bool {
    let is_dash = |char: char| matches!(char, '-' | '_' | '–' | '—' | '*');
    if !line.starts_with("--") && !line.starts_with("__") && !line.starts_with('*') {
        return false;
    }
    let inner = line.trim_matches(|char| is_dash(char) || char == ' ');
    starts_with_any(inner, words)
}

fn starts_with_any(line: &str, words: &[&str]) -> bool {
    let lower = line.to_lowercase();
    words.iter().any(|word| lower.starts_with(word))
}

/// The header of a mail as text: `From:` and at least two more fields, near below or right above it. A
/// line of underscores above belongs to it.
fn is_header_block(lines: &[&str], at: usize) -> bool {
    let line = lines[at].trim();
    if line.len() >= 10 && line.chars().all(|char| char == '_') {
        let next = (at + 1..lines.len()).find(|next| !is_blank(lines[*next]));
        return next.is_some_and(|next| !lines[next].contains("__") && is_header_block(lines, next));
    }
    let below = &lines[at + 1..lines.len().min(at + 1 + BLOCK_LINES_MAX)];
    let fields = |lines: &[&str], names: &[&str]| {
        let is_one = |line: &&&str| is_field(line.trim(), names);
        lines.iter().filter(is_one).count()
    };
    if is_field(line, &FROM) {
        return fields(below, &OTHERS) >= 2;
    }
    // Other orders are believed only where the fields stand close together.
    let end = below.iter().position(|line| is_blank(line));
    let close = &below[..end.unwrap_or(below.len())];
    is_field(line, &OTHERS) && fields(close, &FROM) >= 1 && fields(close, &OTHERS) >= 1
}

/// Whether a line is a field of one of these names; programs set names in bold with `*`.
fn is_field(line: &str, names: &[&str]) -> bool {
    let Some((name, _)) = line.split_once([':', '：']) else {
        return false;
    };
    // No name is longer; most lines with a colon end here.
    if name.len() > 40 {
        return false;
    }
    let name = name.trim_matches(['*', ' ', '\u{a0}']).to_lowercase();
    names.contains(&name.as_str())
}

/// The line after `On Monday, somebody wrote:`, which may be broken over some lines.
fn attribution_end(lines: &[&str], at: usize) -> Option<usize> {
    let first = lines[at].trim().trim_start_matches(['*', '_', '-', ' ']);
    let has_opener = has_opener(first);
    if !has_opener && !has_person(first) && !first.ends_with(':') {
        return None;
    }
    let mut joined = String::new();
    for (offset, line) in lines[at..].iter().take(ATTRIBUTION_LINES_MAX).enumerate() {
        joined.push_str(line.trim());
        joined.push(' ');
        if is_blank(line) || joined.len() > ATTRIBUTION_BYTES_MAX {
            return None;
        }
        if is_closed(&joined) {
            let end = at + offset + 1;
            let dated = joined.contains(|char: char| char.is_ascii_digit());
            let is_sure = (has_opener && dated) || has_person(&joined);
            return (is_sure || quote_follows(lines, end)).then_some(end);
        }
    }
    None
}

/// A word that attributions begin with, or a date.
fn has_opener(line: &str) -> bool {
    if line.starts_with(|char: char| char.is_ascii_digit()) {
        return true;
    }
    let start = line.chars().take(OPENER_CHARS_MAX);
    let lower: String = start.flat_map(char::to_lowercase).collect();
    OPENERS.iter().any(|opener| lower.starts_with(opener))
}

fn has_person(line: &str) -> bool {
    line.contains('@') && line.contains('<')
}

fn is_closed(joined: &str) -> bool {
    let joined = joined.trim_end().trim_end_matches(['*', '_']);
    let Some(line) = joined.strip_suffix([':', '：']) else {
        return false;
    };
    let lower = line.to_lowercase();
    WROTE.iter().any(|wrote| lower.contains(wrote)) || is_dated_person(line)
}

/// `26.06.2014, 14:41, "Ada" <ada@example.org>:`, without a word for writing.
fn is_dated_person(line: &str) -> bool {
    let digits = line.chars().filter(char::is_ascii_digit).count();
    line.ends_with('>') && has_person(line) && digits >= DATE_DIGITS_MIN
}

fn quote_follows(lines: &[&str], from: usize) -> bool {
    let next = lines[from..].iter().find(|line| !is_blank(line));
    next.is_some_and(|line| is_quoted(line))
}
