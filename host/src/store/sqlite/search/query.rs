//! What is looked for.

use super::fold;

/// How many pieces of one query are looked up in the index. More would not narrow it down further:
/// the candidates are checked anyway.
const PIECES_MAX: usize = 24;

/// Words and phrases, folded; a text must contain each.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SearchQuery {
    wanted: Vec<String>,
}

impl SearchQuery {
    /// Reads words, and phrases in double quotes. A quote that is not closed reaches to the end.
    pub(super) fn read(query: &str) -> Self {
        let folded = fold(query);
        let mut wanted = Vec::new();
        // Every second part is within quotes.
        for (index, part) in folded.split('"').enumerate() {
            if index % 2 == 1 {
                wanted.push(part.trim().to_owned());
            } else {
                wanted.extend(part.split_whitespace().map(str::to_owned));
            }
        }
        wanted.retain(|it| !it.is_empty());
        Self { wanted }
    }

    /// Whether nothing is looked for.
    pub(super) fn is_empty(&self) -> bool {
        self.wanted.is_empty()
    }

    /// Whether a folded text contains everything.
    pub(super) fn matches(&self, text: &str) -> bool {
        self.wanted.iter().all(|it| text.contains(it.as_str()))
    }

    /// The pieces of three letters as a query of the index; `None` where there is none.
    ///
    /// One by one, because an index without positions knows no phrases.
    pub(super) fn pieces(&self) -> Option<String> {
        let mut pieces: Vec<String> = Vec::new();
        for wanted in &self.wanted {
            let letters: Vec<char> = wanted.chars().collect();
            for piece in letters.windows(3) {
                let quoted = format!("\"{}\"", String::from_iter(piece));
                if !piece.contains(&'\0') && !pieces.contains(&quoted) && pieces.len() < PIECES_MAX {
                    pieces.push(quoted);
                }
            }
        }
        (!pieces.is_empty()).then(|| pieces.join(" AND "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_phrases_are_told_apart() {
        let query = SearchQuery::read("Late  \"Parcel Number\" x");
        assert_eq!(query.wanted, ["late", "parcel number", "x"]);
        assert_eq!(SearchQuery::read("  \"\" ").wanted, [""; 0]);
    }

    #[test]
    fn pieces_are_asked_one_by_one() {
        assert_eq!(SearchQuery::read("abcd").pieces().unwrap(), "\"abc\" AND \"bcd\"");
        assert_eq!(SearchQuery::read("ab").pieces(), None);
    }

    #[test]
    fn either_form_of_an_accent_finds_the_other() {
        assert!(SearchQuery::read("CAFE\u{301}").matches(&fold("Café")));
    }
}
