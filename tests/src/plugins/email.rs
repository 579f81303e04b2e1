//! Electronic mail.

use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::reply::text;
use crate::support::samples::{mail, mail_answer};

const MAIL: &str = "message/rfc822";

const WITH_ATTACHMENT: &str = "From: Grace <grace@example.org>\r\nTo: support@example.com\r\n\
Subject: a picture\r\nMessage-ID: <pic@example.org>\r\nDate: Mon, 2 Mar 2026 08:00:00 +0000\r\n\
MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"edge\"\r\n\r\n\
--edge\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nSee the picture.\r\n\
--edge\r\nContent-Type: image/png; name=\"leak.png\"\r\nContent-Transfer-Encoding: base64\r\n\
Content-Disposition: attachment; filename=\"leak.png\"\r\n\r\niVBORw0KGgo=\r\n--edge--\r\n";

const BOUNCE: &str = "From: Mail Delivery System <mailer-daemon@example.net>\r\nTo: support@example.com\r\n\
Subject: Undelivered\r\nMessage-ID: <bounce@example.net>\r\nAuto-Submitted: auto-replied\r\n\
MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=\"edge\"\r\n\r\n\
--edge\r\nContent-Type: text/plain\r\n\r\nIt could not be delivered.\r\n\
--edge\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.net\r\n\r\n\
Final-Recipient: rfc822; grace@example.org\r\nAction: failed\r\nStatus: 5.1.1\r\n\
Diagnostic-Code: smtp; 550 no such user\r\n\r\n--edge--\r\n";

async fn take(app: &TestApp, mail: impl Into<bytes::Bytes>) -> Value {
    app.deliver("mail", MAIL, mail).await.json(202)
}

async fn item(app: &TestApp, received: &Value) -> Value {
    app.get(&format!("/v1/items/{}", text(received, "/items/0/item"))).await.json(200)
}

#[tokio::test]
async fn a_mail_is_an_item_from_its_writer() {
    let app = TestApp::company().await;
    let received = take(&app, mail("k-1", "the kettle", "It leaks.\r\n-- \r\nGrace")).await;
    let item = item(&app, &received).await;
    assert_eq!(item["external_id"], "k-1@example.org");
    assert_eq!(
        item["author"],
        json!({ "external_id": "grace@example.org", "name": "Grace Example", "verified": false })
    );
    assert_eq!((text(&item, "/subject"), text(&item, "/text")), ("the kettle", "It leaks."));
    assert!(text(&item, "/quoted").contains("Grace"), "{item}");
    assert_eq!(item["occurred_at"], "2026-03-02T08:59:00.000Z");
}

#[tokio::test]
async fn the_same_mail_twice_is_one_item() {
    let app = TestApp::company().await;
    let mail = mail("k-1", "the kettle", "It leaks.");
    take(&app, mail.clone()).await;
    assert_eq!(take(&app, mail).await["duplicates"], 1);
}

#[tokio::test]
async fn answers_stay_in_their_thread() {
    let app = TestApp::company().await;
    let first = take(&app, mail("k-1", "the kettle", "It leaks.")).await;
    let second = take(&app, mail_answer("k-2", "k-1", "Still.")).await;
    assert_eq!(app.conversation_of(&first), app.conversation_of(&second));
}

#[tokio::test]
async fn a_customers_answer_to_our_answer_stays_in_the_thread() {
    let app = TestApp::company().await;
    let first = take(&app, mail("k-1", "the kettle", "It leaks.")).await;
    let conversation = app.conversation_of(&first);
    app.settle().await;
    let reply = json!({ "agent": "ada", "text": "Where?" });
    app.post(&format!("/v1/conversations/{conversation}/reply"), reply).await.json(202);
    app.settle().await;
    let sent = String::from_utf8(app.egress.only().body).unwrap();
    let id = sent.lines().find_map(|line| line.strip_prefix("Message-ID: ")).unwrap().trim();
    // The writer's program names our answer alone.
    let answer = mail("k-2", "Re: the kettle", "At the bottom.").replacen(
        "To:",
        &format!("In-Reply-To: {id}\r\nTo:"),
        1,
    );
    assert_eq!(app.conversation_of(&take(&app, answer).await), conversation);
    assert_eq!(app.conversation(&conversation).await["status"], "open");
}

#[tokio::test]
async fn an_attachment_is_where_it_lies_in_the_delivery() {
    let app = TestApp::company().await;
    let received = take(&app, WITH_ATTACHMENT).await;
    let item = item(&app, &received).await;
    let attachment = &item["attachments"][0];
    assert_eq!((text(attachment, "/name"), text(attachment, "/media_type")), ("leak.png", "image/png"));
    assert_eq!(attachment["source"]["encoding"], "base64");
    let number = |key: &str| attachment["source"][key].as_u64().unwrap() as usize;
    let (offset, length) = (number("offset_bytes"), number("length_bytes"));
    let raw = app.get(&format!("/v1/deliveries/{}/raw", text(&received, "/delivery"))).await.body;
    assert_eq!(raw[offset..offset + length].trim_ascii(), b"iVBORw0KGgo=");
}

#[tokio::test]
async fn a_bounce_is_a_machines_word_and_nobody_waits_for_an_answer_to_it() {
    let app = TestApp::staffed().await;
    let received = take(&app, BOUNCE).await;
    assert_eq!(received["outcome"], "accepted", "{received}");
    let item = item(&app, &received).await;
    assert_eq!(item["automatic"], "bounce");
    app.settle().await;
    let conversation = app.conversation_of(&received);
    assert_eq!(app.place(&conversation).await, "service/operator");
}

