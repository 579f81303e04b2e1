//! Requests to try while the demonstration keeps running.

use std::io::{self, Write};
use std::net::SocketAddr;

/// Writes them, each ready to be copied.
pub fn invite(out: &mut impl Write, address: SocketAddr, token: &str) -> io::Result<()> {
    let host = format!("http://{address}");
    let auth = "-H \"Authorization: Bearer $TOKEN\"";
    writeln!(out, "\nIt keeps running on {host} until Ctrl-C. To try:\n")?;
    writeln!(out, "TOKEN={token}")?;
    let tries = [
        ("what waits where", format!("curl -s {auth} {host}/v1/queues")),
        (
            "the next ones to answer in a queue",
            format!("curl -s {auth} '{host}/v1/conversations?queue=support/returns&limit=3'"),
        ),
        (
            "one of them, with its decisions and their reasons",
            format!("curl -s {auth} {host}/v1/conversations/ID"),
        ),
        (
            "search, in languages without spaces too",
            format!("curl -s {auth} -G {host}/v1/search --data-urlencode q=返金"),
        ),
        ("what no adapter could read", format!("curl -s {auth} '{host}/v1/deliveries?outcome=unparsed'")),
        (
            "a feed delivered by hand",
            format!(
                "curl -s -H 'content-type: application/rss+xml' --data-binary @FEED.xml {host}/in/alerts"
            ),
        ),
        (
            "a mail delivered by hand",
            format!(
                "printf 'From: you@example.com\\nSubject: Refund\\n\\nMy money back, please.\\n' | curl -s -H \
                 'content-type: message/rfc822' --data-binary @- {host}/in/hello"
            ),
        ),
        ("what would be decided about a case", evaluate(auth, &host)),
        ("everything that can be asked for", format!("curl -s {host}/openapi.json")),
    ];
    for (what, request) in tries {
        writeln!(out, "\n# {what}\n{request}")?;
    }
    Ok(())
}

fn evaluate(auth: &str, host: &str) -> String {
    format!("curl -s {auth} -H 'content-type: application/json' {host}/v1/evaluate -d '{CASE}'")
}

/// The shortest case that says enough.
const CASE: &str = r#"{"case":{"now":"2026-03-02T12:00:00Z","item":{"external_id":"try-1","kind":"email","visibility":"private","author":{"external_id":"you@example.com"},"subject":"Refund","text":"I am a journalist and want a refund.","occurred_at":"2026-03-02T12:00:00Z"},"conversation":{"id":"cnv_0000000000001","status":"open","opened_at":"2026-03-02T12:00:00Z","item_count":1,"waiting_since":"2026-03-02T12:00:00Z"},"inbox":{"name":"hello","channel":"email","department":"desk"}}}"#;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::evaluate::EvaluateRequest;

    #[test]
    fn the_case_to_try_is_one() {
        let request: EvaluateRequest = serde_json::from_str(CASE).unwrap();
        assert_eq!(request.case.inbox.name, "hello");
    }

    #[test]
    fn requests_can_be_copied_as_they_are() {
        let mut out = Vec::new();
        invite(&mut out, "127.0.0.1:8080".parse().unwrap(), "sbt_1").unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("TOKEN=sbt_1"));
        assert!(text.contains("http://127.0.0.1:8080/v1/queues"));
    }
}
