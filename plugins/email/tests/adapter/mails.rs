//! Header and text of a mail.

use switchboard_plugin_sdk::testing::{self, With as _};
use switchboard_plugin_sdk::{Arrival, Header, ItemKind, Rejection, Visibility};

use super::{attribute, item, mail, received, refused};

const SIMPLE: &str = "\
Return-Path: <ada@example.org>
From: =?utf-8?Q?Ada_L=C3=B6f?= <Ada@Example.ORG>
To: Support <support@example.com>
Cc: bob@example.net
Reply-To: ada.home@example.net
Subject: =?utf-8?B?V28gaXN0IG1laW4gUGFrZXQ/?=
Date: Mon, 2 Mar 2026 10:00:00 +0100
Message-ID: <first@example.org>
In-Reply-To: <b@example.com>
References: <a@example.com>
 <b@example.com>
Content-Type: text/plain; charset=utf-8
Content-Language: de, en

Wo bleibt es?

--
Ada
";

#[test]
fn the_header_gives_the_facts() {
    let item = item(SIMPLE);
    assert_eq!(item.external_id, "first@example.org");
    assert_eq!(item.in_reply_to, ["b@example.com", "a@example.com"]);
    assert_eq!(item.kind, ItemKind::Email);
    assert_eq!(item.visibility, Visibility::Private);
    assert_eq!(item.author.external_id, "ada@example.org");
    assert_eq!(item.author.name.as_deref(), Some("Ada Löf"));
    assert_eq!(item.subject.as_deref(), Some("Wo ist mein Paket?"));
    assert_eq!(item.occurred_at_ms, 1_772_442_000_000);
    assert_eq!(item.language.as_deref(), Some("de"));
    assert_eq!(item.automatic, None);
    assert_eq!(attribute(&item, "reply-to"), Some("ada.home@example.net"));
    assert_eq!(attribute(&item, "to"), Some("support@example.com"));
    assert_eq!(attribute(&item, "cc"), Some("bob@example.net"));
}

#[test]
fn text_and_signature_are_parted() {
    let item = item(SIMPLE);
    assert_eq!(item.text, "Wo bleibt es?");
    assert_eq!(item.quoted.as_deref(), Some("--\nAda"));
    assert_eq!(item.html, None);
}

#[test]
fn references_are_taken_from_their_end_and_once() {
    let item = item(
        "From: a@example.org\nMessage-ID: <d@x>\nIn-Reply-To: <c@x>\n\
         References: <a@x> <b@x> <c@x> <d@x>\n\nHi",
    );
    assert_eq!(item.in_reply_to, ["c@x", "b@x", "a@x"]);
}

#[test]
fn of_a_long_chain_the_near_end_and_the_root_are_kept() {
    let chain: String = (0..90).map(|id| format!(" <{id}@x>\n")).collect();
    let item = item(&format!("From: a@example.org\nReferences:{chain}\nHi"));
    assert_eq!(item.in_reply_to.len(), 50);
    assert_eq!(item.in_reply_to[0], "89@x");
    assert_eq!(item.in_reply_to[49], "0@x");
}

#[test]
fn a_mail_without_id_has_a_stable_one() {
    let first = item("From: a@example.org\n\nHi");
    assert!(first.external_id.starts_with("sha256:"), "{}", first.external_id);
    assert_eq!(first.external_id, item("From: a@example.org\n\nHi").external_id);
    assert_ne!(first.external_id, item("From: a@example.org\n\nHo").external_id);
}

#[test]
fn a_missing_or_impossible_date_is_the_time_of_receipt() {
    let now_ms = testing::delivery("").received_at_ms;
    for header in ["", "Date: whenever\n", "Date: Mon, 45 Foo 2026 99:00:00 +0000\n"] {
        let item = item(&format!("From: a@example.org\n{header}\nHi"));
        assert_eq!(item.occurred_at_ms, now_ms, "{header}");
    }
}