#[tokio::test]
async fn a_mail_that_breaks_off_is_taken_as_far_as_it_goes() {
    let app = TestApp::company().await;
    let whole = WITH_ATTACHMENT;
    for end in [whole.len() - 20, whole.len() / 2, whole.find("\r\n\r\n").unwrap()] {
        let received = take(&app, whole[..end].to_owned().replace("<pic@", &format!("<pic-{end}@"))).await;
        assert_eq!(received["outcome"], "accepted", "cut after {end} bytes: {received}");
    }
}

fn mail_of(megabytes: usize, header: &str, line: &str) -> String {
    let lines = line.repeat(megabytes * 1_000_000 / line.len());
    format!("From: grace@example.org\r\nMessage-ID: <big@example.org>\r\n{header}\r\n{lines}")
}

#[tokio::test]
async fn a_plain_mail_of_ten_megabytes_is_read() {
    let app = TestApp::company().await;
    let line = "It has been leaking since Monday -- and nobody has called me back.\r\n";
    let item = item(&app, &take(&app, mail_of(10, "", line) + "The end.").await).await;
    let text = text(&item, "/text");
    assert!(text.len() > 9_800_000 && text.trim_end().ends_with("The end."), "{} bytes", text.len());
}

#[tokio::test]
async fn a_mail_with_ten_megabytes_of_files_is_read() {
    let app = TestApp::company().await;
    let line = "UHVtcHMgYW5kIGtldHRsZXMsIGEgcGljdHVyZSBib29rIGZvciB0aGUgd2hvbGUgZmFtaWx5Lgo=\r\n";
    let header = "Content-Type: multipart/mixed; boundary=edge\r\n\r\n--edge\r\n\r\nSee the book.\r\n--edge\r\n\
        Content-Type: application/pdf; name=book.pdf\r\nContent-Transfer-Encoding: base64\r\n";
    for (number, end) in ["", "This is not base64.\r\n"].into_iter().enumerate() {
        let mail = mail_of(10, header, line).replacen("<big@", &format!("<big-{number}@"), 1);
        let received = take(&app, mail + end + "--edge--\r\n").await;
        assert_eq!(received["outcome"], "accepted", "{received}");
        let item = item(&app, &received).await;
        assert_eq!(item["text"], "See the book.");
        assert_eq!(item["attachments"][0]["name"], "book.pdf");
    }
}

/// It burns more than an adapter has for a small delivery: what a delivery may cost grows with its size.
#[tokio::test]
async fn a_large_mail_in_a_costly_encoding_is_read() {
    let app = TestApp::company().await;
    let header = "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n";
    let item = item(
        &app,
        &take(&app, mail_of(4, header, "The kettle costs 40=E2=82=AC, sagt J=C3=BCrgen.\r\n")).await,
    )
    .await;
    assert!(text(&item, "/text").starts_with("The kettle costs 40\u{20ac}, sagt J\u{fc}rgen.\nThe kettle"));
}

#[tokio::test]
async fn what_is_no_mail_is_kept() {
    let app = TestApp::company().await;
    for body in ["", "just words", "\u{0}\u{1}\u{2}"] {
        let received = take(&app, body).await;
        assert_eq!(received["outcome"], "unparsed", "{body:?}");
    }
    let json = app.deliver("mail", "application/json", "{}").await.json(202);
    assert!(text(&json, "/reason").starts_with("unsupported: "), "{json}");
}

#[tokio::test]
async fn a_mail_in_another_character_set_is_found_by_its_words() {
    let app = TestApp::company().await;
    let mut mail =
        b"From: =?iso-8859-1?Q?J=FCrgen?= <juergen@example.org>\r\nMessage-ID: <l1@example.org>\r\n\
        Subject: =?utf-8?B?V2Fzc2Vya29jaGVy?=\r\nContent-Type: text/plain; charset=iso-8859-1\r\n\r\n"
            .to_vec();
    mail.extend_from_slice(b"Er l\xe4uft aus.\r\n");
    let item = item(&app, &take(&app, mail).await).await;
    assert_eq!((text(&item, "/author/name"), text(&item, "/subject")), ("Jürgen", "Wasserkocher"));
    assert_eq!(item["text"], "Er läuft aus.");
}

#[tokio::test]
async fn an_own_mail_seen_on_the_channel_is_an_echo() {
    let app = TestApp::staffed().await;
    let own =
        mail("o-1", "an offer", "refund").replace("Grace Example <grace@example.org>", "support@example.com");
    // Anybody could send it to an open inbox.
    let received = take(&app, own.replace("o-1", "o-0")).await;
    app.settle().await;
    assert_eq!(item(&app, &received).await["direction"], "inbound");
    let decisions = app.get("/v1/counts").await.json(200)["decisions"].clone();

    let changed = app.patch("/v1/inboxes/mail", json!({ "access": "token" })).await.json(200);
    let headers = [("content-type", "message/rfc822"), ("x-switchboard-token", text(&changed, "/token"))];
    let received = app.ask("POST", "/in/mail", &headers, own).await.json(202);
    app.settle().await;
    assert_eq!(item(&app, &received).await["direction"], "outbound");
    assert_eq!(app.get("/v1/counts").await.json(200)["decisions"], decisions);
}
