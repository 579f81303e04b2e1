//! What a file holds, by its name or by how it begins.

use std::io::BufRead;
use std::path::Path;

use super::json_lines::JsonLines;
use super::mbox::Mails;
use super::record::{RECORD_BYTES_MAX, RecordError, Records};

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A JSON document a line: a plain item or a CloudEvent.
    JsonLines,
    /// Many mails.
    Mbox,
    /// One mail.
    Mail,
    /// One feed in XML.
    XmlFeed,
    /// One JSON document: a feed, an item, or a list of items.
    Json,
}

impl Format {
    /// The format that the file's name says, else the one that its first bytes look like.
    pub fn of(path: &Path, start: &[u8]) -> Option<Self> {
        let extension = path.extension().and_then(|it| it.to_str()).unwrap_or_default().to_ascii_lowercase();
        Some(match extension.as_str() {
            "jsonl" | "ndjson" => Self::JsonLines,
            "mbox" | "mbx" => Self::Mbox,
            "eml" => Self::Mail,
            "xml" | "atom" | "rss" | "rdf" => Self::XmlFeed,
            "json" => Self::Json,
            _ => return Self::looking_like(start),
        })
    }

    fn looking_like(start: &[u8]) -> Option<Self> {
        match start.trim_ascii_start() {
            start if start.starts_with(b"From ") => Some(Self::Mbox),
            start if start.starts_with(b"{") => Some(Self::JsonLines),
            start if start.starts_with(b"<") => Some(Self::XmlFeed),
            _ => None,
        }
    }

    /// The media type that its records are delivered as.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::JsonLines | Self::Json => "application/json",
            Self::Mbox | Self::Mail => "message/rfc822",
            Self::XmlFeed => "application/xml",
        }
    }

    /// The file's records.
    pub fn records(self, from: impl BufRead + Send + 'static) -> Records {
        match self {
            Self::JsonLines => Box::new(JsonLines::new(from)),
            Self::Mbox => Box::new(Mails::new(from)),
            Self::Mail | Self::XmlFeed | Self::Json => Box::new(std::iter::once_with(move || whole(from))),
        }
    }
}

/// The file as one record.
fn whole(from: impl BufRead) -> Result<Vec<u8>, RecordError> {
    let mut bytes = Vec::new();
    // One byte more than allowed tells a file that is too long from one that just fits.
    let limit = RECORD_BYTES_MAX as u64 + 1;
    std::io::Read::read_to_end(&mut from.take(limit), &mut bytes).map_err(RecordError::Io)?;
    match bytes.len() > RECORD_BYTES_MAX {
        true => Err(RecordError::TooLong),
        false => Ok(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_comes_before_the_content() {
        assert_eq!(Format::of(Path::new("a.JSONL"), b"<feed"), Some(Format::JsonLines));
        assert_eq!(Format::of(Path::new("Inbox"), b"From a@example.com"), Some(Format::Mbox));
        assert_eq!(Format::of(Path::new("export.txt"), b"\n {\"text\":"), Some(Format::JsonLines));
        assert_eq!(Format::of(Path::new("feed"), b"<?xml version"), Some(Format::XmlFeed));
        assert_eq!(Format::of(Path::new("notes.txt"), b"hello"), None);
    }
}
