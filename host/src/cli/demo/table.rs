//! Tables of plain text, at most [`WIDTH`] columns wide.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::cli::terminal::shown;

/// How wide a table may be: a terminal of usual size shows it without wrapping.
pub const WIDTH: usize = 100;

const INDENT: &str = "  ";
const GAP: &str = "  ";

/// Which side a column leans to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lean {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// Rows of cells.
pub struct Table {
    leans: Vec<Lean>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these columns. The last one gives way when the table gets too wide.
    pub fn new<const N: usize>(columns: [(&str, Lean); N]) -> Self {
        let (titles, leans): (Vec<_>, _) =
            columns.iter().map(|(title, lean)| ((*title).to_owned(), *lean)).unzip();
        Self { leans, rows: vec![titles] }
    }

    /// Adds a row.
    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        debug_assert_eq!(N, self.leans.len(), "a row has a cell for each column");
        self.rows.push(cells.map(|cell| shown(&cell).into_owned()).into());
    }

    /// The lines, the first of which holds the titles.
    pub fn lines(&self) -> Vec<String> {
        let widths = self.widths();
        self.rows.iter().map(|row| self.line(row, &widths)).collect()
    }

    fn widths(&self) -> Vec<usize> {
        let widest = |column: usize| self.rows.iter().map(|row| row[column].width()).max().unwrap_or(0);
        let mut widths: Vec<_> = (0..self.leans.len()).map(widest).collect();
        if let Some((last, others)) = widths.split_last_mut() {
            let taken: usize = INDENT.len() + others.iter().map(|width| width + GAP.len()).sum::<usize>();
            *last = (*last).min(WIDTH.saturating_sub(taken));
        }
        widths
    }

    fn line(&self, row: &[String], widths: &[usize]) -> String {
        let cells = row.iter().zip(widths).zip(&self.leans);
        let cells: Vec<_> =
            cells.map(|((cell, width), lean)| padded(&cut(cell, *width), *width, *lean)).collect();
        format!("{INDENT}{}", cells.join(GAP)).trim_end().to_owned()
    }
}

fn padded(text: &str, width: usize, lean: Lean) -> String {
    let blanks = " ".repeat(width.saturating_sub(text.width()));
    match lean {
        Lean::Left => format!("{text}{blanks}"),
        Lean::Right => format!("{blanks}{text}"),
    }
}

/// The text, or as much of it as fits and a sign that there is more.
pub fn cut(text: &str, width: usize) -> String {
    let text = &*shown(text);
    if text.width() <= width {
        return text.to_owned();
    }
    let mut taken = 0;
    let fits = |char: &char| {
        taken += char.width().unwrap_or(0);
        taken < width
    };
    let mut short: String = text.chars().take_while(fits).collect();
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_with_wide_characters_too() {
        let mut table = Table::new([("who", Lean::Left), ("n", Lean::Right), ("says", Lean::Left)]);
        table.row(["佐藤".to_owned(), "7".to_owned(), "a".to_owned()]);
        table.row(["Ada".to_owned(), "12".to_owned(), "b".to_owned()]);
        assert_eq!(table.lines(), ["  who    n  says", "  佐藤   7  a", "  Ada   12  b"]);
    }

    #[test]
    fn the_last_column_gives_way() {
        let mut table = Table::new([("who", Lean::Left), ("says", Lean::Left)]);
        table.row(["Ada".to_owned(), "much ".repeat(40)]);
        assert!(table.lines().iter().all(|line| line.width() <= WIDTH), "{:?}", table.lines());
        assert!(table.lines()[1].ends_with('…'));
    }

    #[test]
    fn a_text_is_cut_only_where_it_is_too_long() {
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("abcd", 3), "ab…");
        assert_eq!(cut("日本語", 5), "日本…");
    }
}
