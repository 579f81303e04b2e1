//! Reads a mail without walking through its long stretches.
//!
//! The parser looks at every byte of a mail and decodes every file in it, several times over what
//! looking for the ends of the parts costs; of files, only the place is wanted here. So stretches in
//! which no part can end are left out of what the parser sees. Its offsets are then set right, and
//! text with such a stretch in it is decoded from the mail itself.
//!
//! **Invariant:** what comes out is what the parser makes of the whole mail, but for the content of
//! files, and whether their encoding is broken somewhere in what was left out.

use std::borrow::Cow;
use std::ops::Range;

use mail_parser::decoders::base64::base64_decode;
use mail_parser::decoders::charsets::map::charset_decoder;
use mail_parser::decoders::quoted_printable::quoted_printable_decode;
use mail_parser::{Encoding, Message, MessageParser, MessagePart, MimeHeaders, PartType};
use memchr::memchr_iter;
use memchr::memmem::{find, rfind};

/// What is left of a stretch.
#[derive(Debug, Clone, Copy)]
pub struct Skim {
    /// Shorter stretches stay whole.
    stretch_bytes_min: usize,
    /// What stays after the header that a stretch may begin with: room for the headers of a mail that
    /// was forwarded as a file.
    head_bytes: usize,
    /// What stays before the next boundary.
    tail_bytes: usize,
}

impl Default for Skim {
    fn default() -> Self {
        Self { stretch_bytes_min: 64 * 1024, head_bytes: 16 * 1024, tail_bytes: 1024 }
    }
}

/// A mail, shortened.
#[derive(Debug)]
pub struct Skimmed<'a> {
    mail: &'a [u8],
    kept: Cow<'a, [u8]>,
    gaps: Vec<Gap>,
}

/// Bytes of the mail that were left out.
#[derive(Debug, Clone, Copy)]
struct Gap {
    /// Before this byte of what was kept.
    before: usize,
    bytes: usize,
}

/// The parser has to see the whole mail.
struct NeedsAll;

impl Skim {
    /// Leaves the long stretches out.
    pub fn shorten(self, mail: &[u8]) -> Skimmed<'_> {
        let (mut kept, mut gaps, mut from) = (Vec::new(), Vec::new(), 0);
        for stretch in self.stretches(mail) {
            kept.extend_from_slice(&mail[from..stretch.start]);
            gaps.push(Gap { before: kept.len(), bytes: stretch.len() });
            from = stretch.end;
        }
        if gaps.is_empty() {
            return Skimmed { mail, kept: Cow::Borrowed(mail), gaps };
        }
        kept.extend_from_slice(&mail[from..]);
        Skimmed { mail, kept: Cow::Owned(kept), gaps }
    }

    /// What can be left out: nothing that the parser takes for a header or a boundary.
    fn stretches(self, mail: &[u8]) -> Vec<Range<usize>> {
        if mail.len() < self.stretch_bytes_min {
            return Vec::new();
        }
        match self.may_have_parts(mail) {
            None => Vec::new(),
            Some(false) => self.inner(mail, 0..mail.len()).into_iter().collect(),
            Some(true) => {
                // The parser takes a boundary wherever two dashes stand before it.
                let dashes = memchr_iter(b'-', mail).filter(|at| mail.get(at + 1) == Some(&b'-'));
                let mut from = 0;
                dashes
                    .chain([mail.len()])
                    .filter_map(|to| self.inner(mail, std::mem::replace(&mut from, to)..to))
                    .collect()
            }
        }
    }

    /// Whether boundaries can come; `None` when the header is too long to tell.
    fn may_have_parts(self, mail: &[u8]) -> Option<bool> {
        let start = &mail[..mail.len().min(self.stretch_bytes_min)];
        let header = &start[..header_end(start)?];
        let header = MessageParser::new().parse_headers(header)?;
        Some(header.content_type().is_some_and(|media| matches!(media.ctype(), "multipart" | "message")))
    }

    /// What can be left out between two boundaries, whole lines where there are lines.
    fn inner(self, mail: &[u8], between: Range<usize>) -> Option<Range<usize>> {
        if between.len() < self.stretch_bytes_min {
            return None;
        }
        let header = header_end(&mail[between.clone()])?;
        let (from, to) = (between.start + header + self.head_bytes, between.end - self.tail_bytes);
        let stretch = mail.get(from..to)?;
        let line_start = find(stretch, b"\n").map_or(0, |end| end + 1);
        let line_end = rfind(stretch, b"\n").map_or(stretch.len(), |end| end + 1);
        (line_start < line_end).then(|| from + line_start..from + line_end)
    }
}

