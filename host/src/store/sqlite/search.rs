//! Search in texts, subjects and authors.
//!
//! The index knows which three-letter pieces (trigrams) occur in a text, and no more. It yields
//! candidates; each is checked against its text, so hits are exact. Texts and queries are folded
//! alike: composed (NFC) and in lower case.

mod indexing;
mod query;
mod waiting;

use std::sync::Arc;

use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

pub(super) use self::indexing::some as index_some;
use self::query::SearchQuery;
pub(super) use self::waiting::Texts;
use super::concern::has_to_do_with;
use super::error::surprise;
use super::readers::Reader;
use super::rows::Rows;
use super::{SqliteStore, item_row};
use crate::domain::ids::DepartmentId;
use crate::domain::item::{Item, StoredItem};
use crate::store::{Page, PageRequest, SearchHit, StoreResult};

/// How many candidates are looked at for one page. Where words have fewer than three letters, or
/// their pieces are in many texts that do not hold them, a page may therefore be short, or empty,
/// and still have a next one.
const CANDIDATES_MAX: usize = 20_000;

/// How many candidates are fetched at once.
const CANDIDATES_AT_ONCE: i64 = 256;

/// How many bytes of candidates are loaded at once. What one search holds in memory, unless a single text is
/// larger.
const LOADED_BYTES_MAX: i64 = 1024 * 1024;

/// Bytes of hits on a page: as for other lists.
const PAGE_BYTES_MAX: usize = 1024 * 1024;

/// How much of a text the index has: ten pages. What indexing takes grows with it, up to some milliseconds a KiB
/// for letters at random, and the writer is held meanwhile.
const INDEXED_TEXT_BYTES_MAX: usize = 32 * 1024;

/// The same of a subject or a name.
const INDEXED_LINE_BYTES_MAX: usize = 1024;

/// What a search looks through of an item.
pub(super) fn searchable(item: &Item) -> String {
    fold(&joined(item, usize::MAX, usize::MAX))
}

/// What the index has of an item in this row, in rows from `beginnings_from` on the beginning of the text.
pub(super) fn indexed(item: &Item, row: i64, beginnings_from: i64) -> String {
    match row < beginnings_from {
        true => searchable(item),
        false => fold(&beginning(item)),
    }
}

/// What is indexed of an item, to be folded.
fn beginning(item: &Item) -> String {
    joined(item, INDEXED_TEXT_BYTES_MAX, INDEXED_LINE_BYTES_MAX)
}

fn joined(item: &Item, text_max: usize, line_max: usize) -> String {
    let author = &item.author;
    let parts = [
        (item.subject.as_deref(), line_max),
        (Some(item.text.as_str()), text_max),
        (author.name.as_deref(), line_max),
        (author.handle.as_deref(), line_max),
    ];
    let mut text = String::with_capacity(item.text.len().min(text_max) + 64);
    for (part, max) in parts {
        let Some(part) = part else { continue };
        text.push_str(&part[..part.floor_char_boundary(max)]);
        // No phrase reaches from one part into the next.
        text.push('\n');
    }
    text
}

/// Composed and in lower case.
fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    match is_nfc_quick(text.chars()) {
        IsNormalized::Yes => text.to_lowercase(),
        // Lower case first: some capitals decompose in it.
        _ => text.to_lowercase().nfc().collect(),
    }
}

/// A page of hits, newest first. Pages go by row of `item_revisions`.
pub(super) async fn page(
    store: &SqliteStore,
    query: &str,
    department: Option<DepartmentId>,
    page: PageRequest,
) -> StoreResult<Page<SearchHit>> {
    let query = SearchQuery::read(query);
    let mut found = Page { entries: Vec::new(), next: None };
    if query.is_empty() || page.limit == 0 {
        return Ok(found);
    }
    let query = Arc::new(query);
    let mut reader = store.reader().await?;
    let mut before = page.after.unwrap_or(i64::MAX);
    let mut source = Source::of(&query, before, &mut reader).await?;
    let mut bytes = 0;
    for _ in 0..CANDIDATES_MAX / CANDIDATES_AT_ONCE as usize {
        let candidates = source.candidates(before, department, &mut reader).await?;
        for group in groups(&candidates) {
            for (row, item) in hits(&query, group, &mut reader).await? {
                bytes += item.item.bytes();
                found.entries.push(SearchHit { item });
                if found.entries.len() == page.limit as usize || bytes >= PAGE_BYTES_MAX {
                    found.next = Some(row);
                    return Ok(found);
                }
            }
        }
        before = candidates.last().map_or(before, |it| it.row);
        if candidates.len() < CANDIDATES_AT_ONCE as usize {
            let Some((earlier, source_before)) = source.earlier() else { return Ok(found) };
            (source, before) = (earlier, source_before);
        }
    }
    found.next = Some(before);
    Ok(found)
}

/// A text that may match.
#[derive(sqlx::FromRow)]
struct Candidate {
    /// Its row in `item_revisions`.
    row: i64,
    bytes: i64,
    is_shown: bool,
}

