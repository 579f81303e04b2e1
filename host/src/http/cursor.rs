//! Pages: where the next one begins is told as opaque text.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::problem::Problem;
use crate::store::{Page, PageRequest};

/// Entries on a page when the caller names no number.
const LIMIT_DEFAULT: u32 = 50;
/// The most entries on a page: what fits a screen several times over. A page ends at a mebibyte too, where
/// the repository makes it.
const LIMIT_MAX: u32 = 200;

/// A page of a list.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Entries<T> {
    /// The entries.
    pub entries: Vec<T>,
    /// What to give as `cursor` for the next page; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

impl<T> Entries<T> {
    /// A list that is always given as a whole.
    pub fn all(entries: impl IntoIterator<Item = T>) -> Self {
        Self { entries: entries.into_iter().collect(), next_cursor: None }
    }

    /// A page, each entry shown by `show`.
    pub fn page<S>(page: Page<S>, show: impl FnMut(S) -> T) -> Self {
        let next_cursor = page.next.map(encode);
        Self { entries: page.entries.into_iter().map(show).collect(), next_cursor }
    }
}

/// Which page, of a list that has no other parameters.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PageQuery {
    /// Where the page begins.
    pub cursor: Option<String>,
    /// How many entries, 1 to 200.
    pub limit: Option<u32>,
}

/// Reads which page is wanted.
pub fn page_request(cursor: Option<&str>, limit: Option<u32>) -> Result<PageRequest, Problem> {
    let limit = limit.unwrap_or(LIMIT_DEFAULT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(Problem::invalid("/query/limit", format!("a page has 1 to {LIMIT_MAX} entries")));
    }
    let unknown =
        || Problem::invalid("/query/cursor", "this is no cursor; give the `next_cursor` of a page as it is");
    let after = cursor.map(|text| decode(text).ok_or_else(unknown)).transpose()?;
    Ok(PageRequest { after, limit })
}

/// The first page, of the default size.
pub fn first_page() -> PageRequest {
    PageRequest { after: None, limit: LIMIT_DEFAULT }
}

/// The first page, of the largest size.
pub fn largest_page() -> PageRequest {
    PageRequest { after: None, limit: LIMIT_MAX }
}

fn encode(after: i64) -> String {
    URL_SAFE_NO_PAD.encode(after.to_be_bytes())
}

fn decode(text: &str) -> Option<i64> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    Some(i64::from_be_bytes(bytes.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_leads_back_to_its_place() {
        for after in [0, 1, -1, i64::MAX, i64::MIN] {
            assert_eq!(page_request(Some(&encode(after)), None).unwrap().after, Some(after));
        }
    }

    #[test]
    fn what_is_no_cursor_is_refused() {
        for text in ["", "1", "AAAAAAAAAAA=", "AAAAAAAAAAAA", "æ"] {
            assert!(page_request(Some(text), None).is_err(), "{text}");
        }
    }

    #[test]
    fn a_page_has_a_bounded_size() {
        assert_eq!(page_request(None, None).unwrap(), first_page());
        assert_eq!(page_request(None, Some(LIMIT_MAX)).unwrap().limit, LIMIT_MAX);
        assert!(page_request(None, Some(0)).is_err());
        assert!(page_request(None, Some(LIMIT_MAX + 1)).is_err());
    }
}
