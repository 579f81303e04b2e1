use super::*;

/// Patterns that say a little of everything.
const PATTERNS: [&str; 28] = [
    "refund",
    "ref(und|er)s?",
    r"order\s+#?\d{2,4}",
    r"\bcafé\b",
    r"\bgr\B",
    r"\b{start}art",
    r"art\b{end}",
    r"\b{start-half}x\b{end-half}",
    "^start",
    "end$",
    r"^\s*$",
    "(?m)^line$",
    "(?mR)^line$",
    "(?-i)Case",
    "[^a-z]{4}",
    r"\w+@\w+\.(com|org)",
    r"\p{Han}{2}",
    r"\p{Greek}+!",
    "a.c",
    "(?s)a.c",
    "straße|strasse",
    "x*",
    "(a|ab)(c|bcd)(d*)",
    r"\d+(?:[.,]\d+)*\s*(?:€|EUR|\$)",
    "🤬+",
    r"(?-u:\bplain\b)",
    r"\Aß\z",
    r"(\w{3}) (\w{3})",
];

const TEXTS: [&str; 20] = [
    "",
    " \n\t",
    "Refund my ORDER  #4711, REFER it",
    "le cafe\u{301} et le café, caféx",
    "groß gr gr- grün",
    "start the art, party, state_art; end",
    "x",
    "x y ξ",
    "one\nline\r\nline\nend",
    "case Case CASE",
    "ab12 ÄÖÜ? ßß",
    "ada@example.com",
    "返金してください 返",
    "Ω! λόγος!",
    "a\nc abc a€c",
    "STRASSE STRAẞE",
    "abcd 1.234,50 € 7EUR $",
    "why🤬🤬why",
    "plain éplainé",
    "ß",
];

#[test]
fn tables_find_what_each_pattern_finds_by_itself() {
    let parsed: Vec<Hir> = PATTERNS.iter().map(|pattern| parse(pattern).unwrap()).collect();
    let together = Patterns::new(parsed.clone()).unwrap();
    assert_eq!(together.singles.len(), 1, "only the pattern with an ASCII boundary has no table");
    for text in TEXTS {
        let mut found = vec![false; PATTERNS.len()];
        together.find(text, |number| found[number] = true);
        for (number, pattern) in parsed.iter().enumerate() {
            let alone = single(number, pattern).unwrap().is_match(text);
            assert_eq!(found[number], alone, "{} in {text:?}", PATTERNS[number]);
        }
    }
}

#[test]
fn what_patterns_cost_is_bounded() {
    let patterns = |form: fn(usize) -> String| -> Patterns {
        Patterns::new((0..60).map(|number| parse(&form(number)).unwrap()).collect()).unwrap()
    };
    let gaps = patterns(|number| format!(r"{number}a.*{number}b.*\w{{9}}{number}"));
    let small = patterns(|number| format!(r"\bword{number}(s|ed)?\b"));
    let bytes = |built: &Patterns| -> usize { built.groups.iter().map(|group| group.table.bytes()).sum() };
    assert!(bytes(&gaps) <= EFFORT_BYTES_MAX);
    assert!(bytes(&small) < 200 << 10, "{}", bytes(&small));
    assert_eq!((small.groups.len(), small.singles.len()), (2, 0));
}
