//! What an adapter hands out becomes what goes out: secrets are put in, at the last moment.

use url::Url;

use crate::domain::secret::SecretUse;
use crate::egress::{self, allow};
use crate::plugin::{Piece, Request};
use crate::vault::{Denial, Granted};

/// The request with its secrets, or why it cannot go out. No message holds a secret.
pub(super) fn fill(request: Request, granted: &Granted) -> Result<egress::Request, String> {
    let Request { method, url, segments, headers, body } = request;
    let to = &url;
    let text = |pieces: &[Piece]| -> Result<String, String> {
        pieces.iter().map(|piece| reveal(piece, to, granted)).collect()
    };
    let headers = headers
        .iter()
        .map(|(name, value)| Ok((name.clone(), text(value)?)))
        .collect::<Result<Vec<_>, String>>()?;
    let segments = segments.iter().map(|it| text(it)).collect::<Result<Vec<_>, String>>()?;
    let url = if segments.is_empty() { url } else { with_segments(&url, &segments)? };
    Ok(egress::Request { method, url, headers, body })
}

fn reveal(piece: &Piece, url: &str, granted: &Granted) -> Result<String, String> {
    let name = match piece {
        Piece::Text(text) => return Ok(text.clone()),
        Piece::Secret(name) => name,
    };
    let open = granted.of(name, SecretUse::Send).map_err(|denial| denied(name, denial))?;
    let stored = &open.secret.name;
    let allowed = allow::check(url, &open.secret.hosts)
        .map_err(|_| format!("the secret `{stored}` is not granted for this host; see its `hosts`"))?;
    if allowed.url.scheme() != "https" && !allowed.named_address {
        return Err(format!("the secret `{stored}` goes by https alone"));
    }
    granted.reveal(name).map_err(|denial| denied(name, denial))
}

fn denied(name: &str, denial: Denial) -> String {
    match denial {
        Denial::Undeclared => format!("the adapter sends the secret `{name}` without declaring it"),
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
