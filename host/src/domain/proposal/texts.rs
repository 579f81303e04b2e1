//! The texts of a proposal: counted, and cut where a proposal is kept that breaks the contract's limits.

use super::{Action, Destination, Escalation, Proposal, TimerRequest};
use crate::domain::item::Attribute;

/// What is kept of a text of a proposal that is invalid, or of one in short form, in characters: enough to
/// see in the record what the policy wanted to say.
pub const SHORT_CHARS_MAX: usize = 200;

/// How many labels of an invalid proposal are kept: one more than are valid.
const SHORT_LABELS_MAX: usize = 33;

impl Proposal {
    /// Every text in it.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        let mut texts = self.action.texts();
        texts.push(&self.why);
        texts.into_iter()
    }

    /// The same with every text cut to [`SHORT_CHARS_MAX`]; a cut one says how long it was.
    pub fn shortened(&self) -> Self {
        Self { action: self.action.shortened(), why: short(&self.why) }
    }
}

impl Action {
    /// How many entries its lists have.
    pub fn entries(&self) -> usize {
        match self {
            Self::Tags { tags } => tags.len(),
            _ => 0,
        }
    }

    fn texts(&self) -> Vec<&str> {
        match self {
            Self::Destination(destination) => destination.texts(),
            Self::Escalate(Escalation { level: _, to, reason }) => {
                let mut texts = to.as_ref().map(Destination::texts).unwrap_or_default();
                texts.push(reason);
                texts
            }
            Self::Tags { tags } => tags.iter().map(String::as_str).collect(),
            Self::Attribute { attribute: Attribute { key, value } } => vec![key, value],
            Self::Timer(TimerRequest { key: text, .. })
            | Self::CancelTimer { key: text }
            | Self::Intent { intent: text }
            | Self::Language { language: text }
            | Self::Note { text } => vec![text],
            Self::Priority { .. }
            | Self::Deadline { .. }
            | Self::Listening { .. }
            | Self::Spam
            | Self::Abstain => Vec::new(),
        }
    }

    fn shortened(&self) -> Self {
        match self {
            Self::Destination(destination) => Self::Destination(destination.shortened()),
            Self::Escalate(Escalation { level, to, reason }) => Self::Escalate(Escalation {
                level: *level,
                to: to.as_ref().map(Destination::shortened),
                reason: short(reason),
            }),
            Self::Tags { tags } => {
                Self::Tags { tags: tags.iter().take(SHORT_LABELS_MAX).map(|it| short(it)).collect() }
            }
            Self::Attribute { attribute: Attribute { key, value } } => {
                Self::Attribute { attribute: Attribute { key: short(key), value: short(value) } }
            }
            Self::Timer(timer) => Self::Timer(TimerRequest { key: short(&timer.key), ..*timer }),
            Self::CancelTimer { key } => Self::CancelTimer { key: short(key) },
            Self::Intent { intent } => Self::Intent { intent: short(intent) },
            Self::Language { language } => Self::Language { language: short(language) },
            Self::Note { text } => Self::Note { text: short(text) },
            Self::Priority { .. }
            | Self::Deadline { .. }
            | Self::Listening { .. }
            | Self::Spam
            | Self::Abstain => self.clone(),
        }
    }
}

impl Destination {
    /// Every name in it.
    pub fn texts(&self) -> Vec<&str> {
        let Self { department, queue, assignee } = self;
        [Some(department), queue.as_ref(), assignee.as_ref()]
            .into_iter()
            .flatten()
            .map(String::as_str)
            .collect()
    }

    fn shortened(&self) -> Self {
        let Self { department, queue, assignee } = self;
        let some = |it: &Option<String>| it.as_deref().map(short);
        Self { department: short(department), queue: some(queue), assignee: some(assignee) }
    }
}

/// The beginning of a text. The mark says that it was cut, and how long it was.
pub fn short(text: &str) -> String {
    match text.char_indices().nth(SHORT_CHARS_MAX) {
        Some((end, _)) => format!("{} […] ({} bytes)", &text[..end], text.len()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cut_text_says_how_long_it_was() {
        assert_eq!(short("brief"), "brief");
        assert_eq!(short(&"ü".repeat(200)), "ü".repeat(200));
        assert_eq!(short(&"ü".repeat(900_000)), format!("{} […] (1800000 bytes)", "ü".repeat(200)));
    }

    #[test]
    fn every_text_of_a_proposal_is_cut() {
        let long = || "x".repeat(100_000);
        let to = Destination { department: long(), queue: Some(long()), assignee: Some(long()) };
        for action in [
            Action::Destination(to.clone()),
            Action::Escalate(Escalation { level: 1, to: Some(to), reason: long() }),
            Action::Tags { tags: vec![long(); 10_000] },
            Action::Attribute { attribute: Attribute { key: long(), value: long() } },
            Action::CancelTimer { key: long() },
            Action::Intent { intent: long() },
            Action::Language { language: long() },
            Action::Note { text: long() },
        ] {
            let kind = action.kind();
            let shortened = Proposal { action, why: long() }.shortened();
            let bytes: usize = shortened.texts().map(str::len).sum();
            assert!(bytes < 10_000, "{kind:?}: {bytes}");
            assert_eq!(shortened.action.kind(), kind);
        }
    }
}
