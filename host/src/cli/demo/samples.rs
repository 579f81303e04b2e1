//! What customers of an invented company wrote on one invented morning.
//!
//! Some of it stands in files as it would come, with everything that makes a morning awkward: answers
//! before questions, repetitions, machines, many languages, mails cut off. The rest is made from
//! templates, always the same.

use anyhow::Context;
use bytes::Bytes;

use crate::cli::import::mbox::Mails;
use crate::domain::time::Timestamp;

mod templates;

/// When the morning's post is taken in: 2 March 2026, 09:30 UTC.
const MORNING_MS: i64 = 1_772_443_800_000;

const MAILS: &[u8] = include_bytes!("../../../demo/mail.mbox");
const EVENTS: &str = include_str!("../../../demo/chat.jsonl");
const ALERTS: &[u8] = include_bytes!("../../../demo/alerts.atom.xml");
const BLOGS: &[u8] = include_bytes!("../../../demo/blogs.rss.xml");

/// A delivery as a channel makes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// The media type it is sent as.
    pub media_type: &'static str,
    /// Its bytes.
    pub body: Bytes,
}

/// What reaches one inbox, in order.
pub struct InboxSamples {
    /// The inbox's name.
    pub inbox: &'static str,
    /// The deliveries.
    pub samples: Vec<Sample>,
}

/// When the morning's post is taken in.
pub fn morning() -> Timestamp {
    Timestamp::from_ms(MORNING_MS)
}

/// Everything, by inbox.
pub fn all() -> anyhow::Result<[InboxSamples; 3]> {
    let templates = templates::Templates::read()?;
    let mut mails = Vec::new();
    for mail in Mails::new(MAILS) {
        mails.push(mail.context("the sample mails")?.into());
    }
    mails.extend(templates.mails().map(Bytes::from));
    let events = EVENTS.lines().map(|line| Bytes::from_static(line.as_bytes()));
    let events = events.chain(templates.events().map(Bytes::from));
    // A feed is asked for again and again, and mostly gives the same.
    let feeds = [
        Sample { media_type: "application/atom+xml", body: Bytes::from_static(ALERTS) },
        Sample { media_type: "application/rss+xml", body: Bytes::from_static(BLOGS) },
        Sample { media_type: "application/atom+xml", body: Bytes::from_static(ALERTS) },
    ];
    let of = |media_type| move |body| Sample { media_type, body };
    Ok([
        InboxSamples { inbox: "hello", samples: mails.into_iter().map(of("message/rfc822")).collect() },
        InboxSamples { inbox: "social", samples: events.map(of("application/cloudevents+json")).collect() },
        InboxSamples { inbox: "alerts", samples: feeds.into() },
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_morning_is_always_the_same_and_has_some_hundred_deliveries() {
        let (one, two) = (all().unwrap(), all().unwrap());
        for (one, two) in one.iter().zip(&two) {
            assert_eq!(one.samples, two.samples);
        }
        let count: usize = one.iter().map(|it| it.samples.len()).sum();
        assert!((250..400).contains(&count), "{count}");
    }

    #[test]
    fn everybody_in_it_is_invented() {
        for sample in all().unwrap().iter().flat_map(|it| &it.samples) {
            let text = String::from_utf8_lossy(&sample.body).into_owned();
            for address in text.split(|c: char| c.is_whitespace() || "<>\"',;()".contains(c)) {
                let Some((_, domain)) = address.split_once('@') else { continue };
                let invented = domain.is_empty()
                    || !domain.contains('.')
                    || ["example.com", "example.org", "example.net"].iter().any(|it| domain.ends_with(it));
                assert!(invented, "{address}");
            }
        }
    }
}
