//! Attachments and character sets.

use switchboard_plugin_sdk::{Attachment, AttachmentSource, DeliveryPart, TransferEncoding, testing};

use super::{Arrival, item, mail, received};

const MIXED: &str = "\
From: a@example.org
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/plain

See the files.
--b
Content-Type: application/pdf; name=\"../../etc/bill.pdf\"
Content-Transfer-Encoding: base64

JVBERi0xLjQK
--b
Content-Type: text/csv
Content-Disposition: attachment; filename*=utf-8''Preis%E2%82%AC.csv
Content-Transfer-Encoding: quoted-printable

a=3Bb
--b
Content-Type: message/rfc822

From: c@example.net
Subject: Inner

Deep
--b--
";

fn bytes_of<'a>(raw: &'a [u8], attachment: &Attachment) -> &'a [u8] {
    let AttachmentSource::Part(DeliveryPart { offset_bytes, length_bytes, .. }) = &attachment.source else {
        panic!("not in the delivery")
    };
    let start = usize::try_from(*offset_bytes).unwrap();
    &raw[start..start + usize::try_from(*length_bytes).unwrap()]
}

fn encoding(attachment: &Attachment) -> TransferEncoding {
    match &attachment.source {
        AttachmentSource::Part(part) => part.encoding,
        AttachmentSource::Remote(url) => panic!("remote: {url}"),
    }
}

#[test]
fn attachments_are_parts_of_the_delivery() {
    let item = item(MIXED);
    let raw = mail(MIXED).body;
    assert_eq!(item.text, "See the files.");
    let [pdf, csv, inner] = item.attachments.as_slice() else {
        panic!("three attachments: {:?}", item.attachments)
    };
    assert_eq!(pdf.name.as_deref(), Some("bill.pdf"));
    assert_eq!(pdf.media_type, "application/pdf");
    assert_eq!(encoding(pdf), TransferEncoding::Base64);
    assert_eq!(bytes_of(&raw, pdf).trim_ascii(), b"JVBERi0xLjQK");
    assert_eq!(csv.name.as_deref(), Some("Preis€.csv"));
    assert_eq!(encoding(csv), TransferEncoding::QuotedPrintable);
    assert_eq!(bytes_of(&raw, csv).trim_ascii(), b"a=3Bb");
    assert_eq!(inner.name.as_deref(), Some("Inner.eml"));
    assert_eq!(inner.media_type, "message/rfc822");
    assert!(bytes_of(&raw, inner).starts_with(b"From: c@example.net"));
}

#[test]
fn offsets_count_from_the_start_of_the_delivery() {
    let shifted = format!("From x Mon Mar  2 09:00:00 2026\n{MIXED}");
    let raw = mail(&shifted).body;
    assert_eq!(bytes_of(&raw, &item(&shifted).attachments[0]).trim_ascii(), b"JVBERi0xLjQK");
}

#[test]
fn a_mail_may_be_nothing_but_a_file() {
    let item = item(
        "From: a@example.org\nContent-Type: image/png; name=x.png\n\
         Content-Transfer-Encoding: base64\n\niVBORw0KGgo=\n",
    );
    assert_eq!(item.text, "");
    assert_eq!(item.attachments.len(), 1);
}

#[test]
fn japanese_and_latin_are_decoded() {
    let japanese = [
        &b"From: a@example.org\r\nSubject: =?ISO-2022-JP?B?GyRCRnxLXDhsGyhC?=\r\n"[..],
        b"Content-Type: text/plain; charset=ISO-2022-JP\r\n\r\n\x1b$BF|K\\8l\x1b(B\r\n",
    ]
    .concat();
    let [Arrival::Item(item)] = &received(&testing::delivery(japanese))[..] else { panic!("not one item") };
    assert_eq!(item.subject.as_deref(), Some("日本語"));
    assert_eq!(item.text, "日本語");
    let latin = b"From: a@example.org\r\nContent-Type: text/plain; charset=iso-8859-1\r\n\r\nGr\xfc\xdfe";
    let [Arrival::Item(item)] = &received(&testing::delivery(&latin[..]))[..] else { panic!("not one item") };
    assert_eq!(item.text, "Grüße");
}

#[test]
fn control_characters_do_not_get_through() {
    let nul = b"From: \"A\x00da\" <a@example.org>\r\nSubject: a\x00b\x07c\r\n\r\nHi\x00 there";
    let [Arrival::Item(item)] = &received(&testing::delivery(&nul[..]))[..] else { panic!("not one item") };
    assert_eq!(item.subject.as_deref(), Some("abc"));
    assert_eq!(item.text, "Hi there");
}

#[test]
fn a_structure_that_breaks_off_still_yields_its_text() {
    let item = item(
        "From: a@example.org\nContent-Type: multipart/mixed; boundary=b\n\n\
         --b\nContent-Type: text/plain\n\nStill here\n--b\nContent-Type: image/png\n\
         Content-Transfer-Encoding: base64\n\niVBORw0K",
    );
    assert_eq!(item.text, "Still here");
    assert_eq!(item.attachments.len(), 1);
}
