//! Bytes to text, and what sort of document it is.

use encoding_rs::{Encoding, UTF_8};
use switchboard_plugin_sdk::{Delivery, Rejection};

/// The declaration of an encoding stands in the first line; more is not searched.
const PROLOG_BYTES_MAX: usize = 256;

/// How much of a refused body is shown.
const EXCERPT_BYTES_MAX: usize = 60;

/// The text of a delivery.
#[derive(Debug)]
pub enum Document {
    /// Begins like XML.
    Xml(String),
    /// Begins like JSON.
    Json(String),
}

/// Decodes the body and looks at its beginning; what the sender calls it is often wrong.
pub fn of(delivery: &Delivery) -> Result<Document, Rejection> {
    let encoding =
        declared_in_prolog(&delivery.body).or_else(|| declared_in_header(delivery)).unwrap_or(UTF_8);
    // A byte-order mark wins over both.
    let (text, _, _) = encoding.decode(&delivery.body);
    let start = text.trim_start();
    let lower: String = start.chars().take(16).flat_map(char::to_lowercase).collect();
    if start.is_empty() {
        Err(Rejection::Malformed("the body is empty".to_owned()))
    } else if lower.starts_with("<!doctype html") || lower.starts_with("<html") {
        Err(Rejection::Malformed("found an HTML page; expected RSS, Atom or JSON Feed".to_owned()))
    } else if start.starts_with('<') {
        Ok(Document::Xml(start.to_owned()))
    } else if start.starts_with('{') {
        Ok(Document::Json(start.to_owned()))
    } else {
        let shown = &start[..start.floor_char_boundary(EXCERPT_BYTES_MAX)];
        Err(Rejection::Malformed(format!("found neither XML nor a JSON object; it begins with {shown:?}")))
    }
}

/// `encoding="…"` of the XML declaration (XML 1.0, section 4.3.3).
fn declared_in_prolog(body: &[u8]) -> Option<&'static Encoding> {
    let prolog = String::from_utf8_lossy(&body[..body.len().min(PROLOG_BYTES_MAX)]);
    let declaration = prolog.trim_start().strip_prefix("<?xml")?;
    let declaration = declaration.split("?>").next()?;
    let value = declaration.split("encoding").nth(1)?.trim_start();
    let value = value.strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|char| matches!(char, '"' | '\''))?;
    Encoding::for_label(value[1..].split(quote).next()?.as_bytes())
}

fn declared_in_header(delivery: &Delivery) -> Option<&'static Encoding> {
    let content_type = delivery.header("content-type")?;
    let charset = content_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then_some(value)
    })?;
    Encoding::for_label(charset.trim().trim_matches('"').as_bytes())
}
