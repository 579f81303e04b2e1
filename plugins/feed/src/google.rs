//! What is particular about Google Alerts.

use url::Url;

use crate::feed::Feed;

/// How the ids of its feeds and entries begin.
const IDS: [&str; 2] = ["tag:google.com,2005:reader/user/", "tag:google.com,2013:googlealerts/"];

/// Whether a feed comes from Google Alerts.
pub fn is_alerts(feed: &Feed) -> bool {
    let ids = feed.id.iter().chain(feed.entries.first().and_then(|entry| entry.id.as_ref()));
    ids.into_iter().any(|id| IDS.iter().any(|start| id.starts_with(start)))
}

/// The page itself, where a link leads to it by way of Google.
pub fn unwrapped(link: &Url) -> Option<Url> {
    let host = link.host_str()?.strip_prefix("www.")?;
    if !host.starts_with("google.") || link.path() != "/url" {
        return None;
    }
    let target = link
        .query_pairs()
        .find(|(name, _)| name == "url" || name == "q")
        .map(|(_, value)| value.into_owned())?;
    Url::parse(&target).ok().filter(|url| matches!(url.scheme(), "http" | "https"))
}
