//! Between the rows of a page.
//!
//! `secure_delete` overwrites what is deleted. But when a page is split or two are joined, rows move to
//! other pages, and SQLite leaves their old bytes where nothing is kept any more: in the room between a
//! page's directory of rows and its first row (sqlite.org/fileformat2.html, section 1.6). What is erased
//! later is erased where it is then, and not there. So that room is overwritten too, through SQLite's own
//! table of raw pages: in a transaction, by way of the log, like any other change.

use std::ops::Range;

use sqlx::{Row as _, SqliteConnection};

use crate::store::StoreResult;
use crate::store::sqlite::SqliteStore;

/// Pages looked at in one step: some milliseconds.
const AT_ONCE: i64 = 1_024;

/// Pages overwritten while nobody else writes.
const OVERWRITTEN_AT_ONCE: usize = 128;

/// In a larger file (128 GiB at 4 KiB a page) a page without rows may begin like one with rows: its first
/// byte is the highest of another page's number.
pub(in crate::store::sqlite) const PAGES_MAX: i64 = 1 << 25;

/// Bytes of the file's own header, before the first page's.
const FILE_HEADER: usize = 100;

/// How far a walk has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Walked {
    /// To before this page.
    Until(i64),
    /// To the end.
    All,
    /// Nowhere: it cannot be told where rows are.
    TooLarge,
}

/// Overwrites the room between rows wherever something is left in it, in some pages from this one on. No
/// later write can put back there what is erased already.
///
/// A reader looks, so that nobody waits for that; the writer overwrites what was found, and looks once more.
pub(super) async fn clear_some(store: &SqliteStore, first: i64) -> StoreResult<Walked> {
    let mut reader = store.reader().await?;
    let pages: i64 = sqlx::query_scalar("PRAGMA page_count").fetch_one(&mut *reader).await?;
    if pages > store.wiped_pages_max {
        return Ok(Walked::TooLarge);
    }
    if first > pages {
        return Ok(Walked::All);
    }
    let last = pages.min(first + AT_ONCE - 1);
    let left = find(first, last, &mut reader).await?;
    drop(reader);
    for numbers in left.chunks(OVERWRITTEN_AT_ONCE) {
        let mut writer = store.writer.lock().await;
        let mut tx = writer.begin().await?;
        for number in numbers {
            clear(*number, &mut tx).await?;
        }
        tx.commit().await?;
    }
    Ok(Walked::Until(last + 1))
}

/// The pages in which something is left.
async fn find(first: i64, last: i64, connection: &mut SqliteConnection) -> StoreResult<Vec<i64>> {
    let rows = sqlx::query(
        "WITH RECURSIVE numbers (number) AS (
             SELECT ?1 UNION ALL SELECT number + 1 FROM numbers WHERE number < ?2
         )
         SELECT p.pgno, p.data
         FROM numbers AS n
         CROSS JOIN sqlite_dbpage AS p ON p.pgno = n.number
         WHERE n.number = 1 OR substr(p.data, 1, 1) IN (x'02', x'05', x'0a', x'0d')",
    )
    .bind(first)
    .bind(last)
    .fetch_all(connection)
    .await?;
    let mut found = Vec::new();
    for row in rows {
        let (number, page): (i64, &[u8]) = (row.try_get(0)?, row.try_get(1)?);
        if room_of(page, header_of(number)).is_some_and(|room| page[room].iter().any(|byte| *byte != 0)) {
            found.push(number);
        }
    }
    Ok(found)
}

/// Overwrites what is left in a page, if it still has rows.
async fn clear(number: i64, connection: &mut SqliteConnection) -> StoreResult<()> {
    let sql = "SELECT data FROM sqlite_dbpage WHERE pgno = ?";
    let page: Option<Vec<u8>> = sqlx::query_scalar(sql).bind(number).fetch_optional(&mut *connection).await?;
    let Some(mut page) = page else { return Ok(()) };
    if clear_room(&mut page, header_of(number)) {
        sqlx::query("UPDATE sqlite_dbpage SET data = ? WHERE pgno = ?")
            .bind(page)
            .bind(number)
            .execute(connection)
            .await?;
    }
    Ok(())
}

fn header_of(number: i64) -> usize {
    if number == 1 { FILE_HEADER } else { 0 }
}

/// Overwrites the room between the directory and the first row of a page whose header begins there;
/// whether anything was left in it.
fn clear_room(page: &mut [u8], header: usize) -> bool {
    let Some(room) = room_of(page, header) else { return false };
    let room = &mut page[room];
    let is_left = room.iter().any(|byte| *byte != 0);
    room.fill(0);
    is_left
}

/// Where that room is; none in a page that has no rows, or makes no sense.
fn room_of(page: &[u8], header: usize) -> Option<Range<usize>> {
    let number = |at: usize| usize::from(page[at]) << 8 | usize::from(page[at + 1]);
    let directory = match page[header] {
        // Inner pages name one more page.
        2 | 5 => header + 12,
        10 | 13 => header + 8,
        _ => return None,
    };
    let begin = directory + 2 * number(header + 3);
    // The largest page there is has one byte more than the number can say.
    let end = match number(header + 5) {
        0 => 65_536,
        end => end,
    };
    page.get(begin..end).map(|_| begin..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A page of 32 bytes of this sort, with one row of four bytes at its end; the rest is full of something.
    fn page(sort: u8) -> Vec<u8> {
        let mut page = vec![7; 32];
        page[..8].copy_from_slice(&[sort, 0, 0, 0, 1, 0, 28, 0]);
        page
    }

    #[test]
    fn only_the_room_between_directory_and_rows_is_overwritten() {
        for (sort, header) in [(13, 8), (10, 8), (5, 12), (2, 12)] {
            let mut cleared = page(sort);
            assert!(clear_room(&mut cleared, 0), "{sort}");
            let (begin, end) = (header + 2, 28);
            assert_eq!(cleared[..begin], page(sort)[..begin], "{sort}");
            assert!(cleared[begin..end].iter().all(|byte| *byte == 0), "{sort}");
            assert_eq!(cleared[end..], page(sort)[end..], "{sort}");
            assert!(!clear_room(&mut cleared, 0), "nothing was left");
        }
    }

    #[test]
    fn what_has_no_rows_or_makes_no_sense_is_left_alone() {
        for (sort, end) in [(0, 28), (1, 28), (13, 200), (13, 3)] {
            let mut strange = page(sort);
            strange[6] = end;
            let before = strange.clone();
            assert!(!clear_room(&mut strange, 0));
            assert_eq!(strange, before);
        }
    }
}