/// Where the first blank line ends.
fn header_end(part: &[u8]) -> Option<usize> {
    let (lf, crlf) = (find(part, b"\n\n").map(|at| at + 2), find(part, b"\n\r\n").map(|at| at + 3));
    lf.into_iter().chain(crlf).min()
}

impl<'a> Skimmed<'a> {
    /// What the parser makes of the mail.
    pub fn parse(&'a self) -> Option<Message<'a>> {
        let mut message = MessageParser::new().parse(&self.kept)?;
        match self.fill_in(&mut message) {
            Ok(()) => Some(message),
            Err(NeedsAll) => MessageParser::new().parse(self.mail),
        }
    }

    fn fill_in(&'a self, message: &mut Message<'a>) -> Result<(), NeedsAll> {
        if self.gaps.is_empty() {
            return Ok(());
        }
        message.raw_message = Cow::Borrowed(self.mail);
        for part in &mut message.parts {
            let has_gap = self.set_right(part);
            match &mut part.body {
                PartType::Message(nested) if part.encoding == Encoding::None => self.fill_in(nested)?,
                PartType::Multipart(_) => {}
                _ if has_gap => self.fill_part(part)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Sets offsets right; whether something was left out of the part.
    fn set_right(&self, part: &mut MessagePart<'_>) -> bool {
        let body = part.offset_body as usize..part.offset_end as usize;
        for header in &mut part.headers {
            for offset in [&mut header.offset_field, &mut header.offset_start, &mut header.offset_end] {
                *offset = self.offset(*offset);
            }
        }
        for offset in [&mut part.offset_header, &mut part.offset_body, &mut part.offset_end] {
            *offset = self.offset(*offset);
        }
        self.gaps.iter().any(|gap| body.start < gap.before && gap.before < body.end)
    }

    /// Where something stands in the mail, by where it stands in what was kept.
    fn offset(&self, kept: u32) -> u32 {
        let before = self.gaps.iter().take_while(|gap| gap.before < kept as usize);
        kept + before.map(|gap| gap.bytes as u32).sum::<u32>()
    }

    fn fill_part(&self, part: &mut MessagePart<'a>) -> Result<(), NeedsAll> {
        // Of reports, the content is read too.
        let is_report = part.content_type().is_some_and(|media| media.ctype() == "message");
        let is_broken_mail = part.is_encoding_problem && is_report;
        if is_broken_mail || matches!(part.body, PartType::Message(_)) {
            return Err(NeedsAll);
        }
        let is_file = matches!(part.body, PartType::Binary(_) | PartType::InlineBinary(_)) && !is_report;
        if is_file {
            return Ok(());
        }
        let content = self.mail.get(part.offset_body as usize..part.offset_end as usize).ok_or(NeedsAll)?;
        let content = decoded(part.encoding, content).ok_or(NeedsAll)?;
        part.body = match &part.body {
            PartType::Text(_) => PartType::Text(text(part, content)),
            PartType::Html(_) => PartType::Html(text(part, content)),
            _ => PartType::Binary(content),
        };
        Ok(())
    }
}

fn decoded(encoding: Encoding, content: &[u8]) -> Option<Cow<'_, [u8]>> {
    Some(match encoding {
        Encoding::None => Cow::Borrowed(content),
        Encoding::Base64 => Cow::Owned(base64_decode(content)?),
        Encoding::QuotedPrintable => Cow::Owned(quoted_printable_decode(content)?),
    })
}

/// In the character set that the part names, else UTF-8.
fn text<'a>(part: &MessagePart<'_>, content: Cow<'a, [u8]>) -> Cow<'a, str> {
    let charset = part.content_type().and_then(|media| media.attribute("charset"));
    if let Some(decode) = charset.and_then(|charset| charset_decoder(charset.as_bytes())) {
        return Cow::Owned(decode(&content));
    }
    match content {
        // Much cheaper than looking for what is not UTF-8, which is rare.
        Cow::Borrowed(bytes) => {
            str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
        }
        Cow::Owned(bytes) => Cow::Owned(
            String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into()),
        ),
    }
}

#[cfg(test)]
mod tests;
