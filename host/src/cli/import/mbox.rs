//! Mails out of an mbox file (RFC 4155), one at a time.
//!
//! A mail begins with a line `From `, an address and a date, at the start of the file or after a
//! blank line. Writers put a `>` before lines of a text that look like one; it is taken away again,
//! one of several as the `mboxrd` form has it, which reads the older form right as well.

use std::io::BufRead;

use super::lines::{LineRead, read_line};
use super::record::{RECORD_BYTES_MAX, RecordError};

/// The mails of an mbox file.
pub struct Mails<R> {
    from: R,
    line: Vec<u8>,
    /// What to do with the next line.
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing was read yet.
    Start,
    /// A `From ` line was read: a mail begins.
    Mail,
    /// Nothing is left.
    End,
}

impl<R: BufRead> Mails<R> {
    /// Reads mails from here.
    pub fn new(from: R) -> Self {
        Self { from, line: Vec::new(), state: State::Start }
    }

    /// Reads the first line, which has to be a `From ` line.
    fn begin(&mut self) -> Result<(), RecordError> {
        match self.read()? {
            LineRead::End => self.state = State::End,
            LineRead::Line if is_separator(&self.line) => self.state = State::Mail,
            LineRead::Line | LineRead::TooLong => {
                let detail = "line 1 does not begin with `From `, an address and a date, as an mbox does";
                return Err(RecordError::Format(detail.to_owned()));
            }
        }
        Ok(())
    }

    /// Reads up to the next `From ` line or the end.
    fn mail(&mut self) -> Result<Vec<u8>, RecordError> {
        let mut mail = Vec::new();
        let mut after_blank = false;
        let mut fits = true;
        loop {
            match self.read()? {
                LineRead::End => {
                    self.state = State::End;
                    break;
                }
                LineRead::Line if after_blank && is_separator(&self.line) => break,
                LineRead::Line => {
                    after_blank = self.line.trim_ascii().is_empty();
                    fits &= mail.len() + self.line.len() <= RECORD_BYTES_MAX;
                    if fits {
                        mail.extend_from_slice(unquoted(&self.line));
                    }
                }
                LineRead::TooLong => {
                    after_blank = false;
                    fits = false;
                }
            }
        }
        if !fits {
            return Err(RecordError::TooLong);
        }
        drop_blank_end(&mut mail);
        Ok(mail)
    }

    fn read(&mut self) -> Result<LineRead, RecordError> {
        read_line(&mut self.from, &mut self.line, RECORD_BYTES_MAX).map_err(RecordError::Io)
    }

    fn advance(&mut self) -> Result<Option<Vec<u8>>, RecordError> {
        if self.state == State::Start {
            self.begin()?;
        }
        match self.state {
            State::Mail => self.mail().map(Some),
            State::Start | State::End => Ok(None),
        }
    }
}

impl<R: BufRead> Iterator for Mails<R> {
    type Item = Result<Vec<u8>, RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        let read = self.advance();
        if read.as_ref().is_err_and(|error| !error.passes()) {
            self.state = State::End;
        }
        read.transpose()
    }
}

/// Whether a line separates mails: `From `, and a time of day with a year after it somewhere.
/// Sentences that begin with that word hardly ever have both.
fn is_separator(line: &[u8]) -> bool {
    let Some(rest) = line.strip_prefix(b"From ") else { return false };
    let mut words = rest.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    words.any(is_time_of_day) && words.any(is_year)
}

fn is_time_of_day(word: &[u8]) -> bool {
    let parts: Vec<_> = word.split(|byte| *byte == b':').collect();
    (2..=3).contains(&parts.len())
        && parts.iter().all(|part| matches!(part.len(), 1 | 2) && part.iter().all(u8::is_ascii_digit))
}

fn is_year(word: &[u8]) -> bool {
    word.len() == 4 && word.iter().all(u8::is_ascii_digit)
}

/// The line without the `>` that kept it from looking like a separator.
fn unquoted(line: &[u8]) -> &[u8] {
    let marks = line.iter().take_while(|byte| **byte == b'>').count();
    match marks > 0 && line[marks..].starts_with(b"From ") {
        true => &line[1..],
        false => line,
    }
}

/// The blank line before a separator is the file's, not the mail's.
fn drop_blank_end(mail: &mut Vec<u8>) {
    for end in [&b"\r\n\r\n"[..], b"\n\n"] {
        if mail.ends_with(end) {
            mail.truncate(mail.len() - end.len() / 2);
            return;
        }
    }
}

#[cfg(test)]
#[path = "mbox/tests.rs"]
mod tests;
