//! Short ways to say the common things.

use crate::types::{
    Action, Attribute, Case, Delivery, Destination, Escalation, Header, Intake, Item, Outbound, Piece,
    Proposal, ReplyReceived, RequestHeader, Timer, TimestampMs,
};

impl Action {
    /// Sends the conversation to a department, or to a full [`Destination`].
    pub fn destination(to: impl Into<Destination>) -> Self {
        Self::Destination(to.into())
    }

    /// Adds labels.
    pub fn tags<T: Into<String>>(tags: impl IntoIterator<Item = T>) -> Self {
        Self::Tags(tags.into_iter().map(Into::into).collect())
    }

    /// Sets a named fact.
    pub fn attribute(key: impl Into<String>, value: impl Into<String>) -> Self {
        Self::Attribute(Attribute { key: key.into(), value: value.into() })
    }

    /// Says what the customer wants.
    pub fn intent(intent: impl Into<String>) -> Self {
        Self::Intent(intent.into())
    }

    /// Says which language it is, as a BCP 47 tag.
    pub fn language(tag: impl Into<String>) -> Self {
        Self::Language(tag.into())
    }

    /// Leaves a remark for the people who answer.
    pub fn note(remark: impl Into<String>) -> Self {
        Self::Note(remark.into())
    }

    /// Asks this policy again then, unless a person has answered by that time.
    pub fn timer_until_answered(key: impl Into<String>, due_at_ms: TimestampMs) -> Self {
        Self::Timer(Timer { key: key.into(), due_at_ms, until_answered: true })
    }

    /// Asks this policy again then, answered or not.
    pub fn timer(key: impl Into<String>, due_at_ms: TimestampMs) -> Self {
        Self::Timer(Timer { key: key.into(), due_at_ms, until_answered: false })
    }

    /// Raises the conversation to a level, where it stays in its queue.
    pub fn escalate(level: u8, reason: impl Into<String>) -> Self {
        Self::Escalate(Escalation { level, to: None, reason: reason.into() })
    }

    /// Raises the conversation to a level and moves it.
    pub fn escalate_to(level: u8, to: impl Into<Destination>, reason: impl Into<String>) -> Self {
        Self::Escalate(Escalation { level, to: Some(to.into()), reason: reason.into() })
    }

    /// Makes a proposal of it by giving the reason, one sentence.
    pub fn because(self, why: impl Into<String>) -> Proposal {
        Proposal { action: self, why: why.into() }
    }
}

impl RequestHeader {
    /// A header field of a request that is this text.
    pub fn text(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { name: name.into(), value: vec![Piece::Text(value.into())] }
    }

    /// `Authorization: Bearer` with a secret (RFC 6750, section 2.1).
    pub fn bearer(secret: impl Into<String>) -> Self {
        let value = vec![Piece::Text("Bearer ".to_owned()), Piece::Secret(secret.into())];
        Self { name: "authorization".to_owned(), value }
    }
}

impl Destination {
    /// A department's first queue.
    pub fn department(name: impl Into<String>) -> Self {
        Self { department: name.into(), queue: None, assignee: None }
    }

    /// One of the department's queues.
    #[must_use]
    pub fn queue(mut self, name: impl Into<String>) -> Self {
        self.queue = Some(name.into());
        self
    }

    /// An agent of the department, assigned at once.
    #[must_use]
    pub fn assignee(mut self, name: impl Into<String>) -> Self {
        self.assignee = Some(name.into());
        self
    }
}

impl From<&str> for Destination {
    fn from(department: &str) -> Self {
        Self::department(department)
    }
}

impl From<&Destination> for Destination {
    fn from(destination: &Destination) -> Self {
        destination.clone()
    }
}

impl Item {
    /// The value of one of the channel's further facts.
    pub fn attribute(&self, key: &str) -> Option<&str> {
        attribute(&self.attributes, key)
    }
}

impl Outbound {
    /// The value of one of the answered item's further facts.
    pub fn attribute(&self, key: &str) -> Option<&str> {
        attribute(&self.attributes, key)
    }
}

impl Case {
    /// For how long the customer has been waiting; `None` when nobody waits.
    pub fn waiting_ms(&self) -> Option<u64> {
        let since = self.conversation.waiting_since_ms?;
        Some(self.now_ms.saturating_sub(since))
    }
}

impl Intake {
    /// Arrivals, with the host's usual answer to whoever delivered.
    pub fn of(arrivals: Vec<crate::types::Arrival>) -> Self {
        Self { arrivals, response: None }
    }
}

impl Header {
    /// A header field of a request; its name in lower case.
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { name: name.into(), value: value.into() }
    }
}

impl Delivery {
    /// The value of the first header field of this name, which is in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }
}

impl ReplyReceived {
    /// Whether the other side took the request (RFC 9110, section 15.3).
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The value of the first header field of this name, which is in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }
}

fn attribute<'a>(attributes: &'a [Attribute], key: &str) -> Option<&'a str> {
    let found = attributes.iter().find(|attribute| attribute.key == key)?;
    Some(&found.value)
}

/// White space around a value is no part of it (RFC 9110, section 5.5).
fn header<'a>(headers: &'a [Header], name: &str) -> Option<&'a str> {
    let found = headers.iter().find(|header| header.name == name)?;
    Some(found.value.trim())
}
