//! What may be handed out to be sent, and what may be answered: bounds, before anything is made of it.

use super::failure::{Failure, FailureKind};
use super::task::{Piece, Request};
use crate::domain::arrival::Response;

/// What a request may be.
const METHODS: [&str; 6] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"];

/// The longest URL that servers take as a rule.
const URL_BYTES_MAX: usize = 8 * 1024;

/// The most header fields.
const FIELDS_MAX: usize = 64;

/// The most bytes of URL and header fields together.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// The most bytes of a response's body: channels expect a challenge or a short text.
const RESPONSE_BODY_BYTES_MAX: usize = 64 * 1024;

/// The most pieces that a request is put together from.
const PIECES_MAX: usize = 256;

/// The most of them that are secrets: two or three are what channels want to see.
const SECRETS_MAX: usize = 16;

/// Fields that are about the connection (RFC 9110, section 7.6.1), which is the host's; and those that
/// have an answer come in a form in which a repeated secret is not found.
const REFUSED_FIELDS: [&str; 13] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "expect",
    "accept-encoding",
    "range",
    "if-range",
];

/// Whether this request can be sent at all.
pub(super) fn check(request: &Request) -> Result<(), Failure> {
    if !METHODS.contains(&request.method.as_str()) {
        let method = &request.method;
        return Err(bad(&format!("the method `{method}`; the methods are {}", METHODS.join(", "))));
    }
    if let Some((name, _)) = request.headers.iter().find(|(name, _)| is_refused(name)) {
        return Err(bad(&format!("the header field `{name}`, which is the host's; leave it out")));
    }
    at_most("bytes of URL", request.url.len(), URL_BYTES_MAX)?;
    at_most("header fields", request.headers.len(), FIELDS_MAX)?;
    at_most("pieces", pieces(request).count() + request.segments.len(), PIECES_MAX)?;
    let secrets = pieces(request).filter(|it| matches!(it, Piece::Secret(_))).count();
    at_most("secrets in a request", secrets, SECRETS_MAX)?;
    let names = request.headers.iter().map(|(name, _)| name.len());
    let head = names.chain(pieces(request).map(bytes)).fold(request.url.len(), usize::saturating_add);
    at_most("bytes of URL and header fields", head, HEAD_BYTES_MAX)
}

/// Whether this can be answered to who delivered.
pub(super) fn check_response(response: &Response) -> Result<(), Failure> {
    at_most("header fields of a response", response.headers.len(), FIELDS_MAX)?;
    let head = response.headers.iter().map(|(name, value)| name.len() + value.len());
    at_most("bytes of a response's header fields", head.sum(), HEAD_BYTES_MAX)?;
    at_most("bytes of a response's body", response.body.len(), RESPONSE_BODY_BYTES_MAX)
}

fn is_refused(name: &str) -> bool {
    REFUSED_FIELDS.iter().any(|it| name.eq_ignore_ascii_case(it))
}

fn pieces(request: &Request) -> impl Iterator<Item = &Piece> {
    let values = request.headers.iter().map(|(_, value)| value);
    request.segments.iter().chain(values).flatten()
}

fn bytes(piece: &Piece) -> usize {
    match piece {
        Piece::Text(text) | Piece::Secret(text) => text.len(),
    }
}

fn at_most(what: &str, found: usize, most: usize) -> Result<(), Failure> {
    match found <= most {
        true => Ok(()),
        false => {
            Err(Failure::new(FailureKind::OutputTooLarge, &format!("{found} {what}, the most is {most}")))
        }
    }
}

fn bad(what: &str) -> Failure {
    Failure::new(FailureKind::BadOutput, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain() -> Request {
        Request {
            method: "POST".to_owned(),
            url: "https://api.example.com/".to_owned(),
            segments: vec![vec![Piece::Secret("token".to_owned())]],
            headers: vec![("x-a".to_owned(), vec![Piece::Text("b".to_owned())])],
            body: vec![],
        }
    }

    fn kind(change: impl FnOnce(&mut Request)) -> Option<FailureKind> {
        let mut request = plain();
        change(&mut request);
        check(&request).err().map(|failure| failure.kind)
    }

    fn field(name: &str, pieces: usize, piece: &Piece) -> (String, Vec<Piece>) {
        (name.to_owned(), vec![piece.clone(); pieces])
    }

    #[test]
    fn an_ordinary_request_is_sent() {
        assert_eq!(kind(|_| {}), None);
        for method in METHODS {
            assert_eq!(kind(|it| it.method = method.to_owned()), None, "{method}");
        }
    }

    #[test]
    fn a_request_without_measure_is_refused_by_name() {
        let (text, secret) = (Piece::Text("x".repeat(600)), Piece::Secret("token".to_owned()));
        let too_large = Some(FailureKind::OutputTooLarge);
        let names = |count: usize| (0..count).map(|it| field(&format!("x-{it}"), 1, &text));
        assert_eq!(kind(|it| it.headers = names(64).collect()), None);
        assert_eq!(kind(|it| it.headers = names(65).collect()), too_large);
        assert_eq!(kind(|it| it.headers = names(30_000).collect()), too_large);
        assert_eq!(kind(|it| it.headers = vec![field("x", 110, &text)]), too_large);
        assert_eq!(kind(|it| it.headers = vec![field("x", 15, &secret)]), None);
        assert_eq!(kind(|it| it.headers = vec![field("x", 16, &secret)]), too_large);
        assert_eq!(kind(|it| it.headers = vec![field("x", 490_000, &secret)]), too_large);
        assert_eq!(kind(|it| it.segments = vec![vec![]; 257]), too_large);
        assert_eq!(kind(|it| it.url = format!("https://a.example/{}", "x".repeat(8_192))), too_large);
    }

    #[test]
    fn what_is_the_hosts_is_not_the_adapters() {
        let bad = Some(FailureKind::BadOutput);
        for name in ["Connection", "TRANSFER-ENCODING", "Accept-Encoding", "range", "upgrade"] {
            assert_eq!(kind(|it| it.headers.push((name.to_owned(), vec![]))), bad, "{name}");
        }
        for method in ["CONNECT", "TRACE", "post", "", "GET / HTTP/1.1"] {
            assert_eq!(kind(|it| it.method = method.to_owned()), bad, "{method}");
        }
    }

    #[test]
    fn a_response_without_measure_is_refused_by_name() {
        let response = |count: usize, bytes: usize, body: usize| Response {
            status: 200,
            headers: (0..count).map(|it| (format!("x-{it}"), "v".repeat(bytes))).collect(),
            body: vec![b'x'; body],
        };
        assert!(check_response(&response(64, 100, 64 * 1024)).is_ok());
        let bad =
            [response(65, 0, 0), response(30_000, 0, 0), response(1, 65_536, 0), response(0, 0, 65_537)];
        for bad in bad {
            assert_eq!(check_response(&bad).unwrap_err().kind, FailureKind::OutputTooLarge);
        }
    }
}
