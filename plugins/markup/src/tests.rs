use proptest::prelude::*;

use super::to_text;

#[test]
fn words_are_kept_and_white_space_is_joined() {
    assert_eq!(to_text("  Hello\n <b>you</b>, <i>all</i> "), "Hello you, all");
    assert_eq!(to_text("no markup"), "no markup");
    assert_eq!(to_text(" a  b\n\tc d \u{e4}&ouml; e<b> f</b>  <i>g </i>h"), "a b c d \u{e4}\u{f6} e f g h");
    assert_eq!(to_text(""), "");
}

#[test]
fn blocks_begin_lines_and_paragraphs_stand_apart() {
    assert_eq!(to_text("<p>a</p><p>b</p>c"), "a\n\nb\n\nc");
    assert_eq!(to_text("<div>a</div><div>b<br>c</div>"), "a\nb\nc");
    assert_eq!(to_text("a<br><br><br>b"), "a\n\nb");
    assert_eq!(to_text("<div>a</div><div><br></div><div>b</div>"), "a\n\nb");
    assert_eq!(to_text("<table><tr><td>a</td><td>b</td></tr></table>"), "a\nb");
    assert_eq!(to_text("<pre>a\n  b\n\n\n\nc</pre>"), "a\n  b\n\nc");
}

#[test]
fn quotes_and_lists_are_marked() {
    assert_eq!(
        to_text("a<blockquote>b<br>c<blockquote>d</blockquote></blockquote>e"),
        "a\n\n> b\n> c\n\n> > d\n\ne"
    );
    assert_eq!(to_text("<ul><li>a</li><li>b</ul><ol><li>c<li>d</ol>"), "* a\n* b\n\n1. c\n2. d");
    assert_eq!(to_text("<ul><li>a<ul><li>b</ul></ul>"), "* a\n* b");
    assert_eq!(to_text("<blockquote>first</blockquote>"), "> first");
}

#[test]
fn what_is_not_for_reading_is_left_out() {
    assert_eq!(
        to_text("<head><title>t</title><STYLE>p > a {}</STYLE></head><!-- <p>x --><script>1 < 2</Script>a"),
        "a"
    );
    assert_eq!(to_text("<!DOCTYPE html><?xml?><img alt='a > b'>c"), "c");
}

#[test]
fn entities_are_decoded() {
    assert_eq!(to_text("Tea &amp; caf&eacute; &#8211; &#x263A;&lt;3"), "Tea & café – ☺<3");
    assert_eq!(to_text("a&nbsp;b&nbsp; c"), "a b  c");
    assert_eq!(to_text("a&#160;b &nbsp; \u{a0} c &#xa0;d"), "a b c  d");
    assert_eq!(
        to_text("&lt;&gt;&quot;&apos;&#39;&#34; \u{c2}\u{a9} caf\u{e9}"),
        "<>\"''\" \u{c2}\u{a9} caf\u{e9}"
    );
    assert_eq!(to_text("AT&T; R&D &unknown; & &"), "AT&T; R&D &unknown; & &");
}

#[test]
fn broken_markup_keeps_its_words() {
    assert_eq!(to_text("1 < 2 and <3 </ 4"), "1 < 2 and <3 </ 4");
    assert_eq!(to_text("<a href=\"x>text</a> more"), "text more");
    assert_eq!(to_text("</div></ul></blockquote>a"), "a");
    assert_eq!(to_text("a<b"), "a");
}

proptest! {
    #[test]
    fn nothing_panics(html: String) {
        let _ = to_text(&html);
    }

    #[test]
    fn no_markup_panics(html in "(<(/?(p|br|ul|ol|li|pre|blockquote|script|title|a href=\"|!--|x)>?)|-->|&(amp|#x?[0-9]{0,8})?;?|\u{e4}|\u{a0}| |\n|w){0,40}") {
        let _ = to_text(&html);
    }
}
