//! Mail that was really sent, where the folder with it is at hand.

use std::fs;
use std::path::{Path, PathBuf};

use switchboard_plugin_email::quote;
use switchboard_plugin_sdk::testing;
use switchboard_plugin_sdk::{Arrival, Item};

use super::inbox;

fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data").join(folder);
    if !root.is_dir() {
        println!("skipped: {} is absent", root.display());
        return Vec::new();
    }
    let (mut found, mut folders) = (Vec::new(), vec![root]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn first_item(raw: Vec<u8>) -> Option<Item> {
    let intake = inbox().receive(&testing::delivery(raw)).ok()?;
    intake.arrivals.into_iter().find_map(|arrival| match arrival {
        Arrival::Item(item) | Arrival::Echo(item) => Some(item),
        _ => None,
    })
}

/// How many of a folder's mails are accepted, at least.
fn accepts(folder: &str, least: usize) {
    let files = files(folder, "eml");
    if files.is_empty() {
        return;
    }
    let mut accepted = 0;
    for file in &files {
        match inbox().receive(&testing::delivery(fs::read(file).unwrap())) {
            Ok(_) => accepted += 1,
            Err(rejection) => println!("{}: {rejection:?}", file.display()),
        }
    }
    println!("{folder}: {accepted} of {} accepted", files.len());
    assert!(accepted >= least, "{folder}: {accepted}");
}

#[test]
fn awkward_mail_is_accepted() {
    accepts("mail-stalwart", 106);
    accepts("mail-mikel", 103);
    accepts("mail-freescout", 8);
    accepts("mail-reply-talon", 13);
}

#[test]
fn a_mail_cut_anywhere_is_survived() {
    for file in files("mail-mikel", "eml").into_iter().take(40) {
        let raw = fs::read(file).unwrap();
        for length in (0..raw.len()).step_by(raw.len() / 50 + 1) {
            let _ = inbox().receive(&testing::delivery(&raw[..length]));
        }
    }
}

#[test]
fn replies_are_parted_from_what_they_quote() {
    let mails = files("mail-reply-talon/standard_replies", "eml");
    if mails.is_empty() {
        return;
    }
    let mut exact = 0;
    for file in &mails {
        let item = first_item(fs::read(file).unwrap()).unwrap();
        if item.text == "Hello" {
            exact += 1;
        } else {
            println!("{}: {:?}", file.display(), item.text);
        }
    }
    println!("replies: {exact} of {} exactly parted", mails.len());
    assert!(exact >= 12, "{exact}");
}

#[test]
fn marked_up_replies_are_parted_too() {
    let pages = files("mail-reply-talon/html_replies", "html");
    if pages.is_empty() {
        return;
    }
    let mut parted = 0;
    for file in &pages {
        let mut raw = b"From: a@example.org\r\nContent-Type: text/html; charset=utf-8\r\n\r\n".to_vec();
        raw.extend(fs::read(file).unwrap());
        let item = first_item(raw).unwrap();
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        if words(&item.text) == "Hi. I am fine. Thanks, Alex" {
            parted += 1;
        } else {
            println!("{}: {:?}", file.display(), item.text);
        }
    }
    println!("marked-up replies: {parted} of {} exactly parted", pages.len());
    assert!(parted >= 9, "{parted}");
}

#[test]
fn a_body_without_history_is_left_alone() {
    for file in files("mail-reply-talon/signature", "body") {
        let split = quote::split(&fs::read_to_string(file).unwrap());
        assert!(!split.text.is_empty());
    }
}
