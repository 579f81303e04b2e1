//! Deliveries from a file: lines of JSON, or the file itself as one delivery.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;

use crate::domain::delivery::{Header, RawDelivery};
use crate::domain::time::Timestamp;

/// One delivery as a line of JSON.
#[derive(Deserialize)]
struct Line {
    #[serde(default = "post")]
    method: String,
    #[serde(default)]
    path: String,
    #[serde(default)]
    query: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(flatten)]
    body: Body,
    #[serde(default)]
    received_at: Timestamp,
}

/// The body: text, or bytes.
#[derive(Deserialize)]
enum Body {
    #[serde(rename = "body")]
    Text(String),
    #[serde(rename = "body_base64")]
    Base64(String),
}

fn post() -> String {
    "POST".into()
}

/// The file's deliveries. A file counts as lines of JSON by its name: `.jsonl` or `.ndjson`.
pub(super) fn read(path: &Path, bytes: Vec<u8>) -> anyhow::Result<Vec<RawDelivery>> {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    if matches!(extension, "jsonl" | "ndjson") {
        return read_lines(&bytes);
    }
    let headers = BTreeMap::from([("content-type".to_owned(), media_type(extension).to_owned())]);
    Ok(vec![delivery(
        Line {
            method: post(),
            path: String::new(),
            query: None,
            headers,
            body: Body::Text(String::new()),
            received_at: Timestamp::default(),
        },
        bytes,
    )])
}

fn read_lines(bytes: &[u8]) -> anyhow::Result<Vec<RawDelivery>> {
    let filled = |(_, line): &(usize, &[u8])| !line.trim_ascii().is_empty();
    let numbered = bytes.split(|byte| *byte == b'\n').enumerate().filter(filled);
    numbered
        .map(|(index, line)| read_line(line).with_context(|| format!("read line {}", index + 1)))
        .collect()
}

fn read_line(line: &[u8]) -> anyhow::Result<RawDelivery> {
    let line: Line = serde_json::from_slice(line)?;
    let body = match &line.body {
        Body::Text(text) => text.clone().into_bytes(),
        Body::Base64(text) => BASE64_STANDARD.decode(text).context("decode `body_base64`")?,
    };
    Ok(delivery(line, body))
}

fn delivery(line: Line, body: Vec<u8>) -> RawDelivery {
    let header = |(name, value): (String, String)| Header { name: name.to_ascii_lowercase(), value };
    RawDelivery {
        method: line.method,
        path: line.path,
        query: line.query,
        headers: line.headers.into_iter().map(header).collect(),
        body,
        received_at: line.received_at,
    }
}

/// The media type that goes with a file's name.
fn media_type(extension: &str) -> &'static str {
    match extension {
        "eml" => "message/rfc822",
        "atom" => "application/atom+xml",
        "rss" => "application/rss+xml",
        "xml" => "application/xml",
        "json" => "application/json",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_hold_text_or_bytes() {
        let lines =
            b"{\"headers\":{\"Content-Type\":\"text/plain\"},\"body\":\"hi\"}\n{\"body_base64\":\"AAE=\"}\n";
        let deliveries = read(Path::new("x.jsonl"), lines.to_vec()).unwrap();
        assert_eq!(deliveries[0].body, b"hi");
        assert_eq!(deliveries[0].headers[0].name, "content-type");
        assert_eq!(deliveries[1].body, [0, 1]);
    }

    #[test]
    fn another_file_is_one_delivery() {
        let deliveries = read(Path::new("x.eml"), b"From: a\n\nb".to_vec()).unwrap();
        assert_eq!(deliveries.len(), 1);
        assert_eq!(deliveries[0].headers[0].value, "message/rfc822");
    }
}
