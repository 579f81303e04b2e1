//! Media types, as far as they decide how something is read.

use switchboard_plugin_sdk::Rejection;

use crate::json::shortened;

/// How a body is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Media {
    /// One event in its JSON form.
    Event,
    /// Several events in their JSON form.
    Batch,
    /// JSON.
    Json,
    /// Text.
    Text,
    /// An event in a form that is not JSON.
    ForeignEvent,
    /// Anything else.
    Other,
}

/// Sorts a `content-type`, refusing character sets other than UTF-8 (RFC 8259, section 8.1).
pub fn of(content_type: &str) -> Result<Media, Rejection> {
    let mut parts = content_type.split(';');
    let essence = parts.next().unwrap_or_default().trim();
    for parameter in parts {
        check_charset(parameter)?;
    }
    Ok(sort(&essence.to_ascii_lowercase()))
}

fn sort(essence: &str) -> Media {
    match essence {
        "application/cloudevents+json" => Media::Event,
        "application/cloudevents-batch+json" => Media::Batch,
        "application/json" | "text/json" => Media::Json,
        _ if essence.starts_with("application/cloudevents") => Media::ForeignEvent,
        _ if essence.ends_with("+json") => Media::Json,
        _ if essence.starts_with("text/") => Media::Text,
        _ => Media::Other,
    }
}

fn check_charset(parameter: &str) -> Result<(), Rejection> {
    let Some((name, value)) = parameter.split_once('=') else {
        return Ok(());
    };
    let value = value.trim().trim_matches('"');
    let known = ["utf-8", "utf8", "us-ascii"];
    if !name.trim().eq_ignore_ascii_case("charset")
        || known.iter().any(|known| value.eq_ignore_ascii_case(known))
    {
        return Ok(());
    }
    Err(Rejection::Unsupported(shortened(format!("charset {value}; send UTF-8"))))
}
