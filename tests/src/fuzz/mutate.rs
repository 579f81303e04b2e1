//! Inputs that are nearly right: changed samples reach further than noise does.

use std::ops::Range;

use fastrand::Rng;
use serde_json::{Value, json};

/// What parsers trip over.
const TOKENS: [&[u8]; 24] = [
    b"\0",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"\xc0\x80",
    b"\xed\xa0\x80",
    b"\r\n",
    b"\n\n",
    b"\r\n\r\n",
    b"--",
    b"<![CDATA[",
    b"]]>",
    b"<!DOCTYPE x [<!ENTITY a \"b\">]>",
    b"&a;",
    b"&#0;",
    b"=?utf-8?B?//8=?=",
    b"=?x?q??=",
    b"\"",
    b"\\u0000",
    b"1e999",
    b"-9223372036854775809",
    b"18446744073709551616",
    b"[[[[[[[[",
    b"{\"a\":",
    b"null",
];

/// What is a text like any other, and trips up whoever makes something of it.
const TEXTS: [&str; 12] = [
    "",
    " ",
    "(",
    "(?i)[[:alpha:]",
    "\\p{Greek}{1000}{1000}",
    "(a|b|ab)*c",
    "a{1,100000}",
    "x\u{301}\u{200d}\u{feff}",
    "\u{0}\u{7f}",
    "https://[::1",
    "9999999999w",
    "-1",
];

/// How often a sample is changed at most.
const CHANGES_MAX: usize = 8;

/// How long an input becomes at most.
const BYTES_MAX: usize = 64 * 1024;

/// One of the samples, changed.
pub fn changed(samples: &[Vec<u8>], rng: &mut Rng) -> Vec<u8> {
    let mut bytes = samples[rng.usize(..samples.len())].clone();
    for _ in 0..=rng.usize(..CHANGES_MAX) {
        change(&mut bytes, samples, rng);
    }
    bytes.truncate(BYTES_MAX);
    bytes
}

fn change(bytes: &mut Vec<u8>, samples: &[Vec<u8>], rng: &mut Rng) {
    let at = rng.usize(..=bytes.len());
    match rng.u8(..8) {
        0 if at < bytes.len() => bytes[at] ^= 1 << rng.u8(..8),
        1 if at < bytes.len() => bytes[at] = rng.u8(..),
        2 => drop(bytes.drain(part(bytes.len(), rng))),
        3 => {
            let copied = bytes[part(bytes.len(), rng)].to_vec();
            let times = rng.usize(1..=16);
            drop(bytes.splice(at..at, copied.repeat(times)));
        }
        4 => {
            let other = &samples[rng.usize(..samples.len())];
            let taken = other[part(other.len(), rng)].to_vec();
            drop(bytes.splice(at..at, taken));
        }
        5 => bytes.truncate(at),
        6 => {
            let noise: Vec<u8> = (0..rng.usize(..64)).map(|_| rng.u8(..)).collect();
            drop(bytes.splice(at..at, noise));
        }
        _ => {
            let token = TOKENS[rng.usize(..TOKENS.len())].repeat(1 << rng.u8(..6));
            drop(bytes.splice(at..at, token));
        }
    }
}

/// A document of the same shape, in which some values are others.
pub fn stirred(document: &Value, rng: &mut Rng) -> Value {
    match document {
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (name.clone(), stirred(value, rng))).collect()
        }
        Value::Array(entries) => {
            let mut entries: Vec<_> = entries.iter().map(|entry| stirred(entry, rng)).collect();
            if rng.u8(..8) == 0 && !entries.is_empty() {
                let again = entries[rng.usize(..entries.len())].clone();
                entries.resize(entries.len() + rng.usize(..40), again);
            }
            Value::Array(entries)
        }
        // One value in eight.
        leaf if rng.u8(..8) > 0 => leaf.clone(),
        Value::String(text) => match rng.u8(..3) {
            0 => json!(TEXTS[rng.usize(..TEXTS.len())]),
            1 => json!(text.repeat(1 << rng.u8(..12))),
            _ => json!(String::from_utf8_lossy(&changed(&[text.clone().into_bytes()], rng))),
        },
        Value::Number(_) => json!(rng.i64(..)),
        Value::Bool(yes) => json!(!yes),
        Value::Null => json!(0),
    }
}

/// A part of something so long.
fn part(length: usize, rng: &mut Rng) -> Range<usize> {
    let (one, other) = (rng.usize(..=length), rng.usize(..=length));
    one.min(other)..one.max(other)
}

/// Bytes so that a person can use them again.
pub fn shown(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}
