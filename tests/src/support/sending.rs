//! Adapters that take an item in, and send what is answered to it.
//!
//! A step lies 8 bytes behind the answer's start: its kind, then from 8 on either the request or the
//! outcome's kind, whose parts are 8 bytes further.

use super::guest::{ANSWER, CONTENT, DONE, Guest, answering_list};

/// Where everything is sent.
pub const URL: &str = "https://hooks.example.com/replies";

/// Where the texts are, behind the one arrival.
const ID: u32 = CONTENT + 512;
const AUTHOR: u32 = ID + 8;
const METHOD: u32 = ID + 16;
const ADDRESS: u32 = ID + 24;

/// Another place to send to, on another host.
pub const OTHER_URL: &str = "https://mutes.example.com/replies";

/// An adapter that finds the same item in every delivery. These are the bodies of its `begin` and `resume`.
pub fn sender(name: &str, begin: &str, resume: &str) -> Guest {
    sender_to(URL, name, begin, resume)
}

/// The same, sending to this place, whose address is as long as [`URL`].
pub fn sender_to(url: &str, name: &str, begin: &str, resume: &str) -> Guest {
    assert_eq!(url.len(), URL.len());
    let mut guest = Guest::adapter(name, &answering_list(CONTENT, 1)).sending(begin, resume);
    // An arrival has its kind first, new items being 0; from 8 on the item: its id, and 24 bytes on its
    // author's.
    for (at, text, place) in [(8, "one", ID), (32, "vera", AUTHOR)] {
        guest.put(at, &[place, text.len() as u32].map(u32::to_le_bytes).concat());
    }
    for (place, text) in [(ID, "one"), (AUTHOR, "vera"), (METHOD, "POST"), (ADDRESS, url)] {
        guest.put((place - CONTENT) as usize, text.as_bytes());
    }
    guest
}

/// A body that wants a request sent.
pub fn send() -> String {
    let request = ANSWER + 16;
    let words = [(METHOD, 4), (ADDRESS, URL.len() as u32)];
    let store = |(index, (place, length)): (usize, (u32, u32))| {
        let at = request + 8 * index as u32;
        format!(
            "(i32.store (i32.const {at}) (i32.const {place})) (i32.store (i32.const {}) (i32.const {length}))",
            at + 4
        )
    };
    words.into_iter().enumerate().map(store).collect::<String>() + DONE
}

/// A body that says that it is sent.
pub fn sent() -> String {
    format!("(i32.store8 (i32.const {}) (i32.const 1)) {DONE}", ANSWER + 8)
}

/// A body that wants to be asked again after this long.
pub fn retry_after(ms: u64) -> String {
    let (step, outcome) = (ANSWER + 8, ANSWER + 16);
    format!(
        "(i32.store8 (i32.const {step}) (i32.const 1)) (i32.store8 (i32.const {outcome}) (i32.const 1))
         (i64.store (i32.const {}) (i64.const {ms})) {DONE}",
        outcome + 8
    )
}
