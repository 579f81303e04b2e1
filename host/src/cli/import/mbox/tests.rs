use super::*;

fn mails(mbox: &str) -> Vec<String> {
    Mails::new(mbox.as_bytes()).map(|mail| String::from_utf8(mail.unwrap()).unwrap()).collect()
}

#[test]
fn mails_are_split_at_from_lines_and_lose_the_blank_line_between() {
    let mbox = "From a@example.com Mon Mar  2 08:41:07 2026\nSubject: one\n\nfirst\n\n\
                From b@example.com Mon Mar  2 08:42 2026 +0100\nSubject: two\n\nsecond\n";
    assert_eq!(mails(mbox), ["Subject: one\n\nfirst\n", "Subject: two\n\nsecond\n"]);
}

#[test]
fn a_sentence_that_begins_with_from_separates_nothing() {
    let mbox = "From a@example.com Mon Mar  2 08:41:07 2026\nSubject: one\n\n\
                From 8:30 on I was there.\n\nFrom here on it was easy.\nFrom a@example.com Mon Mar  2 08:41:07 2026\n";
    assert_eq!(
        mails(mbox).len(),
        1,
        "the first lacks a year, the second both, the third a blank line before it"
    );
}

#[test]
fn one_mark_of_a_quoted_from_line_is_taken_away() {
    let mbox = "From a@example.com Mon Mar  2 08:41:07 2026\n\n>From me\n>>From you\n> From far\n>Fromage\n";
    assert_eq!(mails(mbox), ["\nFrom me\n>From you\n> From far\n>Fromage\n"]);
}

#[test]
fn line_ends_of_the_network_are_kept() {
    let mbox = "From a@example.com Mon Mar  2 08:41:07 2026\r\nSubject: one\r\n\r\nfirst\r\n\r\n\
                From b@example.com Mon Mar  2 08:42:00 2026\r\n\r\nsecond\r\n";
    assert_eq!(mails(mbox), ["Subject: one\r\n\r\nfirst\r\n", "\r\nsecond\r\n"]);
}

#[test]
fn what_is_no_mbox_is_said_to_be_none() {
    let mut mails = Mails::new(&b"Subject: a mail\n\nalone\n"[..]);
    assert!(matches!(mails.next(), Some(Err(RecordError::Format(_)))));
    assert!(mails.next().is_none());
    assert!(Mails::new(&b""[..]).next().is_none());
}

#[test]
fn a_mail_that_is_too_long_is_passed_over() {
    let long = "x".repeat(RECORD_BYTES_MAX + 1);
    let mbox = format!(
        "From a@example.com Mon Mar  2 08:41:07 2026\n\n{long}\n\nFrom b@example.com Mon Mar  2 08:42:00 2026\n\nnext\n"
    );
    let mut mails = Mails::new(mbox.as_bytes());
    assert!(matches!(mails.next(), Some(Err(RecordError::TooLong))));
    assert_eq!(mails.next().unwrap().unwrap(), b"\nnext\n");
    assert!(mails.next().is_none());
}