/// Neighbours that are loaded together: one at least, and as many more as have not too many bytes in all.
fn groups(candidates: &[Candidate]) -> impl Iterator<Item = &[Candidate]> {
    let mut rest = candidates;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fits = |it: &&Candidate| {
            let is_first = bytes == 0;
            bytes += if it.is_shown { it.bytes.max(1) } else { 0 };
            is_first || bytes <= LOADED_BYTES_MAX
        };
        let length = rest.iter().take_while(fits).count();
        let (group, later) = rest.split_at(length);
        rest = later;
        (!group.is_empty()).then_some(group)
    })
}

/// Those of a group that match, with their rows, as lists show them.
async fn hits(
    query: &Arc<SearchQuery>,
    group: &[Candidate],
    reader: &mut Reader,
) -> StoreResult<Vec<(i64, StoredItem)>> {
    reader.check_time()?;
    let shown: Vec<i64> = group.iter().filter(|it| it.is_shown).map(|it| it.row).collect();
    if shown.is_empty() {
        return Ok(Vec::new());
    }
    let sql = concat!(
        "SELECT ",
        item_row::item_columns!(),
        ", r.id
         FROM jsonb_each(?1) AS k
         CROSS JOIN item_revisions AS r ON r.id = k.value ->> 0
         CROSS JOIN items AS i ON i.id = r.item
         ORDER BY r.id DESC"
    );
    let rows = Rows::of_ids(&shown).fetch(sql, reader).await?;
    let query = Arc::clone(query);
    // Reading and folding megabytes takes tens of milliseconds, which nobody else waits for there.
    let matched = tokio::task::spawn_blocking(move || matching(&query, &rows)).await;
    matched.map_err(|error| surprise(format!("a search ended: {error}")))?
}

fn matching(query: &SearchQuery, rows: &[SqliteRow]) -> StoreResult<Vec<(i64, StoredItem)>> {
    let mut hits = Vec::new();
    for row in rows {
        let item = item_row::read(row)?;
        if query.matches(&searchable(&item.item)) {
            hits.push((row.try_get(12)?, item.shown_in_lists()));
        }
    }
    Ok(hits)
}

/// Whether a revision is the latest of an item that its channel has not removed, of a conversation that
/// the department `?4`, if there is one, has to do with.
macro_rules! is_shown {
    () => {
        concat!(
            "r.id = i.content AND i.deleted_at IS NULL AND (
                 ?4 IS NULL OR EXISTS (
                     SELECT 1 FROM conversations AS c WHERE c.id = i.conversation AND ",
            has_to_do_with!("c.", "?4"),
            "))"
        )
    };
}

/// Where candidates come from.
enum Source {
    /// All texts behind this row, one after the other; then the index, if there are pieces to look
    /// up in it.
    Walk { after: i64, pieces: Option<String> },
    /// Those that have these pieces.
    Index { pieces: String },
}

impl Source {
    /// The first source. Texts that are not indexed yet are newer than all that are.
    async fn of(query: &SearchQuery, before: i64, connection: &mut SqliteConnection) -> StoreResult<Self> {
        let Some(pieces) = query.pieces() else { return Ok(Self::Walk { after: 0, pieces: None }) };
        let indexed: i64 =
            sqlx::query_scalar("SELECT indexed FROM search_progress").fetch_one(connection).await?;
        Ok(match before > indexed + 1 {
            true => Self::Walk { after: indexed, pieces: Some(pieces) },
            false => Self::Index { pieces },
        })
    }

    /// The source of what is older, and before which row it begins.
    fn earlier(&self) -> Option<(Self, i64)> {
        match self {
            Self::Walk { after, pieces: Some(pieces) } => {
                Some((Self::Index { pieces: pieces.clone() }, after + 1))
            }
            Self::Walk { pieces: None, .. } | Self::Index { .. } => None,
        }
    }

    /// Revisions that may match, each with whether it is the latest of an item that its channel has
    /// not removed and the department has to do with. The others are not found, but count as looked at.
    async fn candidates(
        &self,
        before: i64,
        department: Option<DepartmentId>,
        connection: &mut SqliteConnection,
    ) -> StoreResult<Vec<Candidate>> {
        let indexed = concat!(
            "SELECT r.id AS row, octet_length(r.content) AS bytes, ",
            is_shown!(),
            " AS is_shown
             FROM (
                 SELECT rowid FROM item_search
                 WHERE item_search MATCH ?3 AND rowid < ?1
                 ORDER BY rowid DESC
                 LIMIT ?2
             ) AS s
             CROSS JOIN item_revisions AS r ON r.id = s.rowid
             CROSS JOIN items AS i ON i.id = r.item
             ORDER BY r.id DESC"
        );
        let walked = concat!(
            "SELECT r.id AS row, octet_length(r.content) AS bytes, ",
            is_shown!(),
            " AS is_shown
             FROM item_revisions AS r
             CROSS JOIN items AS i ON i.id = r.item
             WHERE r.id < ?1 AND r.id > ?3
             ORDER BY r.id DESC
             LIMIT ?2"
        );
        let rows = match self {
            Self::Walk { after, .. } => {
                let query = sqlx::query_as(walked).bind(before).bind(CANDIDATES_AT_ONCE);
                query.bind(after).bind(department.map(|it| it.0)).fetch_all(connection)
            }
            Self::Index { pieces } => {
                let query = sqlx::query_as(indexed).bind(before).bind(CANDIDATES_AT_ONCE);
                query.bind(pieces.as_str()).bind(department.map(|it| it.0)).fetch_all(connection)
            }
        };
        Ok(rows.await?)
    }
}
