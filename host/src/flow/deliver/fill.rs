//! What an adapter hands out becomes what goes out: secrets are put in, at the last moment.

use std::collections::{BTreeSet, HashMap};

use url::Url;

use crate::domain::secret::SecretUse;
use crate::egress::{self, allow};
use crate::plugin::{Piece, Request};
use crate::vault::{Denial, Granted};

/// The most bytes of a URL and of header fields with the secrets in them.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// The request with its secrets, or why it cannot go out. No message holds a secret.
pub(super) fn fill(request: Request, granted: &Granted) -> Result<egress::Request, String> {
    let Request { method, url, segments, headers, body } = request;
    let secrets =
        reveal_all(headers.iter().map(|(_, value)| value).chain(&segments).flatten(), &url, granted)?;
    let text = |pieces: &[Piece]| -> String {
        let piece = |piece: &Piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Secret(name) => secrets.get(name.as_str()).cloned().unwrap_or_default(),
        };
        pieces.iter().map(piece).collect()
    };
    let headers: Vec<_> = headers.iter().map(|(name, value)| (name.clone(), text(value))).collect();
    let segments: Vec<_> = segments.iter().map(|it| text(it)).collect();
    let url = if segments.is_empty() { url } else { with_segments(&url, &segments)? };
    let head: usize = headers.iter().map(|(name, value)| name.len() + value.len()).sum();
    if url.len() + head > HEAD_BYTES_MAX {
        return Err(format!("the URL and the header fields have more than {HEAD_BYTES_MAX} bytes"));
    }
    Ok(egress::Request { method, url, headers, body })
}

/// The values of the secrets that stand in a request, each of them once.
fn reveal_all<'a>(
    pieces: impl Iterator<Item = &'a Piece>,
    url: &str,
    granted: &Granted,
) -> Result<HashMap<&'a str, String>, String> {
    let names: BTreeSet<&str> = pieces
        .filter_map(|piece| match piece {
            Piece::Secret(name) => Some(name.as_str()),
            Piece::Text(_) => None,
        })
        .collect();
    names.into_iter().map(|name| Ok((name, reveal(name, url, granted)?))).collect()
}

fn reveal(name: &str, url: &str, granted: &Granted) -> Result<String, String> {
    let open = granted.of(name, SecretUse::Send).map_err(|denial| denied(name, denial))?;
    let stored = &open.secret.name;
    let allowed = allow::check(url, &open.secret.hosts)
        .map_err(|_| format!("the secret `{stored}` is not granted for this host; see its `hosts`"))?;
    if allowed.url.scheme() != "https" && !allowed.address.is_some_and(allow::is_own) {
        return Err(format!(
            "the secret `{stored}` goes by https alone, but for addresses of the company's own network"
        ));
    }
    granted.reveal(name).map_err(|denial| denied(name, denial))
}

fn denied(name: &str, denial: Denial) -> String {
    match denial {
        Denial::Undeclared => format!("the adapter sends the secret `{name}` without declaring it"),
        Denial::Unreadable => format!(
            "the newest value of the secret `{name}` was sealed with another key; start with that key, or set the value anew"
        ),
        Denial::Unset | Denial::Malformed => format!(
            "the inbox has no secret to send as `{name}`; name one in its `secrets`, with `send` among its uses"
        ),
    }
}

/// Adds segments to the path; what is no character of a segment is percent-encoded.
fn with_segments(url: &str, segments: &[String]) -> Result<String, String> {
    let mut url = Url::parse(url).map_err(|error| format!("`{url}` is no URL: {error}"))?;
    // These would be left out or lead elsewhere.
    if segments.iter().any(|it| matches!(it.as_str(), "" | "." | "..")) {
        return Err("a segment of the path is empty, `.` or `..`".to_owned());
    }
    match url.path_segments_mut() {
        Ok(mut path) => drop(path.pop_if_empty().extend(segments)),
        Err(()) => return Err("the URL has no path to add to".to_owned()),
    }
    Ok(url.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_added_and_encoded() {
        let add = |url, segments: &[&str]| {
            with_segments(url, &segments.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>())
        };
        let sent = add("https://api.example.com/v1/?a=b", &["bot1:x/y", "send"]).unwrap();
        assert_eq!(sent, "https://api.example.com/v1/bot1:x%2Fy/send?a=b");
        assert_eq!(add("https://api.example.com", &["a b"]).unwrap(), "https://api.example.com/a%20b");
        for bad in ["", ".", ".."] {
            assert!(add("https://api.example.com", &["a", bad]).is_err(), "{bad}");
        }
        assert!(add("mailto:a@example.com", &["a"]).is_err());
        assert!(add("nonsense", &["a"]).is_err());
    }
}
