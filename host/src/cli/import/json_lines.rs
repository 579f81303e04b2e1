//! One JSON document a line; blank lines are passed over.

use std::io::BufRead;

use super::lines::{LineRead, read_line};
use super::record::{RECORD_BYTES_MAX, RecordError};

/// The documents of a file of JSON lines.
pub struct JsonLines<R> {
    from: R,
    line: Vec<u8>,
    broken: bool,
}

impl<R: BufRead> JsonLines<R> {
    /// Reads documents from here.
    pub fn new(from: R) -> Self {
        Self { from, line: Vec::new(), broken: false }
    }
}

impl<R: BufRead> Iterator for JsonLines<R> {
    type Item = Result<Vec<u8>, RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.broken {
            return None;
        }
        loop {
            match read_line(&mut self.from, &mut self.line, RECORD_BYTES_MAX) {
                Ok(LineRead::End) => return None,
                Ok(LineRead::TooLong) => return Some(Err(RecordError::TooLong)),
                Ok(LineRead::Line) => {
                    let document = self.line.trim_ascii();
                    if !document.is_empty() {
                        return Some(Ok(document.to_vec()));
                    }
                }
                Err(error) => {
                    self.broken = true;
                    return Some(Err(RecordError::Io(error)));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_is_a_record_and_blank_ones_are_none() {
        let records: Vec<_> = JsonLines::new(&b"{\"a\":1}\r\n\n  \n[2]"[..]).map(Result::unwrap).collect();
        assert_eq!(records, [b"{\"a\":1}".to_vec(), b"[2]".to_vec()]);
    }
}
