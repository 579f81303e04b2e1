use proptest::prelude::*;

use super::*;

/// So that short mails have long stretches.
const SMALL: Skim = Skim { stretch_bytes_min: 300, head_bytes: 150, tail_bytes: 40 };

/// Asserts that a message is what the parser makes of the whole mail, but for the content of files.
#[track_caller]
fn assert_same(skimmed: &Message<'_>, whole: &Message<'_>) {
    assert_eq!(skimmed.text_body, whole.text_body);
    assert_eq!(skimmed.html_body, whole.html_body);
    assert_eq!(skimmed.attachments, whole.attachments);
    assert_eq!(skimmed.raw_message, whole.raw_message);
    assert_eq!(skimmed.parts.len(), whole.parts.len());
    for (skimmed, whole) in skimmed.parts.iter().zip(&whole.parts) {
        let place = |part: &MessagePart<'_>| (part.offset_header, part.offset_body, part.offset_end);
        assert_eq!(place(skimmed), place(whole));
        assert_eq!(
            (skimmed.encoding, skimmed.is_encoding_problem),
            (whole.encoding, whole.is_encoding_problem)
        );
        assert_eq!(skimmed.headers, whole.headers);
        match (&skimmed.body, &whole.body) {
            (PartType::Binary(_), PartType::Binary(_))
            | (PartType::InlineBinary(_), PartType::InlineBinary(_)) => {}
            (PartType::Message(skimmed), PartType::Message(whole)) => assert_same(skimmed, whole),
            (skimmed, whole) => assert_eq!(skimmed, whole),
        }
    }
}

/// How many bytes of the mail the parser did not have to see.
#[track_caller]
fn left_out(skim: Skim, mail: &str) -> usize {
    let skimmed = skim.shorten(mail.as_bytes());
    let whole = MessageParser::new().parse(mail).unwrap();
    assert_same(&skimmed.parse().unwrap(), &whole);
    mail.len() - skimmed.kept.len()
}

fn lines(bytes: usize) -> String {
    "Where is my parcel? It was sent on Monday.\r\n".repeat(bytes / 44)
}

fn base64_lines(bytes: usize) -> String {
    "SG93IGxvbmcgZG9lcyBpdCB0YWtlIHRvIGJvaWwgd2F0ZXI/IFRocmVlIG1pbnV0ZXMhIS4K\r\n".repeat(bytes / 74)
}

/// A mail of these parts, each with its header.
fn mail_of(parts: &[String]) -> String {
    let parts: String = parts.iter().map(|part| format!("--edge\r\n{part}\r\n")).collect();
    format!("From: a@example.org\r\nContent-Type: multipart/mixed; boundary=edge\r\n\r\n{parts}--edge--\r\n")
}

#[test]
fn a_short_mail_is_seen_whole() {
    let mail = format!("From: a@example.org\r\n\r\n{}", lines(60_000));
    assert_eq!(left_out(Skim::default(), &mail), 0);
}

#[test]
fn of_long_text_little_is_seen_and_all_is_read() {
    for header in [
        "",
        "Content-Type: text/plain; charset=utf-8\r\n",
        "Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: 8bit\r\n",
        "Content-Type: text/html\r\nContent-Transfer-Encoding: quoted-printable\r\n",
    ] {
        let mail = format!("From: a@example.org\r\n{header}\r\n-- \r\n{}", lines(1_000_000));
        assert!(left_out(Skim::default(), &mail) > 950_000, "{header}");
    }
    let encoded = "From: a@example.org\r\nContent-Transfer-Encoding: base64\r\n\r\n".to_owned();
    assert!(left_out(Skim::default(), &(encoded + &base64_lines(1_000_000))) > 950_000);
}

