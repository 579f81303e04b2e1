//! Lines of a file, none of which may fill the memory.

use std::io::{self, BufRead};

/// What reading a line came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineRead {
    /// A line is in the buffer, with its end if it has one.
    Line,
    /// The line is longer than allowed; it was passed over, and the buffer is of no use.
    TooLong,
    /// Nothing is left.
    End,
}

/// Reads the next line into `line`, up to `bytes_max` bytes of it.
pub fn read_line(from: &mut impl BufRead, line: &mut Vec<u8>, bytes_max: usize) -> io::Result<LineRead> {
    line.clear();
    let mut kept = LineRead::End;
    loop {
        let available = match from.fill_buf() {
            Ok(available) => available,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if available.is_empty() {
            return Ok(kept);
        }
        let (part, ends) = match available.iter().position(|byte| *byte == b'\n') {
            Some(at) => (&available[..=at], true),
            None => (available, false),
        };
        if kept != LineRead::TooLong {
            kept = LineRead::Line;
            match line.len() + part.len() <= bytes_max {
                true => line.extend_from_slice(part),
                false => kept = LineRead::TooLong,
            }
        }
        let read = part.len();
        from.consume(read);
        if ends {
            return Ok(kept);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_too_long_is_passed_over_and_the_next_one_is_read() {
        // A tiny buffer, so that lines come in several parts.
        let mut from = io::BufReader::with_capacity(3, &b"short\nmuch too long\nlast"[..]);
        let mut line = Vec::new();
        let mut read = || {
            let what = read_line(&mut from, &mut line, 6).unwrap();
            (what, String::from_utf8(line.clone()).unwrap())
        };
        assert_eq!(read(), (LineRead::Line, "short\n".to_owned()));
        assert_eq!(read().0, LineRead::TooLong);
        assert_eq!(read(), (LineRead::Line, "last".to_owned()));
        assert_eq!(read().0, LineRead::End);
    }
}
