//! Reports on mail of ours.

use switchboard_plugin_sdk::{Arrival, Automatic, DeliveryState, DeliveryStatus, Item};

use super::{mail, received};

fn bounce(action: &str, returned: &str) -> String {
    format!(
        "Return-Path: <>
From: Mail Delivery <mailer-daemon@mx.example.net>
To: support@example.com
Subject: Undelivered
Date: Mon, 2 Mar 2026 09:00:00 +0000
Message-ID: <report@mx.example.net>
Content-Type: multipart/report; report-type=delivery-status; boundary=r

--r
Content-Type: text/plain

I could not deliver your message.
--r
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.net

Final-Recipient: rfc822; gone@example.net
Action: {action}
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1
 no such user
--r
{returned}
--r--
"
    )
}

const WHOLE: &str = "Content-Type: message/rfc822

From: support@example.com
Message-ID: <answer-1@example.com>
Subject: Re: Parcel

It is on its way.";

const HEADER_ALONE: &str = "Content-Type: text/rfc822-headers

From: support@example.com
Message-ID: <answer-1@example.com>";

fn report(lines: &str) -> (Item, Option<DeliveryStatus>) {
    match received(&mail(lines)).as_slice() {
        [Arrival::Item(item)] => (item.clone(), None),
        [Arrival::Item(item), Arrival::Status(status)] => (item.clone(), Some(status.clone())),
        other => panic!("not a report: {other:?}"),
    }
}

#[test]
fn a_bounce_is_an_item_and_news_of_the_answer() {
    for returned in [WHOLE, HEADER_ALONE] {
        let (item, status) = report(&bounce("failed", returned));
        assert_eq!(item.automatic, Some(Automatic::Bounce));
        assert_eq!(item.in_reply_to, ["answer-1@example.com"]);
        assert_eq!(item.text, "I could not deliver your message.");
        let status = status.unwrap();
        assert_eq!(status.external_id, "answer-1@example.com");
        assert_eq!(status.state, DeliveryState::Failed);
        assert_eq!(status.detail.as_deref(), Some("5.1.1 smtp; 550 5.1.1 no such user"));
        assert_eq!(status.at_ms, 1_772_442_000_000);
    }
}

#[test]
fn a_delay_is_no_final_news() {
    let (item, status) = report(&bounce("delayed", WHOLE));
    assert_eq!(item.automatic, Some(Automatic::Bounce));
    assert_eq!(status, None);
}

#[test]
fn a_success_is_delivered() {
    let (_, status) = report(&bounce("delivered", WHOLE));
    assert_eq!(status.unwrap().state, DeliveryState::Delivered);
}

#[test]
fn a_bounce_without_the_original_is_an_item_alone() {
    let (item, status) = report(&bounce("failed", "Content-Type: text/plain\n\nnothing"));
    assert_eq!(item.automatic, Some(Automatic::Bounce));
    assert!(item.in_reply_to.is_empty());
    assert_eq!(status, None);
}

fn receipt(disposition: &str) -> String {
    format!(
        "From: ada@example.org
Content-Type: multipart/report; report-type=disposition-notification; boundary=r

--r
Content-Type: text/plain

Ada has seen it.
--r
Content-Type: message/disposition-notification

Final-Recipient: rfc822; ada@example.org
Original-Message-ID: <answer-1@example.com>
Disposition: manual-action/MDN-sent-manually; {disposition}
--r--
"
    )
}

#[test]
fn a_receipt_is_news_and_no_work() {
    let arrivals = received(&mail(&receipt("displayed")));
    let [Arrival::Status(status)] = arrivals.as_slice() else { panic!("not a status alone: {arrivals:?}") };
    assert_eq!(status.external_id, "answer-1@example.com");
    assert_eq!(status.state, DeliveryState::Read);
}

#[test]
fn a_mail_deleted_unread_is_an_item() {
    let (item, _) = report(&receipt("deleted"));
    assert_eq!(item.automatic, Some(Automatic::Reply));
    assert_eq!(item.in_reply_to, ["answer-1@example.com"]);
}
