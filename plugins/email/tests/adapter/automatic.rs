//! Mail written by machines (RFC 3834).

use switchboard_plugin_sdk::Automatic;

use super::item;

#[test]
fn the_signs_of_machines_are_known() {
    let table = [
        ("Auto-Submitted: auto-replied", Some(Automatic::Reply)),
        ("Auto-Submitted: auto-replied; owner=x", Some(Automatic::Reply)),
        ("Auto-Submitted: auto-generated", Some(Automatic::Notification)),
        ("Auto-Submitted: auto-notified", Some(Automatic::Notification)),
        ("Auto-Submitted: no", None),
        ("X-Autoreply: yes", Some(Automatic::Reply)),
        ("X-Autorespond: away", Some(Automatic::Reply)),
        ("Precedence: auto_reply", Some(Automatic::Reply)),
        ("Precedence: bulk", Some(Automatic::Bulk)),
        ("Precedence: List", Some(Automatic::Bulk)),
        ("Precedence: junk", Some(Automatic::Bulk)),
        ("Precedence: first-class", None),
        ("List-Id: News <news.example.org>", Some(Automatic::Bulk)),
        ("List-Unsubscribe: <https://example.org/u>", Some(Automatic::Bulk)),
        ("X-Auto-Response-Suppress: All", Some(Automatic::Notification)),
        ("X-Auto-Response-Suppress: None", None),
        ("Return-Path: <>", Some(Automatic::Notification)),
        ("Return-Path: <a@example.org>", None),
        ("X-Failed-Recipients: b@example.net", Some(Automatic::Bounce)),
    ];
    for (header, expected) in table {
        let item = item(&format!("From: a@example.org\n{header}\n\nHi"));
        assert_eq!(item.automatic, expected, "{header}");
    }
}

#[test]
fn the_stronger_sign_counts() {
    let answer = item("From: a@example.org\nPrecedence: bulk\nAuto-Submitted: auto-replied\n\nHi");
    assert_eq!(answer.automatic, Some(Automatic::Reply));
    let bounce = item("From: MAILER-DAEMON@example.org\nAuto-Submitted: auto-replied\n\nHi");
    assert_eq!(bounce.automatic, Some(Automatic::Bounce));
}
