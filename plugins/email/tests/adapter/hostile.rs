//! Mail that nobody would send in good faith.

use proptest::prelude::*;
use switchboard_plugin_sdk::testing;

use super::{inbox, item, mail};

#[test]
fn a_mail_within_a_mail_within_a_mail_ends() {
    let nested = "Content-Type: message/rfc822\n\n".repeat(2_000);
    let _ = inbox().receive(&mail(&format!("From: a@example.org\n{nested}Hi")));
    let multipart = (0..2_000)
        .map(|depth| format!("Content-Type: multipart/mixed; boundary=b{depth}\n\n--b{depth}\n"))
        .collect::<String>();
    let _ = inbox().receive(&mail(&format!("From: a@example.org\n{multipart}\nHi")));
}

#[test]
fn many_parts_are_bounded() {
    let parts = "--b\nContent-Type: image/png\n\nx\n".repeat(5_000);
    let item =
        item(&format!("From: a@example.org\nContent-Type: multipart/mixed; boundary=b\n\n{parts}--b--\n"));
    assert_eq!(item.attachments.len(), 200);
}

#[test]
fn deep_and_long_markup_ends() {
    for markup in [
        "<div>".repeat(20_000),
        "<b>".repeat(5_000),
        "<table><tr><td>".repeat(500),
        "<blockquote>".repeat(300) + "x",
        "<p>word</p>".repeat(50_000),
    ] {
        let body = format!("From: a@example.org\nContent-Type: text/html\n\n{markup}end");
        assert_eq!(item(&body).html.unwrap().len(), markup.len() + 3);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_bytes_panic(body: Vec<u8>) {
        let _ = inbox().receive(&testing::delivery(body));
    }

    #[test]
    fn no_body_panics(
        kind in "(text/plain|text/html|multipart/mixed; boundary=b|multipart/report|message/rfc822)",
        encoding in "(base64|quoted-printable|8bit)",
        body: Vec<u8>,
    ) {
        let mut raw = format!(
            "From: a@example.org\r\nContent-Type: {kind}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
        ).into_bytes();
        raw.extend(body);
        let _ = inbox().receive(&testing::delivery(raw));
    }

    #[test]
    fn no_text_panics(text in "(>? ?(On|Am|From:|Sent:|To:|--|-- |Sent from my|wrote:|\u{e4}|x|-----Original Message-----|\n){0,3}\n){0,20}") {
        let split = switchboard_plugin_email::quote::split(&text);
        prop_assert_eq!(split.text.trim().is_empty(), text.trim().is_empty());
    }

    #[test]
    fn no_header_panics(name in "(From|To|Date|Message-ID|References|In-Reply-To|Subject|Content-Type|Return-Path)", value: String) {
        let _ = inbox().receive(&testing::delivery(format!("From: a@example.org\r\n{name}: {value}\r\n\r\nHi")));
    }
}