#[test]
fn markup_alone_is_read_as_text() {
    let item = item(
        "From: a@example.org\nContent-Type: text/html; charset=utf-8\n\n\
         <html><head><style>p {color: red}</style></head><body><p>Hello <b>you</b>,</p>\
         <table><tr><td>one</td><td>two</td></tr></table><hr><ul><li>tea</li></ul>\
         <script>alert(1)</script><div>On 1 Mar 2026, Bob wrote:<blockquote>Hi Ada</blockquote></div>",
    );
    assert_eq!(item.text, "Hello you,\n\none\ntwo\n\n* tea");
    let quoted = item.quoted.unwrap();
    assert!(quoted.contains("> Hi Ada"), "{quoted}");
    assert!(item.html.unwrap().contains("<b>you</b>"));
}

#[test]
fn of_alternatives_the_plain_one_is_the_text() {
    let item = item(
        "From: a@example.org\nContent-Type: multipart/alternative; boundary=b\n\n\
         --b\nContent-Type: text/plain\n\nplain\n--b\nContent-Type: text/html\n\n<p>marked\n--b--\n",
    );
    assert_eq!(item.text, "plain");
    assert_eq!(item.html.as_deref(), Some("<p>marked"));
    assert!(item.attachments.is_empty());
}

#[test]
fn an_empty_plain_part_gives_way_to_markup() {
    let item = item(
        "From: a@example.org\nContent-Type: multipart/alternative; boundary=b\n\n\
         --b\nContent-Type: text/plain\n\n \n--b\nContent-Type: text/html\n\n<p>marked</p>\n--b--\n",
    );
    assert_eq!(item.text, "marked");
}

#[test]
fn flowed_paragraphs_are_joined() {
    let item = item(
        "From: a@example.org\nContent-Type: text/plain; format=flowed; delsp=yes\n\n\
         This is one  \nparagraph.\n\nOn 1 Mar 2026, Bob wrote:\n> quoted \n> words\n",
    );
    assert_eq!(item.text, "This is one paragraph.");
    assert!(item.quoted.unwrap().ends_with("> quotedwords"));
}

#[test]
fn mail_from_our_own_address_is_an_echo() {
    for own in ["Support@Example.com", "sales@example.com"] {
        let arrivals = received(&mail(&format!("From: {own}\nMessage-ID: <e@x>\n\nHi")));
        assert!(matches!(arrivals[..], [Arrival::Echo(_)]), "{own}");
    }
}

#[test]
fn a_mail_without_writer_is_kept_if_it_says_something() {
    let item = item("Subject: Help\n\nPlease!");
    assert_eq!(item.author.external_id, "unknown");
    assert_eq!(item.text, "Please!");
    let by_envelope = super::item("Return-Path: <eve@example.net>\nSubject: x\n\nHi");
    assert_eq!(by_envelope.author.external_id, "eve@example.net");
}

#[test]
fn a_writer_without_body_is_kept() {
    assert_eq!(item("From: a@example.org\nSubject: Call me\n\n").text, "");
    assert_eq!(item("From: a@example.org\nSubject: Call me\n").subject.as_deref(), Some("Call me"));
}

#[test]
fn the_line_of_an_mbox_is_passed_over() {
    let item = item("From ada@example.org Mon Mar  2 09:00:00 2026\nFrom: a@example.org\n\nHi");
    assert_eq!(item.author.external_id, "a@example.org");
}

#[test]
fn what_is_no_mail_is_malformed_and_shown() {
    for (body, place) in [
        ("", "the body is empty"),
        ("\r\n \r\n", "the body is empty"),
        ("just words", "no header field"),
        ("{\"json\": true}", "no header field that mail has"),
        ("Subject: x\r\n\r\n", "neither a From field nor a body"),
    ] {
        let Rejection::Malformed(message) = refused(&testing::delivery(body)) else {
            panic!("not malformed: {body}")
        };
        assert!(message.contains(place), "{body}: {message}");
    }
}

#[test]
fn the_content_type_of_the_delivery_is_checked() {
    let sent = |content_type: &str| {
        mail(SIMPLE).with(|delivery| {
            delivery.headers.push(Header::new("content-type", content_type));
        })
    };
    for fine in ["message/rfc822", "Application/Octet-Stream", "text/plain; charset=utf-8"] {
        assert_eq!(received(&sent(fine)).len(), 1, "{fine}");
    }
    let Rejection::Unsupported(message) = refused(&sent("application/json")) else {
        panic!("not unsupported")
    };
    assert!(message.contains("application/json"), "{message}");
}