#[test]
fn files_are_not_walked_through() {
    let mail = mail_of(&[
        "Content-Type: text/plain\r\n\r\nSee the files.".to_owned(),
        format!(
            "Content-Type: application/pdf; name=a.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n{}",
            base64_lines(1_000_000)
        ),
        format!(
            "Content-Type: message/rfc822\r\n\r\nFrom: b@example.net\r\nSubject: in\r\n\r\n{}",
            lines(500_000)
        ),
        format!("Content-Type: text/csv\r\n\r\n{}", lines(500_000)),
    ]);
    assert!(left_out(Skim::default(), &mail) > 1_900_000);
}

#[test]
fn text_that_is_not_what_it_says_is_read_as_the_parser_reads_it() {
    let broken = "Where is my parcel? =ZZ \r\n".repeat(10_000);
    for encoding in ["base64", "quoted-printable", "8bit"] {
        let header = format!("Content-Type: text/plain\r\nContent-Transfer-Encoding: {encoding}\r\n");
        left_out(Skim::default(), &format!("From: a@example.org\r\n{header}\r\n{broken}"));
        left_out(Skim::default(), &mail_of(&[format!("{header}\r\n{broken}")]));
    }
    // No boundary ends it.
    left_out(Skim::default(), mail_of(&[format!("\r\n{broken}")]).trim_end_matches("--edge--\r\n"));
}

#[test]
fn a_report_is_read_whole() {
    let padding = "X-Padding: because reports are read too\n".repeat(2_000);
    let mail =
        mail_of(&[format!("Content-Type: message/delivery-status\r\n\r\n{padding}\nAction: failed\n")]);
    let skimmed = Skim::default().shorten(mail.as_bytes());
    let message = skimmed.parse().unwrap();
    assert!(!skimmed.gaps.is_empty());
    assert_eq!(message.parts, MessageParser::new().parse(&mail).unwrap().parts);
}

#[test]
fn a_header_without_an_end_is_seen_whole() {
    let mail = format!("From: a@example.org\r\n{}", "X-Long: very\r\n".repeat(10_000));
    assert_eq!(left_out(Skim::default(), &mail), 0);
}

prop_compose! {
    fn part()(
        kind in "(text/plain|text/html; charset=iso-8859-1|application/pdf|image/png|message/delivery-status|multipart/mixed; boundary=inner)",
        encoding in prop_oneof![Just("base64"), Just("quoted-printable"), Just("8bit")],
        is_attached: bool,
        nested: bool,
        words in "(([a-z]{1,9}[ .,-]?){1,12}\r\n){0,60}",
    ) -> String {
        let disposition = if is_attached { "Content-Disposition: attachment\r\n" } else { "" };
        let head = if nested { "Content-Type: message/rfc822\r\n\r\nSubject: in\r\n" } else { "" };
        let body = match encoding {
            "base64" => base64_lines(words.len()),
            _ => words.replace("--", "-"),
        };
        format!("{head}Content-Type: {kind}\r\nContent-Transfer-Encoding: {encoding}\r\n{disposition}\r\n{body}")
    }
}

proptest! {
    #[test]
    fn a_skimmed_mail_is_the_whole_mail(parts in prop::collection::vec(part(), 1..5)) {
        left_out(SMALL, &mail_of(&parts));
        left_out(SMALL, &format!("From: a@example.org\r\n{}", parts[0]));
    }

    #[test]
    fn no_bytes_panic(mail: Vec<u8>) {
        let skim = Skim { stretch_bytes_min: 10, head_bytes: 2, tail_bytes: 1 };
        let _ = skim.shorten(&mail).parse();
    }

    #[test]
    fn no_mail_panics(mail in "(From: a\n)?(Content-Type: (multipart/mixed; boundary=b|message/rfc822|text/plain)\n)?(Content-Transfer-Encoding: (base64|8bit)\n)?\n(--b\n|\n|--b--|x: y\n|words\r\n|YQ==\n|\u{e4}|-|--){0,40}") {
        let skim = Skim { stretch_bytes_min: 10, head_bytes: 2, tail_bytes: 1 };
        let _ = skim.shorten(mail.as_bytes()).parse();
    }
}
